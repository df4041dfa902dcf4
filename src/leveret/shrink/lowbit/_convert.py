"""`ternarize` and `quantize_training`: nets of few bits, to be trained on."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, Literal, get_args

from torch import nn

from leveret.errors import LeveretUsageError
from leveret.shrink._calibrate import calibrate, checked
from leveret.shrink._choose import Chosen, choose_layers, fitting, leave, replaced
from leveret.shrink._range import ValueRange
from leveret.shrink._windows import pads_unevenly
from leveret.shrink.lowbit._layers import low_bit

__all__ = ["quantize_training", "ternarize"]

WeightForm = Literal["steps", "tanh"]


def quantize_training(
    net: nn.Module,
    batches: Iterable[Any],
    weight_bits: int = 4,
    activation_bits: int = 4,
    *,
    weight_form: WeightForm = "steps",
    learn_steps: bool = True,
    layers: Chosen = None,
    keep_first: bool = True,
    keep_last: bool = True,
    skip_unfit: bool = False,
    inplace: bool = False,
) -> nn.Module:
    """Give back `net` with weights and inputs of few bits in its Conv2d and Linear layers, to be trained on.

    The layers become `LowBitConv2d` and `LowBitLinear`. Real weights learn behind the whole numbers. What 1 stands for,
    in each filter and in the input of each layer, begins where the squared error is least, and learns along.
    In eval mode, without gradients, layers compute on whole numbers as the packed net does, to the last bit;
    `leveret.pack` keeps weights in planes of bits where that is smaller than bytes.

    This is training with k bits as DoReFa-Net has it (Zhou et al., 2016), with learned steps (Esser et al., "Learned
    Step Size Quantization", ICLR 2020) in the place of its bounds of activations from 0 to 1 and, unless `weight_form`
    is "tanh", of its weights; gradients stay real. One bit is XNOR-Net's `α sign(W)`.

    Args:
        net: any trained module. Layers are found by type, exactly `nn.Conv2d` and `nn.Linear`.
        batches: inputs of the net, images normalised, or pairs of those and labels: they say which values each layer
            takes, hence where its steps begin and whether they need a sign.
        weight_bits: 1 to 8. 1: ±1; 2: −1, 0, 1; b: −(2^(b−1) − 1) to 2^(b−1) − 1.
        weight_form: "steps", or "tanh", DoReFa-Net's (eq. 9): weights bent by tanh, then cut into 2^b even levels
            without a 0; for up to 7 bits, 1 being the same in both. The paper's weights fill −1..1; here a step, which
            may learn along, keeps the size that they had, for nets without a BatchNorm behind.
        activation_bits: 1 to 8: 0 to 2^a − 1 where no value was negative, as behind ReLU, else −2^(a−1) to 2^(a−1) − 1.
        learn_steps: let the steps learn; else they stay as they were found.
        layers: which to convert: names or glob patterns as in `net.named_modules()`, or a function of name and module.
            By default all but the first and the last.
        keep_first, keep_last: leave these real; only looked at where `layers` is None.
        skip_unfit: leave layers that don't fit as they are, with a warning that names them, rather than raise.
        inplace: change `net` itself instead of a deep copy.

    Raises:
        LeveretDataError: a batch holds NaN or infinite values.
        LeveretUsageError: an argument out of range, nothing to convert, no batches, or a layer that doesn't fit, named.

    Example:
        >>> small = quantize_training(net, images.split(64), 2, 2)
        >>> leveret.fit(small, data, epochs=10)
    """
    for name, bits in (("weight_bits", weight_bits), ("activation_bits", activation_bits)):
        if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= 8:
            raise LeveretUsageError(f"{name} must be a whole number from 1 to 8, got {bits!r}")
    if weight_form not in get_args(WeightForm):
        raise LeveretUsageError(f"weight_form must be 'steps' or 'tanh', got {weight_form!r}")
    if weight_form == "tanh" and weight_bits > 7:
        raise LeveretUsageError("weight_form='tanh' is for weight_bits up to 7: eight bits of odd numbers fill no byte")
    result = net if inplace else copy.deepcopy(net)
    chosen = choose_layers(result, layers, keep_first, keep_last, "of few bits")
    for name, layer in chosen:
        if not layer.weight.isfinite().all():
            raise LeveretUsageError(f"layer {name!r} holds NaN or infinite weights")
    chosen = fitting(result, chosen, _unfit, skip_unfit)
    was_training = result.training
    result.eval()
    try:
        ranges = calibrate(result, dict(chosen), checked(batches, result), counted=True)
    finally:
        result.train(was_training)
    unfit = {name: why for name, found in ranges.items() if (why := _unfit_values(found, activation_bits))}
    made: dict[nn.Module, nn.Module] = {}
    for name, layer in leave(chosen, unfit, skip_unfit):
        step = ranges[name].step("mse", bits=activation_bits)
        made[layer] = low_bit(
            layer, weight_bits, step, ranges[name].levels_of(activation_bits), learn_steps, weight_form
        )
    return replaced(result, made)


def ternarize(
    net: nn.Module,
    batches: Iterable[Any],
    activation_bits: int = 3,
    *,
    learn_steps: bool = False,
    layers: Chosen = None,
    keep_first: bool = True,
    keep_last: bool = True,
    skip_unfit: bool = False,
    inplace: bool = False,
) -> nn.Module:
    """Give back `net` with weights −Δ, 0 and Δ and inputs of 3 bits, to be retrained.

    Source: Hwang & Sung, "Fixed-point feedforward deep neural network design using weights +1, 0 and −1", 2014: Δ of
    the least squared error, then retraining with real weights behind, Δ fixed. The paper has a Δ for each layer, here
    each filter has one. Its first and last layers are ternary too: `keep_first=False, keep_last=False`.

    Args:
        net, batches, layers, keep_first, keep_last, skip_unfit, inplace: as for `quantize_training`, which this is with
            2 bits for weights.
        activation_bits: of inputs.
        learn_steps: let Δ and the inputs' steps be trained, too.
    """
    return quantize_training(
        net,
        batches,
        2,
        activation_bits,
        learn_steps=learn_steps,
        layers=layers,
        keep_first=keep_first,
        keep_last=keep_last,
        skip_unfit=skip_unfit,
        inplace=inplace,
    )


def _unfit(layer: nn.Module) -> str | None:
    if isinstance(layer, nn.Conv2d) and pads_unevenly(layer):
        return "pads unevenly ('same' with an even kernel); give its padding in numbers"
    return None


def _unfit_values(found: ValueRange, bits: int) -> str | None:
    if found.levels_of(bits)[1] == 0:
        return (
            "takes values below 0, which one bit can't hold beside 0 and those above; give it activation_bits=2 or "
            "more, or make it binary with leveret.binarize"
        )
    return "took only zeros in all batches; leave it real with layers=[…]" if found.low == found.high == 0 else None
