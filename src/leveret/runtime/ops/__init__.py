"""The operations that a packed net is made of: name in the file to class."""

from leveret.runtime.ops._base import Op
from leveret.runtime.ops._conv import BinaryWeightConv2d, BitConv2d, BitConv2dToBits, Conv2d
from leveret.runtime.ops._elementwise import (
    Affine,
    Bits,
    ChannelMax,
    ChannelMean,
    ChannelNorm,
    Clip,
    Concat,
    Divide,
    Multiply,
)
from leveret.runtime.ops._embedding import Embedding
from leveret.runtime.ops._functions import Function
from leveret.runtime.ops._gradients import (
    ClipGradient,
    FunctionGradient,
    LeakyGradient,
    LinearTranspose,
    LogitsGradient,
    MaxPoolGradient,
)
from leveret.runtime.ops._linear import BinaryWeightLinear, BitLinear, BitLinearToBits, Linear
from leveret.runtime.ops._norm import GroupNorm, LayerNorm, LogSoftmax, Softmax
from leveret.runtime.ops._pool import AdaptivePool2d, AvgPool2d, BitMaxPool2d, GlobalAvgPool, GlobalMaxPool, MaxPool2d
from leveret.runtime.ops._resize import Resize
from leveret.runtime.ops._shape import BitFlatten, Flatten, Pad, PixelShuffle, Reshape, Slice, Transpose
from leveret.runtime.ops._sparse import SparseLinear
from leveret.runtime.ops._transposed import ConvTranspose2d
from leveret.runtime.ops._whole import (
    ByteConv2d,
    ByteLinear,
    Int8Conv2d,
    Int8Linear,
    PlaneConv2d,
    PlaneLinear,
    Quantize,
)

__all__ = ["BACKWARD", "OPS", "Op"]

OPS: dict[str, type[Op]] = {
    op.name: op
    for op in (
        AdaptivePool2d,
        Affine,
        AvgPool2d,
        BinaryWeightConv2d,
        BinaryWeightLinear,
        BitConv2d,
        BitConv2dToBits,
        BitFlatten,
        BitLinear,
        BitLinearToBits,
        BitMaxPool2d,
        Bits,
        ByteConv2d,
        ByteLinear,
        ChannelMax,
        ChannelMean,
        ChannelNorm,
        Clip,
        ClipGradient,
        Concat,
        Conv2d,
        ConvTranspose2d,
        Divide,
        Embedding,
        Flatten,
        Function,
        FunctionGradient,
        GlobalAvgPool,
        GlobalMaxPool,
        GroupNorm,
        Int8Conv2d,
        Int8Linear,
        LayerNorm,
        LeakyGradient,
        Linear,
        LinearTranspose,
        LogSoftmax,
        LogitsGradient,
        MaxPool2d,
        MaxPoolGradient,
        Multiply,
        Pad,
        PixelShuffle,
        PlaneConv2d,
        PlaneLinear,
        Quantize,
        Reshape,
        Resize,
        Slice,
        Softmax,
        SparseLinear,
        Transpose,
    )
}

# what a pass backward alone is made of, and other engines needn't have
BACKWARD = frozenset(
    op.name for op in (ClipGradient, FunctionGradient, LeakyGradient, LinearTranspose, LogitsGradient, MaxPoolGradient)
)
