"""`ConvNet`: a plain stack of convolutions, as deep and wide as asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.nets._blocks import ConvBlock, ConvNetBlock
from leveret.nets._checks import check_images, positive
from leveret.nets._lateral import Links, links_by_layer

__all__ = ["ConvNet"]


class ConvNet(nn.Module):
    """A stem, `depth − 1` blocks spread over stages that halve the image and widen, average pooling, a classifier.

    Shapes: `(batch, in_channels, height, width)` float32 → logits `(batch, num_classes)`. Any image of at least
    `2 ** stages` pixels a side, since the features are averaged over places at the end.

    Args:
        in_channels: 1 for grey images, 3 for colour.
        num_classes: outputs.
        depth: convolutions in all, the stem's included; at least 1.
        width: channels of the stem and the first stage; doubled at each later stage.
        widths: channels of each stage, in place of `width` and `stages`.
        stages: how often the image is halved, each time in a stage's first block; fewer where blocks are fewer.
        block: what stands after the stem: `ConvBlock` (real) or, from `leveret.shrink.binary`, `XnorBlock`,
            `BinaryWeightBlock` or `BiRealBlock`. Stem and classifier stay real, as XNOR-Net has it (section 4).
        stem_pool: let the stem do the first halving, which makes the first stage four times cheaper.
        dropout: probability before the classifier.
        exact_stem: an `ExactConv2d` as stem, so that PyTorch and the packed net see the same signs; it takes about
            twice a plain convolution's time. Default: yes for binary blocks, whose signs a last bit can turn.
        lateral: links between the channels of every convolution, or of some by their index, from 0, the stem, to
            `depth − 1`; see `Links`. Of `ConvBlock`s alone.

    Raises:
        LeveretUsageError: an argument out of range, or links in a net of other blocks.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        depth: int = 6,
        width: int = 32,
        widths: tuple[int, ...] | None = None,
        stages: int = 3,
        block: ConvNetBlock = ConvBlock,
        stem_pool: bool = False,
        dropout: float = 0.0,
        exact_stem: bool | None = None,
        lateral: Links | Mapping[int, Links] | None = None,
    ) -> None:
        super().__init__()
        positive(in_channels=in_channels, num_classes=num_classes, depth=depth, width=width, stages=stages)
        if widths is None:
            widths = tuple(width * 2**i for i in range(max(1, min(stages, depth - 1))))
        elif not widths:
            raise LeveretUsageError("widths must name the channels of at least one stage, got ()")
        positive(**{f"widths[{i}]": value for i, value in enumerate(widths)})
        if not 0 <= dropout < 1:
            raise LeveretUsageError(f"dropout must be in [0, 1), got {dropout}")
        linked = links_by_layer(lateral, depth)
        if linked and block is not ConvBlock:
            raise LeveretUsageError(
                f"lateral links are of nets of ConvBlock, got block {getattr(block, '__name__', block)}"
            )
        self.in_channels = in_channels
        exact = block is not ConvBlock if exact_stem is None else exact_stem
        self.stem = ConvBlock(in_channels, widths[0], pool=stem_pool, exact=exact, lateral=linked.get(0))
        self.blocks = nn.Sequential()
        channels = widths[0]
        for stage, out_channels in enumerate(widths):
            for i in range(_share(depth - 1, len(widths), stage)):
                pool = i == 0 and not (stem_pool and stage == 0)
                index = 1 + len(self.blocks)
                own: dict[str, Any] = {"lateral": linked[index]} if index in linked else {}
                self.blocks.append(block(channels, out_channels, pool=pool, **own))
                channels = out_channels
        self.min_size = 2 ** max(len(widths) if depth > 1 else 0, int(stem_pool))
        # a block that ends in a bare sum (XnorBlock) leaves its scale to this
        self.norm = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """Averaged features `(batch, channels)`."""
        check_images(x, self.in_channels, self.min_size)
        return self.norm(self.blocks(self.stem(x))).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.dropout(self.features(x)))


def _share(total: int, parts: int, index: int) -> int:
    """How many of `total` blocks stage `index` of `parts` gets; the later stages, being cheaper, get the rest."""
    return total // parts + (index >= parts - total % parts)
