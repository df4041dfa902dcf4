"""How many places of each image get a fine look: as many as an image needs, or as a budget allows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from leveret.errors import LeveretUsageError
from leveret.nets._checks import positive

__all__ = ["Budget", "UntilSure"]


@dataclass(frozen=True)
class UntilSure:
    """For each image, patches until its prediction is sure enough, or gets no surer.

    After every `step` patches the top layers predict anew. An image stops where the entropy of its prediction is at
    most `sure`, where it fell by no more than `fall`, or at `at_most` patches; one whose coarse prediction is sure has
    none at all. The patches that brought no fall are kept: they are paid for. In training each image has `at_most`.

    Attributes:
        at_most: patches of an image.
        sure: entropy in nats, at least 0.
        step: patches between two predictions; each costs a pass through the top layers.
        fall: in nats; at least 0.

    Raises:
        LeveretUsageError: an argument out of range.
    """

    at_most: int
    sure: float = 0.05
    step: int = 1
    fall: float = 0.0

    def __post_init__(self) -> None:
        positive(at_most=self.at_most, step=self.step)
        for name, value in (("sure", self.sure), ("fall", self.fall)):
            if not (0 <= value < math.inf):
                raise LeveretUsageError(f"{name} must be an entropy in nats of at least 0, got {value}")


@dataclass(frozen=True)
class Budget:
    """So many patches, or operations, for a whole batch, spent on the places with the highest scores of all images.

    Both are means over the batch's images, so that a budget means the same for any batch; a batch never takes more.
    Scores must mean the same from image to image, as those of all selectors here do except `LearnedAttention`'s.

    Attributes:
        patches: per image on average, at least 0; or
        operations: multiply-accumulates of the fine layers per image on average, at least 0.

    Raises:
        LeveretUsageError: none or both of them, or one out of range.
    """

    patches: float | None = None
    operations: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.patches, self.operations) if value is not None]
        if len(given) != 1 or not 0 <= given[0] < math.inf:
            raise LeveretUsageError(
                f"a budget is patches or operations per image, one of them, at least 0; got patches={self.patches}, "
                f"operations={self.operations}"
            )

    def counts(self, scores: Tensor, image: Tensor, images: int, costs: tuple[float, float]) -> Tensor:
        """How many places of each image it buys, `(images,)` int64.

        Args:
            scores: `(n,)`, of all places that may be chosen.
            image: `(n,)` int64, which image each is of.
            images: how many there are.
            costs: operations of a patch and of a whole image.
        """
        of_patch, of_image = costs
        if self.patches is not None:
            each = self.patches
        else:
            assert self.operations is not None
            each = len(scores) if self.operations >= of_image else self.operations / of_patch
        total = min(len(scores), math.floor(images * each + 1e-9))
        best = scores.argsort(descending=True, stable=True)[:total]
        return torch.bincount(image[best], minlength=images)
