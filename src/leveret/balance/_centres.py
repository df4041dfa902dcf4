"""Cluster centres: the frequent classes are clustered, and the clusters' centres stand for them."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from torch import nn

from leveret._extras import needs
from leveret.balance._clusters import Backend, checked_features, cluster, different_rows, features_for, means_of
from leveret.data import Split
from leveret.data._pixels import ArraySource
from leveret.data._targets import encode_targets
from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning

__all__ = ["ClusterCentres"]

Strategy = Literal["auto", "not minority", "majority"] | int | float | Mapping[Any, int]


class ClusterCentres(BaseEstimator):
    """Each class that has more samples than wanted is clustered into as many as are wanted, and its centres stay.

    For arrays this is `fit_resample` as imbalanced-learn has it: it clones, and stands in imbalanced-learn's pipelines.
    For Leveret's data it is `resample`, over learned or raw features.

    By default the real sample nearest to each centre stays: the mean of images or texts is none. It is sought within
    the cluster, so that no sample comes twice. imbalanced-learn's "hard" voting seeks in the whole class, where two
    centres may share one. With `nearest=False` the centres themselves stay; for arrays by imbalanced-learn's
    `ClusterCentroids`, whose estimator then is `cluster`.

    Args:
        sampling_strategy: how many samples of a class may stay: "auto" or "not minority", as many as the rarest class
            has; "majority", so many of the most frequent class alone; a number; a share: the rarest class's over a
            class's, in (0, 1]; or a dict from class (its name; of data also its place, from 0) to number. A class that
            has no more than that keeps all.
        nearest: keep the samples nearest to the centres; False: the centres, of arrays, tables and images.
        seed: of the clustering.
        backend: as for `cluster`.

    Attributes:
        sample_indices_: after `fit_resample` or `resample`, the places of the samples that stayed, ascending; None for
            centres, which are no samples.

    Source: Yen & Lee, "Cluster-based under-sampling approaches for imbalanced data distributions", 2009; Lin et al.,
    "Clustering-based undersampling in class-imbalanced data", 2017, whose two strategies these are.
    """

    sample_indices_: NDArray[np.int64] | None

    def __init__(
        self,
        sampling_strategy: Strategy = "auto",
        *,
        nearest: bool = True,
        seed: int = 0,
        backend: Backend = "auto",
    ) -> None:
        self.sampling_strategy = sampling_strategy
        self.nearest = nearest
        self.seed = seed
        self.backend: Backend = backend

    def fit_resample(self, x: Any, y: ArrayLike) -> tuple[Any, NDArray[Any]]:
        """Rows and labels with the frequent classes brought down.

        Args:
            x: `(n, features)`, finite; an array or a data frame.
            y: `(n,)` names, booleans or whole numbers, or one-hot rows.

        Returns:
            As `x` and `y` are. Nearest samples keep their order; centres come class by class.

        Raises:
            LeveretDataError: rows that aren't finite; labels of several classes a sample, or that are quantities; or a
                class with fewer different rows than clusters.
            LeveretUsageError: a strategy out of range, or centres without imbalanced-learn.
        """
        rows, labels = checked_features(x), np.asarray(y)
        encoded, names = encode_targets({"y": labels}, None)
        places = encoded["y"]
        if len(places) != len(rows):
            raise LeveretDataError(f"x has {len(rows)} samples and y {len(places)} labels; they must be as many")
        target = self._targets(np.bincount(places, minlength=len(names)), names)
        if self.nearest:
            self.sample_indices_ = self._kept(rows, places, target, names)
            return x.iloc[self.sample_indices_] if hasattr(x, "iloc") else np.asarray(x)[self.sample_indices_], (
                labels[self.sample_indices_]
            )
        self.sample_indices_ = None
        found, kept = self._centroids(x if hasattr(x, "iloc") else np.asarray(x), places, target, names)
        first = np.unique(places, return_index=True)[1]
        return found, labels[first[kept]]

    def resample(self, data: Any, *, net: nn.Module | None = None, features: ArrayLike | None = None) -> Any:
        """`data` with fewer training samples of the frequent classes; its other parts stay.

        Args:
            data: from `leveret.load` or `from_arrays`.
            net: a trained net, whose features are clustered.
            features: `(training samples, d)`, in place of a net's. Default: the samples themselves, `raw_features`.

        Returns:
            A `Data` whose training part has the chosen samples, in their order. With `nearest=False`, the mean pixels,
            rounded, or the mean rows of each cluster, behind the samples of the classes that keep all.

        Raises:
            LeveretDataError: features that aren't finite; a class without a training sample, or with fewer different
                samples than clusters.
            LeveretUsageError: a strategy out of range, centres asked for of texts, or features of another number of
                samples.

        Warns:
            LeveretWarning: a class has a single sample, to which all others would be brought down.
        """
        if not self.nearest and data.kind == "text":
            raise LeveretUsageError("the mean of texts is none: keep the nearest samples, nearest=True")
        labels = np.asarray(data.train.labels)
        target = self._targets(np.bincount(labels, minlength=data.num_classes), data.classes, by_place=True)
        rows = features_for(data, net, features, self.seed)
        if self.nearest:
            self.sample_indices_ = self._kept(rows, labels, target, data.classes)
            return dataclasses.replace(data, train=data.train.subset(self.sample_indices_))
        self.sample_indices_ = None
        values, whose = [], []
        whole = np.flatnonzero(~np.isin(labels, list(target)))
        if len(whole):
            values.append(data.train.fetch(whole))
            whose.append(labels[whole])
        for c, wanted in target.items():
            places = np.flatnonzero(labels == c)
            groups = self._clustered(rows[places], wanted, data.classes[c])[0]
            inputs = data.train.fetch(places)
            means = means_of(inputs.reshape(len(inputs), -1), groups, wanted).reshape(wanted, *inputs.shape[1:])
            values.append((np.rint(means) if inputs.dtype == np.uint8 else means).astype(inputs.dtype))
            whose.append(np.full(wanted, c, dtype=np.int64))
        source = ArraySource(np.concatenate(values))
        made = np.concatenate(whose)
        return dataclasses.replace(
            data, train=Split(data.train.name, source, np.arange(len(made)), made, data.num_classes)
        )

    def _kept(
        self, rows: NDArray[np.float32], labels: NDArray[np.int64], target: Mapping[int, int], names: tuple[str, ...]
    ) -> NDArray[np.int64]:
        """Places of the samples that stay, ascending."""
        kept = [np.flatnonzero(~np.isin(labels, list(target)))]
        for c, wanted in target.items():
            places = np.flatnonzero(labels == c)
            groups, centres = self._clustered(rows[places], wanted, names[c])
            kept.append(places[_nearest(rows[places], groups, centres)])
        return np.sort(np.concatenate(kept))

    def _clustered(
        self, rows: NDArray[np.float32], wanted: int, name: str
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        try:
            return cluster(rows, wanted, seed=self.seed, backend=self.backend)
        except LeveretDataError as error:
            raise LeveretDataError(f"class {name!r}: {error} (sampling_strategy says how many)") from error

    def _centroids(
        self, x: Any, labels: NDArray[np.int64], target: Mapping[int, int], names: tuple[str, ...]
    ) -> tuple[Any, NDArray[np.int64]]:
        """Centres in place of samples, by imbalanced-learn."""
        needs("leveret.balance.ClusterCentres of arrays", "imblearn")
        from imblearn.under_sampling import ClusterCentroids

        rows = checked_features(x)
        for c, wanted in target.items():
            # refused here, where the class is known
            if (different := different_rows(rows[labels == c], wanted)) < wanted:
                raise LeveretDataError(
                    f"class {names[c]!r}: there are {different} different samples for {wanted} clusters; ask for fewer "
                    "by sampling_strategy, or add samples"
                )
        sampler = ClusterCentroids(
            sampling_strategy=dict(target), voting="soft", estimator=_KMeans(seed=self.seed, backend=self.backend)
        )
        return sampler.fit_resample(x, labels)

    def _targets(self, counts: NDArray[Any], names: tuple[str, ...], by_place: bool = False) -> dict[int, int]:
        """How many samples stay of each class that loses some."""
        if (counts == 0).any():
            raise LeveretDataError(f"class {names[int(counts.argmin())]!r} has no training sample")
        rarest, every = int(counts.min()), range(len(names))
        strategy = self.sampling_strategy
        wanted: dict[int, int]
        if isinstance(strategy, Mapping):
            wanted = {_place(key, names, by_place): number for key, number in strategy.items()}
        elif isinstance(strategy, str):
            if strategy not in ("auto", "not minority", "majority"):
                raise LeveretUsageError(
                    "sampling_strategy must be 'auto', 'not minority', 'majority', a number, a share or a dict, got "
                    f"{strategy!r}"
                )
            wanted = dict.fromkeys([int(counts.argmax())] if strategy == "majority" else every, rarest)
        elif isinstance(strategy, float):
            if not 0 < strategy <= 1:
                raise LeveretUsageError(f"sampling_strategy as a share must be in (0, 1], got {strategy}")
            wanted = dict.fromkeys(every, max(1, round(rarest / strategy)))
        else:
            wanted = dict.fromkeys(every, strategy)
        for c, number in wanted.items():
            if not isinstance(number, int | np.integer) or isinstance(number, bool) or number < 1:
                raise LeveretUsageError(
                    f"sampling_strategy must leave a whole number of samples, at least 1; got {number!r} for class "
                    f"{names[c]!r}"
                )
        if rarest == 1 and isinstance(strategy, str):
            warnings.warn(
                LeveretWarning(
                    f"class {names[int(counts.argmin())]!r} has a single training sample, and others are brought down "
                    "to as many: give sampling_strategy a number"
                ),
                stacklevel=3,
            )
        return {c: int(number) for c, number in sorted(wanted.items()) if number < counts[c]}


class _KMeans(BaseEstimator):
    """`cluster` as `ClusterCentroids` takes it."""

    def __init__(self, n_clusters: int = 1, *, seed: int = 0, backend: Backend = "auto") -> None:
        self.n_clusters = n_clusters
        self.seed = seed
        self.backend: Backend = backend

    def fit(self, x: ArrayLike, y: Any = None) -> _KMeans:
        self.labels_, self.cluster_centers_ = cluster(x, self.n_clusters, seed=self.seed, backend=self.backend)
        return self

    def predict(self, x: ArrayLike) -> NDArray[np.int64]:
        """The nearest centre of each row; `ClusterCentroids` wants an estimator that could say."""
        from sklearn.metrics import pairwise_distances_argmin

        return pairwise_distances_argmin(checked_features(x), self.cluster_centers_)


def _place(key: Any, names: tuple[str, ...], by_place: bool) -> int:
    """The class that a strategy names; of data a whole number is its place."""
    if by_place and isinstance(key, int | np.integer) and not isinstance(key, bool) and 0 <= key < len(names):
        return int(key)
    if str(key) in names and not (by_place and not isinstance(key, str)):
        return names.index(str(key))
    raise LeveretUsageError(f"sampling_strategy names class {key!r}, which there isn't; there are {', '.join(names)}")


def _nearest(rows: NDArray[np.float32], groups: NDArray[np.int64], centres: NDArray[np.float32]) -> NDArray[np.int64]:
    """The place of the sample nearest to its centre, for each cluster; of equals the first."""
    far = ((rows - centres[groups]) ** 2).sum(1)
    order = np.lexsort((far, groups))
    return order[np.searchsorted(groups[order], np.arange(len(centres)))]
