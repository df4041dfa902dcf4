"""Where the models of the zoo stand, by name."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leveret import runtime
from leveret.errors import LeveretUsageError

__all__ = ["card", "load", "located", "names", "path", "sample", "title"]

_FOLDER = Path(__file__).with_name("models")
_PREFIX = "zoo:"


def names() -> tuple[str, ...]:
    """What there is, by name."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.lvr")))


def path(name: str) -> Path:
    """The `.lvr` file of a model.

    Raises:
        LeveretUsageError: no such model; names those that there are.
    """
    return _file(name, ".lvr")


def load(name: str) -> runtime.Packed:
    """A model, ready to run; raises as `path`."""
    return runtime.load(path(name))


def card(name: str) -> str:
    """A model's card, Markdown; raises as `path`."""
    return _file(name, ".md").read_text(encoding="utf-8")


def title(name: str) -> str:
    """What a model is, in a line: the first of its card, without its name; raises as `path`."""
    return card(name).splitlines()[0].removeprefix(f"# {name}: ")


def sample(name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Some images that no training saw, to try a model on; raises as `path`.

    Returns:
        Images `(40, channels, height, width)` uint8, and the number of each one's class, `(40,)` uint8.
    """
    with np.load(_file(name, ".npz"), allow_pickle=False) as arrays:
        return arrays["x_test"], arrays["y_test"]


def located(model: str | os.PathLike[str]) -> Path:
    """The path of a packed model's file: the zoo's, of "zoo:NAME", else as it stands; raises as `path`."""
    text = os.fspath(model)
    return path(text.removeprefix(_PREFIX)) if text.startswith(_PREFIX) else Path(text)


def _file(name: str, ending: str) -> Path:
    if name not in names():
        raise LeveretUsageError(f"the zoo has {', '.join(names())}; there is no {name!r}")
    return _FOLDER / f"{name}{ending}"
