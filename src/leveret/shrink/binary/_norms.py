"""BatchNorm before linear layers; and its statistics, found anew for the weights that evaluation computes with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from leveret.errors import LeveretUsageError
from leveret.shrink._calibrate import checked

__all__ = ["LastAxisNorm", "reestimate_norms"]


class LastAxisNorm(nn.BatchNorm1d):
    """BatchNorm of the channels that a linear layer takes, which are an input's last axis, whatever axes lead there.

    Shapes: `(batch, …, channels)` → the same; on rows, `(batch, channels)`, it is `nn.BatchNorm1d`.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        pass  # of any number of axes

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.transpose(1, -1)).transpose(1, -1)


def reestimate_norms(net: nn.Module, batches: Iterable[Any]) -> nn.Module:
    """Let each BatchNorm's running mean and variance be those of `batches`, all else as in evaluation: in place.

    Training leaves statistics of what training computed. Where evaluation has other weights, as after signs drawn at
    random, they no longer fit, and the net may be no better than chance.

    Args:
        net: given back, in the mode that it was in.
        batches: inputs as `net` takes them, or pairs of those and labels: some hundred samples, in batches as large as
            in training.

    Raises:
        LeveretDataError: a batch holds NaN or infinite values.
        LeveretUsageError: no batches, or a net without BatchNorm.

    Example:
        >>> small = binarize(net, "binaryconnect", stochastic=True)
        >>> leveret.fit(small, data, epochs=30, lr=0.03, keep_best=False)
        >>> reestimate_norms(small, images.split(128))
    """
    norms = [module for module in net.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    if not norms:
        raise LeveretUsageError(f"{type(net).__name__} has no BatchNorm with running statistics")
    was_training = {module: module.training for module in net.modules()}
    momenta = [norm.momentum for norm in norms]
    net.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
        norm.train()
    try:
        with torch.no_grad():
            for inputs in checked(batches, net):
                net(inputs)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, training in was_training.items():
            module.training = training
    return net
