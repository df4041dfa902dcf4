"""A net, or a packed model, on one part of the data: its logits, and how they compare with the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import torch
from torch import Tensor, nn

from leveret.metrics import Evaluation
from leveret.training._batch import UNLABELLED
from leveret.training._loader import evaluation_batch, evaluation_loader
from leveret.training._module import check_maps
from leveret.training._parts import has_masks, has_tags, part_of
from leveret.training._tags import checked_emissions, sentence_losses, tag_paths

if TYPE_CHECKING:
    from leveret.data import SegmentationData, TaggingData
    from leveret.training.metrics import SegmentationEvaluation, TagEvaluation

__all__ = ["Part", "evaluate", "logits_of"]

Part = Literal["test", "train", "val"]


@overload
def evaluate(
    net: Any, data: SegmentationData, part: Part = "test", *, batch_size: int | None = None
) -> SegmentationEvaluation: ...


@overload
def evaluate(net: Any, data: TaggingData, part: Part = "test", *, batch_size: int | None = None) -> TagEvaluation: ...


@overload
def evaluate(net: Any, data: Any, part: Part = "test", *, batch_size: int | None = None) -> Evaluation: ...


def evaluate(net: Any, data: Any, part: Part = "test", *, batch_size: int | None = None) -> Any:
    """Run `net` over a part of `data` and compare with the labels.

    Args:
        net: a `torch.nn.Module` (put in eval mode meanwhile) or a `leveret.runtime.Packed`.
        data: from `leveret.load`.
        part: "train", "val" or "test".
        batch_size: samples at once; more is faster until memory is short. Default: 256, of images that hold 8 million
            values at most; 8 images with masks, 64 sentences with tags.

    Returns:
        An `Evaluation`; of images with masks a `metrics.SegmentationEvaluation`, counted image by image; of sentences
        with tags a `metrics.TagEvaluation`.

    Raises:
        LeveretUsageError: no such part, or it is empty.
    """
    split = part_of(data, part)
    batch_size = batch_size or evaluation_batch(split)
    if has_tags(split):
        return _tags(net, data, split, batch_size)
    if has_masks(split):
        return _segmentation(net, data, split, batch_size)
    if isinstance(net, nn.Module):
        logits = logits_of(net, data, part, batch_size=batch_size).numpy()
    else:
        starts = range(0, len(split), batch_size)
        logits = np.concatenate([net(split.fetch(np.arange(i, min(i + batch_size, len(split))))) for i in starts])
    return Evaluation(logits, np.asarray(split.labels, dtype=np.int64), tuple(data.classes))


def _tags(net: Any, data: Any, split: Any, batch_size: int) -> TagEvaluation:
    from leveret.training.metrics import EntityMeter

    meter = EntityMeter(data.classes)
    if not isinstance(net, nn.Module):
        for start in range(0, len(split), batch_size):
            part = split.subset(np.arange(start, min(start + batch_size, len(split))))
            meter.update(net.predict(part.fetch(np.arange(len(part)))), part.labels)
        return meter.compute()
    was_training = net.training
    net.eval()
    try:
        with torch.no_grad():
            for batch in evaluation_loader(split, data.normalization, batch_size=batch_size):
                emissions = checked_emissions(net(batch.inputs), batch.labels)
                lengths = (batch.labels != UNLABELLED).sum(1)
                labels = [row[:n] for row, n in zip(batch.labels.numpy(), lengths.tolist(), strict=True)]
                loss = float(sentence_losses(net, emissions, batch.labels).sum())
                meter.update(tag_paths(net, emissions, lengths), labels, loss)
    finally:
        net.train(was_training)
    return meter.compute()


def _segmentation(net: Any, data: Any, split: Any, batch_size: int) -> SegmentationEvaluation:
    from leveret.training.metrics import SegmentationMeter

    meter = SegmentationMeter(data.classes)
    if not isinstance(net, nn.Module):
        for start in range(0, len(split), batch_size):
            images, masks = split.fetch_pairs(np.arange(start, min(start + batch_size, len(split))))
            meter.update(net(images), masks)
        return meter.compute()
    was_training = net.training
    net.eval()
    try:
        with torch.no_grad():
            for batch in evaluation_loader(split, data.normalization, batch_size=batch_size):
                logits = net(batch.inputs)
                check_maps(logits, batch.labels)
                meter.update(logits.float().numpy(), batch.labels.numpy())
    finally:
        net.train(was_training)
    return meter.compute()


def logits_of(
    net: nn.Module,
    data: Any,
    part: Part,
    *,
    batch_size: int | None = None,
    mirrored: bool = False,
    progress: bool = False,
) -> Tensor:
    """The net's logits for every sample of a part, in order: `(samples, num_classes)` float32, without gradient.

    Args:
        net: put in eval mode meanwhile.
        data: from `leveret.load`.
        part: "train", "val" or "test".
        batch_size: samples at once; default as for `evaluate`.
        mirrored: the mean over each image and its mirror image, which is a little truer and takes twice the time.
        progress: show a bar, with the time left, on a terminal.

    Raises:
        LeveretUsageError: no such part, or it is empty.
    """
    loader = evaluation_loader(part_of(data, part), data.normalization, batch_size=batch_size)
    was_training = net.training
    net.eval()
    try:
        with torch.no_grad():
            return torch.cat([_views(net, batch.inputs, mirrored) for batch in _shown(loader, progress)])
    finally:
        net.train(was_training)


def _views(net: nn.Module, inputs: Tensor, mirrored: bool) -> Tensor:
    logits = net(inputs).float()
    return (logits + net(inputs.flip(-1)).float()) / 2 if mirrored else logits


def _shown(loader: Any, progress: bool) -> Any:
    if not progress:
        return loader
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(loader, "logits", console=console, transient=True) if console.is_terminal else loader
