"""What every metric takes: scores with labels, checked once, and which class is the positive one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.errors import LeveretUsageError
from leveret.metrics import Evaluation

__all__ = ["Positive", "Scored", "Scores", "positive_class", "required_positive", "scored"]

Positive = int | str | None


@dataclass(frozen=True)
class Scored:
    """Scores against labels, checked.

    Attributes:
        scores: `(n, num_classes)` float64, finite; higher is likelier.
        labels: `(n,)` int64, from 0.
        predictions: `(n,)` int64, the class of the highest score, the first of equals.
        classes: names.
    """

    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    classes: tuple[str, ...]

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Samples of each class, `(num_classes,)`."""
        return np.bincount(self.labels, minlength=self.num_classes)

    @property
    def confusion(self) -> NDArray[np.int64]:
        """`(num_classes, num_classes)`: row = true class, column = predicted class."""
        k = self.num_classes
        return np.bincount(self.labels * k + self.predictions, minlength=k * k).reshape(k, k)


# what callers give, or what was checked already
Scores = Evaluation | ArrayLike | Scored


def scored(scores: Scores, labels: ArrayLike | None = None, *, probabilities: bool = False) -> Scored:
    """Check scores and labels.

    Args:
        scores: `(n, num_classes)`, or an `Evaluation`, whose probabilities are taken.
        labels: `(n,)` integers from 0; None with an `Evaluation`, which has its own.
        probabilities: whether each row must be of probabilities.

    Raises:
        LeveretUsageError: shapes that don't fit, no sample, fewer than two classes, scores that aren't finite or no
            probabilities, labels that aren't integers from 0 on.
    """
    if isinstance(scores, Scored):
        return scores
    classes: tuple[str, ...] | None = None
    predictions: NDArray[np.int64] | None = None
    if isinstance(scores, Evaluation):
        if labels is not None:
            raise LeveretUsageError("an Evaluation has labels of its own; give it alone")
        labels, classes, predictions = scores.labels, scores.classes, scores.predictions
        values = scores.probabilities
    elif labels is None:
        raise LeveretUsageError("scores need labels, (n,) integers; only an Evaluation has its own")
    else:
        values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or len(values) == 0 or values.shape[1] < 2:
        raise LeveretUsageError(
            f"scores must be (n, num_classes), of at least one sample and two classes; got {values.shape}. For one "
            "column p of a positive class give np.stack([1 - p, p], 1)"
        )
    broken = np.flatnonzero(~np.isfinite(values).all(1))
    if len(broken):
        raise LeveretUsageError(f"the scores of {len(broken)} samples are not finite, the first is sample {broken[0]}")
    if probabilities and not isinstance(scores, Evaluation):
        off = np.flatnonzero((values < 0).any(1) | (np.abs(values.sum(1) - 1) > 1e-3))
        if len(off):
            raise LeveretUsageError(
                f"calibration needs probabilities, which sum to 1; those of sample {off[0]} are {values[off[0]]}"
            )
    truth = _checked_labels(labels, *values.shape)
    return Scored(
        values,
        truth,
        values.argmax(1).astype(np.int64) if predictions is None else predictions,
        classes or tuple(map(str, range(values.shape[1]))),
    )


def _checked_labels(labels: Any, n: int, num_classes: int) -> NDArray[np.int64]:
    truth = np.asarray(labels)
    if truth.dtype == bool:
        truth = truth.astype(np.int64)
    if truth.shape != (n,):
        raise LeveretUsageError(f"labels must be ({n},), one for each row of the scores; got {truth.shape}")
    if not np.issubdtype(truth.dtype, np.integer):
        raise LeveretUsageError(f"labels must be integers, the columns of the scores; got {truth.dtype}")
    if truth.min() < 0 or truth.max() >= num_classes:
        raise LeveretUsageError(
            f"labels must be from 0 to {num_classes - 1}, a column of the scores each; got {truth.min()} to "
            f"{truth.max()}. Leave out samples without a label (−100)"
        )
    return truth.astype(np.int64)


def positive_class(scores: Scores, labels: ArrayLike | None = None, positive: Positive = None) -> int | None:
    """The class that counts as positive, from 0; None for many classes where none is named: each in its turn.

    Args:
        scores, labels: `(n, num_classes)` and `(n,)`, or an `Evaluation` alone.
        positive: a class, from 0, or an `Evaluation`'s name of one. By default, of two classes the one with fewer
            labels; the second one, class 1, where both have as many.

    Raises:
        LeveretUsageError: no such class.
    """
    data = scored(scores, labels)
    if positive is None:
        if data.num_classes > 2:
            return None
        counts = data.counts
        return 0 if counts[0] < counts[1] else 1
    if isinstance(positive, str):
        if positive not in data.classes:
            raise LeveretUsageError(f"positive must be one of {', '.join(data.classes)}; got {positive!r}")
        return data.classes.index(positive)
    if isinstance(positive, bool) or not 0 <= int(positive) < data.num_classes:
        raise LeveretUsageError(f"positive must be a class from 0 to {data.num_classes - 1}, or a name; got {positive}")
    return int(positive)


def required_positive(data: Scored, positive: Positive) -> int:
    """The positive class; an error where there are many and none is named."""
    chosen = positive_class(data, None, positive)
    if chosen is None:
        raise LeveretUsageError(f"of {data.num_classes} classes one must be named: positive=0, or its name")
    return chosen
