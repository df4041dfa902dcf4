"""One image file after the other: modes, sizes, damage."""

import io

import numpy as np
import pytest
from PIL import Image

from leveret.data import decode_image
from leveret.data.images import probe_image
from leveret.errors import LeveretDataError


def encoded(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def grey(values):
    return Image.fromarray(np.array(values, np.uint8))


def test_grey_and_colour_as_they_are():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    got = decode_image(encoded(Image.fromarray(pixels)), (3, 4, 5))
    np.testing.assert_array_equal(got, pixels.transpose(2, 0, 1))
    got = decode_image(encoded(Image.fromarray(pixels[..., 0])), (3, 4, 5))
    np.testing.assert_array_equal(got, np.repeat(pixels[None, ..., 0], 3, 0))


def test_colour_becomes_grey_by_its_luma():
    image = Image.new("RGB", (2, 2), (255, 0, 0))
    assert decode_image(encoded(image), (1, 2, 2)).tolist() == [[[76, 76], [76, 76]]]


def test_sixteen_bits_are_scaled():
    image = Image.fromarray(np.array([[0, 257], [257 * 100, 65535]], np.uint16))
    assert decode_image(encoded(image), (1, 2, 2)).tolist() == [[[0, 1], [100, 255]]]


def test_fractions_are_scaled():
    image = Image.fromarray(np.array([[0, 0.2], [0.5, 1]], np.float32))
    assert decode_image(encoded(image, "TIFF"), (1, 2, 2)).tolist() == [[[0, 51], [128, 255]]]


def test_transparency_lies_over_white():
    image = Image.new("RGBA", (1, 1), (0, 0, 0, 0))
    assert decode_image(encoded(image), (3, 1, 1)).ravel().tolist() == [255, 255, 255]
    half = Image.new("LA", (1, 1), (0, 128))
    assert abs(int(decode_image(encoded(half), (1, 1, 1))[0, 0, 0]) - 127) <= 1


def test_palettes_become_colours():
    image = Image.new("RGB", (2, 1), (10, 200, 30)).quantize(4)
    assert decode_image(encoded(image), (3, 1, 2))[:, 0, 0].tolist() == [10, 200, 30]
    see_through = Image.new("P", (1, 1), 0)
    see_through.putpalette([9, 9, 9])
    assert decode_image(encoded(see_through, transparency=0), (1, 1, 1)).item() == 255


def test_print_colours():
    image = Image.new("CMYK", (2, 2), (0, 0, 0, 0))
    assert decode_image(encoded(image, "JPEG"), (3, 2, 2)).min() > 250


def test_orientation_is_applied():
    image = grey([[0, 255]])
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side: shown turned by a quarter, clockwise
    data = encoded(image, exif=exif)
    assert probe_image(data)[:2] == (2, 1)
    assert decode_image(data, (1, 2, 1)).ravel().tolist() == [0, 255]


def test_other_shapes_are_scaled_and_cropped_about_the_centre():
    wide = grey(np.concatenate([np.zeros((8, 8)), np.full((8, 8), 200), np.zeros((8, 8))], axis=1))
    assert decode_image(encoded(wide), (1, 4, 4)).mean() > 180
    assert decode_image(encoded(wide), (1, 16, 48)).shape == (1, 16, 48)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF"])
def test_formats(kind):
    assert decode_image(encoded(grey(np.full((6, 6), 120)), kind), (1, 6, 6)).mean() == pytest.approx(120, abs=2)


def test_damage_is_named(tmp_path):
    whole = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)), "JPEG")
    for content, says in ((b"", "empty"), (b"hello", "not an image"), (whole[: len(whole) // 2], "damaged")):
        path = tmp_path / "x.png"
        path.write_bytes(content)
        for source in (path, content):
            with pytest.raises(LeveretDataError, match=says):
                decode_image(source, (3, 8, 8))
    with pytest.raises(LeveretDataError, match="no such file"):
        decode_image(tmp_path / "missing.png", (3, 8, 8))
    with pytest.raises(LeveretDataError, match="a folder"):
        decode_image(tmp_path, (3, 8, 8))


def test_bombs_are_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(LeveretDataError, match="larger than 100 pixels"):
        decode_image(encoded(grey(np.zeros((20, 20)))), (1, 8, 8))
