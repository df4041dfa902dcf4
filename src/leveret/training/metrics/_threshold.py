"""A threshold chosen on validation data: from which probability on a sample counts as of the positive class."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning
from leveret.metrics import Evaluation
from leveret.training.metrics._bootstrap import (
    Interval,
    as_json,
    check_bootstrap,
    percentile_interval,
    plain,
    resampled_weights,
)
from leveret.training.metrics._curves import checked_precision
from leveret.training.metrics._decisions import ratio
from leveret.training.metrics._inputs import Positive, Scored, required_positive, scored
from leveret.training.metrics._ranking import Ranking

__all__ = ["Criterion", "Threshold", "choose_threshold"]

Floats = NDArray[np.float64]
Criterion = (
    Literal["f1", "fbeta", "balanced_accuracy", "mcc"]
    | tuple[Literal["fbeta", "recall"], float]
    | tuple[Literal["cost"], float, float]
)
_USUAL = {"fbeta": 2.0, "recall": 0.9}


@dataclass(frozen=True)
class Threshold:
    """A threshold, and what it does on the samples that it was chosen on.

    Those figures are somewhat kind, as it is the best for just these samples; `measure` says what it does on others.

    Attributes:
        value: a probability of at least this is flagged as the positive class.
        low, high: where resamples would have put it (percentiles).
        criterion: what it is best for, in words: "f1", "recall at precision 0.9".
        positive, name: the class, from 0, and its name.
        figures: `recall`, `precision`, `specificity`, `f1`, `balanced_accuracy`, `mcc`, `accuracy`, `flagged` (the
            share of samples), and `fbeta` or `cost` (a sample's mean) where chosen by it. Intervals hold for this
            threshold on other samples, not for choosing anew.
        reached: whether the precision asked for is reached by any threshold; if not, this one flags nothing.
        samples, level, resamples, seed: as they were used.
    """

    value: float
    low: float
    high: float
    criterion: str
    positive: int
    name: str
    figures: dict[str, Interval]
    reached: bool
    samples: int
    level: float
    resamples: int
    seed: int
    rule: tuple[Any, ...]

    def predict(self, scores: Evaluation | ArrayLike) -> NDArray[np.bool_]:
        """Which samples are flagged, `(n,)`; of probabilities `(n, num_classes)` or an `Evaluation`.

        Raises:
            LeveretUsageError: scores of another shape, or without the threshold's class.
        """
        values = scores.probabilities if isinstance(scores, Evaluation) else np.asarray(scores, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] <= self.positive:
            raise LeveretUsageError(
                f"scores must be (n, num_classes), with a column for class {self.positive}; got {values.shape}"
            )
        return values[:, self.positive] >= self.value

    def measure(self, scores: Evaluation | ArrayLike, labels: ArrayLike | None = None) -> dict[str, Interval]:
        """The same figures on other samples, such as the test part, with intervals; NaN of what they lack.

        Raises:
            LeveretUsageError: scores without the threshold's class.
        """
        data = scored(scores, labels)
        if data.num_classes <= self.positive:
            raise LeveretUsageError(f"the threshold is for class {self.positive}, the scores have {data.num_classes}")
        return _at(data, self.value, self.positive, self.rule, self.resamples, self.seed, self.level)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; None for what has no figure."""
        return {
            "threshold": self.value,
            "interval": [plain(self.low), plain(self.high)],
            "criterion": self.criterion,
            "positive": self.name,
            "reached": self.reached,
            "figures": as_json(self.figures),
            "samples": self.samples,
            "level": self.level,
            "resamples": self.resamples,
            "seed": self.seed,
        }


def choose_threshold(
    scores: Evaluation | ArrayLike,
    labels: ArrayLike | None = None,
    criterion: Criterion = "f1",
    *,
    positive: Positive = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Threshold:
    """The threshold that is best by a criterion, on validation data; of equals the highest, which flags least.

    Args:
        scores, labels: probabilities `(n, num_classes)` and `(n,)`, or an `Evaluation` alone. Not those of the test
            part, where it is to be measured.
        criterion: "f1"; "fbeta" (β = 2: recall counts double) or `("fbeta", β)`; "balanced_accuracy"; "mcc";
            `("recall", p)`: the most recall with precision of at least p; or `("cost", missed, false_alarm)`: the
            least sum of what a missed positive and a false alarm cost, in any unit.
        positive: the class; by default the rarer of two.
        resamples: of the stratified bootstrap; 0 gives no intervals.
        level: of the intervals.
        seed: of the bootstrap.

    Raises:
        LeveretUsageError: an argument out of range; many classes, and none is named.
        LeveretDataError: the labels lack the class, or hold no other.
    """
    rule, words = _rule(criterion)
    check_bootstrap(resamples, level)
    data = scored(scores, labels)
    chosen = required_positive(data, positive)
    truth = data.labels == chosen
    if truth.all() or not truth.any():
        raise LeveretDataError(
            f"a threshold needs samples of class {data.classes[chosen]!r} and others; of {len(truth)} samples "
            f"{int(truth.sum())} are of it"
        )
    ranking = Ranking(data.scores[:, chosen], truth)
    merit = _merit(rule)
    true, false = ranking.found(np.ones((1, len(truth))))
    value = float(ranking.thresholds[merit(true, false, true[:, -1:], false[:, -1:]).argmax(1)[0]])
    reached = rule[0] != "recall" or bool((true[0, 1:] >= (rule[1] - 1e-12) * (true + false)[0, 1:]).any())
    if not reached:
        warnings.warn(
            f"no threshold reaches precision {rule[1]:g} for class {data.classes[chosen]!r} on these "
            f"{len(truth)} samples; the one given flags nothing. Ask for less, or train a better model",
            LeveretWarning,
            stacklevel=2,
        )
    others = [np.empty(0)]
    for weights in resampled_weights(truth.astype(np.int64), resamples, seed):
        true, false = ranking.found(weights)
        others.append(ranking.thresholds[merit(true, false, true[:, -1:], false[:, -1:]).argmax(1)])
    around = percentile_interval(value, np.concatenate(others), level)
    figures = _at(data, value, chosen, rule, resamples, seed, level)
    return Threshold(
        value, around.low, around.high, words, chosen, data.classes[chosen], figures, reached, len(truth), level,
        resamples, seed, rule,
    )  # fmt: skip


def _at(
    data: Scored, value: float, positive: int, rule: tuple[Any, ...], resamples: int, seed: int, level: float
) -> dict[str, Interval]:
    """The figures of one threshold."""
    truth = data.labels == positive
    flagged = data.scores[:, positive] >= value
    # only these four numbers count, so that resamples are drawn of them alone
    hits, alarms = int((flagged & truth).sum()), int((flagged & ~truth).sum())
    positives, negatives = int(truth.sum()), int((~truth).sum())
    generator = np.random.default_rng(seed)
    true, false = (
        np.append(part, generator.binomial(whole, part / max(whole, 1), resamples)).astype(np.float64)
        for part, whole in ((hits, positives), (alarms, negatives))
    )
    values = {name: figure(true, false, positives, negatives) for name, figure in _figures(rule).items()}
    return {name: percentile_interval(float(found[0]), found[1:], level) for name, found in values.items()}


def _figures(rule: tuple[Any, ...]) -> dict[str, Callable[[Floats, Floats, Any, Any], Floats]]:
    """By name, of true and false positives, and of how many positives and negatives there are."""
    figures: dict[str, Callable[[Floats, Floats, Any, Any], Floats]] = {
        "recall": lambda t, f, p, n: ratio(t, p + 0 * t),
        "precision": lambda t, f, p, n: ratio(t, t + f),
        "specificity": lambda t, f, p, n: ratio(n - f, n + 0 * f),
        "f1": lambda t, f, p, n: _f_beta(t, f, p, 1.0),
        "balanced_accuracy": lambda t, f, p, n: (ratio(t, p + 0 * t) + ratio(n - f, n + 0 * f)) / 2,
        "mcc": _matthews,
        "accuracy": lambda t, f, p, n: ratio(t + n - f, p + n + 0 * t),
        "flagged": lambda t, f, p, n: ratio(t + f, p + n + 0 * t),
    }
    if rule[0] == "fbeta":
        figures["fbeta"] = lambda t, f, p, n: _f_beta(t, f, p, rule[1])
    if rule[0] == "cost":
        figures["cost"] = lambda t, f, p, n: ratio(rule[1] * (p - t) + rule[2] * f, p + n + 0 * t)
    return figures


def _merit(rule: tuple[Any, ...]) -> Callable[[Floats, Floats, Any, Any], Floats]:
    """What is to be largest."""
    if rule[0] == "cost":
        cost = _figures(rule)["cost"]
        return lambda t, f, p, n: -cost(t, f, p, n)
    if rule[0] == "recall":
        return lambda t, f, p, n: np.where(t >= (rule[1] - 1e-12) * (t + f), t, 0)
    return _figures(rule)[rule[0]]


def _f_beta(true: Floats, false: Floats, positives: Any, beta: float) -> Floats:
    return ratio((1 + beta**2) * true, beta**2 * positives + true + false)


def _matthews(true: Floats, false: Floats, positives: Any, negatives: Any) -> Floats:
    flagged = true + false
    spread = np.sqrt(flagged * (positives + negatives - flagged) * positives * negatives)
    together = true * (negatives - false) - false * (positives - true)
    return np.divide(together, spread, out=np.zeros_like(together), where=spread > 0)


def _rule(criterion: Any) -> tuple[tuple[Any, ...], str]:
    """The criterion checked, with its numbers, and in words."""
    name, *numbers = (criterion,) if isinstance(criterion, str) else tuple(criterion)
    if not numbers and name in _USUAL:
        numbers = [_USUAL[name]]
    wanted = {"f1": 0, "balanced_accuracy": 0, "mcc": 0, "fbeta": 1, "recall": 1, "cost": 2}
    if name not in wanted or len(numbers) != wanted[name]:
        raise LeveretUsageError(
            "criterion must be 'f1', 'fbeta', 'balanced_accuracy', 'mcc', ('fbeta', beta), ('recall', precision) or "
            f"('cost', missed, false_alarm); got {criterion!r}"
        )
    if name == "recall":
        checked_precision(numbers[0])
        return (name, *numbers), f"recall at precision {numbers[0]:g}"
    if any(not (np.isfinite(x) and x > 0) for x in numbers):
        raise LeveretUsageError(f"the numbers of a criterion must be above 0 and finite, got {criterion!r}")
    if name == "fbeta":
        return (name, *numbers), f"F-beta, beta {numbers[0]:g}"
    if name == "cost":
        return (name, *numbers), f"cost, {numbers[0]:g} of a missed one, {numbers[1]:g} of a false alarm"
    return (name,), name.replace("_", " ")
