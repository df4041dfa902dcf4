"""A disk that is full, or gone, while a training writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leveret.errors import LeveretError

__all__ = ["disk_errors"]


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Writing a checkpoint to a full or vanished disk, as one clear error."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise _cannot_write(path, reason) from error
    except RuntimeError as error:
        # torch's own archive writer
        if "PytorchStreamWriter" not in str(error) and "inline_container" not in str(error):
            raise
        raise _cannot_write(path, "the disk is full or was removed") from error


def _cannot_write(path: Path, reason: str) -> LeveretError:
    return LeveretError(
        f"{path} could not be written: {reason}. Every finished epoch is kept; make room and go on, by the same call "
        "or with --resume"
    )
