"""Nets whose weights share few values: by k-means, with tables that can be trained, or by a hash."""

from leveret.shrink.shared._hash import hash_weights
from leveret.shrink.shared._layers import HashedConv2d, HashedLinear, SharedConv2d, SharedLinear, TiedLayer
from leveret.shrink.shared._share import share

__all__ = [
    "HashedConv2d",
    "HashedLinear",
    "SharedConv2d",
    "SharedLinear",
    "TiedLayer",
    "hash_weights",
    "share",
]
