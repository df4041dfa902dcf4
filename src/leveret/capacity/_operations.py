"""`Operations`: what the parts of a dynamic capacity net cost."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    coarse: int
    top: int
    patch: int
    whole: int
    crops: bool = False

    def with_patches(self, patches: float, *, gradient: bool = True) -> float:
        """Of the whole net: coarse, top twice, the gradient's pass back through top, and the fine layers.

        Args:
            patches: of an image, on average.
            gradient: whether the selector asks for a gradient, whose pass back costs what a pass forward costs; else
                top runs once.
        """
        fine = patches * self.patch if self.crops else min(patches * self.patch, self.whole)
        return self.coarse + self.top * (3 if gradient else 1) + fine

    @property
    def fine_net(self) -> int:
        """Of the fine layers everywhere and top, without any coarse layers."""
        return self.whole + self.top
