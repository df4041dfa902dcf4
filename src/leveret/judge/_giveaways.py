"""The samples that gave it away: those of which the observer knew best whose they are.

Beside them stand those that it took for the other side's. All are all of the half that it did not learn from.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Giveaway", "giveaways"]


@dataclass(frozen=True)
class Giveaway:
    """A sample, and what the observer said of it.

    Attributes:
        side: "A" or "B".
        place: its number among those of its side, from 0.
        said: the side that the observer named.
        odds: how many times likelier the other side is in its view, as a natural logarithm; above 0 for `said`.
    """

    side: str
    place: int
    said: str
    odds: float

    @property
    def right(self) -> bool:
        """Whether it knew."""
        return self.side == self.said

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def giveaways(
    scores: NDArray[np.float64], side: NDArray[np.int64], places: NDArray[np.int64], most: int
) -> tuple[Giveaway, ...]:
    """At most so many each: A's that it knew, B's that it knew, A's taken for B's, B's taken for A's; the surest first.

    Args:
        scores: log-odds for B, `(n,)`.
        side: 0 for A and 1 for B.
        places: of the samples on their sides.
        most: of each of the four.
    """
    found = []
    said = scores > 0
    order = np.argsort(-np.abs(scores), kind="stable")
    for right in (True, False):
        for whose in (0, 1):
            chosen = [i for i in order if side[i] == whose and (said[i] == whose) == right]
            found += [
                Giveaway("AB"[whose], int(places[i]), "AB"[int(said[i])], float(abs(scores[i]))) for i in chosen[:most]
            ]
    return tuple(found)
