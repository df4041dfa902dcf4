"""Transforms: each takes a net and gives a smaller one."""

from leveret import _with_torch as _with_torch
from leveret.shrink.binary import binarize
from leveret.shrink.channels import prune_channels
from leveret.shrink.compact import factorize
from leveret.shrink.int8 import quantize
from leveret.shrink.lowbit import quantize_training, ternarize
from leveret.shrink.pruned import prune
from leveret.shrink.shared import hash_weights, share

__all__ = [
    "binarize",
    "factorize",
    "hash_weights",
    "prune",
    "prune_channels",
    "quantize",
    "quantize_training",
    "share",
    "ternarize",
]
