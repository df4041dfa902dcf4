"""What enters a net's last layer, as data; for methods that leave all but that layer as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.nets import entering, final_linear
from leveret.training import logits_of

__all__ = ["FeatureData", "Rows", "check_last"]

_ASKED = 64  # samples, in one batch


def check_last(net: nn.Module, layer: nn.Module, name: str, data: Any) -> None:
    """Whether the layer makes the net's logits: asked of some samples, where a trace of the net can't say."""
    try:
        final_linear(net, sure=True)
    except LeveretUsageError:
        some = FeatureData(data.name, _First(data.train, _ASKED), data.val, data.normalization)
        with entering(net) as caught:
            logits = logits_of(net, some, "train")
        with torch.no_grad():
            own = [layer(rows) for rows in caught.rows]
        if len(own) != 1 or own[0].shape != logits.shape or not torch.allclose(own[0], logits, rtol=1e-3, atol=1e-3):
            raise LeveretUsageError(
                f"the logits of {type(net).__name__} aren't what its last linear layer {name!r} gives; retraining "
                "needs a net that ends in a linear layer"
            ) from None


class Rows:
    """Features of a part's samples as a split."""

    def __init__(self, rows: Tensor, labels: NDArray[np.int64]) -> None:
        self.rows = rows
        self.labels = labels

    @classmethod
    def of(cls, backbone: nn.Module, data: Any, part: Literal["train", "val"]) -> Rows:
        split = getattr(data, part)
        labels = np.asarray(split.labels)
        if not len(split):
            return cls(torch.empty(0, 0), labels)
        rows = logits_of(backbone, data, part)
        if rows.dim() != 2 or not rows.isfinite().all():
            raise LeveretUsageError(
                f"what enters the net's last layer must be finite numbers, (n, features), on the {part} part; got "
                f"{tuple(rows.shape)}{'' if rows.isfinite().all() else ', not all finite'}"
            )
        return cls(rows, labels)

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: NDArray[np.int64]) -> Rows:
        return self if len(indices) == len(self) else Rows(self.rows[torch.from_numpy(indices)], self.labels[indices])

    def fetch(self, indices: ArrayLike) -> Tensor:
        return self.rows[torch.from_numpy(np.asarray(indices))]


class _First:
    """The first samples of a split."""

    def __init__(self, split: Any, most: int) -> None:
        self.split = split
        self.labels = np.asarray(split.labels)[:most]

    def __len__(self) -> int:
        return len(self.labels)

    def fetch(self, indices: ArrayLike) -> Any:
        return self.split.fetch(indices)


@dataclass
class FeatureData:
    name: str
    train: Any
    val: Any
    normalization: Any
