"""What resumable jobs have in common: they say what goes on and, when Ctrl-C stops them, what is kept."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from leveret.jobs._folder import JobFolder
from leveret.report.words import count, duration, share

__all__ = ["JobInterrupted", "ResumableJob", "resume_command"]

# options of the command line that need not be named
_DEFAULTS = {
    ("seed", 0),
    ("methods", "all"),
    ("val_fraction", 0.1),
    ("test_fraction", 0.2),
    ("balance", "plain"),
    ("student", "conv1"),
    ("params", "1M"),
    ("members", 8),
    ("class_weights", "none"),
    ("method", "binary"),
    ("ignore_index", 255),
    ("trials", 4),
    ("observer", "auto"),
    ("test", "ranks"),
    ("most", 5000),
}


class JobInterrupted(KeyboardInterrupt):
    """A job was stopped by Ctrl-C; the message says what is kept and how to go on."""


class ResumableJob:
    """A job that works in a folder, stage after stage.

    Attributes:
        folder: of its outputs.
        progress: whether it says on stderr what goes on.
        again: the command, or what else goes on with a run that was stopped.
        kept: what is finished, in words.
    """

    def __init__(self, folder: JobFolder, progress: bool, again: str) -> None:
        self.folder = folder
        self.progress = progress
        self.again = again
        self.kept: list[str] = []

    def say(self, text: str) -> None:
        """A line on stderr, where progress is shown."""
        if self.progress:
            print(text, file=sys.stderr, flush=True)

    def take(self, what: str, result: Any, prefix: str = "") -> None:
        """Count a training, "the teacher", among what is kept, and say how it went.

        Raises:
            KeyboardInterrupt: it was stopped; its finished epochs are counted.
        """
        epochs = count(len(result.history), "epoch", "epochs")
        if result.interrupted:
            if result.history:
                self.kept.append(f"{epochs} of {what}")
            raise KeyboardInterrupt
        self.kept.append(what)
        if result.history:
            score, unit = result.best_accuracy, ""
            if getattr(result, "monitor", "") == "miou":
                score, unit = result.best_score, " mIoU"
            reached = "" if score is None else f", {share(score)}{unit} on the validation part"
            self.say(f"{prefix}{epochs}{reached}, {duration(result.seconds)}")

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """Turn Ctrl-C, whenever it comes, into a message that says what is kept."""
        try:
            yield
        except KeyboardInterrupt:
            if not self.folder.config.exists():
                raise JobInterrupted("stopped before the training began; nothing was written") from None
            kept = ", ".join(self.kept) or "whatever was finished"
            raise JobInterrupted(f"stopped; {self.folder.path} keeps {kept}. To go on:\n  {self.again}") from None


def resume_command(
    name: str,
    source: str | Sequence[str],
    out: Path,
    options: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
) -> str:
    """The command that goes on with a run of `leveret NAME`; of `options` those that aren't the default, by name.

    Args:
        name: of the command.
        source: its arguments.
        out: the folder.
        options: by name; None, or False, where one wasn't given.
        defaults: of this command, where they aren't those that the others share.
    """

    def usual(key: str, value: Any) -> bool:
        return (key, value) in _DEFAULTS if defaults is None else key in defaults and defaults[key] == value

    words = ["leveret", name, *([source] if isinstance(source, str) else source), "-o", str(out)]
    for key, value in options.items():
        flag = "--" + key.replace("_", "-")
        if value is True:
            words.append(flag)
        elif value is False and key == "flip":  # the one whose default may be yes
            words.append("--no-flip")
        elif value is not None and value is not False and not usual(key, value):
            words += [flag, "x".join(map(str, value)) if isinstance(value, tuple) else str(value)]
    return shlex.join([*words, "--resume"])
