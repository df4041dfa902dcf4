"""The widths of a `ShallowNet`, and those that give it a wanted number of parameters.

One number scales all widths together: they keep the proportions of a net from the literature. Without a convolution,
or with one, these are Ba & Caruana's, "Do Deep Nets Really Need to be Deep?", NIPS 2014: 128 channels, a linear
bottleneck of 1200, 30,000 hidden units, where both matrices around the bottleneck are about as large. With more they
are those of the teacher of Urban et al., ICLR 2017: 76 channels, 126 after a pool, 148 after two, 1200 hidden units.

The largest scale whose net isn't too large is found by halving, since a larger one never gives fewer parameters. Then
each width is tried a little narrower and wider, with as many hidden units as bring the count nearest to the wanted one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from leveret.errors import LeveretUsageError
from leveret.nets._lateral import Links

__all__ = ["POOLED", "Plan", "Widths", "widths_for"]

# of each convolution, by how many there are: whether a pool follows
POOLED = ((), (True,), (True, True), (True, True, True), (True, False, True, True))
_CHANNELS = ((), (128,), (76, 126), (76, 126, 148), (76, 126, 126, 148))
_BOTTLENECK = (1200, 1200, 0, 0, 0)
_HIDDEN = (30_000, 30_000, 1200, 1200, 1200)

_NEAR = 0.0025  # so near a count is as good as exact, and the widths that keep the proportions best are taken
_ABOVE = 0.01
_REACH = 2  # how much narrower or wider than scaled


@dataclass(frozen=True)
class Widths:
    """How wide the layers of a `ShallowNet` are.

    Attributes:
        channels: of each convolution.
        bottleneck: linear units before the hidden ones; 0 for none.
        hidden: units of each fully connected layer.
    """

    channels: tuple[int, ...]
    bottleneck: int
    hidden: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """What of a `ShallowNet` stands before its widths do.

    Attributes:
        in_channels, height, width: of its images.
        num_classes: outputs.
        conv_layers: 0 to 4.
        links: by the layer's index: the convolutions, then the hidden layers.
    """

    in_channels: int
    height: int
    width: int
    num_classes: int
    conv_layers: int
    links: Mapping[int, Links]

    def features(self, widths: Widths) -> int:
        """Numbers that the convolutions, or the images themselves, give to what follows."""
        pools = sum(POOLED[self.conv_layers])
        return (self.height >> pools) * (self.width >> pools) * (widths.channels or (self.in_channels,))[-1]

    def count(self, widths: Widths) -> int:
        """Parameters of the net of these widths."""
        total, inputs = 0, self.in_channels
        for i, channels in enumerate(widths.channels):
            total += channels * (9 * inputs + 2) + self._linked(i, channels, maps=True)
            inputs = channels
        inputs = self.features(widths)
        if widths.bottleneck:
            total += inputs * widths.bottleneck
            inputs = widths.bottleneck
        for i, units in enumerate(widths.hidden):
            total += units * (inputs + 2) + self._linked(self.conv_layers + i, units, maps=False)
            inputs = units
        return total + (inputs + 1) * self.num_classes

    def _linked(self, index: int, channels: int, maps: bool) -> int:
        return self.links[index].parameters_for(channels, maps) if index in self.links else 0


def widths_for(plan: Plan, params: int) -> Widths:
    """The widths with which a net of one hidden layer has about `params` parameters, at most 1 % more.

    A hidden layer with links pays for them itself: it has as many units as give it, links and all, the parameters that
    the units of its proportion have without. Else full links, whose number grows with the square of the units, would
    take the convolutions' share.

    Raises:
        LeveretUsageError: no net is so small.
    """
    smallest = plan.count(_scaled(plan, 0))
    if params < smallest:
        raise LeveretUsageError(
            f"params must be at least {smallest:,} for {plan.conv_layers} convolutions on images of "
            f"{plan.in_channels}x{plan.height}x{plan.width} and {plan.num_classes} classes, got {params:,}"
        )
    low, high = 0.0, 1.0
    while plan.count(_scaled(plan, high)) <= params:
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if plan.count(_scaled(plan, middle)) <= params else (low, middle)
    scaled = _scaled(plan, low)

    def quality(widths: Widths) -> tuple[float, float]:
        off = abs(plan.count(widths) / params - 1)
        return max(0.0, off - _NEAR), _distance(widths, scaled)

    return min(_neighbours(plan, scaled, params), key=quality)


def _scaled(plan: Plan, scale: float) -> Widths:
    def units(proportion: int) -> int:
        return max(1, round(scale * proportion)) if proportion else 0

    n = plan.conv_layers
    widths = Widths(tuple(map(units, _CHANNELS[n])), units(_BOTTLENECK[n]), (units(_HIDDEN[n]),))
    if n not in plan.links:
        return widths
    room = replace(plan, links={i: links for i, links in plan.links.items() if i != n}).count(widths)
    return _with_hidden(widths, _hidden_within(plan, widths, room))


def _neighbours(plan: Plan, widths: Widths, params: int) -> Iterator[Widths]:
    """Widths near those given, each with the hidden units that bring the count nearest to `params` from either side."""
    ways = [range(max(1, n - _REACH), n + _REACH + 1) for n in widths.channels]
    b = widths.bottleneck
    ways.append(range(max(1, b - _REACH), b + _REACH + 1) if b else range(1))
    for *channels, bottleneck in itertools.product(*ways):
        near = Widths(tuple(channels), bottleneck, (1,))
        most = _hidden_within(plan, near, params)
        for hidden in (most, most + 1):
            found = _with_hidden(near, hidden)
            if plan.count(found) <= params * (1 + _ABOVE):
                yield found


def _with_hidden(widths: Widths, hidden: int) -> Widths:
    return Widths(widths.channels, widths.bottleneck, (hidden,))


def _hidden_within(plan: Plan, widths: Widths, params: int) -> int:
    """The most hidden units, but at least 1, with which the net has no more than `params` parameters."""

    def fits(hidden: int) -> bool:
        return plan.count(_with_hidden(widths, hidden)) <= params

    high = 2
    while fits(high):
        high *= 2
    low = max(1, high // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _distance(first: Widths, second: Widths) -> float:
    """How far their proportions are apart: the sum of the logarithms of what one is times the other."""
    pairs = zip(
        (*first.channels, first.bottleneck or 1, *first.hidden),
        (*second.channels, second.bottleneck or 1, *second.hidden),
        strict=True,
    )
    return sum(abs(math.log(a / b)) for a, b in pairs)
