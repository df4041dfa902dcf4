"""Check a derived geometry on the net itself: what lies outside a place's field must not change its features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leveret.capacity._geometry import Geometry
from leveret.capacity._twin import evaluating, unpadded
from leveret.errors import LeveretUsageError
from leveret.nets._convolutions import is_conv2d

__all__ = ["channels_in", "check_field", "check_unpadded"]

_PLACES = 4  # a side of the grid that is probed


def channels_in(net: nn.Module) -> int:
    """Channels of the images that a net takes: of its first convolution, 1 where it has none."""
    return next((layer.in_channels for layer in net.modules() if is_conv2d(layer)), 1)


def check_field(net: nn.Module, geometry: Geometry, channels: int, name: str) -> int:
    """Run the net on a few small images that differ outside one place's field, and compare that place.

    Returns:
        Channels of the net's features.

    Raises:
        LeveretUsageError: it can't be run on such images, gives another grid than derived, or a place changes.
    """
    height, width = (_PLACES * axis.stride + axis.size for axis in (geometry.rows, geometry.columns))
    grid = geometry.grid(height, width)
    places = [(0, 0), (grid[0] // 2, grid[1] // 2), (grid[0] - 1, grid[1] - 1)]
    base = _noise(net, channels, height, width, 0)
    images = [base]
    for row, column in places:
        # of another mean and deviation, which statistics of the whole image would tell
        other = 3 * _noise(net, channels, height, width, 1) + 2
        top = geometry.rows.start + row * geometry.rows.stride
        left = geometry.columns.start + column * geometry.columns.stride
        field = (
            ...,
            slice(max(0, top), top + geometry.rows.size),
            slice(max(0, left), left + geometry.columns.size),
        )
        other[field] = base[field]
        images.append(other)
    features = _run(evaluating(net), torch.cat(images), name)
    if features.dim() != 4 or tuple(features.shape[2:]) != grid:
        raise LeveretUsageError(
            f"{name} must give (batch, channels, rows, columns), for images of {height}x{width} a grid of "
            f"{grid[0]}x{grid[1]} by its layers; it gives {tuple(features.shape)}"
        )
    for image, (row, column) in enumerate(places, start=1):
        if not _same(features[image, :, row, column], features[0, :, row, column]):
            raise LeveretUsageError(
                f"{name} isn't local: its place {row, column} changes with pixels outside the field of "
                f"{geometry.size[0]}x{geometry.size[1]} pixels that its layers have"
            )
    return features.shape[1]


def check_unpadded(net: nn.Module, geometry: Geometry, channels: int, name: str) -> None:
    """Run the net without its paddings on one field, and compare with the whole image.

    Raises:
        LeveretUsageError: it can't do without them, or gives something else.
    """
    height, width = (
        axis.size + 4 * axis.stride * (1 + axis.size // axis.stride) for axis in (geometry.rows, geometry.columns)
    )
    inside = geometry.inside(height, width).nonzero()
    row, column = inside[len(inside) // 2].tolist()
    image = _noise(net, channels, height, width, 0)
    top = geometry.rows.start + row * geometry.rows.stride
    left = geometry.columns.start + column * geometry.columns.stride
    field = image[..., top : top + geometry.rows.size, left : left + geometry.columns.size]
    whole = _run(evaluating(net), image, name)[0, :, row, column]
    try:
        alone = _run(evaluating(unpadded(net)), field, name)
    except LeveretUsageError as error:
        raise _needs_padding(name) from error
    if alone.shape[2:] != (1, 1) or not _same(alone[0, :, 0, 0], whole):
        raise _needs_padding(name)


def _needs_padding(name: str) -> LeveretUsageError:
    return LeveretUsageError(
        f"borders='zeros' runs {name} without its paddings, and {name} can't do without them, as where a sum of two "
        "branches needs them; take borders='exact'"
    )


def _noise(net: nn.Module, channels: int, height: int, width: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn((1, channels, height, width), generator=generator)
    like = next((p for p in net.parameters() if p.is_floating_point()), images)
    return images.to(like)


def _run(net: nn.Module, images: Tensor, name: str) -> Tensor:
    try:
        with torch.no_grad():
            return net(images)
    except Exception as error:  # whatever a user's code does
        raise LeveretUsageError(
            f"{name} can't be run on an image of {tuple(images.shape[1:])}, {images.dtype}: {error}"
        ) from error


def _same(a: Tensor, b: Tensor) -> bool:
    # the order of a convolution's additions may differ with the image's size
    exact = a.dtype in (torch.float32, torch.float64)
    return torch.allclose(a.double(), b.double(), rtol=1e-3 if exact else 0.05, atol=1e-4 if exact else 0.05)
