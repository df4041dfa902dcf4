"""`Method`: one entry of the catalogue."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from leveret._catalogue import Entry
from leveret.shrink.catalogue._tuning import FineTuning

__all__ = ["Method"]


@dataclass(frozen=True)
class Method(Entry):
    """A way to make a trained net small.

    Beside what every `Entry` tells:

    Attributes:
        family: "real", "pruning", "sharing", "quantisation", "binary", "compact" or "ensemble".
        maker: of a copy of the trained net, a `FineTuning` and `options`: the small net, tuned.
        checker: of a copy of the net, some images and `skip_unfit` with `options`: raises where the method doesn't fit,
            without any long work.
    """

    checker: Callable[..., object] = lambda net, images, skip_unfit, **options: net

    def make(self, net: nn.Module, tuning: FineTuning, **options: Any) -> nn.Module:
        """The small net, fine-tuned and ready to be packed; `net` stays as it is.

        Args:
            net: trained, from normalised images `(batch, channels, height, width)` to logits `(batch, classes)`.
            tuning: data, budget and how to train; it keeps the history.
            options: in place of the method's defaults.

        Raises:
            LeveretUsageError: an option that the method lacks, or a net, layer or value that doesn't fit.
            LeveretTrainingError: fine-tuning diverged before an epoch was finished.
            KeyboardInterrupt: Ctrl-C; what was finished is kept in `tuning.out`.
        """
        chosen = self.with_defaults(options)
        torch.manual_seed(tuning.seed)
        return self.maker(copy.deepcopy(net), tuning, **chosen).eval()

    def check(self, net: nn.Module, images: Tensor, *, skip_unfit: bool = False, **options: Any) -> None:
        """Whether the method fits the net, trained or not; `net` stays as it is.

        Args:
            net: as for `make`.
            images: some dozens, normalised, as `net` takes them.
            skip_unfit: as for the transforms: a layer that doesn't fit is left as it is, with a warning.
            options: in place of the method's defaults.

        Raises:
            LeveretUsageError: it doesn't; names the layer and why.
        """
        self.checker(copy.deepcopy(net), images, skip_unfit, **self.with_defaults(options))
