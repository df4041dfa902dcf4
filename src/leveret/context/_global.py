"""`GlobalContext` and `ContextClassifier`: what the whole picture says, beside what each place says."""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor, cat, nn

from leveret.context._l2norm import L2Norm
from leveret.errors import LeveretUsageError
from leveret.nets._checks import positive, traced

__all__ = ["ContextClassifier", "Fusion", "GlobalContext"]

Fusion = Literal["early", "late"]


class GlobalContext(nn.Module):
    """A map beside its own mean over all places: pool, normalise, unpool, concatenate (early fusion).

    `y = [L2Norm(x), unpool(L2Norm(mean(x)))]`: each place gets its own features and, the same everywhere, those of the
    whole image. Classifiers behind it can rule out what doesn't fit the scene.

    Shapes: `(batch, channels, height, width)` → `(batch, 2 channels, height, width)`; or to `out_channels`.

    Args:
        channels: of the map.
        out_channels: add a 1x1 convolution to so many channels, so that the module can stand in any stack of layers;
            as in `net.blocks.append(GlobalContext(128, 128))` of a `ConvNet` with 128 channels at its end.
        normalize: give both halves an `L2Norm` of their own. False is the paper's "context without normalisation".
        scale: of the norms at the start.

    Raises:
        LeveretUsageError: an argument out of range; when called, another number of channels.

    Source: ParseNet (see `L2Norm`), sections 3.1 and 3.2. There the context comes from another, deeper layer than the
    map where several maps are joined; here each map has its own mean.
    """

    def __init__(
        self, channels: int, out_channels: int | None = None, *, normalize: bool = True, scale: float = 10.0
    ) -> None:
        super().__init__()
        positive(channels=channels)
        if out_channels is not None:
            positive(out_channels=out_channels)
        self.channels = channels
        self.out_channels = 2 * channels if out_channels is None else out_channels
        self.local_norm = _norm(channels, normalize, scale)
        self.context_norm = _norm(channels, normalize, scale)
        self.project = nn.Identity() if out_channels is None else nn.Conv2d(2 * channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        _check(x, self.channels)
        local = self.local_norm(x)
        context = self.context_norm(x.mean((2, 3), keepdim=True))
        return self.project(cat([local, context.expand_as(local)], 1))


class ContextClassifier(nn.Module):
    """Classes of each place from a map and its global context.

    With "early" fusion the two are concatenated, and one 1x1 convolution classifies what comes of it. With "late"
    fusion each has a classifier of its own, and their scores are added. As the classifiers are linear, both can say the
    same, `W [x; g] = W_x x + W_g g` (the paper finds them alike, section 3.1); the late one classifies the context once
    an image, not at every place, and has two biases.

    Shapes: `(batch, channels, height, width)` → logits `(batch, num_classes, height, width)`.

    Args:
        channels, num_classes: of map and logits.
        fusion: "early" or "late".
        normalize, scale: as of `GlobalContext`.
        dropout: probability with which a channel is dropped from map and context before they are classified.

    Raises:
        LeveretUsageError: an argument out of range; when called, another number of channels.
    """

    def __init__(
        self,
        channels: int,
        num_classes: int,
        *,
        fusion: Fusion = "early",
        normalize: bool = True,
        scale: float = 10.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        positive(channels=channels, num_classes=num_classes)
        if fusion not in get_args(Fusion):
            raise LeveretUsageError(f"fusion must be 'early' or 'late', got {fusion!r}")
        if not 0 <= dropout < 1:
            raise LeveretUsageError(f"dropout must be in [0, 1), got {dropout}")
        self.channels = channels
        self.fusion = fusion
        self.dropout = nn.Dropout2d(dropout)
        if fusion == "early":
            self.context = GlobalContext(channels, normalize=normalize, scale=scale)
            self.classifier = nn.Conv2d(2 * channels, num_classes, 1)
        else:
            self.local_norm = _norm(channels, normalize, scale)
            self.context_norm = _norm(channels, normalize, scale)
            self.classifier = nn.Conv2d(channels, num_classes, 1)
            self.context_classifier = nn.Conv2d(channels, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        _check(x, self.channels)
        if self.fusion == "early":
            return self.classifier(self.dropout(self.context(x)))
        context = self.context_norm(x.mean((2, 3), keepdim=True))
        local = self.classifier(self.dropout(self.local_norm(x)))
        return local + self.context_classifier(self.dropout(context))


def _norm(channels: int, normalize: bool, scale: float) -> nn.Module:
    return L2Norm(channels, scale) if normalize else nn.Identity()


def _check(x: Tensor, channels: int) -> None:
    if not traced(x) and (x.dim() != 4 or x.shape[1] != channels):
        raise LeveretUsageError(f"a map must be (batch, {channels}, height, width), got {tuple(x.shape)}")
