"""Compact design: layers of fewer weights in the place of large ones."""

from __future__ import annotations

import functools
from typing import Any

from torch import Tensor, nn

from leveret.shrink.catalogue._method import Method
from leveret.shrink.catalogue._tuning import FineTuning
from leveret.shrink.compact import factorize

__all__ = ["METHODS"]


def _factorized(net: nn.Module, tuning: FineTuning, form: Any, faster: float = 1.0, **options: Any) -> nn.Module:
    net = factorize(net, form, skip_unfit=tuning.skip_unfit, inplace=True, **options)
    return tuning.fit(net, lr=faster * tuning.lr)


def _factorizable(net: nn.Module, images: Tensor, skip_unfit: bool, form: Any, **options: Any) -> nn.Module:
    return factorize(net, form, skip_unfit=skip_unfit, **options)


def _entry(key: str, form: str, title: str, paper: str, what: str, faster: float = 1.0, **options: Any) -> Method:
    maker = functools.partial(_factorized, form=form, faster=faster)
    return Method(
        key, title, "compact", paper, what, maker, checker=functools.partial(_factorizable, form=form), options=options
    )


# those that keep little of what the net had learned learn faster
METHODS = (
    _entry(
        "low-rank",
        "svd",
        "low rank",
        "Denton et al., NIPS 2014; Zhang et al., 2015",
        "Cuts layers in two by their singular values: a few filters, then a 1x1 convolution.",
        ratio=3.0,
    ),
    _entry(
        "spatial",
        "spatial",
        "3x1 and 1x3",
        "Jaderberg et al., BMVC 2014",
        "Puts a column and a row in the place of each square kernel.",
        ratio=3.0,
    ),
    _entry(
        "two-pointwise",
        "two-pointwise",
        "two 1x1",
        "the review that this catalogue follows",
        "Puts two 1x1 convolutions in the place of each larger kernel.",
        faster=3,
        ratio=9.0,
    ),
    _entry(
        "pointwise",
        "pointwise",
        "1x1",
        "Iandola et al. (SqueezeNet, strategy 1), 2016",
        "Puts a 1x1 convolution in the place of each larger kernel.",
        faster=3,
    ),
    _entry(
        "fire",
        "fire",
        "fire modules",
        "Iandola et al. (SqueezeNet), 2016",
        "Squeezes to few channels and expands by 1x1 and 3x3 kernels; begins at random.",
        faster=5,
        ratio=3.0,
    ),
    _entry(
        "separable",
        "separable",
        "depthwise-separable",
        "Howard et al. (MobileNets), 2017",
        "Puts one filter per channel and a 1x1 convolution in the place of each larger kernel.",
        faster=3,
    ),
)
