"""What flows through a graph: images or rows, of floats or of sign bits."""

from __future__ import annotations

from dataclasses import dataclass

from leveret.errors import LeveretFormatError

__all__ = ["MOST_ELEMENTS", "Value"]

# of one sample: a graph that asks for more is hostile or a mistake
MOST_ELEMENTS = 1 << 26


@dataclass(frozen=True)
class Value:
    """The shape of one sample.

    Attributes:
        size: `(height, width)` of an image, `()` of a row of features.
        channels: features, last in memory.
        bits: signs, 64 to a word, instead of float32.
    """

    size: tuple[int, ...]
    channels: int
    bits: bool = False

    def __post_init__(self) -> None:
        elements = self.channels
        for side in self.size:
            elements *= side
        if min((*self.size, self.channels)) < 1 or elements > MOST_ELEMENTS:
            raise LeveretFormatError(f"a value of shape {(*self.size, self.channels)} is empty or far too large")

    @property
    def shape(self) -> tuple[int, ...]:
        """As users count it: `(channels, height, width)` or `(channels,)`."""
        return (self.channels, *self.size)

    @property
    def nbytes(self) -> int:
        """Memory of one sample."""
        places = 1
        for side in self.size:
            places *= side
        return places * (-(-self.channels // 64) * 8 if self.bits else self.channels * 4)
