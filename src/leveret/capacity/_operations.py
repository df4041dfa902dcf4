"""`Operations`: what the parts of a dynamic capacity net cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leveret.errors import LeveretUsageError

__all__ = ["Operations"]


@dataclass(frozen=True)
class Operations:
    """Multiply-accumulates of convolutions and linear layers, for one image.

    Attributes:
        coarse: of the coarse layers.
        top: of one pass forward through the top layers.
        patch: of the fine layers on one patch; pixels where they can't be counted.
        whole: of the fine layers on the whole image; pixels where they can't be counted.
        crops: patches are images of their own, which a run on the whole image can't stand for.
        finer: the same with the next level's fine layers; None where there is none.
    """

    coarse: int
    top: int
    patch: int
    whole: int
    crops: bool = False
    finer: Operations | None = None

    def with_patches(self, patches: float | Sequence[float], *, gradient: bool = True) -> float:
        """Of the whole net: coarse, top, for each level top again and the gradient's pass back, and the fine layers.

        A level without any patch costs nothing: where none are taken the coarse prediction stands.

        Args:
            patches: of an image, on average; where there are several levels, of each.
            gradient: whether the selector asks for a gradient, whose pass back costs what a pass forward costs; else
                top runs once.

        Raises:
            LeveretUsageError: not a number for each level.
        """
        each = list(patches) if isinstance(patches, Sequence) else [patches]
        levels = self.levels
        if len(each) != len(levels):
            raise LeveretUsageError(f"patches must be a number for each of {len(levels)} levels, got {patches!r}")
        fine = sum(
            n * level.patch if level.crops else min(n * level.patch, level.whole)
            for n, level in zip(each, levels, strict=True)
        )
        looks = sum(n > 0 for n in each)
        return self.coarse + self.top * (1 + 2 * looks if gradient else 1) + fine

    @property
    def levels(self) -> tuple[Operations, ...]:
        """One for each level."""
        return (self, *(self.finer.levels if self.finer else ()))

    @property
    def fine_net(self) -> int:
        """Of the (finest) fine layers everywhere and top, without any coarse layers."""
        return self.levels[-1].whole + self.top
