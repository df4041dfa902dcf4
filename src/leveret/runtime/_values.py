"""What flows through a graph: images or rows, of floats, sign bits or quantised values; at first perhaps token ids."""

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
        levels: lowest and highest of quantised values, one byte each, instead of float32; int8 if the lowest is below
            0, else uint8.
        ids: of token ids, int64 instead of float32: how many different ones there are; 0 for anything else.
    """

    size: tuple[int, ...]
    channels: int
    bits: bool = False
    levels: tuple[int, int] | None = None
    ids: int = 0

    def __post_init__(self) -> None:
        if min((*self.size, self.channels)) < 1 or self.elements > MOST_ELEMENTS:
            raise LeveretFormatError(f"a value of shape {(*self.size, self.channels)} is empty or far too large")

    @property
    def elements(self) -> int:
        """Values of one sample, whatever their kind."""
        elements = self.channels
        for side in self.size:
            elements *= side
        return elements

    @property
    def shape(self) -> tuple[int, ...]:
        """As users count it: `(channels, height, width)` or `(channels,)`."""
        return (self.channels, *self.size)

    @property
    def kind(self) -> str:
        """In words: floats, bits, bytes for quantised values, or ids."""
        if self.ids:
            return "ids"
        return "bits" if self.bits else "floats" if self.levels is None else "bytes"

    @property
    def nbytes(self) -> int:
        """Memory of one sample."""
        places = self.elements // self.channels
        if self.bits:
            return places * -(-self.channels // 64) * 8
        return self.elements * {"floats": 4, "ids": 8}.get(self.kind, 1)
