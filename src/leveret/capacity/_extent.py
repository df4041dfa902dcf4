"""`Extent`: the part of an image of any size on which all levels have one grid, and patches of one size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from leveret.capacity._geometry import Axis, Geometry
from leveret.capacity._patches import Patches
from leveret.errors import LeveretUsageError

__all__ = ["Extent"]


class _Side(NamedTuple):
    """Lengths `least + i · stride`, and the patches' side on all of them."""

    stride: int
    least: int
    patch: int


class Extent:
    """Leaves out at the right and below what makes no place, less than a stride, so that images of any size fit.

    Layers with strides drop a rest of the image each, and different layers different rests: of some sizes coarse and
    fine layers have different grids, and near a border that is padded patches are larger than elsewhere. Of sizes that
    have the same rest when divided by the stride neither happens. There is always such a rest, and one is kept to: so
    the patches of images of all sizes go through the fine layers in one call.

    Args:
        coarse: the coarse layers' geometry.
        patches: of each level.
    """

    def __init__(self, coarse: Geometry, patches: Sequence[Patches]) -> None:
        fine = [level.geometry for level in patches]
        far = max(max(geometry.size) for geometry in (coarse, *fine)) + max(max(level.patch_size) for level in patches)
        self._rows = _side(
            coarse.rows, [one.rows for one in fine], far, lambda n: [level.size(n, n)[0] for level in patches]
        )
        self._columns = _side(
            coarse.columns, [one.columns for one in fine], far, lambda n: [level.size(n, n)[1] for level in patches]
        )

    def of(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what is looked at.

        Raises:
            LeveretUsageError: the image is too small.
        """
        rows, columns = self._rows, self._columns
        if height < rows.least or width < columns.least:
            raise LeveretUsageError(
                f"an image of {height}x{width} is too small: the fine layers look at patches of {rows.patch}x"
                f"{columns.patch} pixels, and images must be of {rows.least}x{columns.least} at least"
            )
        return height - (height - rows.least) % rows.stride, width - (width - columns.least) % columns.stride


def _side(coarse: Axis, fine: Sequence[Axis], far: int, patches: Callable[[int], list[int]]) -> _Side:
    """Of the rests on which all agree, the one with the smallest patches, then with the smallest images.

    Args:
        coarse, fine: the axes.
        far: longer than anything that layers see.
        patches: their sides, for images of some length.
    """
    stride = coarse.stride
    found = []
    for length in range(far * stride, (far + 1) * stride):
        # rests that the axes' margins drop; they lie less than a stride apart, so that some rest suits all
        if len({axis.places(length) for axis in (coarse, *fine)}) == 1:
            sides = patches(length)
            least = max(*sides, *(axis.least for axis in (coarse, *fine)))
            found.append((sum(sides), least + (length - least) % stride, max(sides)))
    _, least, patch = min(found)
    return _Side(stride, least, patch)
