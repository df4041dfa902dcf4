"""`ShallowNet`: students of few layers and of as many parameters as asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.nets._blocks import ConvBlock
from leveret.nets._checks import check_images, positive, traced
from leveret.nets._lateral import Lateral, Links, links_by_layer
from leveret.nets._widths import POOLED, Plan, Widths, widths_for

__all__ = ["ShallowNet"]


class ShallowNet(nn.Module):
    """None to four convolutions, a linear bottleneck, hidden units, a classifier.

    Source: Urban et al., "Do Deep Convolutional Nets Really Need to be Deep and Convolutional?", ICLR 2017, section 2,
    whose students are, with c a 3x3 convolution, mp a 2x2 max-pool, lfc linear and fc ReLU units:

        0   lfc-fc                  2   c-mp-c-mp-fc            4   c-mp-c-c-mp-c-mp-fc
        1   c-mp-lfc-fc             3   c-mp-c-mp-c-mp-fc

    Where we deviate: a BatchNorm stands behind each convolution and each hidden layer, which lets them learn at one
    rate whatever their width (and a pool before it, see `ConvBlock`); `lateral` links may stand in place of each ReLU.

    Shapes: `(batch, in_channels, *image_size)` float32 → logits `(batch, num_classes)`.

    Args:
        in_channels: 1 for grey images, 3 for colour.
        image_size: of a side, or `(height, width)`; other images don't fit the fully connected layers.
        num_classes: outputs.
        conv_layers: convolutions, 0 to 4.
        params: how many parameters the net shall have in all, norms and links included. It has at most 1 % more;
            and at most 1 % less where its widths are fine enough: from about 10,000 on, for ten classes. One number
            scales the widths of Ba & Caruana's net with a bottleneck (none or one convolution) or of the paper's
            teacher (more), and a hidden layer pays for its own links; `widths` says what was found.
        channels: in place of `params`, of each convolution.
        hidden: in place of `params`, units of the fully connected layer, or of several, one after the other, as the
            paper has 1 to 5 behind no convolution.
        bottleneck: with `hidden`, linear units before it; 0 for none. None for a 25th of the hidden units where the
            paper has a bottleneck, at 0 and 1 convolutions, and else for none.
        dropout: probability before the classifier.
        lateral: links between the units of every layer, or of some by their index: the convolutions from 0 on, then the
            hidden layers; see `Links`. Hidden layers take none that are "convolutional".

    Attributes:
        widths: with `channels`, `bottleneck` and `hidden`.

    Raises:
        LeveretUsageError: an argument out of range, images too small for the pools, or fewer parameters than the
            smallest such net has.
    """

    def __init__(
        self,
        in_channels: int,
        image_size: int | tuple[int, int],
        num_classes: int,
        conv_layers: int = 1,
        *,
        params: int | None = None,
        channels: Sequence[int] | None = None,
        hidden: int | Sequence[int] | None = None,
        bottleneck: int | None = None,
        dropout: float = 0.0,
        lateral: Links | Mapping[int, Links] | None = None,
    ) -> None:
        super().__init__()
        positive(in_channels=in_channels, num_classes=num_classes)
        if not 0 <= dropout < 1:
            raise LeveretUsageError(f"dropout must be in [0, 1), got {dropout}")
        if conv_layers not in range(len(POOLED)) or isinstance(conv_layers, bool):
            raise LeveretUsageError(f"conv_layers must be a whole number in 0..{len(POOLED) - 1}, got {conv_layers!r}")
        height, width = _size(image_size, conv_layers)
        if params is None:
            self.widths = _given(conv_layers, channels, hidden, bottleneck)
        elif channels is not None or hidden is not None or bottleneck is not None:
            raise LeveretUsageError("give either params, from which the widths follow, or the widths themselves")
        else:
            positive(params=params)
        layers = conv_layers + (1 if params is not None else len(self.widths.hidden))
        links = links_by_layer(lateral, layers)
        plan = Plan(in_channels, height, width, num_classes, conv_layers, links)
        if params is not None:
            self.widths = widths_for(plan, params)
        self.in_channels, self.image_size = in_channels, (height, width)

        self.convolutions = nn.Sequential()
        inputs = in_channels
        for i, (outputs, pool) in enumerate(zip(self.widths.channels, POOLED[conv_layers], strict=True)):
            self.convolutions.append(ConvBlock(inputs, outputs, pool=pool, lateral=links.get(i)))
            inputs = outputs
        inputs = plan.features(self.widths)
        self.bottleneck: nn.Module = nn.Identity()
        if self.widths.bottleneck:
            # without a bias: the norm behind the next layer would take it off
            self.bottleneck = nn.Linear(inputs, self.widths.bottleneck, bias=False)
            inputs = self.widths.bottleneck
        self.hidden = nn.Sequential()
        for i, units in enumerate(self.widths.hidden, conv_layers):
            self.hidden.append(_hidden(inputs, units, links.get(i)))
            inputs = units
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(inputs, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """What the last hidden layer gives, `(batch, units)`."""
        check_images(x, self.in_channels, 1)
        if not traced(x) and tuple(x.shape[2:]) != self.image_size:
            height, width = self.image_size
            raise LeveretUsageError(
                f"images must be {height}x{width} pixels for this net, got {x.shape[2]}x{x.shape[3]}"
            )
        return self.hidden(self.bottleneck(self.convolutions(x).flatten(1)))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.dropout(self.features(x)))


def _hidden(inputs: int, units: int, links: Links | None) -> nn.Sequential:
    linked = Lateral(units, links, maps=False) if links and links.steps else None
    relu = linked or nn.ReLU(inplace=True)
    return nn.Sequential(nn.Linear(inputs, units, bias=False), nn.BatchNorm1d(units), relu)


def _size(image_size: int | tuple[int, int], conv_layers: int) -> tuple[int, int]:
    """Height and width, checked against the pools."""
    if isinstance(image_size, Sequence):
        if len(image_size) != 2:
            raise LeveretUsageError(f"image_size must be of a side, or (height, width), got {image_size!r}")
        height, width = image_size
    else:
        height = width = image_size
    positive(height=height, width=width)
    least = 2 ** sum(POOLED[conv_layers])
    if min(height, width) < least:
        fit = max(n for n, pooled in enumerate(POOLED) if 2 ** sum(pooled) <= min(height, width))
        raise LeveretUsageError(
            f"images must be at least {least} pixels a side for conv_layers {conv_layers} and their pools, got "
            f"{height}x{width}; at most conv_layers {fit} fits"
        )
    return height, width


def _given(
    conv_layers: int, channels: Sequence[int] | None, hidden: int | Sequence[int] | None, bottleneck: int | None
) -> Widths:
    """The widths that a user names, checked."""
    if hidden is None:
        raise LeveretUsageError("give params, or the widths themselves: hidden and, of each convolution, channels")
    channels = () if channels is None else channels
    if not isinstance(channels, Sequence) or len(channels) != conv_layers:
        raise LeveretUsageError(f"channels must name the widths of {conv_layers} convolutions, got {channels!r}")
    positive(**{f"channels[{i}]": value for i, value in enumerate(channels)})
    units = tuple(hidden) if isinstance(hidden, Sequence) else (hidden,)
    if not units:
        raise LeveretUsageError("hidden must name the units of at least one layer, got ()")
    positive(**{f"hidden[{i}]": value for i, value in enumerate(units)})
    if bottleneck is None:
        bottleneck = max(1, units[0] // 25) if conv_layers <= 1 else 0
    elif bottleneck != 0:
        positive(bottleneck=bottleneck)
    return Widths(tuple(channels), bottleneck, units)
