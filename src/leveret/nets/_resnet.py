"""`ResNet`: residual nets for small images (CIFAR-style) and for 224-pixel ones (He et al., CVPR 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.nets._blocks import BasicBlock, ExactConv2d, ResNetBlock
from leveret.nets._checks import check_images, positive

__all__ = ["ResNet"]


class ResNet(nn.Module):
    """Stages of residual blocks between a real stem and a real classifier.

    Shapes: `(batch, in_channels, height, width)` float32 → logits `(batch, num_classes)`.

    Args:
        in_channels, num_classes: as in `ConvNet`.
        blocks: how many blocks (two convolutions each) in each stage; each stage but the first halves the image.
        widths: channels of each stage.
        stem: "small": one 3x3 convolution (section 4.2); "large": 7x7 with stride 2 and a 3x3 max-pool with stride 2,
            for images around 224 pixels (section 4.1).
        block: `BasicBlock` (real), or `XnorPair` or `BiRealPair` from `leveret.shrink.binary`.
        exact_stem: as in `ConvNet`.

    `ResNet.cifar(20, …)` and `ResNet.imagenet18(…)` are the paper's nets.

    Raises:
        LeveretUsageError: an argument out of range.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        blocks: Sequence[int] = (3, 3, 3),
        widths: Sequence[int] = (16, 32, 64),
        stem: str = "small",
        block: ResNetBlock = BasicBlock,
        exact_stem: bool | None = None,
    ) -> None:
        super().__init__()
        positive(in_channels=in_channels, num_classes=num_classes)
        positive(**{f"blocks[{i}]": n for i, n in enumerate(blocks)})
        positive(**{f"widths[{i}]": n for i, n in enumerate(widths)})
        if not blocks or len(blocks) != len(widths):
            raise LeveretUsageError(
                f"blocks and widths must name the same stages, at least one; got {len(blocks)} and {len(widths)}"
            )
        self.in_channels = in_channels
        channels = widths[0]
        exact = block is not BasicBlock if exact_stem is None else exact_stem
        make = ExactConv2d if exact else nn.Conv2d
        if stem == "small":
            self.stem = nn.Sequential(make(in_channels, channels, 3, 1, 1, bias=False))
        elif stem == "large":
            self.stem = nn.Sequential(make(in_channels, channels, 7, 2, 3, bias=False))
        else:
            raise LeveretUsageError(f"stem must be 'small' or 'large', got {stem!r}")
        self.stem.extend([nn.BatchNorm2d(channels), nn.ReLU(inplace=True)])
        if stem == "large":
            self.stem.append(nn.MaxPool2d(3, 2, 1))
        self.stages = nn.Sequential()
        for stage, (count, width) in enumerate(zip(blocks, widths, strict=True)):
            for i in range(count):
                self.stages.append(block(channels, width, stride=2 if stage > 0 and i == 0 else 1))
                channels = width
        self.classifier = nn.Linear(channels, num_classes)

    @classmethod
    def cifar(
        cls, depth: int = 20, in_channels: int = 3, num_classes: int = 10, *, width: int = 16, **options: Any
    ) -> ResNet:
        """The paper's nets for 32-pixel images, of `depth` 6n + 2: three stages of n blocks (section 4.2).

        Args:
            depth: 20, 32, 44, 56, 110 in the paper.
            in_channels, num_classes: of the images.
            width: channels of the first stage; the next have twice and four times as many.
            options: as for the class.

        Raises:
            LeveretUsageError: a depth that isn't 6n + 2.
        """
        n, rest = divmod(depth - 2, 6)
        if n < 1 or rest:
            raise LeveretUsageError(f"depth must be 6n + 2 (8, 14, 20, 32, 44, 56, …), got {depth}")
        return cls(in_channels, num_classes, blocks=(n,) * 3, widths=(width, 2 * width, 4 * width), **options)

    @classmethod
    def imagenet18(cls, in_channels: int = 3, num_classes: int = 1000, *, width: int = 64, **options: Any) -> ResNet:
        """The 18-layer net for 224-pixel images (table 1); `in_channels`, `num_classes` and `width` as for `cifar`."""
        return cls(
            in_channels,
            num_classes,
            blocks=(2, 2, 2, 2),
            widths=(width, 2 * width, 4 * width, 8 * width),
            stem="large",
            **options,
        )

    def features(self, x: Tensor) -> Tensor:
        """Averaged features `(batch, channels)`."""
        check_images(x, self.in_channels, 1)
        return self.stages(self.stem(x)).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))
