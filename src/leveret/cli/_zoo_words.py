"""What `leveret zoo` prints."""

from __future__ import annotations

from leveret import zoo
from leveret.errors import LeveretUsageError
from leveret.report.words import size

__all__ = ["zoo_words"]


def zoo_words(name: str | None, *, path: bool = False, sample: bool = False) -> str:
    """The list of all models; of one its card, or the path of its file or of its images.

    Raises:
        LeveretUsageError: no such model, or a path of none in particular.
    """
    if name is None:
        if path or sample:
            raise LeveretUsageError("--path and --sample are of one model: name it")
        width = max(map(len, zoo.names()))
        lines = [f"{n:{width}}  {size(zoo.path(n).stat().st_size):>8}  {zoo.title(n)}" for n in zoo.names()]
        return "\n".join([*lines, "", "leveret zoo NAME shows its card; zoo:NAME stands for its file in all commands"])
    if path:
        return str(zoo.path(name))
    return str(zoo.path(name).with_suffix(".npz")) if sample else zoo.card(name).rstrip()
