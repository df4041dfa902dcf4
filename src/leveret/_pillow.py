"""Pillow, where it is installed; else stand-ins for its modules that say what to install when they are first used.

So rooms that can do much without images, as the runtime's `predict` on arrays, import without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from leveret._extras import needs
from leveret.errors import LeveretUsageError

__all__ = ["Image", "ImageDraw", "ImageFile", "ImageFont", "ImageOps", "UnidentifiedImageError"]


class _Absent:
    """Stands for a module."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # of those who look into modules, not of users
            raise AttributeError(name)
        needs("work on images", "PIL")
        raise LeveretUsageError(
            f"the Pillow that has {name} was installed after Leveret had looked for it: start Python anew"
        )


if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFile, ImageFont, ImageOps, UnidentifiedImageError
else:
    try:
        from PIL import Image, ImageDraw, ImageFile, ImageFont, ImageOps, UnidentifiedImageError
    except ModuleNotFoundError:
        Image = ImageDraw = ImageFile = ImageFont = ImageOps = _Absent()

        class UnidentifiedImageError(OSError):
            """Nothing raises it."""
