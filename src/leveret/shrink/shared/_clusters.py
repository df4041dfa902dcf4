"""k-means over a layer's weights: the tables that leave the least squared error, or nearly so."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Start", "clusters"]

Start = Literal["linear", "density", "random"]
Floats = NDArray[np.float64]


def clusters(points: Floats, entries: int, start: Start, seed: int) -> tuple[Floats, NDArray[np.int64]]:
    """Centres `(entries, length)` and, for each of `points` `(n, length)`, the nearest one's index.

    With fewer distinct points than entries each gets a centre of its own, and the others repeat the last.
    """
    distinct = np.unique(points, axis=0)
    if len(distinct) <= entries:
        centres = np.concatenate([distinct, np.repeat(distinct[-1:], entries - len(distinct), axis=0)])
        found = (points[:, None] == distinct[None]).all(2).argmax(1)
        return centres, found.astype(np.int64)
    from sklearn.cluster import KMeans  # here, as packing loads this folder too, and needs none of it
    from sklearn.exceptions import ConvergenceWarning

    begin = _begin(points, entries, start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeans(entries, init=begin, n_init=4 if isinstance(begin, str) else 1, random_state=seed).fit(points)
    return model.cluster_centers_, model.labels_.astype(np.int64)


def _begin(points: Floats, entries: int, start: Start) -> Floats | str:
    if points.shape[1] > 1 or start == "random":
        return "k-means++"
    if start == "linear":
        # evenly over the range: the few large weights, which matter, get centres near them
        return np.linspace(points.min(), points.max(), entries)[:, None]
    return np.quantile(points, (np.arange(entries) + 0.5) / entries)[:, None]
