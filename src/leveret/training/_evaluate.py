"""A net, or a packed model, on one part of the data: its logits, and how they compare with the labels."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from leveret.metrics import Evaluation
from leveret.training._loader import evaluation_loader
from leveret.training._parts import part_of

__all__ = ["Part", "evaluate", "logits_of"]

Part = Literal["test", "train", "val"]


def evaluate(net: Any, data: Any, part: Part = "test", *, batch_size: int = 256) -> Evaluation:
    """Run `net` over a part of `data` and compare with the labels.

    Args:
        net: a `torch.nn.Module` (put in eval mode meanwhile) or a `leveret.runtime.Packed`.
        data: from `leveret.load`.
        part: "train", "val" or "test".
        batch_size: samples at once; more is faster until memory is short.

    Raises:
        LeveretUsageError: no such part, or it is empty.
    """
    split = part_of(data, part)
    if isinstance(net, nn.Module):
        logits = logits_of(net, data, part, batch_size=batch_size).numpy()
    else:
        starts = range(0, len(split), batch_size)
        logits = np.concatenate([net(split.fetch(np.arange(i, min(i + batch_size, len(split))))) for i in starts])
    return Evaluation(logits, np.asarray(split.labels, dtype=np.int64), tuple(data.classes))


def logits_of(
    net: nn.Module, data: Any, part: Part, *, batch_size: int = 256, mirrored: bool = False, progress: bool = False
) -> Tensor:
    """The net's logits for every sample of a part, in order: `(samples, num_classes)` float32, without gradient.

    Args:
        net: put in eval mode meanwhile.
        data: from `leveret.load`.
        part: "train", "val" or "test".
        batch_size: samples at once.
        mirrored: the mean over each image and its mirror image, which is a little truer and takes twice the time.
        progress: show a bar, with the time left, on a terminal.

    Raises:
        LeveretUsageError: no such part, or it is empty.
    """
    loader = evaluation_loader(part_of(data, part), data.normalization, batch_size=batch_size, channels_last=True)
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
