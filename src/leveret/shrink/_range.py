"""The step of a layer's input, from what was seen of it.

Values are held between the lowest and the highest whole number, `low · step` and `high · step`: a small step cuts large
values, a large one rounds all of them more (Nagel et al., 2021, arXiv 2106.08295, section 3.1). Three ways to choose:

============  ======================================================================================================
"max"         nothing that was seen is cut
"percentile"  a given share of the values isn't cut
"mse"         the squared error of the values seen is the least
============  ======================================================================================================

Values that were never negative have the levels 0..255, all others −128..127; or of fewer bits.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

__all__ = ["METHODS", "Method", "ValueRange"]

Method = Literal["mse", "percentile", "max"]
METHODS = ("mse", "percentile", "max")

# bins on each side of 0; the largest value lies in the outer half, so that it is 4096 bins from 0 at least
_BINS = 8192
# steps tried for "mse": sixteen to an octave, four octaves down from the largest; below, a bin is more than a step
_TRIED = [2 ** (-i / 16) for i in range(65)]
# values below are as good as 0: no step of theirs fits a file, and their bins no float
_TINY = 1e-28


class ValueRange:
    """Lowest and highest of the values seen, and how many fell where.

    Attributes:
        low, high: of all values seen; +∞ and −∞ before there are any.
    """

    def __init__(self) -> None:
        self.low, self.high = math.inf, -math.inf
        self._zeros = 0
        self._reach = 0.0  # of the bins, which lie between −reach and reach; a power of 2
        self._counts = torch.zeros(2 * _BINS, dtype=torch.float64)

    @property
    def seen(self) -> bool:
        return self.low <= self.high

    @property
    def levels(self) -> tuple[int, int]:
        """Lowest and highest whole number of 8 bits."""
        return self.levels_of(8)

    def levels_of(self, bits: int) -> tuple[int, int]:
        """Lowest and highest whole number of so many bits: from 0 where no value was negative."""
        return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if self.low < 0 else (0, 2**bits - 1)

    def see(self, x: Tensor, counted: bool = True) -> bool:
        """Take note of some values, in bins too if `counted`; False, and nothing noted, if they aren't all finite."""
        x = x.detach().float()
        if x.numel() == 0:
            return True
        low, high = (float(end) for end in x.aminmax())
        if not math.isfinite(low) or not math.isfinite(high):
            return False
        self.low, self.high = min(self.low, low), max(self.high, high)
        if counted:
            self._count(x, max(-low, high))
        return True

    def step(self, method: Method, percentile: float = 99.99, bits: int = 8) -> float:
        """What 1 stands for, in whole numbers of so many bits; 0 where all values were 0."""
        low, high = self.levels_of(bits)
        largest = max(self.high / high, self.low / low if low else 0.0)
        if method == "max" or self._reach == 0:
            return largest
        return self._by_percentile(percentile, high) if method == "percentile" else self._by_error(largest, low, high)

    def _count(self, x: Tensor, largest: float) -> None:
        zeros = x.numel() if largest < _TINY else int((x == 0).sum())
        self._zeros += zeros
        if largest < _TINY:
            return
        if self._reach == 0:
            self._reach = 2.0 ** math.ceil(math.log2(largest))
        while self._reach < largest:
            # twice as wide: two bins become one, and stand in the inner half
            inner = self._counts.view(-1, 2).sum(1)
            self._counts = torch.zeros_like(self._counts)
            self._counts[_BINS // 2 : _BINS // 2 + _BINS] = inner
            self._reach *= 2
        # in units of a bin: the quotient is exact, as the reach is a power of 2
        places = (x.flatten() / (self._reach / _BINS)).floor_().clamp_(-_BINS, _BINS - 1).long() + _BINS
        counts = torch.bincount(places, minlength=2 * _BINS).cpu().double()
        counts[_BINS] -= zeros  # their rounding costs nothing, but the middle of their bin isn't 0
        self._counts += counts

    def _by_percentile(self, percentile: float, highest: int) -> float:
        """Where so many percent of all sizes |x| end, by the upper edge of their bin."""
        sizes = self._counts[_BINS:] + self._counts[:_BINS].flip(0)
        total = float(sizes.sum()) + self._zeros
        wanted = max(total * percentile / 100 - self._zeros, 0.5)
        place = int(torch.searchsorted(sizes.cumsum(0), torch.tensor(wanted, dtype=torch.float64)))
        edge = (min(place, _BINS - 1) + 1) * self._reach / _BINS
        return min(edge, max(-self.low, self.high)) / highest

    def _by_error(self, largest: float, low: int, high: int) -> float:
        taken = self._counts.nonzero().flatten()
        counts = self._counts[taken]
        middles = (taken.double() + 0.5 - _BINS) * (self._reach / _BINS)

        def error(step: float) -> float:
            rounded = (middles / step).round_().clamp_(low, high).mul_(step)
            return float(torch.dot(counts, rounded.sub_(middles).square_()))

        return min((largest * share for share in _TRIED), key=error)
