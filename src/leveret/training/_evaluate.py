"""`evaluate`: a net, or a packed model, on one part of the data."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from leveret.errors import LeveretUsageError
from leveret.metrics import Evaluation
from leveret.training._loader import evaluation_loader

__all__ = ["evaluate"]


def evaluate(
    net: Any, data: Any, part: Literal["test", "train", "val"] = "test", *, batch_size: int = 256
) -> Evaluation:
    """Run `net` over a part of `data` and compare with the labels.

    Args:
        net: a `torch.nn.Module` (put in eval mode meanwhile) or a `leveret.runtime.Packed`.
        data: from `leveret.load`.
        part: "train", "val" or "test".
        batch_size: samples at once; more is faster until memory is short.

    Raises:
        LeveretUsageError: no such part, or it is empty.
    """
    if part not in ("train", "val", "test"):
        raise LeveretUsageError(f"part must be 'train', 'val' or 'test', got {part!r}")
    split = getattr(data, part)
    if len(split) == 0:
        raise LeveretUsageError(f"the {part} part of {data.name} is empty")
    if isinstance(net, nn.Module):
        logits = _torch_logits(net, data, split, batch_size)
    else:
        starts = range(0, len(split), batch_size)
        logits = [net(split.fetch(np.arange(i, min(i + batch_size, len(split))))) for i in starts]
    return Evaluation(np.concatenate(logits), np.asarray(split.labels, dtype=np.int64), tuple(data.classes))


def _torch_logits(net: nn.Module, data: Any, split: Any, batch_size: int) -> list[np.ndarray]:
    was_training = net.training
    net.eval()
    try:
        with torch.no_grad():
            loader = evaluation_loader(split, data.normalization, batch_size=batch_size, channels_last=True)
            return [net(batch.inputs).float().numpy() for batch in loader]
    finally:
        net.train(was_training)
