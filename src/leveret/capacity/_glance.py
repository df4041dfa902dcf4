"""`Glance`: what is known after the coarse look, from which a selector chooses; and the entropy of predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.capacity._geometry import Geometry
from leveret.capacity._twin import evaluating
from leveret.errors import LeveretUsageError

__all__ = ["Glance", "entropy", "predicted"]


def entropy(logits: Tensor) -> Tensor:
    """`H = −Σ_l o_l log o_l` of the class probabilities o, in nats: `(batch, num_classes)` to `(batch,)`."""
    log_o = F.log_softmax(logits, dim=1)
    return -(log_o.exp() * log_o).sum(1)


@dataclass
class Glance:
    """The coarse look at a batch; before a second level's look, coarse features in which the first one's fine ones are.

    Attributes:
        images: `(batch, channels, height, width)`; where the coarse layers see them scaled down, so are these.
        coarse: their coarse features `(batch, D, rows, columns)`, without gradient.
        top: the top layers.
        geometry: the field of `images` that a place stands for: the fine layers' field, or where `images` are scaled
            down the coarse layers'.
        training: whether the net is being trained.
    """

    images: Tensor
    coarse: Tensor
    top: nn.Module
    geometry: Geometry
    training: bool = False
    _logits: Tensor | None = field(default=None, repr=False)

    @property
    def logits(self) -> Tensor:
        """The coarse prediction `(batch, num_classes)`, with the top layers in eval mode, without gradient."""
        if self._logits is None:
            with torch.no_grad():
                self._logits = _float(predicted(evaluating(self.top), self.coarse))
        return self._logits

    def gradient(self, measure: Callable[[Tensor], Tensor]) -> Tensor:
        """The gradient of a measure of the coarse prediction with respect to the coarse features, `coarse`'s shape.

        One pass forward and one back through the top layers alone, in eval mode, so that each image is on its own, and
        in the precision of their weights. No graph outlives it. It works under `no_grad` and `inference_mode`, too.

        Args:
            measure: from logits `(batch, num_classes)` to `(batch,)`.
        """
        device = self.coarse.device.type
        # an evaluation may run in inference mode, whose tensors know no gradient
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device, enabled=False):
            weight = next((p for p in self.top.parameters() if p.is_floating_point()), None)
            dtype = self.coarse.dtype if weight is None else weight.dtype
            coarse = self.coarse.clone().to(dtype).requires_grad_()
            logits = _float(predicted(evaluating(self.top), coarse))
            (gradient,) = torch.autograd.grad(measure(logits).sum(), coarse)
        self._logits = logits.detach()
        return gradient


def predicted(top: nn.Module, features: Tensor) -> Tensor:
    """The top layers' logits.

    Raises:
        LeveretUsageError: they can't be run on such a grid.
    """
    try:
        return top(features)
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        rows, columns = features.shape[2:]
        raise LeveretUsageError(
            f"top can't be run on features of {features.shape[1]} channels and a grid of {rows}x{columns}: {error}; "
            "for images of several sizes it must take any grid, as with a global pool"
        ) from error


def _float(logits: Tensor) -> Tensor:
    """At least float32: the entropy of a sure prediction is lost in less."""
    return logits if logits.dtype == torch.float64 else logits.float()
