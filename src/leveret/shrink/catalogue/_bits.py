"""Quantisation: weights and activations of few bits, found after training or trained as such."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from leveret.shrink.catalogue._method import Method
from leveret.shrink.catalogue._tuning import FineTuning
from leveret.shrink.int8 import quantize
from leveret.shrink.lowbit import quantize_training, ternarize

__all__ = ["METHODS"]


def _int8(net: nn.Module, tuning: FineTuning, method: Any) -> nn.Module:
    return quantize(net, tuning.batches(), method=method, skip_unfit=tuning.skip_unfit)


def _low_bits(
    net: nn.Module,
    batches: list[Tensor],
    skip_unfit: bool,
    weight_bits: int,
    activation_bits: int,
    ends: bool = False,
    weight_form: Any = "steps",
) -> nn.Module:
    options: dict[str, Any] = {"keep_first": not ends, "keep_last": not ends, "skip_unfit": skip_unfit}
    options["weight_form"] = weight_form
    return quantize_training(net, batches, weight_bits, activation_bits, inplace=True, **options)


def _trained_bits(net: nn.Module, tuning: FineTuning, **options: Any) -> nn.Module:
    return tuning.fit(_low_bits(net, tuning.batches(), tuning.skip_unfit, **options))


def _bits_fit(net: nn.Module, images: Tensor, skip_unfit: bool, **options: Any) -> nn.Module:
    return _low_bits(net, [images], skip_unfit, **options)


def _ternarized(net: nn.Module, batches: list[Tensor], skip_unfit: bool, activation_bits: int) -> nn.Module:
    # as in the paper the first layer is ternary too, and takes the image in 8 bits
    first = next((name for name, layer in net.named_modules() if type(layer) in (nn.Conv2d, nn.Linear)), None)
    net = ternarize(net, batches, activation_bits, keep_last=False, skip_unfit=skip_unfit, inplace=True)
    if first is None:
        return net
    options: dict[str, Any] = {"layers": [first], "learn_steps": False, "skip_unfit": skip_unfit, "inplace": True}
    return quantize_training(net, batches, 2, 8, **options)


def _ternary(net: nn.Module, tuning: FineTuning, activation_bits: int) -> nn.Module:
    return tuning.fit(_ternarized(net, tuning.batches(), tuning.skip_unfit, activation_bits), lr=2 * tuning.lr)


METHODS = (
    Method(
        "int8",
        "int8 after training",
        "quantisation",
        "Jacob et al., CVPR 2018; Nagel et al., 2021",
        "Computes on bytes, with steps found from a few batches of training images; nothing is trained.",
        _int8,
        checker=lambda net, images, skip_unfit, method: quantize(net, [images], method=method, skip_unfit=skip_unfit),
        options={"method": "mse"},
    ),
    Method(
        "int8-training",
        "int8 in training",
        "quantisation",
        "Jacob et al., CVPR 2018; Esser et al., ICLR 2020",
        "Computes on bytes while it trains on; steps learn along.",
        _trained_bits,
        checker=_bits_fit,
        options={"weight_bits": 8, "activation_bits": 8, "ends": True},
    ),
    Method(
        "w4a4",
        "4-bit weights and activations",
        "quantisation",
        "Esser et al. (LSQ), ICLR 2020",
        "Trains on with weights and activations of 4 bits between a real first and a real last layer; steps learn "
        "along.",
        _trained_bits,
        checker=_bits_fit,
        options={"weight_bits": 4, "activation_bits": 4},
    ),
    Method(
        "w2a2",
        "2-bit weights and activations",
        "quantisation",
        "Esser et al. (LSQ), ICLR 2020",
        "Trains on with weights and activations of 2 bits between a real first and a real last layer; steps learn "
        "along.",
        _trained_bits,
        checker=_bits_fit,
        options={"weight_bits": 2, "activation_bits": 2},
    ),
    Method(
        "dorefa",
        "DoReFa-Net, 2-bit",
        "quantisation",
        "Zhou et al. (DoReFa-Net), 2016",
        "As w2a2, with weights bent by tanh and cut into even levels without a 0.",
        _trained_bits,
        checker=_bits_fit,
        options={"weight_bits": 2, "activation_bits": 2, "weight_form": "tanh"},
    ),
    Method(
        "ternary",
        "ternary weights, 3-bit activations",
        "quantisation",
        "Hwang & Sung, SiPS 2014",
        "Retrains with weights −Δ, 0 and Δ in every layer, Δ of least squared error, and activations of 3 bits; the "
        "image enters in 8.",
        _ternary,
        checker=lambda net, images, skip_unfit, activation_bits: _ternarized(
            net, [images], skip_unfit, activation_bits
        ),
        options={"activation_bits": 3},
    ),
)
