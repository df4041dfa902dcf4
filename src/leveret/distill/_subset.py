"""The best subset of an ensemble, by forward selection on held-out data.

Caruana, Niculescu-Mizil, Crew & Ksikes, "Ensemble selection from libraries of models" (ICML 2004): begin with nothing,
add the member that makes the average best, again and again, with replacement, so that a member taken twice weighs
twice; stop where the average was best (section 2, 2.1). On few samples the search over-fits, and members that are
alike are taken by chance; so it is done for many bags, each with a random half of the members, and the bags' averages
are averaged (section 2.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax

from leveret.errors import LeveretUsageError

__all__ = ["Subset", "best_subset"]

Metric = Literal["accuracy", "cross-entropy"]
_CHUNK = 1 << 22  # logits looked at in one go


@dataclass(frozen=True)
class Subset:
    """What of an ensemble was selected; all figures are of the samples that it was selected on.

    Attributes:
        weights: `(members,)` float64, of sum 1; 0 for those left out.
        order: members in the order in which plain selection took them, from 0.
        curve: a dict per step of plain selection: `size`, `member`, `accuracy`, `loss` (cross-entropy) of the average
            so far.
        accuracy, loss: of the whole selection, with its weights.
        full_accuracy, best_accuracy: of all members alike, and of the best single one.
        bags: so many selections were averaged; 0: the plain one was taken.
    """

    weights: NDArray[np.float64]
    order: tuple[int, ...]
    curve: tuple[dict[str, Any], ...]
    accuracy: float
    loss: float
    full_accuracy: float
    best_accuracy: float
    bags: int

    @property
    def members(self) -> tuple[int, ...]:
        """Those that have a weight, from 0."""
        return tuple(int(i) for i in np.flatnonzero(self.weights))

    def combine(self, logits: ArrayLike) -> NDArray[np.float32]:
        """The weighted mean of members' logits: `(members, n, classes)` to `(n, classes)` float32."""
        return np.tensordot(self.weights, np.asarray(logits, dtype=np.float64), axes=1).astype(np.float32)


def best_subset(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    max_size: int | None = None,
    metric: Metric = "accuracy",
    bags: int = 20,
    bag_share: float = 0.5,
    seed: int = 0,
) -> Subset:
    """Select by which members, and with what weights, the mean of the logits is best.

    Args:
        logits: `(members, n, classes)` float, of held-out samples.
        labels: `(n,)` integers, from 0.
        max_size: steps of a selection, repeats counted; default twice the members, at least 16.
        metric: what is best: "accuracy", equals by the lower cross-entropy; or "cross-entropy". Members that are equal
            in both are taken in their order.
        bags: selections to average; 0 or 1 takes the plain one over all members.
        bag_share: of the members that each bag draws, in (0, 1]; at least two.
        seed: of the bags.

    The paper averages probabilities and starts from the best few members (section 2.2); here logits are averaged, as
    they are what a student learns, and a selection starts from the best one.

    Raises:
        LeveretUsageError: no member, no sample, shapes that don't fit, logits that aren't finite, or an argument out
            of range.
    """
    values, truth = _checked(logits, labels)
    members = len(values)
    steps = max_size if max_size is not None else max(16, 2 * members)
    if steps < 1:
        raise LeveretUsageError(f"max_size must be at least 1, got {max_size}")
    if metric not in ("accuracy", "cross-entropy"):
        raise LeveretUsageError(f"metric must be 'accuracy' or 'cross-entropy', got {metric!r}")
    if bags < 0 or not 0 < bag_share <= 1:
        raise LeveretUsageError(f"bags must be at least 0 and bag_share in (0, 1], got {bags} and {bag_share}")
    order, curve = _greedy(values, truth, np.arange(members), steps, metric)
    weights = _weights(order, curve, members, metric)
    drawn = min(members, max(2, round(bag_share * members)))
    if bags > 1 and drawn < members:
        generator = np.random.default_rng(seed)
        weights = np.zeros(members)
        for _ in range(bags):
            bag = np.sort(generator.choice(members, drawn, replace=False))
            weights += _weights(*_greedy(values, truth, bag, steps, metric), members, metric)
        weights /= bags
    accuracy, loss = _scores(np.tensordot(weights, values, axes=1)[None], truth)
    full, _ = _scores(values.mean(0)[None], truth)
    single, _ = _scores(values, truth)
    return Subset(
        weights=weights,
        order=tuple(order),
        curve=tuple(curve),
        accuracy=float(accuracy[0]),
        loss=float(loss[0]),
        full_accuracy=float(full[0]),
        best_accuracy=float(single.max()),
        bags=bags if bags > 1 and drawn < members else 0,
    )


def _checked(logits: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    values = np.asarray(logits, dtype=np.float64)
    truth = np.asarray(labels)
    if values.ndim != 3 or 0 in values.shape or truth.shape != values.shape[1:2]:
        raise LeveretUsageError(
            "logits must be (members, n, classes) and labels (n,), none of them empty; got "
            f"{values.shape} and {truth.shape}"
        )
    if not np.isfinite(values).all():
        member = int(np.flatnonzero(~np.isfinite(values).all((1, 2)))[0])
        raise LeveretUsageError(f"the logits of member {member} (from 0) are not all finite")
    if not np.issubdtype(truth.dtype, np.integer) or truth.min() < 0 or truth.max() >= values.shape[2]:
        raise LeveretUsageError(f"labels must be integers from 0 to {values.shape[2] - 1}")
    return values, truth.astype(np.int64)


def _greedy(
    values: NDArray[np.float64], truth: NDArray[np.int64], allowed: NDArray[np.int64], steps: int, metric: Metric
) -> tuple[list[int], list[dict[str, Any]]]:
    """Take `steps` members out of `allowed`, one after the other, each the best one to add."""
    total = np.zeros(values.shape[1:])
    order: list[int] = []
    curve = []
    for size in range(1, steps + 1):
        accuracy, loss = _added(values, truth, allowed, total, size)
        # lexsort is stable, so that of equals the first is taken
        keys = (loss, -accuracy) if metric == "accuracy" else (-accuracy, loss)
        best = int(np.lexsort(keys)[0])
        member = int(allowed[best])
        order.append(member)
        total += values[member]
        curve.append({"size": size, "member": member, "accuracy": float(accuracy[best]), "loss": float(loss[best])})
    return order, curve


def _added(
    values: NDArray[np.float64],
    truth: NDArray[np.int64],
    allowed: NDArray[np.int64],
    total: NDArray[np.float64],
    size: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Accuracy and loss of the average with each of `allowed` added."""
    at_once = max(1, _CHUNK // total.size)
    found = [
        _scores((total + values[allowed[start : start + at_once]]) / size, truth)
        for start in range(0, len(allowed), at_once)
    ]
    return np.concatenate([a for a, _ in found]), np.concatenate([b for _, b in found])


def _scores(logits: NDArray[np.float64], truth: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Accuracies and cross-entropies of logits `(candidates, n, classes)`."""
    accuracy = (logits.argmax(2) == truth).mean(1)
    loss = -log_softmax(logits, axis=2)[:, np.arange(len(truth)), truth].mean(1)
    return accuracy, loss


def _weights(order: list[int], curve: list[dict[str, Any]], members: int, metric: Metric) -> NDArray[np.float64]:
    """Shares of the members in the selection up to its best step, the first of equals."""
    scores = [(row["accuracy"], -row["loss"]) if metric == "accuracy" else (-row["loss"],) for row in curve]
    size = scores.index(max(scores)) + 1
    return np.bincount(order[:size], minlength=members) / size
