"""Which layers of a net a transform works on."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import nn

from leveret.errors import LeveretUsageError

__all__ = ["Chosen", "check_unshared", "choose_layers", "replaced"]

Chosen = Iterable[str] | Callable[[str, nn.Module], bool] | None


def choose_layers(
    net: nn.Module,
    layers: Chosen,
    keep_first: bool,
    keep_last: bool,
    becoming: str,
    *,
    kinds: tuple[type[nn.Module], ...] = (nn.Conv2d, nn.Linear),
) -> list[tuple[str, Any]]:
    """Names and modules, in order, of those Conv2d and Linear layers that `layers` chooses.

    Args:
        net: its layers are found by type.
        layers: names or glob patterns as in `net.named_modules()`, or a function of name and module; None: all but
            the first, if `keep_first`, and the last, if `keep_last`.
        becoming: what the layers are to become, for errors.
        kinds: the types, exactly: what inherits from them may compute something else.

    Raises:
        LeveretUsageError: none is chosen, or a pattern fits none.
    """
    candidates = [(name, m) for name, m in net.named_modules() if type(m) in kinds]
    names = ", ".join(name for name, _ in candidates)
    if layers is None:
        chosen = candidates[int(keep_first) : len(candidates) - int(keep_last)]
        if not chosen:
            raise LeveretUsageError(
                f"nothing to make {becoming}: the net has {len(candidates)} Conv2d or Linear layers ({names}) "
                "and the first and last stay real; choose with layers=[…] or keep_first=False, keep_last=False"
            )
        return chosen
    if callable(layers):
        chosen = [(name, module) for name, module in candidates if layers(name, module)]
    else:
        patterns = [layers] if isinstance(layers, str) else list(layers)
        for pattern in patterns:
            if not fnmatch.filter([name for name, _ in candidates], pattern):
                raise LeveretUsageError(f"no Conv2d or Linear layer is called {pattern!r}; there are: {names}")
        chosen = [(n, m) for n, m in candidates if any(fnmatch.fnmatchcase(n, p) for p in patterns)]
    if not chosen:
        raise LeveretUsageError(f"`layers` chose none of the Conv2d and Linear layers: {names}")
    return chosen


def check_unshared(net: nn.Module, chosen: list[tuple[str, Any]]) -> None:
    """A weight used by two layers would come apart: each would get a copy of its own.

    Raises:
        LeveretUsageError: names the layer and whom it shares with.
    """
    owners: dict[int, list[str]] = {}
    for name, module in net.named_modules(remove_duplicate=False):
        weight = getattr(module, "weight", None)
        if isinstance(weight, nn.Parameter):
            owners.setdefault(id(weight), []).append(name)
    for name, module in chosen:
        if len(sharing := owners.get(id(module.weight), [])) > 1:
            raise LeveretUsageError(
                f"layer {name!r} shares its weight ({', '.join(sharing)}); give each layer its own before"
            )


def replaced(net: nn.Module, made: Mapping[nn.Module, nn.Module]) -> nn.Module:
    """The net, changed in place, with other modules in the place of some, wherever these stand; or its own."""
    if net in made:
        return made[net]
    for module in list(net.modules()):
        for name, child in list(module._modules.items()):  # one that stands there twice, twice
            if child is not None and child in made:
                setattr(module, name, made[child])
    return net
