"""Which BatchNorms may be folded into the layers before them.

A net's code says what follows what, so the net is run once, and every use of a layer's output is noted: a BatchNorm
is folded where it is the only one to take what a layer gives, and takes nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["factor_and_shift", "followers"]

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def followers(net: nn.Module, layers: Iterable[nn.Module], batch: Tensor) -> dict[nn.Module, nn.Module]:
    """The BatchNorm behind each layer that has one to fold; `net` in eval mode."""
    norms = [m for m in net.modules() if type(m) in _NORMS and m.running_mean is not None]
    if not norms:
        return {}
    uses = _Uses()
    handles = [layer.register_forward_hook(uses.gives) for layer in layers]
    for norm in norms:
        handles += [norm.register_forward_pre_hook(uses.enters), norm.register_forward_hook(uses.leaves)]
    try:
        with torch.no_grad(), uses:
            result = net(batch)
    finally:
        for handle in handles:
            handle.remove()
    uses.note(result)
    return uses.pairs()


def factor_and_shift(norm: Any) -> tuple[Tensor, Tensor]:
    """What a BatchNorm in evaluation multiplies by and adds, per channel, in float64 (Ioffe and Szegedy, 2015)."""
    factor = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        factor = factor * norm.weight.detach().double()
    shift = -norm.running_mean.double() * factor
    return factor, shift if norm.bias is None else shift + norm.bias.detach().double()


class _Uses(TorchDispatchMode):
    """Who takes what the layers give: a BatchNorm, or (None) something else."""

    def __init__(self) -> None:
        super().__init__()
        self._given: dict[int, tuple[nn.Module, Tensor]] = {}  # held, so that no other takes their identity
        self._users: dict[int, set[nn.Module | None]] = {}
        self._sources: dict[nn.Module, set[nn.Module | None]] = {}
        self._inside: nn.Module | None = None

    def gives(self, layer: nn.Module, args: Any, output: Tensor) -> None:
        self._given[id(output)] = layer, output

    def enters(self, norm: nn.Module, args: Any) -> None:
        self._inside = norm
        source = self._given.get(id(args[0])) if args else None
        self._sources.setdefault(norm, set()).add(source and source[0])

    def leaves(self, norm: nn.Module, args: Any, output: Tensor) -> None:
        self._inside = None

    def note(self, values: Any) -> None:
        """These are used here."""
        for tensor in _tensors(values):
            if id(tensor) in self._given:
                self._users.setdefault(id(tensor), set()).add(self._inside)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.note((args, kwargs))
        return func(*args, **(kwargs or {}))

    def pairs(self) -> dict[nn.Module, nn.Module]:
        """Each layer with the BatchNorm that alone takes what it gives, and takes nothing else."""
        following: dict[nn.Module, set[nn.Module | None]] = {}
        for key, (layer, _) in self._given.items():
            following.setdefault(layer, set()).update(self._users.get(key, {None}))
        found = {}
        for layer, users in following.items():
            norm = next(iter(users)) if len(users) == 1 else None
            if norm is not None and self._sources[norm] == {layer}:
                found[layer] = norm
        return found


def _tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in nested arguments."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)
