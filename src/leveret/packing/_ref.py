"""Values of a net on its way to the runtime, and where torch's axes are in the runtime's memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = ["INDICES", "MEMORY", "UNKNOWN_SIZE", "Absent", "Ref"]

# the order of the runtime's axes in memory: an image is (n, h, w, c)
MEMORY = "hwc"
_USUAL = {1: "c", 2: "cw", 3: "chw"}


@dataclass(frozen=True)
class Absent:
    """What torch's nodes hand on and a packed net doesn't have."""

    what: str


UNKNOWN_SIZE = Absent("the batch's size")
INDICES = Absent("a pool's or maximum's indices")


@dataclass(frozen=True)
class Ref:
    """A value of the running net.

    Torch's axes have no fixed meaning: after a transpose the channels of a text may be its last axis. So each value
    says which of the runtime's axes each of torch's is; a transpose costs nothing until a layer needs another layout.

    Attributes:
        name: of the step that gives it.
        shape: of a sample in torch's order, such as `(channels, height, width)`, `(channels, length)`, `(features,)`.
        layout: a letter of "hwc" per axis of `shape`; what has no letter is 1. One axis alone is always "c", a row.
        order: shape and layout of the image that was flattened into these features; the runtime holds
            them in the order of its memory, torch in the order of its axes. None where that is the same.
        double: torch computes it in float64.
        ids: these are token ids.
    """

    name: str
    shape: tuple[int, ...]
    layout: str = ""
    order: tuple[tuple[int, ...], str] | None = None
    double: bool = False
    ids: bool = False

    def __post_init__(self) -> None:
        if not self.layout:
            object.__setattr__(self, "layout", _USUAL.get(len(self.shape), ""))

    @property
    def is_row(self) -> bool:
        return self.layout == "c"

    def axis(self, dim: Any) -> int:
        """One of torch's dimensions, which count the batch and may be negative, as an axis of a sample; −1 is the
        batch."""
        return int(dim) % (len(self.shape) + 1) - 1

    def side(self, letter: str) -> int:
        """How long one of the runtime's axes is."""
        return self.shape[self.layout.index(letter)] if letter in self.layout else 1

    @property
    def in_memory_order(self) -> bool:
        """Whether torch's axes, those of length 1 aside, follow each other as the runtime's do."""
        places = [MEMORY.index(axis) for axis, n in zip(self.layout, self.shape, strict=True) if n > 1]
        return places == sorted(places)

    def features(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values along the last axis, one per feature, from torch's order to the runtime's."""
        if self.order is None:
            return values
        shape, layout = self.order
        leading = values.ndim - 1
        axes = [leading + layout.index(axis) for axis in MEMORY if axis in layout]
        return values.reshape(*values.shape[:-1], *shape).transpose(*range(leading), *axes).reshape(values.shape)

    def turned(self, outputs: int) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """How `features` turns a matrix of so many rows: its shape before, and the axes; None where it leaves it."""
        if self.order is None:
            return None
        shape, layout = self.order
        return (outputs, *shape), (0, *(1 + layout.index(axis) for axis in MEMORY if axis in layout))
