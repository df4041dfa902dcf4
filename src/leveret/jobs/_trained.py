"""`TrainedNet`: the net that `leveret fit` left as weights, asked as a packed one is: pixels in, numpy out."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretDataError, LeveretUsageError

if TYPE_CHECKING:
    from torch import nn

    from leveret.capacity import Look

__all__ = ["TrainedNet", "described_model", "load_run"]


class TrainedNet:
    """A trained net that takes pixels.

    Attributes:
        net: in eval mode.
        shape: `(channels, height, width)` of the images that it takes.
        classes: names, in the order of the logits.
        normalization: of pixels, as in training.
    """

    def __init__(
        self, net: nn.Module, normalization: Any, shape: tuple[int, int, int], classes: tuple[str, ...]
    ) -> None:
        self.net = net.eval()
        self.shape = shape
        self.classes = classes
        self.normalization = normalization

    def __call__(self, images: NDArray[np.uint8], *, threads: int | None = None) -> NDArray[np.float32]:
        """Logits `(n, num_classes)` of pixels `(n, channels, height, width)`."""
        return np.asarray(self._run(self.net, images, threads))

    def look(self, images: NDArray[np.uint8], *, threads: int | None = None) -> Look:
        """What a dynamic capacity net does with the images, see `capacity.Look`; without gradient."""
        return self._run(self.net.look, images, threads)

    @property
    def dynamic(self) -> bool:
        """Whether it can `look`."""
        return hasattr(self.net, "look")

    @property
    def k(self) -> Any:
        """How many places of each image a dynamic capacity net looks at closely; may be set anew.

        Raises:
            LeveretUsageError: it is no number of places, or more than the grid has.
        """
        return self.net.k

    @k.setter
    def k(self, amount: Any) -> None:
        net: Any = self.net
        from leveret.capacity import checked_amount

        net.k = checked_amount(amount, net.geometry, *self.shape[1:])

    def _run(self, call: Any, images: NDArray[np.uint8], threads: int | None) -> Any:
        import torch

        from leveret._threads import default_threads, limited_threads

        with limited_threads(threads or default_threads()), torch.no_grad():
            return call(torch.from_numpy(self.normalization.apply(images)))


def described_model(data: Any, name: str, patches: int | None) -> dict[str, Any]:
    """What `load_run` needs in order to make the net anew, as plain values, for `config.json`."""
    return {
        "net": name,
        "patches": patches,
        "image_shape": list(data.image_shape),
        "mean": list(data.normalization.mean),
        "std": list(data.normalization.std),
        "classes": list(data.classes),
    }


def load_run(folder: Path) -> TrainedNet:
    """The net of a finished run of `leveret fit`, with its weights.

    Raises:
        LeveretUsageError: the folder holds no such run, one that isn't finished, or one whose net can't be made anew.
        LeveretDataError: its files are damaged.
    """
    config = folder / "config.json"
    if not config.is_file():
        raise LeveretUsageError(
            f"{folder} holds no run of leveret fit; name such a folder, or a packed model, MODEL.lvr"
        )
    try:
        described = json.loads(config.read_text(encoding="utf-8")).get("model")
    except (ValueError, AttributeError) as error:
        raise LeveretDataError(f"{config} is damaged ({error})") from error
    if not described:
        raise LeveretUsageError(
            f"{folder} holds a run whose net can't be made anew from its name, so that its weights can't be asked; "
            "name a packed model, MODEL.lvr"
        )
    weights = folder / "net" / "net.safetensors"
    if not weights.is_file():
        raise LeveretUsageError(f"{folder} holds a run that isn't finished; go on with it by leveret fit … --resume")
    from safetensors import SafetensorError

    from leveret.data import Normalization
    from leveret.jobs._named_net import named_net
    from leveret.jobs._trial import load_trained

    try:
        shape, classes = tuple(described["image_shape"]), tuple(described["classes"])
        like: Any = SimpleNamespace(kind="image", image_shape=shape, num_classes=len(classes), source=str(folder))
        net = named_net(like, described["net"], described["patches"])
        normalization = Normalization(tuple(described["mean"]), tuple(described["std"]))
    except (KeyError, TypeError) as error:
        raise LeveretDataError(f"{config} is damaged ({error!r})") from error
    try:
        load_trained(net, folder / "net")
    except (SafetensorError, RuntimeError) as error:
        raise LeveretDataError(f"{weights} doesn't hold the weights of {described['net']!r}: {error}") from error
    return TrainedNet(net, normalization, shape, classes)
