"""Which layers of a net a transform works on."""

from __future__ import annotations

import fnmatch
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import nn

from leveret.errors import LeveretUsageError, LeveretWarning

__all__ = ["Chosen", "choose_layers", "fitting", "leave", "replaced"]

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
    if not candidates:
        raise LeveretUsageError(
            f"nothing to make {becoming}: {type(net).__name__} has no {_called(kinds)} layer; layers are found by "
            "type, exactly, so that what inherits from one doesn't count"
        )
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


def _called(kinds: tuple[type[nn.Module], ...]) -> str:
    *others, last = (kind.__name__ for kind in kinds)
    return f"{', '.join(others)} or {last}" if others else last


def fitting(
    net: nn.Module, chosen: list[tuple[str, Any]], unfit: Callable[[Any], str | None], skip_unfit: bool
) -> list[tuple[str, Any]]:
    """Those of the chosen layers that a transform fits.

    A weight used by two layers never fits: each would get a copy of its own.

    Args:
        net: that the layers are of.
        chosen: from `choose_layers`.
        unfit: says of a layer why it doesn't fit, as goes on "layer 'stem' …", or None.
        skip_unfit: leave such layers as they are and warn of them, rather than raise.

    Raises:
        LeveretUsageError: names the first that doesn't fit, and why; or with `skip_unfit` none fits.

    Warns:
        LeveretWarning: names the layers that are left as they are, and why.
    """
    owners: dict[int, list[str]] = {}
    for name, module in net.named_modules(remove_duplicate=False):
        weight = getattr(module, "weight", None)
        if isinstance(weight, nn.Parameter):
            owners.setdefault(id(weight), []).append(name)

    def why(layer: Any) -> str | None:
        sharing = owners.get(id(layer.weight), [])
        if len(sharing) > 1:
            return f"shares its weight ({', '.join(sharing)}); give each layer its own before"
        return unfit(layer)

    return leave(chosen, {name: reason for name, layer in chosen if (reason := why(layer)) is not None}, skip_unfit)


def leave(chosen: list[tuple[str, Any]], unfit: Mapping[str, str], skip_unfit: bool) -> list[tuple[str, Any]]:
    """The chosen layers without the unfit ones, given by name with the reason; raises and warns as `fitting`."""
    if not unfit:
        return chosen
    name, reason = next(iter(unfit.items()))
    if not skip_unfit:
        raise LeveretUsageError(f"layer {name!r} {reason}")
    named = "; ".join(f"layer {name!r} {reason}" for name, reason in unfit.items())
    if len(unfit) == len(chosen):
        raise LeveretUsageError(f"no layer is left: {named}")
    warnings.warn(f"left as {'it is' if len(unfit) == 1 else 'they are'}: {named}", LeveretWarning, stacklevel=4)
    return [(name, layer) for name, layer in chosen if name not in unfit]


def replaced(net: nn.Module, made: Mapping[nn.Module, nn.Module]) -> nn.Module:
    """The net, changed in place, with other modules in the place of some, wherever these stand; or its own."""
    if net in made:
        return made[net]
    for module in list(net.modules()):
        for name, child in list(module._modules.items()):  # one that stands there twice, twice
            if child is not None and child in made:
                setattr(module, name, made[child])
    return net
