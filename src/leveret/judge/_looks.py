"""Repeated looks: a test that is run every night finds something one night in twenty, of data that never changed.

Alpha is therefore spent over the looks of a period (Lan & DeMets, "Discrete sequential boundaries for clinical trials",
Biometrika 1983; here the spending function α·t, evenly over the looks): of `period` looks each has the level
alpha / period, and the chance of any false alarm within the period is at most alpha. That holds however the looks hang
together, as they do where each night's data is held against the same reference. After a period a new one begins.

The looks are counted in a file, so that those of a cron job count, too:

    looks = Looks("looks.json", alpha=0.05, period=365)
    verdict = judge(reference, today, looks=looks)
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from leveret._files import write_json
from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["Look", "Looks"]

_VERSION = 1
_ALPHA, _PERIOD = 0.05, 100


@dataclass(frozen=True)
class Look:
    """One of several looks.

    Attributes:
        number: within its period, from 1.
        period: looks of a period.
        alpha: chance of a false alarm in a whole period.
        level: of this look.
    """

    number: int
    period: int
    alpha: float
    level: float

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


class Looks:
    """A file that counts looks.

    Args:
        path: of the file, JSON; made at the first look.
        alpha: chance of a false alarm in a period, in 0..1. Default: the file's, or 0.05.
        period: looks of a period, at least 1. Default: the file's, or 100.

    Raises:
        LeveretUsageError: an argument out of range, or another than the file's.
        LeveretDataError: the file isn't one of looks.
    """

    def __init__(self, path: str | os.PathLike[str], alpha: float | None = None, period: int | None = None) -> None:
        if alpha is not None and not 0 < alpha < 1:
            raise LeveretUsageError(f"alpha must be between 0 and 1, got {alpha}")
        if period is not None and period < 1:
            raise LeveretUsageError(f"period must be at least 1 look, got {period}")
        self.path = Path(path)
        kept = self._read()
        for name, given in (("alpha", alpha), ("period", period)):
            if kept is not None and given is not None and given != kept[name]:
                raise LeveretUsageError(
                    f"{self.path} counts looks with {name} {kept[name]:g}, got {given:g}; leave it out, or name "
                    "another file"
                )
        self.alpha = float(kept["alpha"]) if kept else alpha or _ALPHA
        self.period = int(kept["period"]) if kept else period or _PERIOD

    @property
    def level(self) -> float:
        """Of the next look."""
        return self.alpha / self.period

    @property
    def taken(self) -> list[dict[str, Any]]:
        """All looks so far, the oldest first."""
        kept = self._read()
        return [] if kept is None else list(kept["looks"])

    def record(self, p: float, different: bool, a: str = "A", b: str = "B") -> Look:
        """Count a look, whatever else writes to the file meanwhile.

        Args:
            p: what it found.
            different: what was concluded.
            a, b: what was looked at.

        Raises:
            LeveretError: the file can't be written.
        """
        with self._alone():
            kept = self._read() or {"version": _VERSION, "alpha": self.alpha, "period": self.period, "looks": []}
            number = len(kept["looks"]) % self.period + 1
            when = datetime.now(UTC).isoformat(timespec="seconds")
            kept["looks"].append(
                {"when": when, "number": number, "p": p, "level": self.level, "different": different, "a": a, "b": b}
            )
            write_json(self.path, kept)
        return Look(number, self.period, self.alpha, self.level)

    def _read(self) -> dict[str, Any] | None:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise LeveretDataError(f"{self.path} can't be read: {error}") from error
        try:
            kept = json.loads(text)
            right = (
                kept["version"] == _VERSION
                and 0 < kept["alpha"] < 1
                and isinstance(kept["period"], int)
                and kept["period"] >= 1
                and isinstance(kept["looks"], list)
            )
        except (ValueError, KeyError, TypeError):
            right = False
        if not right:
            raise LeveretDataError(f"{self.path} is not a file of looks; name another, which will be made")
        return kept

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time; the lock goes with the process that holds it."""
        try:
            import fcntl
        except ImportError:  # where there are no such locks, two at the same moment may count as one
            yield
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path.with_name(f".{self.path.name}.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
