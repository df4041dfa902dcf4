"""What `shrink` has in common for classes of images and for masks: its stages, and what is warned of."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leveret._disk import disk_errors
from leveret.errors import LeveretWarning
from leveret.jobs._folder import RunFolder
from leveret.jobs._resumable import ResumableJob
from leveret.report.contender import NOISY

__all__ = ["ShrinkJob", "warn_of"]

_SECONDS = {False: 4.0, True: 1.0}  # of timing, by quick


class ShrinkJob(ResumableJob):
    """One run, stage after stage.

    Attributes:
        source: as it was given.
        seed: of everything random.
        seconds: to spend on timing, per batch size.
    """

    folder: RunFolder

    def __init__(self, folder: RunFolder, source: str, seed: int, progress: bool, quick: bool, again: str) -> None:
        super().__init__(folder, progress, again)
        self.source = source
        self.seed = seed
        self.seconds = _SECONDS[quick]

    def finished(self) -> dict[str, Any] | None:
        """The figures of an earlier run that was finished; None where there is still something to do."""
        if not self.folder.finished:
            return None
        self.say(f"{self.folder.path} is finished already")
        found: dict[str, Any] = json.loads(self.folder.metrics.read_text(encoding="utf-8"))
        return found

    def trained(self, stage: str, train: Callable[..., Any]) -> Any:
        """What a stage's training gives: `train` is called with its folder, `resume` and `progress`."""
        where = getattr(self.folder, stage)
        self.say(f"\ntraining the {stage}")
        with disk_errors(self.folder.path):
            # a folder of this run holds nothing but this run's checkpoints, so there is never a reason not to use them
            result = train(where, resume=True, progress=self.progress)
        self.take(f"the {stage}", result, f"{stage}: ")
        return result

    def packed(self, write: Callable[[Path], None]) -> Any:
        """The packed model, which `write` writes: as it stands in the file, since that is what is measured."""
        from leveret import runtime

        self.say("\npacking")
        write(self.folder.model)
        self.kept.append(self.folder.model.name)
        return runtime.load(self.folder.model)

    def provenance(self, data: Any, net: Any, **more: Any) -> dict[str, Any]:
        """What the packed model says of where it comes from; `more` where it is known."""
        from leveret import __version__

        return {
            "leveret": __version__,
            "data": data.name,
            "net": net,
            "seed": self.seed,
            "training images": len(data.train),
            **{name.replace("_", " "): value for name, value in more.items() if value is not None},
        }


def warn_of(agreement: float, usual: float, of: str, noise: float) -> None:
    """Warn where the packed model differs from PyTorch more often than is usual, and of a busy machine.

    Args:
        agreement, usual: shares of `of`, "test images" or "test pixels", for which both name the same class.
        noise: the median turn over the fastest one.
    """
    if agreement < usual:
        warnings.warn(
            f"the packed model names another class than PyTorch for {1 - agreement:.2%} of the {of}; "
            f"less than {100 * (1 - usual):.3g} % is usual",
            LeveretWarning,
            stacklevel=3,
        )
    if noise > NOISY:
        warnings.warn(
            f"the machine was busy while the models were timed (the median turn took {noise:.1f} times "
            "the fastest): the times given are those of the fastest turn",
            LeveretWarning,
            stacklevel=3,
        )
