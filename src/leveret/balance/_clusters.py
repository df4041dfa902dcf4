"""Clusters of features, by scikit-learn, or by faiss where that is installed."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from leveret._extras import installed, needs
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.training import features_of, raw_features

__all__ = ["Backend", "checked_features", "cluster", "different_rows", "features_for", "means_of"]

Backend = Literal["auto", "sklearn", "faiss"]
_MINI = 20_000  # samples from which on batches are enough


def cluster(
    features: ArrayLike, k: int, *, seed: int = 0, backend: Backend = "auto"
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """K-means: which cluster each sample is in, and the clusters' centres. No cluster is empty.

    scikit-learn's KMeans; from 20,000 samples on its MiniBatchKMeans. A cluster that is left empty gets the sample
    farthest from its own centre, with those equal to it.

    Args:
        features: `(n, d)`, finite.
        k: clusters, at least 1.
        seed: of the first centres.
        backend: "sklearn", "faiss", or "auto": faiss where it is installed.

    Returns:
        `(n,)` int64 in 0..k−1, and `(k, d)` float32.

    Raises:
        LeveretDataError: features that aren't finite, or fewer different ones than clusters.
        LeveretUsageError: k below 1, a seed below 0, an unknown backend.
        LeveretMissingError: faiss was asked for and isn't installed.
    """
    rows = checked_features(features)
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
        raise LeveretUsageError(f"k must be a whole number of at least 1 cluster, got {k!r}")
    if seed < 0:
        raise LeveretUsageError(f"seed must be at least 0, got {seed}")
    if backend not in ("auto", "sklearn", "faiss"):
        raise LeveretUsageError(f"backend must be 'auto', 'sklearn' or 'faiss', got {backend!r}")
    if backend == "faiss":
        needs("backend='faiss'", "faiss")
    has_faiss = backend != "sklearn" and installed("faiss")
    if (different := different_rows(rows, int(k))) < k:
        raise LeveretDataError(
            f"there are {different} different samples for {k} clusters; ask for fewer, or add samples"
        )
    labels, centres = (_faiss if has_faiss else _sklearn)(rows, int(k), seed)
    return _none_empty(rows, labels, centres)


def checked_features(features: ArrayLike) -> NDArray[np.float32]:
    """Rows of finite numbers, as float32.

    Raises:
        LeveretDataError: not rows of numbers, none, or not finite; names the first such.
    """
    try:
        rows = np.ascontiguousarray(np.asarray(features, dtype=np.float32))
    except (TypeError, ValueError) as error:
        raise LeveretDataError(f"features must be rows of numbers (samples, features): {error}") from error
    if rows.ndim != 2 or not len(rows):
        raise LeveretDataError(f"features must be rows (samples, features), at least one, got {rows.shape}")
    bad = ~np.isfinite(rows).all(1)
    if bad.any():
        raise LeveretDataError(
            f"row {int(np.flatnonzero(bad)[0])} of the features isn't finite ({int(bad.sum())} in all)"
        )
    return rows


def different_rows(rows: NDArray[np.float32], most: int) -> int:
    """How many rows differ, or `most` where there are at least so many."""
    if most <= 1:
        return min(most, len(rows))
    seen: set[bytes] = set()
    for row in rows:
        seen.add((row + 0).tobytes())  # −0 is 0
        if len(seen) >= most:
            return most
    return len(seen)


def features_for(data: Any, net: nn.Module | None, features: ArrayLike | None, seed: int) -> NDArray[np.float32]:
    """Features of the training samples: those given, a net's, or the samples themselves.

    Raises:
        LeveretUsageError: both given, or features of another number of samples.
        LeveretDataError: features that aren't finite.
    """
    if features is None:
        return raw_features(data, seed=seed) if net is None else features_of(net, data)
    if net is not None:
        raise LeveretUsageError("give a net, whose features are taken, or the features; not both")
    rows = checked_features(features)
    if len(rows) != len(data.train):
        raise LeveretUsageError(f"features must be of {len(data.train)} training samples, got {len(rows)}")
    return rows


def _sklearn(rows: NDArray[np.float32], k: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    from sklearn.cluster import KMeans, MiniBatchKMeans

    if len(rows) < _MINI:
        found = KMeans(k, n_init=1 if k > 50 else 4, random_state=seed).fit(rows)
    else:
        found = MiniBatchKMeans(k, n_init=3, batch_size=max(1024, 3 * k), random_state=seed).fit(rows)
    return found.labels_.astype(np.int64), found.cluster_centers_.astype(np.float32)


def _faiss(rows: NDArray[np.float32], k: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    import faiss

    # faiss warns of few points per centroid otherwise, which is what centres of a rare class's number are
    found = faiss.Kmeans(
        rows.shape[1], k, niter=25, seed=seed, verbose=False, spherical=False, min_points_per_centroid=1
    )
    found.train(rows)
    _, labels = found.index.search(rows, 1)
    centres = np.asarray(found.centroids, dtype=np.float32).reshape(k, -1)
    return np.asarray(labels, dtype=np.int64)[:, 0], centres


def _none_empty(
    rows: NDArray[np.float32], labels: NDArray[np.int64], centres: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Fill empty clusters; there must be at least as many different rows as clusters."""
    k = len(centres)
    empty = np.flatnonzero(np.bincount(labels, minlength=k) == 0)
    if not len(empty):
        return labels, centres
    labels, centres = labels.copy(), centres.copy()
    for c in empty:
        # from the exact means, so that the farthest is never of a cluster of equals: one holds different rows
        far = ((rows - means_of(rows, labels, k)[labels]) ** 2).sum(1)
        lonely = int(far.argmax())
        left = labels[lonely]
        labels[(labels == left) & (rows == rows[lonely]).all(1)] = c
        centres[[c, left]] = means_of(rows, labels, k)[[c, left]]
    return labels, centres


def means_of(rows: NDArray[Any], groups: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """The mean of each group's rows, `(k, d)`; 0 of a group without any."""
    sums = np.zeros((k, rows.shape[1]))
    np.add.at(sums, groups, rows)
    return sums / np.maximum(np.bincount(groups, minlength=k), 1)[:, None]
