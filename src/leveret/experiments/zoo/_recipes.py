"""What each model of the zoo is: its data, its net, its training, and the words of its card that aren't figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["RECIPES", "Recipe"]

_SEEN_BY_QUANTIZER = 512


@dataclass(frozen=True)
class Recipe:
    """One model.

    Attributes:
        name: in the zoo.
        title: a line that says what it is.
        what: it does, and how; a paragraph.
        data: it was trained on, and their licence; a paragraph.
        limits: what it can't do; a paragraph.
        load: its data, of a folder of datasets (or None) and a seed.
        net: a trained net, of data and a seed.
        file: of the folder of datasets; empty where the data is embedded.
        seed: of the model in the zoo.
    """

    name: str
    title: str
    what: str
    data: str
    limits: str
    load: Callable[[Path | None, int], Any]
    net: Callable[[Any, int], Any]
    file: str = ""
    seed: int = 0


def _digits(folder: Path | None, seed: int) -> Any:
    from leveret.data import load

    return load("digits", seed=seed)


def _digits_net(data: Any, seed: int) -> Any:
    """A binary student of a real teacher, in two stages, as `leveret shrink` trains it; half as wide."""
    import torch

    from leveret.nets import ConvNet
    from leveret.shrink.binary import BiRealBlock, set_binary_weights
    from leveret.training import Augment, CrossEntropy, Distillation, fit

    common: dict[str, Any] = {"batch_size": 32, "augment": Augment(shift=1), "gradient_clip": 5.0, "seed": seed}
    torch.manual_seed(seed)
    teacher = ConvNet(1, 10, depth=5, widths=(64, 128))
    real: dict[str, Any] = {
        "optimizer": "sgd",
        "lr": 0.05,
        "weight_decay": 5e-4,
        "schedule": "one-cycle",
        "warmup": 0.2,
    }
    fit(teacher, data, objective=CrossEntropy(0.1), epochs=40, stage="teacher", **real, **common)
    torch.manual_seed(seed + 1)
    student = ConvNet(1, 10, depth=5, widths=(64, 128), block=BiRealBlock)
    learn = Distillation(teacher, temperature=2.0, hard_weight=0.1)
    for stage, binary, epochs in (("activations", False, 20), ("weights", True, 40)):
        set_binary_weights(student, binary)
        decay = 0.0 if binary else 1e-5  # it would pull the weights behind the signs to where they flip at random
        own: dict[str, Any] = {"optimizer": "adam", "lr": 2e-3, "weight_decay": decay}
        fit(student, data, objective=learn, epochs=epochs, stage=stage, **own, **common)
    return student


def _fashion(folder: Path | None, seed: int) -> Any:
    from leveret.data import load
    from leveret.experiments._datasets import source_of

    classes = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
    return replace(load(source_of("fashion", folder), seed=seed), classes=classes)


def _fashion_net(data: Any, seed: int) -> Any:
    """A small real net, trained for a few passes, then given bytes by `quantize`."""
    import torch

    from leveret.nets import ConvNet
    from leveret.shrink import quantize
    from leveret.training import Augment, fit

    torch.manual_seed(seed)
    net = ConvNet(1, 10, depth=6, widths=(16, 32, 64), stem_pool=True)
    fit(
        net,
        data,
        epochs=8,
        batch_size=128,
        optimizer="sgd",
        lr=0.1,
        weight_decay=5e-4,
        schedule="one-cycle",
        warmup=0.2,
        augment=Augment(flip=True, shift=1),
        seed=seed,
        stage="fashion",
    )
    some = np.sort(np.random.default_rng(seed).permutation(len(data.train))[:_SEEN_BY_QUANTIZER])
    images = torch.from_numpy(data.normalization.apply(data.train.fetch(some)))
    return quantize(net.eval(), images.split(64))


def _cluttered(folder: Path | None, seed: int) -> Any:
    from leveret.data import cluttered, load

    return cluttered(load("digits", seed=seed), (29, 29), distractor_size=2, seed=seed, train=30_000, test=2_000)


def _cluttered_net(data: Any, seed: int) -> Any:
    """A dynamic capacity net of the shape that suits the images, whose weights then share 64 values a layer."""
    import torch

    from leveret.capacity import Hinted, capacity_net_for
    from leveret.shrink import share
    from leveret.training import fit

    torch.manual_seed(seed)
    net: Any = capacity_net_for(data)
    common: dict[str, Any] = {"objective": Hinted(0.01), "optimizer": "adamw", "batch_size": 64, "seed": seed}
    fit(net, data, epochs=6, lr=4e-3, schedule="one-cycle", warmup=0.2, stage="cluttered", **common)
    small = share(net, 6)
    fit(small, data, epochs=1, lr=4e-4, stage="shared", **common)
    return small


_DIGITS_DATA = (
    "scikit-learn's digits: 1,797 images of 8x8 pixels in 17 greys, from the Optical Recognition of Handwritten Digits "
    "data of E. Alpaydin and C. Kaynak (UCI Machine Learning Repository, 1998; CC BY 4.0). Split by `leveret.load`"
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="digits",
            title="a binary ConvNet that reads handwritten digits of 8x8 pixels",
            what="Says which of the ten digits a grey image of 8x8 pixels shows. Between a real stem and a real "
            "classifier, four convolutions have weights and activations of one bit each; they learned the outputs of a "
            "real net of the same depth, in two stages.",
            data=f"{_DIGITS_DATA} with seed 0: a fifth is the test part, which no training saw.",
            limits="White strokes on black, one digit that fills the image, written as 43 people of one country write "
            "it. An image of anything else gets the name of a digit, too, often with confidence. Larger images are "
            "scaled down to 8x8 pixels first.",
            load=_digits,
            net=_digits_net,
        ),
        Recipe(
            name="fashion",
            title="a net of bytes that names ten kinds of clothes",
            what="Says which of ten kinds of clothes a grey image of 28x28 pixels shows: six convolutions and a "
            "classifier, trained in floats, then given weights and activations of 8 bits by `leveret.quantize`, from "
            "512 training images.",
            data="Fashion-MNIST (H. Xiao, K. Rasul and R. Vollgraf, 2017; MIT licence, © 2017 Zalando SE): 60,000 "
            "training images, of which a part told the best epoch, and 10,000 test images, which no training saw.",
            limits="Single pieces of clothing, bright on black, centred, as in a shop's catalogue; photographs of "
            "people are another matter. Shirts, T-shirts, pullovers and coats are what it confuses most.",
            load=_fashion,
            net=_fashion_net,
            file="fashion_mnist.npz",
        ),
        Recipe(
            name="cluttered",
            title="a dynamic capacity net that finds a digit among pieces of others",
            what="Says which digit stands somewhere on a grey canvas of 29x29 pixels, among eight pieces of other "
            "digits. It looks coarsely at all of the image, and closely at the few patches on which its answer depends "
            "most (Almahairi et al., 2016). The weights of a layer are 64 different numbers, which makes the file a "
            "quarter of what it would be (Han et al., 2016).",
            data=f"{_DIGITS_DATA}, then laid among pieces of other digits of the same part by "
            "`leveret.data.cluttered`: 30,000 images to train on, 2,000 to test, of 359 digits that no training saw.",
            limits="Clutter of the kind it was trained with, and digits of 8x8 pixels: neither larger nor smaller. "
            "`--budget` changes how many patches it looks at; it was trained with the default.",
            load=_cluttered,
            net=_cluttered_net,
        ),
    )
}
