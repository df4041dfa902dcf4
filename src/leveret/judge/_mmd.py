"""Maximum mean discrepancy: how far apart two samples' means lie in the space of a Gaussian kernel.

    MMD² = E k(a, a′) + E k(b, b′) − 2 E k(a, b),   k(x, y) = exp(−‖x − y‖² / 2σ²)

It is 0 for equal distributions and above 0 for any two others, needs no training and no held-out half, but a scale σ:
here the median distance between the pooled samples, whatever their side. The estimate is the unbiased one, which may
fall below 0; its null distribution is that of exchanged names.

Source: Gretton et al., "A Kernel Two-Sample Test", JMLR 2012, equation 3 and section 8 (the median heuristic).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.errors import LeveretUsageError
from leveret.judge._permutation import permutation_p

__all__ = ["MMD", "mmd_test"]

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class MMD:
    """What the test found.

    Attributes:
        squared: MMD², unbiased.
        p: of exchanged names.
        sigma: the kernel's scale.
    """

    squared: float
    p: float
    sigma: float


def mmd_test(
    a: ArrayLike,
    b: ArrayLike,
    *,
    permutations: int = 999,
    sigma: float | None = None,
    most: int = 1000,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> MMD:
    """Test whether two samples are of one distribution.

    Args:
        a, b: `(n, features)` and `(m, features)` numbers, at least 2 rows each.
        permutations: exchanges of names, at most.
        sigma: the kernel's scale; default: the median distance.
        most: rows of each that are taken, at random; time and memory grow with its square. All are with `groups`.
        groups: `(n + m,)` numbers of groups of rows of a, then b, that hang together; see `_permutation`.
        seed: of what is drawn.

    Raises:
        LeveretUsageError: rows of other widths, too few, or a scale that isn't above 0.
    """
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise LeveretUsageError(f"a and b must be rows (n, features) of one width, 2 or more; got {x.shape}, {y.shape}")
    if sigma is not None and not sigma > 0:
        raise LeveretUsageError(f"sigma must be above 0, got {sigma}")
    generator = np.random.default_rng(seed)
    if groups is None:
        x, y = (rows[np.sort(generator.permutation(len(rows))[:most])] for rows in (x, y))
    rows = np.concatenate([x, y])
    side = np.repeat([0, 1], [len(x), len(y)])
    together = np.arange(len(rows)) if groups is None else np.unique(groups, return_inverse=True)[1].reshape(-1)
    distances = _squared_distances(rows)
    scale = sigma or _median(distances)
    kernel = np.exp(distances / (-2 * scale**2))
    np.fill_diagonal(kernel, 0)
    of_rows = kernel.sum(1)
    whole = float(of_rows.sum())

    def statistic(names: NDArray[np.bool_]) -> NDArray[np.float64]:
        z = names.astype(np.float64)
        m = z.sum(1)
        n = len(rows) - m
        within_b = ((z @ kernel) * z).sum(1)
        crossing = z @ of_rows - within_b
        within_a = whole - within_b - 2 * crossing
        # groups of unequal sizes may leave a side with a sample or none, of which no pairs are known
        pairs_a, pairs_b, pairs = (np.maximum(k, 1) for k in (n * (n - 1), m * (m - 1), n * m))
        return within_a / pairs_a + within_b / pairs_b - 2 * crossing / pairs

    p = permutation_p(statistic, side, together, most=permutations, generator=generator)
    return MMD(float(statistic(side.astype(bool)[None])[0]), p, scale)


def _squared_distances(rows: Matrix) -> Matrix:
    centred = rows - rows.mean(0)  # large offsets would cost digits
    squares = (centred**2).sum(1)
    return np.maximum(squares[:, None] + squares[None] - 2 * centred @ centred.T, 0)


def _median(distances: Matrix) -> float:
    """The median distance of two rows; the largest where most are equal, 1 where all are."""
    above = np.sqrt(distances[np.triu_indices(len(distances), 1)])
    return float(np.median(above)) or float(above.max(initial=0)) or 1.0
