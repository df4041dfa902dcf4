"""Transforms: each takes a net and gives a smaller one."""

from leveret.shrink.binary import binarize

__all__ = ["binarize"]
