"""`Verdict`: what was found, as figures and in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from leveret.judge._differences import Difference
from leveret.judge._giveaways import Giveaway
from leveret.judge._looks import Look
from leveret.judge._measures import WordDifference

__all__ = ["TESTS", "Verdict"]

# key -> what it is
TESTS = {
    "ranks": "of all pairs of a sample of A and one of B, the share that the observer tells apart, against exchanged "
    "names",
    "binomial": "held-out accuracy against guessing, exactly",
    "permutation": "held-out accuracy against exchanged names",
    "mmd": "maximum mean discrepancy with a Gaussian kernel, against exchanged names",
}


@dataclass(frozen=True)
class Verdict:
    """What a machine could tell.

    Attributes:
        different: whether the p-value of `test` is at most `level`.
        test: which one decides, a key of `TESTS`; chosen before looking.
        p: its p-value.
        level: what p is held against; `alpha`, or what a look of many has of it.
        alpha: chance of saying "different" of what is alike.
        tests: every test's statistic and p-value, by key.
        accuracy: of the observer on the held-out half, in 0..1.
        interval: its 95 % interval, exact (Clopper & Pearson); for independent samples.
        chance: accuracy of guessing: 0.5, or more where groups leave the sides unequal.
        auc: share of pairs, one sample of each side, that the observer tells apart.
        asked, correct: held-out samples, and those that it was right about.
        counts: samples of A and of B that were taken.
        detectable: the accuracy that the binomial test would have noticed four times out of five; None if none.
        power: how likely that test notices an observer that is truly as accurate as this one was.
        observer: its name.
        kind: "image", "table" or "text".
        giveaways: the samples that gave it away, and those taken for the other side's.
        differences: measures that differ, the surest first.
        words: of texts: what one side says more often.
        notes: what was left out, or limits what the test can say.
        look: which of several it was; None for a single one.
        names: of A and B.
        seconds: taken.
    """

    different: bool
    test: str
    p: float
    level: float
    alpha: float
    tests: dict[str, dict[str, float]]
    accuracy: float
    interval: tuple[float, float]
    chance: float
    auc: float
    asked: int
    correct: int
    counts: tuple[int, int]
    detectable: float | None
    power: float
    observer: str
    kind: str
    giveaways: tuple[Giveaway, ...]
    differences: tuple[Difference, ...]
    words: tuple[WordDifference, ...] = ()
    notes: tuple[str, ...] = ()
    look: Look | None = None
    names: tuple[str, str] = ("A", "B")
    seconds: float = 0.0

    @property
    def in_words(self) -> str:
        """Two or three sentences."""
        a, b = self.names
        right = (
            f"right about {self.correct:,} of {self.asked:,} held-out samples ({100 * self.accuracy:.1f} %; "
            f"95 % interval {100 * self.interval[0]:.1f} – {100 * self.interval[1]:.1f} %)"
        )
        guessing = f"guessing is right for {100 * self.chance:.3g} %"
        if self.different:
            return (
                f"A machine can tell {a} from {b}{_how_well(self.auc)}. It was {right}; {guessing}. "
                f"Given one of each, it says which is which {100 * self.auc:.1f} % of the time. {_odds(self.p)}"
            )
        noticed = (
            "So few samples could not have shown any difference."
            if self.detectable is None
            else f"It would have been noticed four times out of five if it were truly right for "
            f"{100 * self.detectable:.1f} %."
        )
        return f"No difference was found between {a} and {b}. The observer was {right}; {guessing}. {noticed}"

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        plain = {key: value for key, value in vars(self).items() if not isinstance(value, tuple)}
        return {
            **plain,
            "in_words": self.in_words,
            "interval": list(self.interval),
            "counts": list(self.counts),
            "names": list(self.names),
            "notes": list(self.notes),
            "giveaways": [each.as_dict() for each in self.giveaways],
            "differences": [each.as_dict() for each in self.differences],
            "words": [each.as_dict() for each in self.words],
            "look": None if self.look is None else self.look.as_dict(),
        }


def _how_well(auc: float) -> str:
    for bar, words in ((0.99, " nearly always"), (0.85, " mostly"), (0.65, " often"), (0.55, " a little")):
        if auc >= bar:
            return words
    return ", but hardly"


def _odds(p: float) -> str:
    times = int(float(f"{1 / p:.2g}"))
    return f"If they were alike, so much would be seen about once in {times:,} times, or less (p = {p:.2g})."
