"""Packing: from a PyTorch net to one that runs without PyTorch."""

from leveret.packing._pack import pack

__all__ = ["pack"]
