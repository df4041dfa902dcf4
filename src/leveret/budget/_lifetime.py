"""How many images a human sees in a lifetime, assumption by assumption.

    years × days × 86,400 s × share awake × frames a second

71 years of 365 days are 2,239,056,000 s; two thirds awake 1,492,704,000 s; at 45 frames a second 67,171,680,000 images.
Beside them stand 86 billion neurons as the size of the model. None of the assumptions is sure; each has a range, and so
has what follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from leveret.errors import LeveretUsageError

__all__ = ["ASSUMPTIONS", "Assumption", "Lifetime", "lifetime"]

Number = int | float | str | Fraction

_DAY = 86_400


@dataclass(frozen=True)
class Assumption:
    """One factor of the reckoning.

    Attributes:
        name: of the argument.
        title: in words.
        value: what is assumed.
        low, high: between what it plausibly lies.
        most: beyond which it can't be meant.
        why: where value and range are from.
    """

    name: str
    title: str
    value: Fraction
    low: Fraction
    high: Fraction
    most: Fraction
    why: str

    def checked(self, value: Number) -> Fraction:
        """A value given for it, exactly: "2/3" and 0.1 are what they look like.

        Raises:
            LeveretUsageError: no number, not above 0, or beyond `most`.
        """
        try:
            found = Fraction(value if isinstance(value, int | Fraction) else str(value).strip())
        except (ValueError, ZeroDivisionError, OverflowError):
            raise LeveretUsageError(f"{self.name} must be a number, such as 45, 0.5 or 2/3; got {value!r}") from None
        if not 0 < found <= self.most:
            raise LeveretUsageError(f"{self.name} must be above 0 and at most {float(self.most):g}, got {value}")
        return found

    @property
    def range(self) -> tuple[Fraction, Fraction]:
        """`low` and `high`."""
        return self.low, self.high


def _assumption(name: str, title: str, values: tuple[Number, Number, Number, Number], why: str) -> Assumption:
    value, low, high, most = (Fraction(number) for number in values)
    return Assumption(name, title, value, low, high, most, why)


ASSUMPTIONS = {
    assumption.name: assumption
    for assumption in (
        _assumption(
            "years",
            "years of life",
            (71, 50, 122, 150),
            "life expectancy in the world, about 71; from the shortest-lived countries' to the longest known life",
        ),
        _assumption("days", "days a year", (365, 365, Fraction(1461, 4), 366), "365, or 365.25 with leap days"),
        _assumption(
            "awake",
            "share awake",
            (Fraction(2, 3), Fraction(5, 8), Fraction(17, 24), 1),
            "eight hours of sleep; adults are advised to sleep seven to nine",
        ),
        _assumption(
            "fps",
            "images a second",
            (45, 24, 225, 1000),
            "from a film's 24 to the 225 at which a fighter pilot still made out a picture",
        ),
    )
}
NEURONS = _assumption(
    "neurons",
    "neurons",
    (86_000_000_000, 78_000_000_000, 94_000_000_000, 10**15),
    "86 ± 8 billion (Azevedo et al., 2009)",
)


@dataclass(frozen=True)
class Lifetime:
    """What a life holds.

    Attributes:
        assumed: each assumption's value.
        seconds: of the life.
        awake_seconds: of it.
        images: seen, whole ones.
        images_range: with every assumption at its lowest and at its highest.
        neurons: of the learner.
    """

    assumed: dict[str, Fraction]
    seconds: Fraction
    awake_seconds: Fraction
    images: int
    images_range: tuple[int, int]
    neurons: int

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "assumed": {name: float(value) for name, value in self.assumed.items()},
            "seconds": float(self.seconds),
            "awake_seconds": float(self.awake_seconds),
            "images": self.images,
            "images_range": list(self.images_range),
            "neurons": self.neurons,
            "images_per_neuron": self.images / self.neurons,
        }


def lifetime(
    years: Number = 71,
    fps: Number = 45,
    awake: Number = Fraction(2, 3),
    days: Number = 365,
    neurons: Number = 86_000_000_000,
) -> Lifetime:
    """How many images a human sees in a lifetime, exactly.

    Args:
        years: of life, at most 150.
        fps: images a second that the eye takes in, at most 1,000.
        awake: share of the time, at most 1; a number, or a text such as "2/3".
        days: of a year, at most 366.
        neurons: of the brain, the model that learns from them.

    Raises:
        LeveretUsageError: a value that is no number or out of range.

    Example:
        >>> lifetime().images
        67171680000
    """
    given = {"years": years, "days": days, "awake": awake, "fps": fps}
    assumed = {name: ASSUMPTIONS[name].checked(value) for name, value in given.items()}
    seconds = assumed["years"] * assumed["days"] * _DAY
    lowest, highest = (
        _images({name: assumption.range[end] for name, assumption in ASSUMPTIONS.items()}) for end in (0, 1)
    )
    return Lifetime(
        assumed,
        seconds,
        seconds * assumed["awake"],
        _images(assumed),
        (lowest, highest),
        int(NEURONS.checked(neurons)),
    )


def _images(assumed: dict[str, Fraction]) -> int:
    return int(assumed["years"] * assumed["days"] * _DAY * assumed["awake"] * assumed["fps"])
