"""`FCN`: a fully convolutional net with skips, from images to maps of logits of the same size."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from leveret.context._measured import backbone_of, maps_of, measured
from leveret.context._upsample import BilinearUpsample
from leveret.errors import LeveretUsageError
from leveret.nets._checks import check_images, positive, traced

__all__ = ["FCN", "MakeHead"]

MakeHead = Callable[[int, int], nn.Module]
MakeNorm = Callable[[int], nn.Module]


class FCN(nn.Module):
    """Classifies each place of the coarsest map, and adds the classes that finer maps see, step by step.

    With maps of strides 8, 16 and 32 and `stride` 32, 16 or 8 it is the paper's FCN-32s, 16s or 8s. Each map has a 1x1
    classifier; the scores are scaled up to the next finer map's size by a `BilinearUpsample`, which learns, and added
    to that map's, whose classifier begins with zeros. The last step to the image's size is bilinear and fixed.

    Images of any size: what is missing to a multiple of the largest stride is continued from the border at the right
    and below, and cut off in the end. So each map lies exactly on the next one.

    Shapes: `(batch, in_channels, height, width)` float32 → logits `(batch, num_classes, height, width)`.

    Args:
        backbone: gives maps at several strides; see `leveret.context` and `Taps`. A `ConvNet` or `ResNet` becomes one,
            with its layers shared.
        num_classes: outputs.
        stride: of the finest map that is used; those between it and the coarsest are used, too. Default: the finest
            that the backbone has.
        in_channels: of the images.
        dropout: probability with which a channel is dropped before it is classified.
        head: called with a map's channels and `num_classes`, gives the classifier of the coarsest map in place of the
            1x1 convolution: one with more context, for example.
        norm: called with a finer map's channels, gives what normalises it before it is classified.

    Attributes:
        strides: of the maps in use, the finest first.

    Raises:
        LeveretUsageError: an argument out of range, a backbone that gives no such maps, no map of that stride; when
            called, images of another shape.

    Source: Long, Shelhamer and Darrell, CVPR 2015, sections 3 and 4. There images are padded by 100 pixels and maps cut
    to fit, and the up-sampling's filters go between all pairs of classes.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        *,
        stride: int | None = None,
        in_channels: int = 3,
        dropout: float = 0.0,
        head: MakeHead | None = None,
        norm: MakeNorm | None = None,
    ) -> None:
        super().__init__()
        positive(num_classes=num_classes, in_channels=in_channels)
        if not 0 <= dropout < 1:
            raise LeveretUsageError(f"dropout must be in [0, 1), got {dropout}")
        self.in_channels = in_channels
        self.num_classes = num_classes
        self.backbone = backbone_of(backbone, in_channels)
        channels, strides = measured(self.backbone, in_channels)
        finest = strides[0] if stride is None else stride
        if finest not in strides:
            raise LeveretUsageError(
                f"stride must be one of the backbone's, {', '.join(map(str, strides))}; got {stride}"
            )
        self._first = strides.index(finest)
        self._maps = len(strides)
        self.strides = strides[self._first :]
        *finer, coarsest = channels[self._first :]
        self.heads = nn.ModuleList(_skip(width, num_classes, dropout, norm) for width in finer)
        self.heads.append(
            nn.Sequential(nn.Dropout2d(dropout), nn.Conv2d(coarsest, num_classes, 1))
            if head is None
            else head(coarsest, num_classes)
        )
        steps = [coarse // fine for fine, coarse in zip(self.strides, self.strides[1:], strict=False)]
        self.ups = nn.ModuleList(BilinearUpsample(num_classes, step) for step in steps)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        padded = self.padded(x)
        scores = self.scores(padded)
        if self.strides[0] > 1:
            scores = F.interpolate(scores, size=padded.shape[2:], mode="bilinear", align_corners=False)
        return scores[:, :, :height, :width] if padded is not x else scores

    def padded(self, x: Tensor) -> Tensor:
        """Images of any size continued from their border, at the right and below, to what `scores` takes."""
        check_images(x, self.in_channels, 1)
        below, right = -x.shape[2] % self.strides[-1], -x.shape[3] % self.strides[-1]
        return F.pad(x, (0, right, 0, below), mode="replicate") if below or right else x

    def scores(self, x: Tensor) -> Tensor:
        """Logits at the finest map's places, `(batch, num_classes, height / stride, width / stride)`, of images whose
        sides are multiples of the largest stride."""
        maps = maps_of(self.backbone(x))
        self._check(maps, x)
        maps = maps[self._first :]
        scores = self.heads[-1](maps[-1])
        for i in range(len(maps) - 2, -1, -1):
            scores = self.ups[i](scores) + self.heads[i](maps[i])
        return scores

    def _check(self, maps: list[Tensor], x: Tensor) -> None:
        if traced(x):
            return
        found = [tuple(one.shape[2:]) for one in maps[self._first :]]
        wanted = [(x.shape[2] // s, x.shape[3] // s) for s in self.strides]
        if len(maps) != self._maps or found != wanted:
            raise LeveretUsageError(
                f"the backbone gives maps of {found} for an image of {x.shape[2]}x{x.shape[3]}; by its strides "
                f"{self.strides} they should be {wanted}"
            )


def _skip(channels: int, num_classes: int, dropout: float, norm: MakeNorm | None) -> nn.Module:
    """A classifier that says nothing at first (section 4.2: new layers begin with zeros)."""
    conv = nn.Conv2d(channels, num_classes, 1)
    nn.init.zeros_(conv.weight)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return nn.Sequential(*([] if norm is None else [norm(channels)]), nn.Dropout2d(dropout), conv)
