"""What a training saw, against what a human sees: samples, different ones, and the time that a person would need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from leveret.budget._lifetime import ASSUMPTIONS, Number, lifetime
from leveret.errors import LeveretUsageError

__all__ = ["Seen", "seen"]

_HOUR = 3600
_YEAR = 365


@dataclass(frozen=True)
class Seen:
    """Samples that a net was shown.

    Attributes:
        samples: all, repeats counted.
        unique: different ones; None where that isn't known.
        at_least: whether there may have been more different ones.
        seconds: of looking, for a human who sees as many images.
        share: of the images of a lifetime.
    """

    samples: int
    unique: int | None
    at_least: bool
    seconds: float
    share: float

    @property
    def repeated(self) -> int | None:
        """Samples that had been shown before."""
        return None if self.unique is None else self.samples - self.unique

    @property
    def human_time(self) -> str:
        """The seconds in words: "15 min", "3.2 waking days", "1.5 years"."""
        awake = float(ASSUMPTIONS["awake"].value) * 24 * _HOUR
        if self.seconds < 9.95:
            return f"{self.seconds:.1f} s"
        if self.seconds < 90:
            return f"{self.seconds:.0f} s"
        if self.seconds < 90 * 60:
            return f"{self.seconds / 60:.0f} min"
        if self.seconds < awake:
            return f"{self.seconds / _HOUR:.1f} h"
        days = self.seconds / awake
        return f"{days:.1f} waking days" if days < _YEAR else f"{days / _YEAR:.1f} years"

    @property
    def in_words(self) -> str:
        """All of it in a sentence."""
        text = f"{self.samples:,}"
        if self.unique is not None:
            each = (
                "" if self.at_least or not self.unique else f", each {self.samples / self.unique:.3g} times on average"
            )
            text += f", {'at least ' if self.at_least else ''}{self.unique:,} different ones{each}"
        return f"{text}; a human sees as many images in {self.human_time}"

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "samples": self.samples,
            "unique": self.unique,
            "repeated": self.repeated,
            "human_seconds": self.seconds,
            "human_time": self.human_time,
            "share_of_a_lifetime": self.share,
        }


def seen(samples: int, unique: int | None = None, *, at_least: bool = False, fps: Number = 45) -> Seen:
    """What so many samples are to a human.

    Args:
        samples: shown, repeats counted.
        unique: different ones, if that is known.
        at_least: there may have been more different ones.
        fps: images a second that the eye takes in.

    Raises:
        LeveretUsageError: numbers below 0, more different ones than there were, or a rate out of range.
    """
    if samples < 0 or (unique is not None and not 0 <= unique <= samples):
        raise LeveretUsageError(f"samples must be at least 0 and unique in 0..samples, got {samples} and {unique}")
    rate = ASSUMPTIONS["fps"].checked(fps)
    return Seen(samples, unique, at_least, float(samples / rate), samples / lifetime(fps=rate).images)
