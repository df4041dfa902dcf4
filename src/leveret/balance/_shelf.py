"""A bounded store of one class's samples: those not given out yet, and those that may be given out again."""

from __future__ import annotations

from random import Random
from typing import Any

__all__ = ["Shelf"]


class Shelf:
    """At most `size` samples; taking one takes fresh ones first, by chance.

    Attributes:
        fresh: samples that were never given out.
    """

    def __init__(self, size: int, max_repeats: int) -> None:
        self._size = size
        self._max_repeats = max_repeats
        self.fresh: list[Any] = []
        self._used: list[tuple[Any, int]] = []  # with how often it was given out

    def __bool__(self) -> bool:
        return bool(self.fresh or self._used)

    def put(self, sample: Any, random: Random) -> list[Any]:
        """Keep a new sample; gives the fresh one that had to leave for it, if one had to."""
        gone = []
        if len(self.fresh) + len(self._used) >= self._size:
            if self._used:
                _pop(self._used, random)
            else:
                gone.append(_pop(self.fresh, random))
        self.fresh.append(sample)
        return gone

    def take(self, random: Random) -> Any:
        """A sample to give out; one that is not worn out stays for another time."""
        if self.fresh:
            sample, times = _pop(self.fresh, random), 1
        else:
            sample, times = _pop(self._used, random)
            times += 1
        if times < self._max_repeats:
            self._used.append((sample, times))
        return sample


def _pop(items: list[Any], random: Random) -> Any:
    place = int(random.random() * len(items))
    items[place], items[-1] = items[-1], items[place]
    return items.pop()
