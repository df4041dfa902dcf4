"""Whether coarse and fine layers belong together: each derived and probed, all of one stride, grid and channels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, get_args

from torch import nn

from leveret.capacity._geometry import Geometry
from leveret.capacity._patches import Borders, Patches
from leveret.capacity._probe import channels_in, check_field, check_unpadded
from leveret.capacity._walk import derive
from leveret.errors import LeveretUsageError

__all__ = ["checked_parts", "level_names"]


def level_names(levels: int) -> list[str]:
    """What errors call the fine layers of each level."""
    return ["fine"] if levels == 1 else [f"fine[{i}]" for i in range(levels)]


def checked_parts(
    coarse: nn.Module, fines: Sequence[nn.Module], scale: int, borders: Borders, patch_size: Any
) -> tuple[Geometry, tuple[Patches, ...], int]:
    """The geometry of coarse in the image's pixels, what runs each level's fine layers, and the images' channels.

    Args:
        coarse, fines: the layers.
        scale: of the image to what the coarse layers see.
        borders, patch_size: as of `DynamicCapacityNet`.

    Raises:
        LeveretUsageError: as of `DynamicCapacityNet`.
    """
    if isinstance(scale, bool) or not isinstance(scale, int) or scale < 1:
        raise LeveretUsageError(f"scale must be a whole number of at least 1, got {scale!r}")
    if borders not in get_args(Borders):
        raise LeveretUsageError(f"borders must be one of {', '.join(map(repr, get_args(Borders)))}, got {borders!r}")
    # the scaling is a layer as any other, by which fields and strides grow
    seen = coarse if scale == 1 else nn.Sequential(nn.AvgPool2d(scale), coarse)
    names = level_names(len(fines))
    of_coarse = derive(seen, "coarse")
    geometries = [derive(fine, name) for fine, name in zip(fines, names, strict=True)]
    named = list(zip(["coarse", *names], [of_coarse, *geometries], strict=True))
    for (one, a), (other, b) in combinations(named, 2):
        _check_grids(one, a, other, b, scale if one == "coarse" else 1)
    in_channels = channels_in(coarse)
    for fine, name in zip(fines, names, strict=True):
        if (got := channels_in(fine)) != in_channels:
            raise LeveretUsageError(f"coarse takes images of {in_channels} channels, {name} of {got}")
    made = check_field(seen, of_coarse, in_channels, "coarse")
    for fine, name, geometry in zip(fines, names, geometries, strict=True):
        if (got := check_field(fine, geometry, in_channels, name)) != made:
            raise LeveretUsageError(f"coarse and {name} must give the same channels, got {made} and {got}")
        if borders == "zeros" and geometry.padded:
            check_unpadded(fine, geometry, in_channels, name)
    sizes = patch_size if isinstance(patch_size, list) else [patch_size] * len(fines)
    if len(sizes) != len(fines):
        raise LeveretUsageError(f"patch_size must have a size for each of {len(fines)} levels, got {patch_size!r}")
    patches = tuple(
        Patches(geometry, borders, _crop_size(geometry, borders, size))
        for geometry, size, name in zip(geometries, sizes, names, strict=True)
    )
    return of_coarse, patches, in_channels


def _crop_size(
    geometry: Geometry, borders: Borders, patch_size: int | tuple[int, int] | None
) -> tuple[int, int] | None:
    if patch_size is None:
        return None
    if borders != "crop":
        raise LeveretUsageError(
            f"patch_size is for borders='crop'; with {borders!r} the size follows from fine's layers"
        )
    size = (patch_size, patch_size) if isinstance(patch_size, int) else tuple(patch_size)
    least = geometry.rows.least, geometry.columns.least
    if len(size) != 2 or not all(isinstance(n, int) and n >= few for n, few in zip(size, least, strict=True)):
        raise LeveretUsageError(
            f"patch_size must be whole numbers of pixels, at least {least[0]}x{least[1]} for these fine layers, got "
            f"{patch_size!r}"
        )
    return size[0], size[1]


def _check_grids(one: str, a: Geometry, other: str, b: Geometry, scale: int) -> None:
    if a.stride != b.stride:
        why = f"; coarse's is its layers' times the scale of {scale}" if scale > 1 else ""
        raise LeveretUsageError(
            f"{one} and {other} must have the same stride, got {a.stride} and {b.stride} (rows, columns){why}"
        )
    for axes, first, second in (("rows", a.rows, b.rows), ("columns", a.columns, b.columns)):
        # by less, they differ for some sizes of images alone
        if abs(first.margin - second.margin) >= first.stride:
            raise LeveretUsageError(
                f"{one} and {other} must have the same grid; their {axes} differ in number by their windows: {one} "
                f"sees fields of {first.size} pixels from {first.start} on, {other} of {second.size} from "
                f"{second.start} on"
            )
        if abs(first.centre - second.centre) > first.stride:
            raise LeveretUsageError(
                f"a place of {one} and the same of {other} must lie together; their {axes} are "
                f"{abs(first.centre - second.centre):g} pixels apart, which is more than the stride of {first.stride}"
            )
