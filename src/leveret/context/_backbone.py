"""Backbones: modules that give feature maps at several strides, and how others become such modules.

A backbone is any module that maps images `(batch, in_channels, height, width)` to one map or several, as a list, a
tuple or a dict, the finest first. A map of stride s has a place for each s x s pixels where the image's sides are
multiples of the largest stride; `FCN` pads images to such sizes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from leveret.errors import LeveretUsageError

__all__ = ["Stages", "Taps"]


class Stages(nn.Module):
    """Modules that run one after the other; the output of each is a map.

    Args:
        stages: at least one module from maps to maps.

    Raises:
        LeveretUsageError: none was given.
    """

    def __init__(self, stages: Iterable[nn.Module]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        if not len(self.stages):
            raise LeveretUsageError("stages must be at least one module, got none")

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class Taps(nn.Module):
    """A net of any kind, of which the outputs of some layers, by name, are the maps.

    The net runs as a whole, its classifier too; a packed net leaves out what the maps don't need.

    Args:
        net: any module that takes images.
        layers: names as in `net.named_modules()`, the finest map's first.

    Raises:
        LeveretUsageError: a name that the net lacks, or none; when called, a layer that doesn't run, or gives no map.

    Example:
        >>> backbone = Taps(torchvision.models.mobilenet_v3_small(), ["features.1", "features.3", "features.8"])
    """

    def __init__(self, net: nn.Module, layers: Sequence[str]) -> None:
        super().__init__()
        known = dict(net.named_modules())
        if isinstance(layers, str) or not layers:
            raise LeveretUsageError(f"layers must be a list of names, got {layers!r}")
        for name in layers:
            if not name or name not in known:
                near = ", ".join(n for n, m in known.items() if n and not any(m.children()))
                raise LeveretUsageError(f"{type(net).__name__} has no layer {name!r}; its layers are: {near}")
        self.net = net
        self.layers = tuple(layers)

    def extra_repr(self) -> str:
        return f"layers={self.layers}"

    def forward(self, x: Tensor) -> list[Tensor]:
        with _outputs(self.net, self.layers) as found:
            self.net(x)
        for name in self.layers:
            if not isinstance(found.get(name), Tensor):
                got = f"gives a {type(found[name]).__name__}" if name in found else "doesn't run"
                raise LeveretUsageError(f"layer {name!r} of {type(self.net).__name__} {got}; a tap needs a map")
        return [found[name] for name in self.layers]


@contextmanager
def _outputs(net: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What some layers give, by name, as the net runs within the block."""
    found: dict[str, Any] = {}

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            found[name] = output

        return hook

    handles = [net.get_submodule(name).register_forward_hook(keep(name)) for name in dict.fromkeys(layers)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
