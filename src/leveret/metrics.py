"""What an evaluation says: accuracy with an interval, confusions, precision and recall. Numpy alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError

__all__ = ["Evaluation", "wilson_interval"]


def wilson_interval(correct: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval of a proportion (1927), 95 % by default: (low, high) as fractions."""
    if total == 0:
        return (0.0, 1.0)
    share = correct / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * np.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    # both ends are exact where all or none are correct; rounding would miss them by a hair
    return (float(centre - half) if correct else 0.0, float(centre + half) if correct < total else 1.0)


@dataclass(frozen=True)
class Evaluation:
    """Logits against labels.

    Attributes:
        logits: `(n, num_classes)` float32.
        labels: `(n,)` int64.
        classes: their names.
    """

    logits: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.logits.shape != (len(self.labels), len(self.classes)):
            raise LeveretUsageError(
                f"logits must be ({len(self.labels)} samples, {len(self.classes)} classes), got {self.logits.shape}"
            )

    @cached_property
    def predictions(self) -> NDArray[np.int64]:
        """The most likely class of each sample, `(n,)`."""
        return self.logits.argmax(1).astype(np.int64)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Softmax of the logits, `(n, num_classes)`."""
        e = np.exp(self.logits.astype(np.float64) - self.logits.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    @property
    def correct(self) -> int:
        """Samples whose class was said."""
        return int((self.predictions == self.labels).sum())

    @property
    def accuracy(self) -> float:
        """Share of samples whose class was predicted, in 0..1."""
        return self.correct / max(len(self.labels), 1)

    @property
    def interval(self) -> tuple[float, float]:
        """The accuracy's 95 % interval (Wilson)."""
        return wilson_interval(self.correct, len(self.labels))

    @property
    def loss(self) -> float:
        """Mean cross-entropy, in nats."""
        chosen = self.probabilities[np.arange(len(self.labels)), self.labels]
        return float(-np.log(np.maximum(chosen, 1e-300)).mean()) if len(self.labels) else 0.0

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """`(num_classes, num_classes)` counts: row = true class, column = predicted class."""
        k = len(self.classes)
        return np.bincount(self.labels * k + self.predictions, minlength=k * k).reshape(k, k)

    @property
    def precision(self) -> NDArray[np.float64]:
        """Per class: of those predicted so, the share that is; 0 where none was predicted."""
        return _ratio(np.diag(self.confusion), self.confusion.sum(0))

    @property
    def recall(self) -> NDArray[np.float64]:
        """Per class: of those that are, the share found; 0 for a class without samples."""
        return _ratio(np.diag(self.confusion), self.confusion.sum(1))

    @property
    def f1(self) -> NDArray[np.float64]:
        """Per class: the harmonic mean of precision and recall."""
        return _ratio(2 * np.diag(self.confusion), self.confusion.sum(0) + self.confusion.sum(1))

    def as_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {
            "samples": len(self.labels),
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "loss": self.loss,
            "confusion": self.confusion.tolist(),
            "per_class": [
                {"class": name, "precision": float(p), "recall": float(r), "f1": float(f), "samples": int(n)}
                for name, p, r, f, n in zip(
                    self.classes, self.precision, self.recall, self.f1, self.confusion.sum(1), strict=True
                )
            ],
        }


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
