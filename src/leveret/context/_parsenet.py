"""`ParseNet`: a fully convolutional net whose classifiers see the whole picture."""

from __future__ import annotations

from torch import nn

from leveret.context._fcn import FCN
from leveret.context._global import ContextClassifier, Fusion
from leveret.context._l2norm import L2Norm
from leveret.context._pyramid import PyramidPooling
from leveret.errors import LeveretUsageError

__all__ = ["ParseNet"]


class ParseNet(FCN):
    """An `FCN` with global context at its coarsest map, and maps that are normalised before they are classified.

    Shapes, and arguments but these: as of `FCN`.

    Args:
        fusion: "early": the context is concatenated to each place's features; "late": both are classified, and the
            scores added; see `ContextClassifier`.
        normalize: `L2Norm` of the map, of its context, and of each finer map; False is the paper's "context without
            normalisation".
        scale: of the norms at the start; 10 or 20.
        pyramid: means over parts of the image, `PyramidPooling`, in place of those over all of it; `fusion` must be
            "early". The map is normalised before it.
        batch_norm: of the pyramid's levels.

    Raises:
        LeveretUsageError: as of `FCN`, or an argument out of range.

    Example:
        >>> net = ParseNet(street_backbone(), 11, stride=4)
        >>> net(images).shape  # (n, 11, 180, 240) for images (n, 3, 180, 240)

    Source: ParseNet (see `L2Norm`), section 3. There the backbone is VGG-16, and scores are those of one stride; finer
    maps that are added are concatenated. Here they are the skips of `FCN`.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        *,
        stride: int | None = None,
        fusion: Fusion = "early",
        normalize: bool = True,
        scale: float = 10.0,
        pyramid: bool = False,
        batch_norm: bool = True,
        in_channels: int = 3,
        dropout: float = 0.0,
    ) -> None:
        if pyramid and fusion != "early":
            raise LeveretUsageError(f"a pyramid is fused early, got fusion={fusion!r}")

        def head(channels: int, classes: int) -> nn.Module:
            if not pyramid:
                return ContextClassifier(
                    channels, classes, fusion=fusion, normalize=normalize, scale=scale, dropout=dropout
                )
            pool = PyramidPooling(channels, batch_norm=batch_norm)
            first = [norm(channels)] if normalize else []
            return nn.Sequential(*first, pool, nn.Dropout2d(dropout), nn.Conv2d(pool.out_channels, classes, 1))

        def norm(channels: int) -> nn.Module:
            return L2Norm(channels, scale)

        super().__init__(
            backbone,
            num_classes,
            stride=stride,
            in_channels=in_channels,
            dropout=dropout,
            head=head,
            norm=norm if normalize else None,
        )
