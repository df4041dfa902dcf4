"""A disk that is full, or gone, while a training writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leveret.errors import LeveretError

__all__ = ["disk_errors", "is_of_the_disk"]


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Writing a checkpoint to a full or vanished disk, as one clear error."""
    try:
        yield
    except LeveretError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise _cannot_write(path, reason) from error
    except Exception as error:
        if not is_of_the_disk(error):
            raise
        raise _cannot_write(path, "the disk is full or was removed") from error


def is_of_the_disk(error: BaseException | None) -> bool:
    """Whether an error comes of a disk that can't be written, by whatever library it was written."""
    while error is not None:
        kind, text = type(error).__name__, str(error)
        by_torch = kind == "RuntimeError" and ("PytorchStreamWriter" in text or "inline_container" in text)
        by_safetensors = kind == "SafetensorError" and ("I/O" in text or "IoError" in text)
        if isinstance(error, OSError) or by_torch or by_safetensors:
            return True
        error = error.__cause__
    return False


def _cannot_write(path: Path, reason: str) -> LeveretError:
    return LeveretError(
        f"{path} could not be written: {reason}. Every finished epoch is kept; make room and go on, by the same call "
        "or with --resume"
    )
