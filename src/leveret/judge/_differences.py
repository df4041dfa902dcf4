"""Which features differ: named measures of the samples, each side's mean, and how sure the difference is.

The verdict says whether; this says where to look. Each measure is held against chance alone by the two-sample
Kolmogorov-Smirnov test, and the p-values are corrected by Holm's method (1979) for there being many of them. They see
one measure at a time: a difference that lies in none of them alone is for the observer.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.judge._measures import image_measures, text_measures
from leveret.judge._pair import Pair

__all__ = ["Difference", "differences", "holm"]

_MOST = 12


@dataclass(frozen=True)
class Difference:
    """One measure of the samples.

    Attributes:
        name: of it.
        a, b: its means.
        effect: B's mean minus A's, in standard deviations.
        distance: the largest distance of the two cumulative distributions, 0..1.
        p: Kolmogorov-Smirnov's, after Holm.
    """

    name: str
    a: float
    b: float
    effect: float
    distance: float
    p: float

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def differences(pair: Pair, most: int = _MOST) -> tuple[Difference, ...]:
    """The measures that differ most, by p, then by distance.

    Args:
        pair: from `pair_of`.
        most: how many, at most.
    """
    if pair.kind == "image":
        measures: Mapping[str, NDArray[Any]] = image_measures(pair.values)
    elif pair.kind == "text":
        measures = text_measures(pair.values)
    else:
        measures = {name: pair.values[:, i] for i, name in enumerate(pair.features)}
    return compared(measures, pair.side, most)


def compared(measures: Mapping[str, NDArray[Any]], side: NDArray[np.int64], most: int) -> tuple[Difference, ...]:
    """As `differences`, of measures by name, `(n,)` each."""
    from scipy.stats import ks_2samp

    found: list[Difference] = []
    for name, values in measures.items():
        a, b = values[side == 0].astype(np.float64), values[side == 1].astype(np.float64)
        spread = np.sqrt((a.var() + b.var()) / 2)
        effect = (b.mean() - a.mean()) / spread if spread > 0 else float(np.sign(b.mean() - a.mean())) * np.inf
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the exact p took the limit's formula is no news
            tested = ks_2samp(a, b)
        found.append(
            Difference(
                name,
                float(a.mean()),
                float(b.mean()),
                0.0 if a.mean() == b.mean() else float(effect),
                float(tested.statistic),
                float(tested.pvalue),
            )
        )
    corrected = holm([each.p for each in found])
    found = [Difference(d.name, d.a, d.b, d.effect, d.distance, p) for d, p in zip(found, corrected, strict=True)]
    return tuple(sorted(found, key=lambda each: (each.p, -each.distance))[:most])


def holm(ps: list[float]) -> list[float]:
    """p-values corrected for their number: the chance that any of them is so small where nothing differs."""
    order = np.argsort(ps, kind="stable")
    factors = np.arange(len(ps), 0, -1)
    raised = np.minimum(np.maximum.accumulate(np.asarray(ps, np.float64)[order] * factors), 1)
    found = np.empty(len(ps))
    found[order] = raised
    return [float(p) for p in found]
