"""`net_for`: a net that suits the data."""

from __future__ import annotations

from typing import Any

from torch import nn

from leveret.errors import LeveretUsageError
from leveret.nets._bag import BagOfWords
from leveret.nets._convnet import ConvNet
from leveret.nets._mlp import MLP
from leveret.nets._resnet import ResNet
from leveret.nets._tagger import SequenceTagger
from leveret.nets._text_conv import TextConvNet
from leveret.text import TextEncoder, Vectors

__all__ = ["encoder_for", "net_for"]

# of each kind of data, the default first
_NAMES = {
    "image": ("convnet", "resnet20", "resnet18"),
    "table": ("mlp",),
    "text": ("bag-of-words", "text-conv"),
    "tag": ("tagger",),
}


def net_for(data: Any, name: str | None = None) -> nn.Module:
    """A new net for `data`, with random weights drawn from torch's generator.

    Args:
        data: from `leveret.load` or `leveret.data.from_arrays`, or anything with `kind`, `num_classes` and, of images,
            `image_shape`, of tables, `features`.
        name: of images "convnet" (the default), "resnet20" or "resnet18"; of tables "mlp"; of texts "bag-of-words"
            (the default) or "text-conv", of sentences with tags "tagger", which know the words of the training part. A
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
    if chosen == "text-conv":
        return TextConvNet(data.num_classes, encoder_for(data.train))
    if chosen == "tagger":
        return SequenceTagger(data.classes, encoder_for(data.train, characters=True))
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


def encoder_for(train: Any, vectors: Vectors | None = None, *, characters: bool = False) -> TextEncoder:
    """An encoder that knows the words of a training part, and those that have a vector.

    Args:
        train: its texts, or sentences, are read by `fetch`.
        vectors: of words that others may say, too.
        characters: number the characters of words.

    Raises:
        LeveretUsageError: no text has a token.
    """
    encoder = TextEncoder.learn(train.fetch(range(len(train))), characters=characters)
    return encoder if vectors is None else encoder.extended(vectors.words)
