"""One image file as pixels of a given shape. Numpy and Pillow alone, so that `predict` can use it too.

What every image goes through, in training as in prediction:

- its EXIF orientation is applied;
- 16-bit greys are scaled to 8 bits (divided by 257), floats in 0..1 multiplied by 255;
- palettes become colours; transparency is laid over white;
- colour becomes grey by ITU-R 601 luma where one channel is asked, grey is repeated where three are;
- it is scaled (bicubic, antialiased) to cover height x width and cropped about its centre.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret._extras import needs
from leveret._pillow import Image, ImageOps, UnidentifiedImageError
from leveret.errors import LeveretDataError

__all__ = ["EXTENSIONS", "decode_image", "open_image", "probe_image", "read_image", "scaled_size"]

# what a folder is searched for; the content decides how a file is read
EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".pgm", ".ppm"})

GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"})


_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF"),
}


def decode_image(source: str | os.PathLike[str] | bytes, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Read one image as `(channels, height, width)` uint8.

    Args:
        source: a path, or a file's bytes.
        shape: `(channels, height, width)` with 1 or 3 channels.

    Raises:
        LeveretDataError: it is missing, empty, truncated, no image, or absurdly large; says which.
    """
    channels, height, width = shape
    return _decoded(source, channels, lambda size: None if size == (width, height) else (width, height))


def read_image(source: str | os.PathLike[str] | bytes, channels: int, scale: float = 1.0) -> NDArray[np.uint8]:
    """Read one image in its own size times `scale` as `(channels, height, width)` uint8; raises as `decode_image`."""
    return _decoded(source, channels, lambda size: scaled_size(size, scale))


def scaled_size(size: tuple[int, int], scale: float) -> tuple[int, int] | None:
    """Two sides times `scale`, in whole pixels, at least 1; None where they stay as they are."""
    if scale == 1:
        return None
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _decoded(
    source: Any, channels: int, new_size: Callable[[tuple[int, int]], tuple[int, int] | None]
) -> NDArray[np.uint8]:
    with open_image(source) as opened:
        try:
            image = in_eight_bits(ImageOps.exif_transpose(opened), "L" if channels == 1 else "RGB")
            if (size := new_size(image.size)) is not None:
                image = ImageOps.fit(image, size, Image.Resampling.BICUBIC)
            pixels = np.asarray(image, dtype=np.uint8)
        except Exception as error:
            raise LeveretDataError(reason_of(source, error)) from error
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def probe_image(source: str | os.PathLike[str] | bytes) -> tuple[int, int, bool]:
    """Height, width and whether it is grey, read from the header alone.

    Raises:
        LeveretDataError: as `decode_image`, as far as the header shows it.
    """
    with open_image(source) as image:
        width, height = image.size
        try:
            orientation = image.getexif().get(0x0112, 1)
        except Exception as error:  # a PNG may keep it behind its pixels, which are read for it
            raise LeveretDataError(reason_of(source, error)) from error
        if orientation >= 5:  # it lies on its side
            width, height = height, width
        return height, width, image.mode in GREY_MODES


def open_image(source: Any) -> Image.Image:
    """A file, or its bytes, by Pillow, of which only the header is read; raises `LeveretDataError` with the reason."""
    needs("reading images", "PIL")
    try:
        if isinstance(source, bytes):
            if not source:
                raise LeveretDataError("empty (0 bytes)")
            stream: Any = io.BytesIO(source)
        else:
            if os.path.getsize(source) == 0:
                raise LeveretDataError("empty (0 bytes)")
            stream = source
        with warnings.catch_warnings():
            # of a damaged header, which is told as an error
            warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(stream)
    except LeveretDataError:
        raise
    except Exception as error:
        raise LeveretDataError(reason_of(source, error)) from error


def reason_of(source: Any, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "a folder, not a file"
    if isinstance(error, PermissionError):
        return "not readable (permission denied)"
    if isinstance(error, UnidentifiedImageError):
        kind = _begins_as(source)
        return f"damaged or cut short (it begins as a {kind})" if kind else "not an image that Pillow knows"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"larger than {Image.MAX_IMAGE_PIXELS} pixels"
    text = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(source, bytes):
        text = text.replace(str(Path(source)), "the file")
    return f"damaged ({text})"


def _begins_as(source: Any) -> str | None:
    """The format whose signature a file begins with, of those that are common and have one."""
    try:
        if isinstance(source, bytes):
            start = source[:12]
        else:
            with open(source, "rb") as stream:
                start = stream.read(12)
    except (OSError, TypeError):
        return None
    if start[:4] == b"RIFF" and start[8:] == b"WEBP":
        return "WebP"
    return next((kind for signature, kind in _SIGNATURES.items() if start.startswith(signature)), None)


def in_eight_bits(image: Image.Image, mode: str) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.float64)
        top = float(values.max(initial=0))
        if image.mode == "F" and top <= 1:
            values *= 255
        elif top > 255:
            values /= 257
        return Image.fromarray(values.clip(0, 255).round().astype(np.uint8)).convert(mode)
    if image.mode == "P" or "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBa"):
        image = image.convert("RGBA")
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert(mode)
