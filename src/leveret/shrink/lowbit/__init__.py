"""Nets of few bits, 1 to 8 for weights and for activations, trained as such; ternary weights among them."""

from leveret.shrink.int8 import _ops as _ops  # registers the operators that evaluation runs and `pack` recognises
from leveret.shrink.lowbit._convert import quantize_training, ternarize
from leveret.shrink.lowbit._layers import LowBitConv2d, LowBitLayer, LowBitLinear

__all__ = ["LowBitConv2d", "LowBitLayer", "LowBitLinear", "quantize_training", "ternarize"]
