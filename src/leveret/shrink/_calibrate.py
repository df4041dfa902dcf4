"""Running a net over some batches, to see what its layers take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from leveret.errors import LeveretDataError, LeveretError, LeveretUsageError
from leveret.shrink._range import ValueRange

__all__ = ["calibrate", "checked"]


def checked(batches: Any, net: nn.Module) -> Iterator[Tensor]:
    """The inputs of each batch, where the net is.

    Raises:
        LeveretDataError: NaN or infinite values.
        LeveretUsageError: something else than batches, or none at all.
    """
    if isinstance(batches, Tensor) or not isinstance(batches, Iterable):
        raise LeveretUsageError(
            f"batches must be several tensors, or pairs of images and labels, got one {type(batches).__name__}; "
            "one batch is a list of one"
        )
    first = next(chain(net.parameters(), net.buffers()), None)
    number = 0
    for number, batch in enumerate(batches, 1):
        inputs = batch[0] if isinstance(batch, tuple | list) and batch else batch
        if not isinstance(inputs, Tensor) or inputs.dim() == 0 or len(inputs) == 0:
            got = f"shape {tuple(inputs.shape)}" if isinstance(inputs, Tensor) else type(inputs).__name__
            raise LeveretUsageError(
                f"batch {number} must be a tensor of at least one sample, or (images, labels), got {got}"
            )
        if inputs.is_floating_point() and not inputs.isfinite().all():
            raise LeveretDataError(f"batch {number} holds NaN or infinite values")
        yield inputs if first is None else inputs.to(first.device)
    if number == 0:
        raise LeveretUsageError("batches are empty: a few hundred samples of the training data say what layers take")


def calibrate(
    net: nn.Module, layers: Mapping[str, nn.Module], batches: Iterable[Tensor], counted: bool
) -> dict[str, ValueRange]:
    """What each of `layers` took, by name. The net must be in eval mode.

    Raises:
        LeveretUsageError: a batch doesn't fit the net, a layer was never reached, or took NaN; names it.
    """
    ranges = {name: ValueRange() for name in layers}
    now = 0

    def watch(name: str) -> Any:
        def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
            if not ranges[name].see(args[0] if args else kwargs["input"], counted):
                raise LeveretUsageError(
                    f"layer {name!r} takes NaN or infinite values in batch {now}, which holds none: the net makes them"
                )

        return hook

    handles = [m.register_forward_pre_hook(watch(name), with_kwargs=True) for name, m in layers.items()]
    try:
        with torch.no_grad():
            for now, batch in enumerate(batches, 1):
                _run(net, batch, now)
    finally:
        for handle in handles:
            handle.remove()
    if missed := [name for name, found in ranges.items() if not found.seen]:
        raise LeveretUsageError(
            f"no batch reached {_listed(missed)}: give batches that do, or leave what the net doesn't use: skip=[…]"
        )
    return ranges


def _run(net: nn.Module, batch: Tensor, number: int) -> None:
    try:
        net(batch)
    except LeveretError:
        raise
    except Exception as error:
        raise LeveretUsageError(
            f"batch {number} of shape {tuple(batch.shape)} and {batch.dtype} doesn't fit the net: {error}"
        ) from error


def _listed(names: list[str]) -> str:
    word = "layer" if len(names) == 1 else "layers"
    return f"{word} {', '.join(map(repr, names))}"
