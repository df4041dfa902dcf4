"""Nets of bytes: weights and activations of 8 bits, found after training from a few batches of data."""

from leveret.shrink.int8 import _ops as _ops  # registers the operators that `pack` recognises
from leveret.shrink.int8._layers import Int8Conv1d, Int8Conv2d, Int8Layer, Int8Linear
from leveret.shrink.int8._quantize import quantize

__all__ = ["Int8Conv1d", "Int8Conv2d", "Int8Layer", "Int8Linear", "quantize"]
