"""Switches of all binary layers in a net: two-stage training, and who computes.

Two-stage training (Martinez et al., ICLR 2020; ReActNet, section 5.1): binary activations first, then weights.

set_binary_weights(net, False)
fit(net, data, …)  # real weights, binary activations
set_binary_weights(net, True)
fit(net, data, …)  # everything binary, from those weights
"""

from __future__ import annotations

from torch import nn

from leveret.errors import LeveretUsageError
from leveret.shrink.binary._bitsums import BitKernels
from leveret.shrink.binary._layers import BinaryLayer, XnorConv2d, XnorLinear

__all__ = ["binary_layers", "set_binary_weights", "use_bit_kernels"]


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


def use_bit_kernels(net: nn.Module, mode: BitKernels = "auto") -> None:
    """Let every XNOR layer of `net` add up by the bit kernels of packed nets, or by float convolutions of signs.

    Sums and gradients are the same, but that a scale α may round otherwise. Where bits can't compute (nothing was
    compiled, another device or dtype, real weights in stage one), floats do so whatever was chosen.

    Args:
        net: with `XnorConv2d` or `XnorLinear` layers.
        mode: True: bits; False: floats. "auto", as layers are made: what is faster, measured once for each kind of
            layer and input. Layers with α then take bits without grad, floats in training, so that runs repeat to the
            last bit.

    Raises:
        LeveretUsageError: another mode, or `net` has no XNOR layer.
    """
    if mode not in (True, False, "auto"):
        raise LeveretUsageError(f"mode must be True, False or 'auto', got {mode!r}")
    layers = [layer for layer in net.modules() if isinstance(layer, XnorConv2d | XnorLinear)]
    if not layers:
        raise LeveretUsageError(
            f"{type(net).__name__} has no layer of binary inputs and weights; make some with leveret.binarize(net)"
        )
    for layer in layers:
        layer.bit_kernels = mode
