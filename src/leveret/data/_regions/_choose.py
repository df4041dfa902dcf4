"""Which reader a file gets: the first that can, of those that need the least."""

from __future__ import annotations

from leveret._pillow import Image
from leveret.data._regions._flat import FlatReader
from leveret.data._regions._npy import NpyReader
from leveret.data._regions._open import opened
from leveret.data._regions._png import PngReader, exif_behind
from leveret.data._regions._reader import File, Reader
from leveret.data._regions._tiff import SegmentReader
from leveret.data._regions._vips import VipsReader
from leveret.data._regions._whole import WholeReader
from leveret.errors import LeveretDataError

__all__ = ["choose_reader"]

_ORIENTATION = 274


def choose_reader(file: File, max_pixels: int | None) -> tuple[Reader, str]:
    """A reader, and the file's format in Pillow's words ("NPY" for arrays). Only the header is read.

    Raises:
        LeveretDataError: the file is empty, or of more pixels than allowed.
        Exception: whatever Pillow or numpy say of a missing or damaged file.
    """
    with file.open() as stream:
        if not (magic := stream.read(6)):
            raise LeveretDataError("empty (0 bytes)")
        if magic == b"\x93NUMPY":
            return NpyReader(file), "NPY"
        stream.seek(0)
        image = opened(stream)
        width, height = image.size
        if max_pixels is not None and width * height > max_pixels:
            raise LeveretDataError(
                f"{height}x{width} pixels are more than {max_pixels}, the limit; give max_pixels={width * height} if "
                "it is to be trusted"
            )
        kind = image.format or ""
        if kind == "TIFF":  # turned by Pillow as it is loaded, so that its own size is that of the turned image
            orientation = int(image.tag_v2.get(_ORIENTATION, 1))  # type: ignore[attr-defined]
        elif kind == "PNG":  # its own method would decode the pixels, to see what stands behind them
            if "exif" not in image.info and (found := exif_behind(stream)):
                image.info["exif"] = b"Exif\0\0" + found
            orientation = int(Image.Image.getexif(image).get(_ORIENTATION, 1))
        else:
            orientation = int(image.getexif().get(_ORIENTATION, 1))
        orientation = orientation if 1 <= orientation <= 8 else 1
        for maker in (FlatReader, SegmentReader, PngReader, VipsReader):
            if (reader := maker.of(file, image, orientation)) is not None:
                return reader, kind
        if orientation >= 5 and kind != "TIFF":
            width, height = height, width
        return WholeReader(file, (height, width), image.mode), kind
