"""`prune_channels`: whole channels out of a net, and everything that hangs on them."""

from __future__ import annotations

import copy
import fnmatch
import warnings
from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.shrink.int8 import Int8Layer
from leveret.shrink.lowbit import LowBitLayer
from leveret.shrink.pruned import PrunedLayer
from leveret.shrink.shared import TiedLayer

__all__ = ["prune_channels"]

# so that no layer is left without channels
_MOST = 0.9


def prune_channels(
    net: nn.Module,
    example: Tensor,
    ratio: float = 0.5,
    *,
    norm: Literal["l1", "l2"] = "l2",
    scope: Literal["net", "layer"] = "net",
    keep: Iterable[str] = (),
    multiple_of: int = 1,
) -> nn.Module:
    """Take the channels of least weight out of a net: a smaller net of the same layers, to be trained on.

    A channel goes with all that hangs on it: the filter that makes it, its place in norms and shortcuts, and the
    weights of every layer that takes it. What hangs together is found by tracing the net (Fang et al., "DepGraph:
    Towards Any Structural Pruning", CVPR 2023, by the authors' library torch-pruning). What a channel is worth is the
    norm of all its weights (Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017: of its filter alone). The
    logits stay as many as they are.

    Args:
        net: any module of ordinary layers, binary ones among them.
        example: a few inputs, as `net` takes them.
        ratio: the share of channels that goes, above 0 and below 1: of each layer about so many, or of all together.
        norm: "l1" or "l2".
        scope: "net": channels are ranked over all layers, and no layer loses more than nine tenths; "layer": each
            layer loses the same share.
        keep: layers whose outputs stay, by names or glob patterns as in `net.named_modules()`; the layer that gives the
            logits stays by itself.
        multiple_of: leave so many channels, or a multiple of it, in each layer: 64 fills the words of binary layers.

    Raises:
        LeveretUsageError: an argument out of range, an example that doesn't fit, layers that were made sparse, shared
            or of few bits before (take channels out first), or a net that can't be cut so.

    Example:
        >>> smaller = prune_channels(net, images[:2], 0.5)
        >>> leveret.fit(smaller, data, epochs=5)
    """
    if not 0 < ratio < 1:
        raise LeveretUsageError(f"ratio must be above 0 and below 1, got {ratio}")
    if norm not in ("l1", "l2"):
        raise LeveretUsageError(f"norm must be 'l1' or 'l2', got {norm!r}")
    if scope not in ("net", "layer"):
        raise LeveretUsageError(f"scope must be 'net' or 'layer', got {scope!r}")
    if isinstance(multiple_of, bool) or not isinstance(multiple_of, int) or multiple_of < 1:
        raise LeveretUsageError(f"multiple_of must be a whole number of at least 1, got {multiple_of!r}")
    for name, module in net.named_modules():
        if isinstance(module, PrunedLayer | TiedLayer | LowBitLayer | Int8Layer):
            raise LeveretUsageError(
                f"layer {name!r} is a {type(module).__name__} already, which can't be cut; take channels out first"
            )
    result = copy.deepcopy(net)
    last, before = _run(result, example)
    kept = [last, *_named(result, keep)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _cut(result, example, ratio, norm, scope, kept, multiple_of)
    _check(result, example, before)
    return result


def _run(net: nn.Module, example: Tensor) -> tuple[nn.Module, torch.Size]:
    """The last convolution or linear layer that runs, and the shape of the outputs."""
    ran: list[nn.Module] = []
    layers = [m for m in net.modules() if isinstance(m, nn.Conv1d | nn.Conv2d | nn.Linear | nn.ConvTranspose2d)]
    handles = [layer.register_forward_hook(lambda module, args, output: ran.append(module)) for layer in layers]
    try:
        shape = _shape(net, example)
    finally:
        for handle in handles:
            handle.remove()
    if len(set(ran)) < 2:
        raise LeveretUsageError(f"{type(net).__name__} has fewer than two layers, and the last one's outputs must stay")
    return ran[-1], shape


def _shape(net: nn.Module, example: Any) -> torch.Size:
    was_training = {module: module.training for module in net.modules()}
    try:
        with torch.no_grad():
            return torch.Size(net.eval()(example).shape)
    except Exception as error:
        got = f"shape {tuple(example.shape)}" if isinstance(example, Tensor) else type(example).__name__
        raise LeveretUsageError(f"example of {got} doesn't fit the net: {error}") from error
    finally:
        for module, training in was_training.items():
            module.training = training


def _named(net: nn.Module, patterns: Iterable[str]) -> list[nn.Module]:
    modules = dict(net.named_modules())
    found = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        names = fnmatch.filter(modules, pattern)
        if not names:
            raise LeveretUsageError(
                f"keep: nothing is called {pattern!r}; there are: {', '.join(filter(None, modules))}"
            )
        found += [modules[name] for name in names]
    return found


def _cut(
    net: nn.Module, example: Tensor, ratio: float, norm: str, scope: str, kept: list[nn.Module], multiple_of: int
) -> None:
    import torch_pruning as tp

    wants = {p: p.requires_grad for p in net.parameters()}
    training = {module: module.training for module in net.modules()}
    for parameter in wants:
        parameter.requires_grad_(True)  # what needs no gradient isn't seen in the trace
    names = {module: name for name, module in net.named_modules()}
    frozen = [
        (names[m], key) for m in net.modules() for key, p in m._parameters.items() if p is not None and not wants[p]
    ]
    try:
        pruner = tp.pruner.BasePruner(
            net.eval(),
            example,
            importance=tp.importance.GroupMagnitudeImportance(p=1 if norm == "l1" else 2),
            pruning_ratio=ratio,
            max_pruning_ratio=max(_MOST, ratio),
            global_pruning=scope == "net",
            ignored_layers=kept,
            round_to=multiple_of if multiple_of > 1 else None,
        )
        pruner.step()
    except Exception as error:
        raise LeveretUsageError(f"{type(net).__name__} can't be cut: {str(error).splitlines()[0]}") from error
    finally:
        for module, was in training.items():
            module.training = was
    modules = dict(net.named_modules())
    for name, key in frozen:
        modules[name]._parameters[key].requires_grad_(False)


def _check(net: nn.Module, example: Tensor, before: torch.Size) -> None:
    try:
        after = _shape(net, example)
    except LeveretUsageError as error:
        raise LeveretUsageError(
            f"{type(net).__name__} can't be cut: what hangs together in it wasn't found ({error.__cause__}). Leave the "
            "layers around what is computed there with keep=[…]"
        ) from error
    if after != before:
        raise LeveretUsageError(
            f"cutting changed the outputs from {tuple(before)} to {tuple(after)}: name the layers that give them with "
            "keep=[…]"
        )
