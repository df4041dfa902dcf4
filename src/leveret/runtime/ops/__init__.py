"""The operations that a packed net is made of: name in the file to class."""

from leveret.runtime.ops._base import Op
from leveret.runtime.ops._conv import BinaryWeightConv2d, BitConv2d, BitConv2dToBits, Conv2d
from leveret.runtime.ops._elementwise import Affine, Bits, ChannelMean, Clip, Concat, Flatten, Function, Multiply
from leveret.runtime.ops._linear import BinaryWeightLinear, BitLinear, Linear
from leveret.runtime.ops._pool import AvgPool2d, GlobalAvgPool, MaxPool2d
from leveret.runtime.ops._sparse import SparseLinear
from leveret.runtime.ops._whole import (
    ByteConv2d,
    ByteLinear,
    Int8Conv2d,
    Int8Linear,
    PlaneConv2d,
    PlaneLinear,
    Quantize,
)

__all__ = ["OPS", "Op"]

OPS: dict[str, type[Op]] = {
    op.name: op
    for op in (
        Affine,
        AvgPool2d,
        BinaryWeightConv2d,
        BinaryWeightLinear,
        BitConv2d,
        BitConv2dToBits,
        BitLinear,
        Bits,
        ByteConv2d,
        ByteLinear,
        ChannelMean,
        Clip,
        Concat,
        Conv2d,
        Flatten,
        Function,
        GlobalAvgPool,
        Int8Conv2d,
        Int8Linear,
        Linear,
        MaxPool2d,
        Multiply,
        PlaneConv2d,
        PlaneLinear,
        Quantize,
        SparseLinear,
    )
}
