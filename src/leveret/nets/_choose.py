"""`net_for`: a net that suits the data."""

from __future__ import annotations

from typing import Any

from torch import nn

from leveret.errors import LeveretUsageError
from leveret.nets._bag import BagOfWords
from leveret.nets._convnet import ConvNet
from leveret.nets._mlp import MLP
from leveret.nets._resnet import ResNet

__all__ = ["net_for"]

# of each kind of data, the default first
_NAMES = {"image": ("convnet", "resnet20", "resnet18"), "table": ("mlp",), "text": ("bag-of-words",)}


def net_for(data: Any, name: str | None = None) -> nn.Module:
    """A new net for `data`, with random weights drawn from torch's generator.

    Args:
        data: from `leveret.load` or `leveret.data.from_arrays`, or anything with `kind`, `num_classes` and, of images,
            `image_shape`, of tables, `features`.
        name: of images "convnet" (the default), "resnet20" or "resnet18"; of tables "mlp"; of texts "bag-of-words". A
            convnet has two stages for grey images, three wider ones for colour, and three narrow ones, which the stem
            begins by halving, for images of more than 40 pixels a side; fewer where the images are too small.

    Raises:
        LeveretUsageError: no such net for this kind of data.
    """
    names = _NAMES[data.kind]
    chosen = names[0] if name is None else name
    if chosen not in names:
        raise LeveretUsageError(f"a net for {data.kind}s must be one of {', '.join(names)}, got {name!r}")
    if chosen == "mlp":
        return MLP(len(data.features), data.num_classes)
    if chosen == "bag-of-words":
        return BagOfWords(data.num_classes)
    channels, height, width = data.image_shape
    if chosen == "resnet20":
        return ResNet.cifar(20, channels, data.num_classes)
    if chosen == "resnet18":
        return ResNet.imagenet18(channels, data.num_classes)
    side = min(height, width)
    if side > 40:
        return ConvNet(channels, data.num_classes, depth=7, widths=(32, 64, 128), stem_pool=True)
    halvings = side.bit_length() - 1
    if channels == 3:
        widths, depth = (64, 128, 256)[:halvings], 7
    else:
        widths, depth = (32, 64)[:halvings], 5
    if not widths:
        # a pixel can't be halved: the stem alone
        return ConvNet(channels, data.num_classes, depth=1)
    return ConvNet(channels, data.num_classes, depth=depth, widths=widths)
