"""Packing: from a PyTorch net to one that runs without PyTorch."""

from leveret import _with_torch as _with_torch
from leveret.packing._pack import pack

__all__ = ["pack"]
