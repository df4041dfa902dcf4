"""The nets that are compared: without context, with it as it is, and with it normalised; each without batch norm and
with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from leveret.context import FCN, ParseNet
from leveret.experiments.parsenet._settings import Setting
from leveret.shrink.binary import BiRealBlock

__all__ = ["BINARY", "MODELS", "NEAR", "Model"]


@dataclass(frozen=True)
class Model:
    """A row of the table.

    Attributes:
        title: for the page.
        batch_norm: behind each convolution of the backbone.
        context: whether the coarsest map's classifier sees the mean over the image, too.
        normalize: `L2Norm` with scale of maps and context.
        binary: convolutions behind the first stage have weights and inputs of one bit.
        near: the backbone's layers see less around each place.
    """

    title: str
    batch_norm: bool
    context: bool = False
    normalize: bool = False
    binary: bool = False
    near: bool = False

    def make(self, setting: Setting, num_classes: int, in_channels: int) -> FCN:
        """The net, drawn with torch's seed of the moment."""
        kind = {"block": BiRealBlock} if self.binary else {"batch_norm": self.batch_norm}
        backbone = (setting.near if self.near else setting.backbone)(in_channels, **kind)
        if not self.context:
            return FCN(backbone, num_classes, stride=setting.stride, in_channels=in_channels)
        return ParseNet(backbone, num_classes, stride=setting.stride, normalize=self.normalize, in_channels=in_channels)


_CONTEXTS = {
    "fcn": ("FCN", False, False),
    "context": ("context, not normalised", True, False),
    "parsenet": ("ParseNet", True, True),
}

# by the names in the JSON file: "fcn", …, then "fcn-bn", …
MODELS = {
    key + ("-bn" if batch_norm else ""): Model(title, batch_norm, context, normalize)
    for batch_norm in (False, True)
    for key, (title, context, normalize) in _CONTEXTS.items()
}

# without and with context, where layers see little of the image
NEAR = {f"{key}-near": replace(model, near=True) for key, model in MODELS.items() if model.context == model.normalize}

BINARY = Model("ParseNet, binary backbone", batch_norm=True, context=True, normalize=True, binary=True)
