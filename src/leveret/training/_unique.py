"""How many different samples a training has shown: a bit a sample of the training part."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["UniqueSamples"]

_ONES = np.array([bits.bit_count() for bits in range(256)], np.uint8)


class UniqueSamples:
    """Counts samples once, however often they come; an eighth of a byte each, also in checkpoints.

    Args:
        size: samples of the part.
    """

    def __init__(self, size: int) -> None:
        self._bits = np.zeros(-(-size // 8), np.uint8)

    def add(self, indices: Tensor) -> None:
        """Count the samples at `indices`, `(n,)`."""
        places = indices.cpu().numpy()
        np.bitwise_or.at(self._bits, places >> 3, (1 << (places & 7)).astype(np.uint8))

    def count(self) -> int:
        """Different ones so far, over all processes of a distributed run, which must all call this."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            # each process has its own share of every batch
            torch.distributed.all_reduce(torch.from_numpy(self._bits), torch.distributed.ReduceOp.BOR)
        return int(_ONES[self._bits].sum(dtype=np.int64))

    def state(self) -> Tensor:
        """For a checkpoint."""
        return torch.from_numpy(self._bits.copy())

    def restore(self, state: Tensor) -> bool:
        """Go on from a checkpoint's state; False where it is of another number of samples."""
        if len(state) != len(self._bits):
            return False
        self._bits = state.cpu().numpy().copy()
        return True
