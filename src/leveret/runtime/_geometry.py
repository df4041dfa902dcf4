"""Windows that slide over images: sizes of what comes out, and checks."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass

from leveret.errors import LeveretUsageError

__all__ = ["Pair", "Window", "pair"]

Pair = tuple[int, int]


def pair(value: int | Pair) -> Pair:
    """One number for both directions, or two: down, across.

    Raises:
        LeveretUsageError: it is neither.
    """
    try:
        down, across = value if isinstance(value, Sequence) else (value, value)
        return operator.index(down), operator.index(across)
    except (TypeError, ValueError):
        raise LeveretUsageError(f"a size of a window must be a whole number or two, got {value!r}") from None


@dataclass(frozen=True)
class Window:
    """A kernel's window: each a pair, down and across, in pixels.

    Raises:
        LeveretUsageError: a size below 1, or a negative padding.
    """

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        for name in ("kernel", "stride", "dilation"):
            if min(getattr(self, name)) < 1:
                raise LeveretUsageError(f"{name} must be at least 1 both ways, got {getattr(self, name)}")
        if min(self.padding) < 0:
            raise LeveretUsageError(f"padding must be at least 0 both ways, got {self.padding}")

    def out(self, height: int, width: int) -> Pair:
        """Places that the window takes on an image.

        Raises:
            LeveretUsageError: the image is empty, or smaller than the window.
        """
        if min(height, width) < 1:
            raise LeveretUsageError(f"an image must have at least one pixel both ways, got {height}x{width}")
        sizes = (self._places(height, 0), self._places(width, 1))
        if min(sizes) < 1:
            raise LeveretUsageError(
                f"an image of {height}x{width} is too small for kernel {self.kernel}, padding {self.padding}, "
                f"dilation {self.dilation}"
            )
        return sizes

    def as_row(self, height: int, width: int) -> tuple[int, ...]:
        """What the native kernels take: image, kernel, stride, padding, dilation, output."""
        sizes = (height, width, *self.kernel, *self.stride, *self.padding, *self.dilation)
        return (*sizes, *self.out(height, width))

    def _places(self, size: int, axis: int) -> int:
        reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        room = size + 2 * self.padding[axis] - reach
        if room < 0:
            return 0
        if not self.ceil_mode:
            return room // self.stride[axis] + 1
        places = -(-room // self.stride[axis]) + 1
        # as PyTorch has it: a last window must begin inside the image or its left padding
        return places - ((places - 1) * self.stride[axis] >= size + self.padding[axis])
