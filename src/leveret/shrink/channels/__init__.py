"""Nets with fewer channels: whole filters go, so that what is left is an ordinary, smaller net."""

from leveret.shrink.channels._prune_channels import prune_channels

__all__ = ["prune_channels"]
