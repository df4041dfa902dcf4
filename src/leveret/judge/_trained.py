"""`Trained`: a net as the observer, trained by `fit` to tell A from B; sees what a convolution, or words, can tell."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError, LeveretWarning

if TYPE_CHECKING:
    from torch import nn

    from leveret.data import Data

__all__ = ["Trained"]

_STEPS = 600  # about as many as two hundred images need; more samples get passes instead
_FEWEST, _MOST = 6, 40


class Trained:
    """A net of two outputs, trained by `leveret.fit`.

    The epoch with the least loss on a fifth of the samples to learn from is taken, and training stops where six more
    brought none better: without a difference there is nothing to learn but noise. Nothing is augmented, since what an
    augmentation changes may be the very difference.

    Args:
        net: the name of a net for this kind of data, see `nets.net_for`; a module, of which a copy is trained; or a
            function of the data that gives one. Default: by the data.
        epochs: passes over the samples to learn from, at most. Default: by their number, from 6 to 40.
        batch_size: samples a step.
        lr: the highest learning rate.
        options: further options of `fit`.

    Raises:
        LeveretUsageError: `epochs` below 1 or `batch_size` below 2.
    """

    def __init__(
        self,
        net: str | nn.Module | Callable[[Data], nn.Module] | None = None,
        *,
        epochs: int | None = None,
        batch_size: int = 32,
        lr: float = 2e-3,
        **options: Any,
    ) -> None:
        if epochs is not None and epochs < 1:
            raise LeveretUsageError(f"epochs must be at least 1, got {epochs}")
        if batch_size < 2:
            raise LeveretUsageError(f"batch_size must be at least 2, got {batch_size}")
        known = net is None or isinstance(net, str)
        self.name = f"a net ({net})" if net and known else "a net" if known else f"a net ({_called(net)})"
        self.wants_validation = True
        self.net = net
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.options = options

    def scores(
        self, data: Data, *, seed: int = 0, out: Path | None = None, progress: bool = False
    ) -> NDArray[np.float64]:
        """As `Observer.scores`, whose arguments are `data`, `seed`, `out` and `progress`: the difference of the logits.

        Raises:
            LeveretTrainingError: the training diverged.
            KeyboardInterrupt: Ctrl-C stopped it; `out` keeps its finished epochs.
        """
        import torch

        from leveret.training import fit, logits_of

        torch.manual_seed(seed)
        net = self._made(data)
        samples = len(data.train)
        steps = max(1, -(-samples // self.batch_size))
        options: dict[str, Any] = {"optimizer": "adamw", "schedule": "cosine", "gradient_clip": 5.0, "monitor": "loss"}
        options["early_stopping"] = 6 if len(data.val) else None
        options |= self.options
        if not len(data.val):
            options["monitor"] = "accuracy"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeveretWarning)
            result = fit(
                net,
                data,
                epochs=self.epochs or int(np.clip(_STEPS // steps, _FEWEST, _MOST)),
                batch_size=self.batch_size,
                lr=self.lr,
                seed=seed,
                out=out,
                stage="observer",
                progress=progress,
                **options,
            )
        if result.interrupted:
            raise KeyboardInterrupt
        logits = logits_of(net, data, "test").double()
        return (logits[:, 1] - logits[:, 0]).numpy()

    def _made(self, data: Data) -> nn.Module:
        from torch import nn

        from leveret.nets import net_for

        if self.net is None or isinstance(self.net, str):
            return net_for(data, self.net)
        if isinstance(self.net, nn.Module):
            return copy.deepcopy(self.net)
        made = self.net(data)
        if not isinstance(made, nn.Module):
            raise LeveretUsageError(f"the observer's net must be a torch.nn.Module, got {made!r}")
        return made


def _called(net: Any) -> str:
    return str(getattr(net, "__name__", type(net).__name__))
