"""The nets: coarse, fine and top layers of the paper for cluttered digits, and shapes alike for larger images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from leveret.capacity import DynamicCapacityNet, Selector

__all__ = ["Parts", "dynamic", "large_parts", "paper_parts", "whole"]


@dataclass(frozen=True)
class Parts:
    """How to make a dynamic capacity net's layers.

    Attributes:
        coarse, fine, top: each makes its layers anew.
        k: patches of an image.
        patch_size: of a crop, in pixels.
        num_classes: of the top.
        channels: of coarse and fine features.
    """

    coarse: Callable[[], nn.Module]
    fine: Callable[[], nn.Module]
    top: Callable[[], nn.Module]
    k: int
    patch_size: int
    num_classes: int
    channels: int = 24


def paper_parts(num_classes: int = 10) -> Parts:
    """Those of Almahairi et al., 2016, section 4.1, for 100x100 grey pixels; a BatchNorm after each convolution.

    The paper takes 8 patches an image; 10 leave 2.9x fewer multiplications than fine layers everywhere.
    """

    def coarse() -> nn.Module:
        return nn.Sequential(*_conv(1, 12, 7, 2), *_conv(12, 24, 3, 2))

    def fine() -> nn.Module:
        return nn.Sequential(
            *_conv(1, 24, 3, padding=1),
            *_conv(24, 24, 3, padding=1),
            nn.MaxPool2d(2),
            *_conv(24, 24, 3, padding=1),
            *_conv(24, 24, 3, padding=1),
            nn.MaxPool2d(2),
            *_conv(24, 24, 3),
        )

    return Parts(coarse, fine, lambda: _top(24, 96, num_classes), k=10, patch_size=14, num_classes=num_classes)


def large_parts(num_classes: int, stem: int, k: int) -> Parts:
    """For larger grey images, where a place stands for 8 · `stem` pixels: first layers of stride `stem`, then alike.

    Args:
        num_classes: of the top.
        stem: 1 for some hundred pixels a side, 2 for a thousand.
        k: patches of an image.
    """
    last = 5  # taps of the coarse layers' last convolution, so that their grid is the fine ones'

    def coarse() -> nn.Module:
        return nn.Sequential(*_conv(1, 12, 7, 4), *([nn.MaxPool2d(stem)] if stem > 1 else []), *_conv(12, 24, last, 2))

    def fine() -> nn.Module:
        first = _conv(1, 8, 3, padding=1) if stem == 1 else _conv(1, 8, 5, stem, padding=2)
        return nn.Sequential(
            *first,
            *_conv(8, 8, 3, padding=1),
            nn.MaxPool2d(2),
            *_conv(8, 16, 3, padding=1),
            nn.MaxPool2d(2),
            *_conv(16, 24, 3, padding=1),
            nn.MaxPool2d(2),
            *_conv(24, 24, 3),
        )

    return Parts(coarse, fine, lambda: _top(24, 48, num_classes), k=k, patch_size=24 * stem, num_classes=num_classes)


def dynamic(parts: Parts, selector: Selector | None = None) -> DynamicCapacityNet:
    """Coarse everywhere, fine at k places."""
    return DynamicCapacityNet(
        parts.coarse(),
        parts.fine(),
        parts.top(),
        parts.k,
        selector=selector,
        borders="crop",
        patch_size=parts.patch_size,
    )


def whole(parts: Parts, which: str) -> nn.Module:
    """The "coarse" or the "fine" layers alone, everywhere, under a top of their own."""
    return nn.Sequential(parts.coarse() if which == "coarse" else parts.fine(), parts.top())


def _top(channels: int, filters: int, num_classes: int) -> nn.Module:
    return nn.Sequential(
        *_conv(channels, filters, 4, 2), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(filters, num_classes)
    )


def _conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
    return [
        nn.Conv2d(in_channels, out_channels, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    ]
