"""Binary nets: weights, and activations if wanted, of one bit (XNOR-Net and what later practice added)."""

from leveret.shrink.binary import _ops as _ops  # registers the operators that `pack` recognises
from leveret.shrink.binary._gradients import approx_sign, clipped_sign, filter_scale, scaled_sign
from leveret.shrink.binary._layers import (
    BinaryLayer,
    BinaryWeightConv2d,
    BinaryWeightLinear,
    XnorConv2d,
    XnorLinear,
)

__all__ = [
    "BinaryLayer",
    "BinaryWeightConv2d",
    "BinaryWeightLinear",
    "XnorConv2d",
    "XnorLinear",
    "approx_sign",
    "clipped_sign",
    "filter_scale",
    "scaled_sign",
]
