"""Observers: machines that learn from one half of A and B, and say of each sample of the other whose it is.

An observer is anything with a `name` and `scores(data, seed=, out=, progress=)`: for each sample of the test part the
logarithm of how much likelier it is B's than A's; 0 is undecided. Fast ones are scikit-learn's, on rows of features:
the samples' own values, standardised, or what enters the last layer of a net that learned something else before.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError

if TYPE_CHECKING:
    from leveret.data import Data, Normalization

__all__ = ["Features", "Logistic", "Neighbours", "Observer", "rows_of"]

# of the data and a part of it, rows (n, features)
Features = Callable[[Any, Any], NDArray[Any]]

_LARGEST = 700.0  # a logarithm whose exponential is a float


class Observer(Protocol):
    """Learns to tell A from B.

    Attributes:
        name: in words, for the verdict.
        wants_validation: whether some of the samples to learn from are to be held back to choose an epoch by.
    """

    name: str
    wants_validation: bool

    def scores(
        self, data: Data, *, seed: int = 0, out: Path | None = None, progress: bool = False
    ) -> NDArray[np.float64]:
        """Learn from the training part; the log-odds that each sample of the test part is B's, `(n,)`.

        Args:
            data: two classes, A and B.
            seed: of everything random.
            out: folder for what a stopped run goes on from; None keeps nothing.
            progress: say on stderr what goes on.
        """
        ...


class _OfRows(ABC):
    """What observers of rows have in common.

    Args:
        features: a trained net, whose last layer's inputs are the rows, or any function of the data and "train" or
            "test" that gives them. Default: the samples' own values, see `training.raw_features`.
        normalization: of the images that the net was trained on. Default: that of the samples to learn from.
    """

    name = ""
    wants_validation = False

    def __init__(self, features: Any = None, normalization: Normalization | None = None) -> None:
        self.features = features
        self.normalization = normalization

    def scores(
        self, data: Data, *, seed: int = 0, out: Path | None = None, progress: bool = False
    ) -> NDArray[np.float64]:
        """As `Observer.scores`, whose `data` and `seed` it takes; there is nothing for `out` and `progress` to do."""
        train, test = rows_of(data, ("train", "test"), self.features, self.normalization, seed)
        classifier = self.classifier(len(train))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fit that stopped before its optimum still observes
            classifier.fit(train, data.train.labels)
        return self.log_odds(classifier, test)

    @abstractmethod
    def classifier(self, samples: int) -> Any:
        """A new classifier for so many samples."""

    @abstractmethod
    def log_odds(self, classifier: Any, rows: NDArray[Any]) -> NDArray[np.float64]:
        """What a trained one says of rows."""


class Logistic(_OfRows):
    """Logistic regression on standardised rows: fast, and sees what differs on average.

    Args:
        features, normalization: see `_OfRows`.
        strength: C, how little the weights are held back, above 0.

    Raises:
        LeveretUsageError: `strength` isn't above 0.
    """

    name = "logistic regression"

    def __init__(self, features: Any = None, normalization: Normalization | None = None, strength: float = 0.1) -> None:
        super().__init__(features, normalization)
        if not strength > 0:
            raise LeveretUsageError(f"strength must be above 0, got {strength}")
        self.strength = strength

    def classifier(self, samples: int) -> Any:
        """Scaler and regression."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), LogisticRegression(C=self.strength, max_iter=500))

    def log_odds(self, classifier: Any, rows: NDArray[Any]) -> NDArray[np.float64]:
        """The decision function."""
        return np.clip(classifier.decision_function(rows), -_LARGEST, _LARGEST)


class Neighbours(_OfRows):
    """The nearest samples vote: sees shapes of any kind in few dimensions, and little in many.

    Args:
        features, normalization: see `_OfRows`.
        k: neighbours. Default: the root of the samples to learn from, as in the paper (Lopez-Paz & Oquab, section 5),
            made odd, so that there is no draw.

    Raises:
        LeveretUsageError: `k` below 1.
    """

    name = "nearest neighbours"

    def __init__(self, features: Any = None, normalization: Normalization | None = None, k: int | None = None) -> None:
        super().__init__(features, normalization)
        if k is not None and k < 1:
            raise LeveretUsageError(f"k must be at least 1, got {k}")
        self.k = k

    def classifier(self, samples: int) -> Any:
        """Scaler and neighbours."""
        from sklearn.neighbors import KNeighborsClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        k = min(self.k or int(np.sqrt(samples)) | 1, samples)
        return make_pipeline(StandardScaler(), KNeighborsClassifier(k))

    def log_odds(self, classifier: Any, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Of the votes, one more on each side, so that all on one isn't infinity."""
        k = classifier[-1].n_neighbors
        of_b = np.rint(classifier.predict_proba(rows)[:, 1] * k)
        return np.log(of_b + 1) - np.log(k - of_b + 1)


def rows_of(
    data: Data,
    parts: Sequence[Any],
    features: Any = None,
    normalization: Normalization | None = None,
    seed: int = 0,
) -> list[NDArray[np.float64]]:
    """The samples of some parts as rows of features; arguments as for observers of rows.

    Raises:
        LeveretUsageError: features that aren't a row a sample.
        LeveretDataError: features that aren't finite.
    """
    from torch import nn

    from leveret.training import RawFeatures, features_of

    if features is None:
        raw = RawFeatures(data, seed=seed)
        return [raw.of(part).astype(np.float64) for part in parts]
    if isinstance(features, nn.Module):
        seen = data if normalization is None else replace(data, normalization=normalization)
        return [features_of(features, seen, part).astype(np.float64) for part in parts]
    found = [np.asarray(features(data, part), np.float64) for part in parts]
    for part, rows in zip(parts, found, strict=True):
        samples = len(data.splits[part])
        if rows.ndim != 2 or len(rows) != samples:
            raise LeveretUsageError(f"features must be rows ({samples}, n) of the {part} part, got shape {rows.shape}")
    return found
