"""What enters the layer that a net ends with, caught as the net runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from leveret.errors import LeveretUsageError
from leveret.nets._cosine import CosineLinear

__all__ = ["Entered", "entering"]


class Entered:
    """What enters the layer that a net ends with, call by call.

    Attributes:
        rows: a tensor a call of the net, `(batch, in_features)`; maps before a 1x1 convolution are averaged.
    """

    def __init__(self, net: nn.Module) -> None:
        self.rows: list[Tensor] = []
        self._name = type(net).__name__
        self._last: tuple[nn.Module, Tensor] | None = None

    def note(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """A layer with weights begins."""
        self._last = layer, inputs[0]

    def end(self) -> None:
        """The net is done: the layer that began last is the one that gave the logits."""
        if self._last is None:
            raise LeveretUsageError(f"{self._name} has no layer with weights; this needs a linear one at its end")
        layer, entered = self._last
        self._last = None
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) and layer.groups == 1:
            # the mean over places of w·x is w times the mean of x
            entered = entered.mean((-2, -1))
        elif not isinstance(layer, (nn.Linear, CosineLinear)):
            raise LeveretUsageError(
                f"{self._name} ends with {type(layer).__name__}; this needs a linear layer, or a 1x1 convolution, that "
                "gives the logits"
            )
        if entered.dim() != 2:
            raise LeveretUsageError(
                f"the last linear layer of {self._name} takes {tuple(entered.shape)}; this needs one that takes a row "
                "a sample, (batch, in_features)"
            )
        self.rows.append(entered.detach())


@contextmanager
def entering(net: nn.Module) -> Iterator[Entered]:
    """Collect what enters the last linear layer, `(batch, in_features)`, at each call of the net within the block.

    The last layer is the one that ran last of those with weights: a `Linear`, a `CosineLinear`, or a 1x1 convolution.
    Where the net is called in the block, it raises `LeveretUsageError` for a net that ends otherwise.
    """
    entered = Entered(net)
    handles = [m.register_forward_pre_hook(entered.note) for m in net.modules() if _has_weights(m)]
    # after those, as the net itself may be the layer
    handles.append(net.register_forward_hook(lambda module, inputs, output: entered.end()))
    try:
        yield entered
    finally:
        for handle in handles:
            handle.remove()


def _has_weights(module: nn.Module) -> bool:
    if isinstance(module, ParametrizationList):  # runs within the layer whose weight it makes
        return False
    if isinstance(module, (nn.Linear, CosineLinear, nn.Conv2d)):
        return True
    # norms and learned slopes have vectors alone
    return any(parameter.dim() >= 2 for parameter in module.parameters(recurse=False))
