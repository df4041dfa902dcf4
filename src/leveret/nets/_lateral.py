"""Links between the units of one layer: a layer that looks again, with what its own units said as a second input.

A layer's pre-activation a is what the layer below says. With links L the units also hear each other, over a few steps:

    y_0 = relu(a)
    y_s = relu(a + L(y_{s−1})),  s = 1 … steps

The layer gives y_steps. L has the same weights at every step and no bias, since a has one: t steps make a shallow net
t layers deeper for the weights of one. It is trained by backpropagation through the unrolled steps, and packs as such.

Source: Liang & Hu, "Recurrent Convolutional Neural Network for Object Recognition", CVPR 2015, section 3.1, whose
recurrent layer is this with kind "convolutional". Where we deviate: they normalise over neighbouring channels (LRN)
at each step, we normalise a alone, by the layer's BatchNorm, so that a packed step is one product; besides k x k
convolutions there are links of all units and of low rank; and links start small.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.nets._checks import positive

__all__ = ["Lateral", "Links", "links_by_layer"]

_KINDS = ("full", "convolutional", "low-rank")
# torch's start gives L(y) about 0.4 of a's deviation, and more at each step where L's gain is above 1; a tenth of that
# begins near the net without links. Not 0, which would leave the first map of a low rank without a gradient
_START = 0.1


@dataclass(frozen=True)
class Links:
    """What links a layer has.

    Attributes:
        steps: how often the units hear each other; 0 is a layer without links.
        kind: "full": every unit with every other, of maps all channels of one place; "convolutional": all channels of
            the `kernel_size` x `kernel_size` places around, of maps alone; "low-rank": as "full", through `rank` units.
        rank: of "low-rank"; None for an eighth of the channels, at least 1.
        kernel_size: of "convolutional"; odd, so that maps keep their size.

    Raises:
        LeveretUsageError: an argument out of range, or a rank for links that have none.
    """

    steps: int = 1
    kind: str = "full"
    rank: int | None = None
    kernel_size: int = 3

    def __post_init__(self) -> None:
        if not isinstance(self.steps, int) or isinstance(self.steps, bool) or self.steps < 0:
            raise LeveretUsageError(f"steps must be a whole number of at least 0, got {self.steps!r}")
        if self.kind not in _KINDS:
            raise LeveretUsageError(f"kind must be one of {', '.join(map(repr, _KINDS))}, got {self.kind!r}")
        if self.rank is not None:
            if self.kind != "low-rank":
                raise LeveretUsageError(f"rank is of kind 'low-rank', got kind {self.kind!r} and rank {self.rank!r}")
            positive(rank=self.rank)
        positive(kernel_size=self.kernel_size)
        if self.kernel_size % 2 == 0:
            raise LeveretUsageError(f"kernel_size must be odd, so that maps keep their size, got {self.kernel_size}")

    def rank_for(self, channels: int) -> int:
        """The units that "low-rank" links of so many channels go through."""
        return max(1, channels // 8) if self.rank is None else self.rank

    def parameters_for(self, channels: int, maps: bool) -> int:
        """How many weights they add to a layer.

        Args:
            channels: of the layer.
            maps: whether it gives maps, `(batch, channels, height, width)`, or vectors, `(batch, channels)`.

        Raises:
            LeveretUsageError: "convolutional" links of vectors.
        """
        self._check(maps)
        if not self.steps:
            return 0
        if self.kind == "low-rank":
            return 2 * channels * self.rank_for(channels)
        return channels * channels * (self.kernel_size**2 if self.kind == "convolutional" else 1)

    def module_for(self, channels: int, maps: bool) -> nn.Module:
        """L, with small initial weights.

        Raises:
            LeveretUsageError: "convolutional" links of vectors.
        """
        self._check(maps)
        size = self.kernel_size if self.kind == "convolutional" else 1

        def weights(inputs: int, outputs: int) -> nn.Module:
            if maps:
                return nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
            return nn.Linear(inputs, outputs, bias=False)

        if self.kind != "low-rank":
            return _small(weights(channels, channels))
        rank = self.rank_for(channels)
        return nn.Sequential(weights(channels, rank), _small(weights(rank, channels)))

    def _check(self, maps: bool) -> None:
        if self.steps and self.kind == "convolutional" and not maps:
            raise LeveretUsageError(
                "convolutional links are of maps, and this layer gives vectors; give it 'full' or 'low-rank' ones, or "
                "none: lateral={index: Links(…)} names the layers that have links"
            )


class Lateral(nn.Module):
    """A ReLU whose units are linked: stands in a layer where its ReLU would, behind the norm.

    Shapes: `(batch, channels)`, or with `maps` `(batch, channels, height, width)`; floats → the same shape, at least 0.

    Args:
        channels: of the layer.
        links: which; with 0 steps this is a ReLU without parameters.
        maps: whether the layer gives maps or vectors.

    Raises:
        LeveretUsageError: no channels, or "convolutional" links of vectors.
    """

    def __init__(self, channels: int, links: Links, *, maps: bool) -> None:
        super().__init__()
        positive(channels=channels)
        self.links = links
        self.link = links.module_for(channels, maps) if links.steps else nn.Identity()

    def forward(self, a: Tensor) -> Tensor:
        y = F.relu(a)
        for _ in range(self.links.steps):
            y = F.relu(a + self.link(y))
        return y

    def extra_repr(self) -> str:
        return f"steps={self.links.steps}"


def links_by_layer(lateral: Links | Mapping[int, Links] | None, layers: int) -> dict[int, Links]:
    """The links of each of so many layers that has some: those given to all of them, or to each by its index.

    Raises:
        LeveretUsageError: an index that no layer has, or something else than `Links`.
    """
    if lateral is None:
        return {}
    if isinstance(lateral, Links):
        return dict.fromkeys(range(layers), lateral)
    if not isinstance(lateral, Mapping):
        raise LeveretUsageError(f"lateral must be Links, or a dict of them by a layer's index, got {lateral!r}")
    for index, links in lateral.items():
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < layers:
            raise LeveretUsageError(f"lateral names layers by their index in 0..{layers - 1}, got {index!r}")
        if not isinstance(links, Links):
            raise LeveretUsageError(f"lateral[{index}] must be Links, got {links!r}")
    return dict(lateral)


def _small(layer: nn.Module) -> nn.Module:
    with torch.no_grad():
        for weight in layer.parameters():
            weight.mul_(_START)
    return layer
