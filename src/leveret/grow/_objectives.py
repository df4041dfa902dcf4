"""What a node learns: the labels, however often each class is drawn; and what it said of the old classes before."""

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

__all__ = ["DrawnMore", "KeepOld", "OldNode"]


class DrawnMore:
    """Cross-entropy where classes are drawn at other rates than they have in the data, of which the net learns nothing.

        L = CE(y, z + log r)

    A class drawn r times as often as the others would be said too often; with log r beside its logit while training,
    the net's own logits are those of the data as it is.

    Source: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, eq. 10, with the rates, which are ours
    to choose, for the frequencies.

    Args:
        rates: `(num_classes,)`, above 0; only what they are to one another counts.

    Raises:
        LeveretUsageError: a rate that isn't above 0.
    """

    def __init__(self, rates: Sequence[float]) -> None:
        if not all(0 < rate < float("inf") for rate in rates):
            raise LeveretUsageError(f"rates must be above 0, got {list(rates)}")
        self.rates = tuple(map(float, rates))
        self.shift = torch.tensor(self.rates).log()

    def __call__(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        batch.logits = net(batch.inputs)
        return {"cross_entropy": F.cross_entropy(batch.logits + self.shift, batch.labels)}

    def __repr__(self) -> str:
        return f"DrawnMore({', '.join(f'{rate:g}' for rate in self.rates)})"


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

        L = CE(y, z_learned) + λ T² KL(softmax(t_old / T) ‖ softmax(z_old / T))

    Without old samples the cross-entropy must be of the new outputs alone. Over all outputs it would push the old ones
    down on every sample that comes, and by their common shift, which the distillation's softmax can't see: after a few
    epochs nothing is ever called by an old name.

    Source: Li & Hoiem, "Learning without forgetting", ECCV 2016, eq. 2 and 3, whose tasks have outputs of their own;
    where old samples are there, one softmax over all, as Rebuffi et al. (iCaRL, CVPR 2017, section 3.4) have it for
    classes that must be told apart from one another. The factor T² is Hinton et al.'s (2015), not theirs.

    Args:
        teacher: logits of the old classes, `(batch, old)`; run in eval mode without gradient, on the same batch.
        columns: which outputs of the net those are.
        weight: λ, at least 0.
        temperature: T, above 0.
        learned: the outputs among which the labels are told apart, each label's own among them; None for all.

    Raises:
        LeveretUsageError: an argument out of range.
    """

    def __init__(
        self,
        teacher: nn.Module,
        columns: Sequence[int],
        weight: float = 1.0,
        *,
        temperature: float = 2.0,
        learned: Sequence[int] | None = None,
    ) -> None:
        if not weight >= 0:
            raise LeveretUsageError(f"the weight of distillation must be at least 0, got {weight}")
        if not temperature > 0:
            raise LeveretUsageError(f"temperature must be above 0, got {temperature}")
        self.teacher = teacher.eval()
        self.columns = list(columns)
        self.weight = weight
        self.temperature = temperature
        self.learned = None if learned is None else list(learned)

    def __call__(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        batch.logits = net(batch.inputs)
        with torch.no_grad():
            told = self.teacher(batch.inputs)
        t = self.temperature
        said = F.log_softmax(batch.logits[:, self.columns].float() / t, dim=1)
        wanted = F.log_softmax(told.float() / t, dim=1)
        kept = F.kl_div(said, wanted, reduction="batchmean", log_target=True) * t * t
        return {"cross_entropy": self._labels_loss(batch), "distillation": self.weight * kept}

    def _labels_loss(self, batch: Batch) -> Tensor:
        logits = batch.logits
        assert logits is not None
        if self.learned is not None:
            others = torch.ones(logits.shape[1], dtype=torch.bool)
            others[self.learned] = False
            logits = logits.masked_fill(others, -torch.inf)
        return F.cross_entropy(logits, batch.labels)

    def __repr__(self) -> str:
        among = "" if self.learned is None else f", labels told apart among {len(self.learned)} outputs"
        return f"KeepOld({len(self.columns)} classes, weight={self.weight}, temperature={self.temperature}{among})"
