"""What Leveret raises: each error says what was wrong, where, and what would be right.

All derive from `LeveretError`, so that a caller can catch the library's own complaints at once, and
from the built-in that a Python user would have guessed.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "LeveretDataError",
    "LeveretError",
    "LeveretFormatError",
    "LeveretFutureWarning",
    "LeveretMissingError",
    "LeveretPackError",
    "LeveretTrainingError",
    "LeveretUsageError",
    "LeveretWarning",
    "SkewWarning",
]


class LeveretError(Exception):
    """Base of every error that Leveret raises on purpose."""


class LeveretTrainingError(LeveretError, FloatingPointError):
    """Training can't go on: the loss or a weight became infinite or NaN.

    Attributes:
        result: the `FitResult` of what was finished before, with `diverged` set; None where `fit` didn't raise it.
    """

    result: Any = None


class LeveretUsageError(LeveretError, ValueError):
    """An argument has a wrong type, range or combination."""


class LeveretDataError(LeveretError, ValueError):
    """The user's data can't be used: a missing folder, one class only, NaN in an array, …"""


class LeveretFormatError(LeveretError, ValueError):
    """A file is not a whole, valid .lvr file of a version that this Leveret reads."""


class LeveretMissingError(LeveretError, ImportError):
    """A package isn't installed that only a part of Leveret needs; the message says which extra brings it."""


class LeveretPackError(LeveretError, ValueError):
    """A net holds an operation that the runtime has no kernel for."""


class LeveretWarning(UserWarning):
    """Something was skipped or repaired; the message says what and how many."""


class LeveretFutureWarning(LeveretWarning, FutureWarning):
    """A name that was used goes with a version to come; the message says which, and what to use instead."""


class SkewWarning(LeveretWarning):
    """Classes are so skewed that accuracy alone misleads; the message says what to look at instead."""
