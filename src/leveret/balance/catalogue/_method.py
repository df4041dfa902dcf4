"""`Method`: one entry of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from leveret.balance.catalogue._training import BalancedTraining
from leveret.errors import LeveretUsageError

__all__ = ["Method"]


@dataclass(frozen=True)
class Method:
    """A way to train a net on data in which some class is rare.

    Attributes:
        key: what users name it by, kebab-case.
        title: a few words.
        family: "plain", "sampling", "data", "loss", "prior" or "ensemble".
        paper: whose idea it is.
        what: what it does, in a sentence.
        maker: of a `BalancedTraining` and `options`: a trained net whose outputs are the data's classes.
        options: the method's own parameters and their defaults.
        from_plain: it begins with a plainly trained net.
    """

    key: str
    title: str
    family: str
    paper: str
    what: str
    maker: Callable[..., nn.Module]
    options: Mapping[str, Any] = field(default_factory=dict)
    from_plain: bool = False

    def make(self, training: BalancedTraining, **options: Any) -> nn.Module:
        """A trained net, in eval mode.

        Args:
            training: data, fresh nets, budget and how to train; it keeps the history.
            options: in place of the method's defaults.

        Raises:
            LeveretUsageError: an option that the method lacks, or a value, net or data that doesn't fit.
            LeveretTrainingError: training diverged before an epoch was finished.
            KeyboardInterrupt: Ctrl-C; what was finished is kept in `training.out`.
        """
        chosen = self.with_defaults(options)
        torch.manual_seed(training.seed)
        return self.maker(training, **chosen).eval()

    def with_defaults(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """All options, those given first.

        Raises:
            LeveretUsageError: one that the method lacks.
        """
        if unknown := [name for name in options if name not in self.options]:
            has = f"it has {', '.join(self.options)}" if self.options else "it has none"
            raise LeveretUsageError(f"method {self.key!r} has no option {unknown[0]!r}; {has}")
        return {**self.options, **options}
