"""Binarisation: the pre-trained net, retrained with weights, and activations if wanted, of one bit."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from leveret.errors import LeveretUsageError, LeveretWarning
from leveret.shrink.binary import binarize, reestimate_norms, spread_weights
from leveret.shrink.catalogue._method import Method
from leveret.shrink.catalogue._norms import with_norms
from leveret.shrink.catalogue._tuning import FineTuning

__all__ = ["METHODS"]


def _signs(net: nn.Module, images: Tensor, skip_unfit: bool, kind: Any, stochastic: bool = False) -> nn.Module:
    """The net in the manner of BinaryConnect or BinaryNet: all its layers, a BatchNorm behind each."""
    # a layer that doesn't fit is named here as the user knows it: norms change its place
    binarize(net, kind, keep_first=False, keep_last=False, skip_unfit=skip_unfit)
    net = with_norms(net, images)
    layers = [(name, layer) for name, layer in net.named_modules() if type(layer) in (nn.Conv2d, nn.Linear)]
    for _, layer in layers:
        spread_weights(layer)
    options: dict[str, Any] = {"stochastic": stochastic, "skip_unfit": skip_unfit, "inplace": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeveretWarning)  # of the same layers
        if kind == "binaryconnect":
            return binarize(net, kind, keep_first=False, keep_last=False, **options)
        net = binarize(net, kind, keep_last=False, **options)
        try:
            # the first layer's weights are signs too, but it takes the image as it is (BinaryNet, section 1.5)
            return binarize(net, "binaryconnect", layers=[layers[0][0]], **options)
        except LeveretUsageError:
            if not skip_unfit:
                raise
            return net


def _retrained_signs(net: nn.Module, tuning: FineTuning, kind: str, faster: float, **options: Any) -> nn.Module:
    images = torch.cat(tuning.batches())
    net = _signs(net, images, tuning.skip_unfit, kind, **options)
    stochastic = options.get("stochastic", False)
    tuning.fit(net, lr=faster * tuning.lr, weight_decay=0.0, keep_best=not stochastic)
    # norms saw signs drawn at random, evaluation has the likelier ones
    return reestimate_norms(net, tuning.batches_for_norms()) if stochastic else net


def _scaled(net: nn.Module, tuning: FineTuning, kind: Any, **options: Any) -> nn.Module:
    net = binarize(net, kind, skip_unfit=tuning.skip_unfit, inplace=True, **options)
    return tuning.fit(net, lr=2 * tuning.lr, weight_decay=0.0)


def _binary_fits(net: nn.Module, images: Tensor, skip_unfit: bool, kind: Any, **options: Any) -> nn.Module:
    return binarize(net, kind, skip_unfit=skip_unfit, **options)


METHODS = (
    Method(
        "binaryconnect",
        "BinaryConnect",
        "binary",
        "Courbariaux, Bengio & David, NIPS 2015",
        "Retrains with the signs of the weights alone in every layer, a BatchNorm behind each.",
        functools.partial(_retrained_signs, kind="binaryconnect", faster=5),
        checker=functools.partial(_signs, kind="binaryconnect"),
    ),
    Method(
        "binaryconnect-stochastic",
        "BinaryConnect, stochastic",
        "binary",
        "Courbariaux, Bengio & David, NIPS 2015",
        "As BinaryConnect, with signs drawn at random in training, the likelier the larger the weight.",
        functools.partial(_retrained_signs, kind="binaryconnect", faster=20, stochastic=True),
        checker=functools.partial(_signs, kind="binaryconnect"),
    ),
    Method(
        "binarynet",
        "BinaryNet",
        "binary",
        "Courbariaux et al., 2016",
        "Retrains with signs of weights in every layer and signs of activations in all but the first.",
        functools.partial(_retrained_signs, kind="binarynet", faster=5),
        checker=functools.partial(_signs, kind="binarynet"),
    ),
    Method(
        "bwn",
        "Binary-Weight-Network",
        "binary",
        "Rastegari et al., ECCV 2016",
        "Retrains with the signs of the weights, times a scale per filter; the first and the last layer stay real.",
        functools.partial(_scaled, kind="weights"),
        checker=functools.partial(_binary_fits, kind="weights"),
    ),
    Method(
        "xnor",
        "XNOR-Net",
        "binary",
        "Rastegari et al., ECCV 2016",
        "Retrains with signs of weights and activations, scaled by α and K; the first and the last layer stay real.",
        functools.partial(_scaled, kind="xnor"),
        checker=functools.partial(_binary_fits, kind="xnor"),
        options={"input_scale": True},
    ),
)
