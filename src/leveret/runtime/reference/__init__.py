"""Plain numpy versions of every kernel: the oracle of their tests, and what runs where nothing was compiled.

Same names and arguments as `leveret.runtime.kernels`, without its checks.
"""

from leveret.runtime.reference.bitconv import bitconv
from leveret.runtime.reference.bits import pack_bits, unpack_bits
from leveret.runtime.reference.elementwise import affine
from leveret.runtime.reference.floatconv import floatconv
from leveret.runtime.reference.gradients import (
    DERIVATIVES,
    MEASURES,
    clip_gradient,
    leaky_gradient,
    max_pool_gradient,
)
from leveret.runtime.reference.intconv import intconv
from leveret.runtime.reference.planeconv import planeconv, unpack_planes
from leveret.runtime.reference.pooling import avg_pool2d, max_pool2d
from leveret.runtime.reference.quantize import quantize
from leveret.runtime.reference.sparse import dense_rows, sparse_product

__all__ = [
    "DERIVATIVES",
    "MEASURES",
    "affine",
    "avg_pool2d",
    "bitconv",
    "clip_gradient",
    "dense_rows",
    "floatconv",
    "intconv",
    "leaky_gradient",
    "max_pool2d",
    "max_pool_gradient",
    "pack_bits",
    "planeconv",
    "quantize",
    "sparse_product",
    "unpack_bits",
    "unpack_planes",
]
