"""What a node learns where old samples are few or gone: the new labels, and what it said of the old classes before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.grow._infer import log_confidences
from leveret.grow._node import Node
from leveret.training import Batch

__all__ = ["KeepOld", "OldNode"]


class OldNode(nn.Module):
    """A node of the tree as it was, with everything below it, for some of its classes.

    Args:
        node: stays as it is.
        classes: of its own, in the order of the outputs.

    Shapes: as the node's net; log probabilities `(batch, len(classes))`.
    """

    def __init__(self, node: Node, classes: Sequence[str]) -> None:
        super().__init__()
        self.node = node
        self.columns = [node.classes.index(name) for name in classes]

    def forward(self, x: Any) -> Tensor:
        return log_confidences(self.node, x, None, 0.0)[:, self.columns]


class KeepOld:
    """Cross-entropy, and distillation of the old classes' outputs from what the node said before it grew.

        L = CE(y, z) + λ T² KL(softmax(t_old / T) ‖ softmax(z_old / T))

    Source: Li & Hoiem, "Learning without forgetting", ECCV 2016, eq. 2 and 3, with one softmax over all classes, as
    Rebuffi et al. (iCaRL, CVPR 2017, section 3.4) have it for classes that must be told apart from one another.

    Args:
        teacher: logits of the old classes, `(batch, old)`; run in eval mode without gradient, on the same batch.
        columns: which outputs of the net those are.
        weight: λ, at least 0.
        temperature: T, above 0.

    Raises:
        LeveretUsageError: an argument out of range.
    """

    def __init__(
        self, teacher: nn.Module, columns: Sequence[int], weight: float = 1.0, *, temperature: float = 2.0
    ) -> None:
        if not weight >= 0:
            raise LeveretUsageError(f"the weight of distillation must be at least 0, got {weight}")
        if not temperature > 0:
            raise LeveretUsageError(f"temperature must be above 0, got {temperature}")
        self.teacher = teacher.eval()
        self.columns = list(columns)
        self.weight = weight
        self.temperature = temperature

    def __call__(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        batch.logits = net(batch.inputs)
        with torch.no_grad():
            told = self.teacher(batch.inputs)
        t = self.temperature
        said = F.log_softmax(batch.logits[:, self.columns].float() / t, dim=1)
        wanted = F.log_softmax(told.float() / t, dim=1)
        kept = F.kl_div(said, wanted, reduction="batchmean", log_target=True) * t * t
        return {"cross_entropy": F.cross_entropy(batch.logits, batch.labels), "distillation": self.weight * kept}

    def __repr__(self) -> str:
        return f"KeepOld({len(self.columns)} classes, weight={self.weight}, temperature={self.temperature})"
