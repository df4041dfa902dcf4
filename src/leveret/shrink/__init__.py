"""Transforms: each takes a net and gives a smaller one."""

from leveret.shrink.binary import binarize
from leveret.shrink.compact import factorize
from leveret.shrink.int8 import quantize
from leveret.shrink.pruned import prune

__all__ = ["binarize", "factorize", "prune", "quantize"]
