"""How many places of each image get a fine look: as many as an image needs, or as a budget allows.

What packed nets take, too, so that it is the runtime's; here is what PyTorch computes with it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from leveret.runtime.routes import Budget, UntilSure

__all__ = ["Budget", "UntilSure", "bought"]


def bought(budget: Budget, scores: Tensor, image: Tensor, images: int, costs: tuple[float, float]) -> Tensor:
    """How many places of each image a budget buys, `(images,)` int64.

    Args:
        scores: `(n,)`, of all places that may be chosen.
        image: `(n,)` int64, which image each is of.
        images: how many there are.
        costs: operations of a patch and of a whole image.
    """
    best = scores.argsort(descending=True, stable=True)[: budget.places(images, len(scores), costs)]
    return torch.bincount(image[best], minlength=images)
