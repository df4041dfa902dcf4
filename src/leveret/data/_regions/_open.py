"""An image's header by Pillow, without its limit of pixels: the caller keeps its own."""

from __future__ import annotations

import struct
import warnings
from typing import IO

from leveret._pillow import Image, ImageFile, UnidentifiedImageError

__all__ = ["opened"]


def opened(stream: IO[bytes]) -> ImageFile.ImageFile:
    """As `PIL.Image.open`, which refuses what is larger than a limit of the whole process; here the caller checks.

    Raises:
        UnidentifiedImageError: no plug-in of Pillow knows it.
    """
    Image.init()
    prefix = stream.read(16)
    for kind in Image.ID:
        factory, accept = Image.OPEN[kind]
        # plug-ins may answer with a warning, which is no yes
        if accept is not None and (answer := accept(prefix)) is not True and (isinstance(answer, str) or not answer):
            continue
        stream.seek(0)
        try:
            with warnings.catch_warnings():
                # of a damaged header, which is told as an error
                warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
                return factory(stream, "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue
    raise UnidentifiedImageError("cannot identify the image")
