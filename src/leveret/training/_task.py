"""`Task`: one of many independent trainings, in a folder of its own, kept whole when it is done."""

from __future__ import annotations

import json
import os
import time
import traceback
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leveret._disk import is_of_the_disk
from leveret._files import write_json, write_text
from leveret._threads import limited_threads
from leveret.errors import LeveretError, LeveretWarning

__all__ = ["Task", "failure"]

_RESULT = "result.json"
_ERROR = "error.txt"


@dataclass(frozen=True)
class Task(ABC):
    """What is done is `work`; all else is the same for all: it goes to another process as it is, see `parallel`.

    Attributes:
        key: a name of its own among those that run together.
        folder: where its outputs and checkpoints stand.
        threads: of torch, and of the kernels, meanwhile.
    """

    key: str
    folder: Path
    threads: int

    retries = 0  # how often an error that a second try may not meet is answered by one

    @abstractmethod
    def work(self, *shared: Any) -> dict[str, Any]:
        """Do it, and keep what is to be kept in `folder`; a later call goes on from what stands there.

        Args:
            shared: what `parallel` was given for all.

        Returns:
            The result, as plain values.
        """

    def whole(self) -> bool:
        """Whether the outputs that a finished task has are there."""
        return True

    def tidy(self) -> None:  # noqa: B027 - most have nothing to delete
        """Delete what a task whose result is kept needs no more."""

    @property
    def running(self) -> Path:
        """Stands while a process works on this; one that died leaves it."""
        return self.folder / "running"

    def finished(self) -> dict[str, Any] | None:
        """The result that an earlier run kept whole; None where there is none, or none of worth."""
        try:
            result = json.loads((self.folder / _RESULT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return result if result.get("status") == "ok" and self.whole() else None

    def run(self, *shared: Any) -> dict[str, Any]:
        """Work, and keep the result; what goes wrong becomes part of it.

        Returns:
            A dict with at least `key`, `status` ("ok" or "failed"), `why`, `notes` (warnings), `seconds`, `history`.

        Raises:
            KeyboardInterrupt: Ctrl-C; finished epochs are kept.
            OSError, LeveretError: the disk is full, or gone.
        """
        started = time.perf_counter()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.running.write_text(str(os.getpid()), encoding="ascii")
        with limited_threads(self.threads), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", LeveretWarning)
            result = self._tried(shared)
        notes = [str(w.message) for w in caught if issubclass(w.category, LeveretWarning)]
        result["notes"] = list(dict.fromkeys([*notes, *result.get("notes", [])]))
        result["seconds"] = time.perf_counter() - started
        write_json(self.folder / _RESULT, result)
        if result["status"] == "ok":
            self.tidy()
        self.running.unlink(missing_ok=True)
        return result

    def _tried(self, shared: tuple[Any, ...]) -> dict[str, Any]:
        left = self.retries
        while True:
            try:
                result = self.work(*shared)
            except Exception as error:
                if is_of_the_disk(error):
                    raise
                write_text(self.folder / _ERROR, traceback.format_exc())
                # what Leveret itself refuses it would refuse again
                if left == 0 or isinstance(error, LeveretError):
                    return failure(self.key, _in_words(error))
                left -= 1
            else:
                (self.folder / _ERROR).unlink(missing_ok=True)
                return {"key": self.key, "status": "ok", "why": "", **result}


def failure(key: str, why: str, status: str = "failed") -> dict[str, Any]:
    """The result of a task that has none."""
    return {"key": key, "status": status, "why": why, "notes": [], "history": [], "seconds": 0.0}


def _in_words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, LeveretError) else f"{type(error).__name__}: {text[:300]}".rstrip(": ")
