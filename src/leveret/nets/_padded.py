"""Texts of different lengths as one tensor: padded behind, with their lengths beside."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Padded", "inside", "padded"]


class Padded(NamedTuple):
    """A batch of sequences.

    Attributes:
        ids: `(batch, longest)` int64; 0 behind the end of those that are shorter.
        lengths: `(batch,)` int64.
    """

    ids: Tensor
    lengths: Tensor


def padded(
    ids: NDArray[np.int64], lengths: NDArray[np.int64], *, before: int = 0, behind: int = 0, least: int = 0
) -> Padded:
    """Sequences that stand one after the other in `ids` as one tensor.

    Args:
        ids: `(sum of lengths,)`.
        lengths: `(batch,)`.
        before, behind: zeros added to each, on either side of the longest.
        least: the tensor is so long at least, without those.
    """
    longest = max(int(lengths.max(initial=0)), least)
    table = np.zeros((len(lengths), before + longest + behind), np.int64)
    there = np.arange(longest) < lengths[:, None]
    table[:, before : before + longest][there] = ids
    return Padded(torch.from_numpy(table), torch.from_numpy(lengths))


def inside(lengths: Tensor, longest: int) -> Tensor:
    """`(batch, longest)` bool: whether a place is before its sequence's end."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]
