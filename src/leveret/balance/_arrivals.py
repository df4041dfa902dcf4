"""How often classes come in a stream, as far as it has been read: old samples count less and less."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable
from itertools import accumulate

from leveret.balance._shares import wanted_shares

__all__ = ["Arrivals"]

_GONE = 0.01  # of a sample: a class whose count has sunk below it is forgotten
_RENEWED = 64  # reads after which shares are reckoned anew; of many classes as many as there are classes
_LARGEST = 1e100


class Arrivals:
    """Counts of the classes, forgotten exponentially: what came `horizon` samples ago counts 1/e.

    Args:
        horizon: samples.
        power: from natural frequencies, 0, to all classes alike, 1; see `wanted_shares`.
    """

    def __init__(self, horizon: int, power: float) -> None:
        self._growth = 1 / (1 - 1 / horizon)
        self._power = power
        self._unit = 1.0  # what a sample counts now: later ones count more, which is the same as earlier ones less
        self._counts: dict[Hashable, float] = {}
        self._total = 0.0
        self._reads = 0
        self._stale = True
        self.classes: list[Hashable] = []
        self._bounds: list[float] = []
        self._wanted: dict[Hashable, float] = {}

    def add(self, label: Hashable) -> list[Hashable]:
        """Count a sample; gives the classes that are forgotten by now."""
        self._unit *= self._growth
        if label not in self._counts:
            self._stale = True
        self._counts[label] = self._counts.get(label, 0.0) + self._unit
        self._total += self._unit
        self._reads += 1
        if self._unit > _LARGEST:
            self._counts = {label: count / self._unit for label, count in self._counts.items()}
            self._total /= self._unit
            self._unit = 1.0
        gone: list[Hashable] = []
        if self._reads % max(_RENEWED, len(self._counts)) == 0:
            gone = [label for label, count in self._counts.items() if count < _GONE * self._unit]
            for label in gone:
                self._total -= self._counts.pop(label)
            self._stale = True
        return gone

    def draw(self, uniform: float) -> Hashable:
        """A class by the wanted shares, of a number from [0, 1)."""
        self._renew()
        return self.classes[min(bisect_right(self._bounds, uniform * self._bounds[-1]), len(self.classes) - 1)]

    def counts(self) -> dict[Hashable, float]:
        """Samples of each class, so far as they count."""
        return {label: count / self._unit for label, count in self._counts.items()}

    def share(self, label: Hashable) -> float:
        """Of the stream."""
        return self._counts.get(label, 0.0) / self._total

    def wanted(self, label: Hashable) -> float:
        """Share of what is to be given out."""
        self._renew()
        return self._wanted.get(label, 0.0)

    def _renew(self) -> None:
        if self._stale:
            self.classes = list(self._counts)
            shares = wanted_shares(list(self._counts.values()), self._power).tolist()
            self._wanted = dict(zip(self.classes, shares, strict=True))
            self._bounds = list(accumulate(shares))
            self._stale = False
