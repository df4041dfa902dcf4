"""The kernels that packed nets run on: native where they were compiled, else their numpy references.

All arrays are channels last and C-contiguous (others are copied). Signs are +1 where `x >= 0`, else −1. `threads=0`
takes `LEVERET_THREADS`, or every core. `LEVERET_ISA` chooses the instruction set: one of `available_isas()`;
"reference" is numpy.

What a convolution, or `affine` alone, does with its sums before they are stored, every step optional:
`v = fma(sum, scale, shift);  v += add;  v += before;  v = v > 0 ? v : v · slope;  v += after` — `add` has the output's
shape, the others a value per channel. Each step rounds as PyTorch's own operators do.
"""

from leveret.runtime._bitconv import BitConv2d, BitLinear, pack_bits, sums_fit, unpack_bits
from leveret.runtime._floatconv import Conv2d, Linear, affine
from leveret.runtime._intconv import Int8Conv2d, Int8Linear
from leveret.runtime._native import Peaks, available_isas, default_threads, isa, peaks, set_isa, using_isa
from leveret.runtime._planeconv import ByteConv2d, ByteLinear, PlaneConv2d, PlaneLinear
from leveret.runtime._pooling import avg_pool2d, max_pool2d
from leveret.runtime._sparse import SparseLinear, sparse_rows
from leveret.runtime._wholeconv import quantize

__all__ = [
    "BitConv2d",
    "BitLinear",
    "ByteConv2d",
    "ByteLinear",
    "Conv2d",
    "Int8Conv2d",
    "Int8Linear",
    "Linear",
    "Peaks",
    "PlaneConv2d",
    "PlaneLinear",
    "SparseLinear",
    "affine",
    "available_isas",
    "avg_pool2d",
    "default_threads",
    "isa",
    "max_pool2d",
    "pack_bits",
    "peaks",
    "quantize",
    "set_isa",
    "sparse_rows",
    "sums_fit",
    "unpack_bits",
    "using_isa",
]
