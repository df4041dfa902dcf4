"""How long feature vectors are: what a classifier joins, with batch norm and without."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from leveret.context import FCN
from leveret.context._measured import maps_of
from leveret.data import SegmentationData
from leveret.training._loader import to_tensor

__all__ = ["lengths"]

_IMAGES = 40


@torch.inference_mode()
def lengths(net: FCN, data: SegmentationData) -> dict[str, Any]:
    """Mean Euclidean lengths over the channels, on some test images.

    Returns:
        `maps`: of the vectors of each map in use, the finest first; `context`: of the coarsest map's mean over each
        image.
    """
    places = np.linspace(0, len(data.test) - 1, min(_IMAGES, len(data.test))).astype(np.int64)
    sums: list[torch.Tensor] = []
    for some in np.array_split(places, -(-len(places) // 8)):
        images = to_tensor(data.test.fetch(some), data.normalization)
        maps = maps_of(net.backbone(net.padded(images)))[-len(net.strides) :]
        found = [one.norm(dim=1).mean() for one in maps] + [maps[-1].mean((2, 3)).norm(dim=1).mean()]
        sums.append(torch.stack(found) * len(some))
    mean = (torch.stack(sums).sum(0) / len(places)).tolist()
    return {"strides": list(net.strides), "maps": mean[:-1], "context": mean[-1]}
