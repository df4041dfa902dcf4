"""Binary nets: weights, and activations if wanted, of one bit (XNOR-Net and what later practice added)."""

from leveret.shrink.binary import _ops as _ops  # registers the operators that `pack` recognises
from leveret.shrink.binary._activations import LearnedShift, RPReLU
from leveret.shrink.binary._binarize import binarize
from leveret.shrink.binary._bitsums import by_floats_alone
from leveret.shrink.binary._blocks import BinaryWeightBlock, BiRealBlock, BiRealPair, XnorBlock, XnorPair
from leveret.shrink.binary._gradients import approx_sign, clipped_sign, filter_scale, identity_sign, scaled_sign
from leveret.shrink.binary._layers import (
    BinaryLayer,
    BinaryWeightConv2d,
    BinaryWeightLinear,
    XnorConv2d,
    XnorLinear,
)
from leveret.shrink.binary._norms import reestimate_norms
from leveret.shrink.binary._spread import spread_weights
from leveret.shrink.binary._stages import binary_layers, set_binary_weights, use_bit_kernels

__all__ = [
    "BiRealBlock",
    "BiRealPair",
    "BinaryLayer",
    "BinaryWeightBlock",
    "BinaryWeightConv2d",
    "BinaryWeightLinear",
    "LearnedShift",
    "RPReLU",
    "XnorBlock",
    "XnorConv2d",
    "XnorLinear",
    "XnorPair",
    "approx_sign",
    "binarize",
    "binary_layers",
    "by_floats_alone",
    "clipped_sign",
    "filter_scale",
    "identity_sign",
    "reestimate_norms",
    "scaled_sign",
    "set_binary_weights",
    "spread_weights",
    "use_bit_kernels",
]
