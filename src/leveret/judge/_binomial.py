"""The exact binomial test of a held-out accuracy: its p-value, its interval, and what it could have noticed.

An observer that can't tell A from B guesses, and of n held-out samples, half of each, Binomial(n, ½) are right.
Source: Lopez-Paz & Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017, section 3; the power there is a normal
approximation (Theorem 1), here it is exact. If an observer names one side more often than the other, the number of
right answers varies less than the binomial says, and the test errs on the safe side.
"""

from __future__ import annotations

from leveret.errors import LeveretUsageError

__all__ = ["binomial_p", "clopper_pearson", "detectable_accuracy", "power", "samples_needed"]

_MOST_SAMPLES = 1 << 30


def binomial_p(correct: int, asked: int, chance: float = 0.5) -> float:
    """The chance that guessing is right for at least so many of the samples asked about.

    Raises:
        LeveretUsageError: `correct` is not in 0..asked, or `chance` not in 0..1.
    """
    from scipy.stats import binom

    _check(asked, chance)
    if not 0 <= correct <= asked:
        raise LeveretUsageError(f"correct must be in 0..{asked}, got {correct}")
    return float(binom.sf(correct - 1, asked, chance))


def clopper_pearson(correct: int, asked: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of an accuracy (Clopper & Pearson, 1934): (low, high) as fractions."""
    from scipy.stats import binomtest

    low, high = binomtest(correct, asked).proportion_ci(confidence, method="exact")
    return float(low), float(high)


def power(accuracy: float, asked: int, alpha: float = 0.05, chance: float = 0.5) -> float:
    """How likely the test notices an observer that is right with probability `accuracy`, in 0..1.

    Args:
        accuracy: true, in 0..1.
        asked: held-out samples.
        alpha: level of the test.
        chance: of guessing.

    Raises:
        LeveretUsageError: an argument out of range.
    """
    from scipy.stats import binom

    _check(asked, chance, alpha)
    if not 0 <= accuracy <= 1:
        raise LeveretUsageError(f"accuracy must be in 0..1, got {accuracy}")
    # the fewest right answers that guessing reaches with at most alpha
    bar = int(binom.isf(alpha, asked, chance)) + 1
    return float(binom.sf(bar - 1, asked, accuracy))


def detectable_accuracy(asked: int, alpha: float = 0.05, wanted: float = 0.8, chance: float = 0.5) -> float | None:
    """The least accuracy that the test notices with probability `wanted`; None where it can't notice any so often.

    Args:
        asked: held-out samples.
        alpha: level of the test.
        wanted: power.
        chance: of guessing.
    """
    from scipy.optimize import brentq

    if power(1.0, asked, alpha, chance) < wanted:
        return None
    return float(brentq(lambda accuracy: power(accuracy, asked, alpha, chance) - wanted, chance, 1.0, xtol=1e-6))


def samples_needed(accuracy: float, alpha: float = 0.05, wanted: float = 0.8) -> int:
    """Held-out samples from which on the test notices such an accuracy with probability `wanted`, at every size above.

    Raises:
        LeveretUsageError: accuracy isn't above ½, or so near to it that more than 2³⁰ samples were needed.
    """
    if not 0.5 < accuracy <= 1:
        raise LeveretUsageError(f"accuracy must be above 0.5 and at most 1, got {accuracy}")
    # power isn't monotonous in n: it saws, by less than the change of a few samples
    high = 8
    while power(accuracy, high, alpha) < wanted:
        high *= 2
        if high > _MOST_SAMPLES:
            raise LeveretUsageError(f"more than 2**30 samples were needed to notice an accuracy of {accuracy}")
    low = high // 2 if high > 8 else 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _from_here_on(accuracy, middle, alpha, wanted) else (middle, high)
    return high


def _from_here_on(accuracy: float, asked: int, alpha: float, wanted: float) -> bool:
    """Whether the power suffices here and for the next sizes, over one tooth of the saw."""
    return all(power(accuracy, n, alpha) >= wanted for n in range(max(asked, 1), asked + 12))


def _check(asked: int, chance: float, alpha: float = 0.05) -> None:
    if asked < 1:
        raise LeveretUsageError(f"asked must be at least 1 sample, got {asked}")
    if not 0 < chance < 1:
        raise LeveretUsageError(f"chance must be between 0 and 1, got {chance}")
    if not 0 < alpha < 1:
        raise LeveretUsageError(f"alpha must be between 0 and 1, got {alpha}")
