"""Two-stage training (Martinez et al., ICLR 2020; ReActNet, section 5.1): binary activations first, then weights.

set_binary_weights(net, False)
fit(net, data, …)  # real weights, binary activations
set_binary_weights(net, True)
fit(net, data, …)  # everything binary, from those weights
"""

from __future__ import annotations

from torch import nn

from leveret.errors import LeveretUsageError
from leveret.shrink.binary._layers import BinaryLayer

__all__ = ["binary_layers", "set_binary_weights"]


def binary_layers(net: nn.Module) -> list[tuple[str, BinaryLayer]]:
    """The binary layers of `net` with their dotted names, in the order of registration."""
    return [(name, module) for name, module in net.named_modules() if isinstance(module, BinaryLayer)]


def set_binary_weights(net: nn.Module, enabled: bool) -> None:
    """Let every binary layer of `net` compute with its binary weights, or (stage one) with its real ones.

    Raises:
        LeveretUsageError: `net` has no binary layer.
    """
    layers = binary_layers(net)
    if not layers:
        raise LeveretUsageError(
            f"{type(net).__name__} has no binary layer to switch; make some with leveret.binarize(net)"
        )
    for _, layer in layers:
        layer.real_weights = not enabled
