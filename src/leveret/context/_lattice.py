"""The permutohedral lattice: Gaussian filtering in several dimensions in a time that grows with the points alone.

Each point gives its value to the d + 1 corners of the simplex that it lies in (splat), the corners mix with their
neighbours along each of d + 1 axes (blur), and each point reads the corners again (slice): K ≈ S B_d … B_0 Sᵀ, where S
has d + 1 numbers a row and each B three. Only corners that a point has given something to are kept.

Source: Adams, Baek and Davis, "Fast High-Dimensional Filtering Using the Permutohedral Lattice", Eurographics 2010; for
mean field: Krähenbühl and Koltun, NIPS 2011.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from leveret.errors import LeveretUsageError

__all__ = ["Lattice"]

_SAMPLE = 32

Floats = NDArray[Any]
Whole = NDArray[np.int64]


class Lattice:
    """`Σ_j exp(−|f_i − f_j|²/2) v_j` for all i, about.

    Args:
        features: `(points, d)`, each already divided by its bandwidth.
        dtype: in which values are filtered.

    Raises:
        LeveretUsageError: features so far apart that the lattice's places can't be numbered.
    """

    def __init__(self, features: Floats, dtype: Any = np.float32) -> None:
        points, d = features.shape
        places, shares = _corners(features.astype(np.float64))
        numbers, steps = _numbered(places, d)
        known, corner = np.unique(numbers.ravel(), return_inverse=True)
        rows = np.repeat(np.arange(points), d + 1)
        self._slice = sparse.csr_matrix(
            (shares.ravel().astype(dtype), (rows, corner.ravel())), shape=(points, len(known))
        )
        self._splat = self._slice.T.tocsr()
        self._blurs = [_blur(known, step, dtype) for step in steps]
        self._scale = dtype(1)
        self._scale = dtype(_as_large(self(np.ones((points, 1), dtype)), features))

    @property
    def corners(self) -> int:
        """How many places of the lattice are in use."""
        return int(self._slice.shape[1])

    def __call__(self, values: Floats, *, transposed: bool = False) -> Floats:
        """Filter `(points, n)`; `transposed` by the operator's transpose, which blurs in the opposite order."""
        at_corners = self._splat @ values
        for blur in reversed(self._blurs) if transposed else self._blurs:
            at_corners = blur @ at_corners
        return (self._slice @ at_corners) * self._scale


def _as_large(sums: Floats, features: Floats) -> float:
    """By how much the lattice's sums of all weights are to be multiplied to be the Gaussian's, found at some points."""
    some = np.unique(np.linspace(0, len(features) - 1, _SAMPLE).astype(np.int64))
    exact = [np.exp(-0.5 * np.square(features - features[i]).sum(1)).sum() for i in some]
    return float(np.sum(exact) / sums[some].sum())


def _corners(features: Floats) -> tuple[Whole, Floats]:
    """Of each point the corners of its simplex, `(points, d + 1, d)` whole, and its shares in them, `(points, d + 1)`.

    A corner is told by the first d of its d + 1 coordinates, which add up to 0.
    """
    points, d = features.shape
    size = d + 1
    elevated = _elevated(features)
    # the nearest corner whose coordinates are all multiples of d + 1, of those that may not add up to 0
    nearest = np.rint(elevated / size).astype(np.int64) * size
    excess = nearest.sum(1) // size
    off = elevated - nearest
    rank = np.zeros((points, size), np.int64)
    for i in range(size):
        for j in range(i + 1, size):
            less = off[:, i] < off[:, j]
            rank[:, i] += less
            rank[:, j] += ~less
    # those that were rounded the furthest are rounded the other way, until the sum is 0
    rank += excess[:, None]
    low, high = rank < 0, rank > d
    nearest += size * (low.astype(np.int64) - high)
    rank += size * (low.astype(np.int64) - high)
    shares = np.zeros((points, size + 1))
    rest = (elevated - nearest) / size
    every = np.arange(points)
    for i in range(size):
        shares[every, d - rank[:, i]] += rest[:, i]
        shares[every, d + 1 - rank[:, i]] -= rest[:, i]
    shares[:, 0] += 1 + shares[:, size]
    places = np.empty((points, size, d), np.int64)
    for r in range(size):
        # of the corner of remainder r: r, and d + 1 less where the rank is among the r last
        places[:, r] = nearest[:, :d] + r - size * (rank[:, :d] > d - r)
    return places, shares[:, :size]


def _elevated(features: Floats) -> Floats:
    """Features on the plane of d + 1 coordinates that add up to 0, at the scale at which splat, blur and slice together
    have the variance 1."""
    points, d = features.shape
    scaled = features * (math.sqrt(2 / 3) * (d + 1) / np.sqrt(np.arange(1, d + 1) * np.arange(2, d + 2)))
    elevated = np.zeros((points, d + 1))
    total = np.zeros(points)
    for i in range(d, 0, -1):
        elevated[:, i] = total - i * scaled[:, i - 1]
        total += scaled[:, i - 1]
    elevated[:, 0] = total
    return elevated


def _numbered(places: Whole, d: int) -> tuple[Whole, list[int]]:
    """One number a corner, and by how much it differs from its neighbour along each of the d + 1 axes."""
    nearest, margin = places[:, 0], 2 * (d + 1)  # the others are within d + 1 of these, and neighbours as far again
    low = nearest.min(0) - margin
    spans = nearest.max(0) + margin - low + 1
    if float(np.prod(spans.astype(np.float64))) > 2.0**62:
        raise LeveretUsageError(
            "bandwidths are far too small for this image's size and colours: the filter would have more places than "
            "can be numbered"
        )
    weights = np.cumprod([1, *spans[:-1]]).astype(np.int64)
    numbers = ((places - low) * weights).sum(-1)
    back = -int(weights.sum())
    return numbers, [back + (d + 1) * int(weight) for weight in weights] + [back]


def _blur(known: Whole, step: int, dtype: Any) -> Any:
    """Each corner with half of either neighbour, `(corners, corners)`, where those are in use."""
    count = len(known)
    found = np.searchsorted(known, known + step)
    here = np.flatnonzero(known[np.minimum(found, count - 1)] == known + step)
    there = found[here]
    half = np.full(len(here), 0.5, dtype)
    beside = sparse.csr_matrix((half, (here, there)), shape=(count, count))
    return (beside + beside.T + sparse.identity(count, dtype, format="csr")).tocsr()
