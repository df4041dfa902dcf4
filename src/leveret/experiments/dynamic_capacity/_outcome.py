"""What a trained net does on the test part: its error, before and after the closer look, and where it looked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor, nn

from leveret.capacity import (
    CoarseConfidence,
    DynamicCapacityNet,
    Edges,
    EntropyGradient,
    LocalVariance,
    RandomPlaces,
    Selector,
)
from leveret.data import ClutteredSplit, Data
from leveret.training._loader import evaluation_loader

__all__ = ["curve", "outcome", "quality"]

_AMOUNTS = (0, 1, 2, 4, 8, 16, 32)
_CURVE_IMAGES = 2000


def outcome(net: nn.Module, data: Data) -> dict[str, Any]:
    """The `error`, of two classes also `pr_auc`, and of a dynamic capacity net `coarse_error` and `touching`.

    The last is the share of chosen patches that touch the digit, where it is known where digits lie.
    """
    if isinstance(net, DynamicCapacityNet):
        return _looked(net, data, len(data.test))
    return _judged(torch.cat([net(images) for _, images, _ in _batches(net, data)]), data)


def curve(net: DynamicCapacityNet, data: Data) -> list[dict[str, Any]]:
    """The error with other numbers of patches than it was trained with, on the first test images, and operations."""
    side = data.image_shape[1:]
    counted = net.operations(*side)
    usual, rows = net.k, []
    height, width = net.geometry.grid(*side)
    for amount in (amount for amount in _AMOUNTS if amount <= height * width):
        net.k = amount
        error = _looked(net, data, min(_CURVE_IMAGES, len(data.test)))["error"]
        rows.append({"k": amount, "error": error, "operations": counted.with_patches(amount)})
    net.k = usual
    return rows


def quality(net: DynamicCapacityNet, data: Data) -> dict[str, dict[str, Any]]:
    """What other selectors find, put in the place of the net's own after training."""
    selectors: dict[str, Selector] = {
        "entropy": EntropyGradient(),
        "confidence": CoarseConfidence(),
        "variance": LocalVariance(),
        "edges": Edges(),
        "random": RandomPlaces(),
    }
    usual = net.selector
    found = {}
    for name, selector in selectors.items():
        net.selector = selector
        found[name] = _looked(net, data, min(_CURVE_IMAGES, len(data.test)))
    net.selector = usual
    return found


def _looked(net: DynamicCapacityNet, data: Data, images: int) -> dict[str, Any]:
    logits, coarse, touching, chosen = [], [], 0, 0
    for places, inputs, _ in _batches(net, data, images):
        look = net.look(inputs)
        logits.append(look.logits)
        coarse.append(look.coarse_logits)
        if isinstance(data.test, ClutteredSplit):
            touching += _touching(look.boxes, data.test.boxes(places, tight=True))
            chosen += len(look.sample)
    found = _judged(torch.cat(logits), data) | {"coarse_error": _judged(torch.cat(coarse), data)["error"]}
    return found | ({"touching": touching / chosen} if chosen else {})


def _judged(logits: Tensor, data: Data) -> dict[str, Any]:
    labels = np.asarray(data.test.labels)[: len(logits)]
    found = {"error": float(np.mean(logits.argmax(1).numpy() != labels))}
    if data.num_classes == 2:
        rare = int(np.argmin(data.train.class_counts()))
        scores = logits[:, rare] - logits[:, 1 - rare]
        found["pr_auc"] = float(average_precision_score(labels == rare, scores.numpy()))
    return found


def _touching(boxes: tuple[Tensor, ...], digits: Any) -> int:
    """How many patches, an image's `(count, 4)` top, left, bottom, right, meet its digit's left, top, right, bottom."""
    met = 0
    for patches, (left, top, right, bottom) in zip(boxes, digits.tolist(), strict=True):
        above, before, below, behind = patches.T
        met += int(((above < bottom) & (below > top) & (before < right) & (behind > left)).sum())
    return met


def _batches(net: nn.Module, data: Data, images: int | None = None) -> Iterator[tuple[Any, Tensor, Tensor]]:
    """Numbers, pixels and labels of the test part, the net in eval mode."""
    net.eval()
    part = data.test if images is None else data.test.subset(np.arange(images))
    loader = evaluation_loader(part, data.normalization)
    first = 0
    with torch.inference_mode():
        for batch in loader:
            yield np.arange(first, first + len(batch.labels)), batch.inputs, batch.labels
            first += len(batch.labels)
