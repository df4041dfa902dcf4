"""Images read by regions: the same pixels as a slice of the whole, whatever the file; and no more memory than said."""

import io
import pickle
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from leveret.data import TiledImage, decode_image
from leveret.data._regions import _flat, _png, _tiff
from leveret.data._regions._reader import File
from leveret.errors import LeveretDataError, LeveretUsageError

WIDTH, HEIGHT = 53, 67
PIXELS = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
# smooth too, so that all of PNG's filters come in
PIXELS[:, 20:] = (np.add.outer(np.arange(HEIGHT) * 3, np.arange(WIDTH - 20) * 2) % 256)[..., None].astype(np.uint8)


def picture(mode):
    if mode == "I;16":
        return Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 256 + PIXELS[..., 1])
    return Image.fromarray(PIXELS if mode in ("RGBA", "LA") else PIXELS[..., :3]).convert(mode)


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def tiled_tiff(compressed, order="<", tile=(32, 16)):
    """RGB in tiles, which Pillow reads but can't write."""
    tall, wide = tile
    down, across = -(-HEIGHT // tall), -(-WIDTH // wide)
    padded = np.zeros((down * tall, across * wide, 3), np.uint8)
    padded[:HEIGHT, :WIDTH] = PIXELS[..., :3]
    tiles = [
        padded[y * tall : (y + 1) * tall, x * wide : (x + 1) * wide].tobytes()
        for y in range(down)
        for x in range(across)
    ]
    tiles = [zlib.compress(data) for data in tiles] if compressed else tiles
    fields = {
        256: ("I", [WIDTH]),
        257: ("I", [HEIGHT]),
        258: ("H", [8, 8, 8]),
        259: ("H", [8 if compressed else 1]),
        262: ("H", [2]),
        277: ("H", [3]),
        284: ("H", [1]),
        322: ("I", [wide]),
        323: ("I", [tall]),
        324: ("I", [8 + sum(map(len, tiles[:i])) for i in range(len(tiles))]),
        325: ("I", [len(data) for data in tiles]),
    }
    start = 8 + sum(map(len, tiles))
    end = start + 2 + 12 * len(fields) + 4
    entries, beyond = b"", b""
    for tag, (kind, values) in sorted(fields.items()):
        data = struct.pack(f"{order}{len(values)}{kind}", *values)
        if len(data) > 4:
            data, beyond = struct.pack(f"{order}I", end + len(beyond)), beyond + data
        entries += struct.pack(f"{order}HHI", tag, {"H": 3, "I": 4}[kind], len(values)) + data.ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, start)
    return head + b"".join(tiles) + struct.pack(f"{order}H", len(fields)) + entries + bytes(4) + beyond


TIFFS = {
    "lzw": {"compression": "tiff_lzw", "strip_size": 900},
    "deflate": {"compression": "tiff_adobe_deflate", "strip_size": 500},
    "packbits": {"compression": "packbits", "strip_size": 500},
    "jpeg": {"compression": "jpeg", "strip_size": 3000},
    "one-strip": {"compression": "tiff_lzw"},
}
FILES = {
    **{f"png-{mode}": encoded(picture(mode), "PNG") for mode in ("1", "L", "P", "RGB", "RGBA", "LA", "I;16")},
    **{f"bmp-{mode}": encoded(picture(mode), "BMP") for mode in ("1", "L", "P", "RGB", "RGBA")},
    **{f"ppm-{mode}": encoded(picture(mode), "PPM") for mode in ("1", "L", "RGB")},
    **{f"tiff-{mode}": encoded(picture(mode), "TIFF") for mode in ("1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16")},
    **{f"tiff-RGB-{name}": encoded(picture("RGB"), "TIFF", **options) for name, options in TIFFS.items()},
    **{
        f"tiff-{mode}-lzw": encoded(picture(mode), "TIFF", compression="tiff_lzw", strip_size=300)
        for mode in ("1", "P", "RGBA", "I;16")
    },
    **{f"tiled-{order}{kind}": tiled_tiff(kind == "z", order) for order in "<>" for kind in "z-"},
    "gif": encoded(picture("P"), "GIF"),
    "webp": encoded(picture("RGB"), "WEBP", lossless=True),
}
JPEGS = {
    "jpeg": encoded(picture("RGB"), "JPEG"),
    "jpeg-L": encoded(picture("L"), "JPEG"),
    "jpeg-progressive": encoded(picture("RGB"), "JPEG", progressive=True),
}
BOUNDED = [name for name in FILES if name not in ("gif", "webp", "tiff-RGB-one-strip")]


@st.composite
def boxes_within(draw):
    left, top = draw(st.integers(0, WIDTH - 1)), draw(st.integers(0, HEIGHT - 1))
    return left, top, draw(st.integers(left + 1, WIDTH)), draw(st.integers(top + 1, HEIGHT))


def slices(whole, boxes):
    return [whole[:, top:bottom, left:right] for left, top, right, bottom in boxes]


def same(got, expected):
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == np.uint8
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("small_blocks", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_regions_are_slices_of_the_whole(name, small_blocks, monkeypatch):
    if small_blocks:
        for module in (_flat, _png, _tiff):
            monkeypatch.setattr(module, "BLOCK", 700)
    image = TiledImage(FILES[name])
    assert image.bounded == (name in BOUNDED), image.reading

    @settings(max_examples=8, deadline=None, database=None)
    @given(boxes=st.lists(boxes_within(), min_size=1, max_size=5), channels=st.sampled_from([1, 3]))
    def check(boxes, channels):
        whole = decode_image(FILES[name], (channels, HEIGHT, WIDTH))
        same(TiledImage(FILES[name], channels=channels).regions(boxes), slices(whole, boxes))

    check()
    assert image.regions([]) == []
    assert image.shape == (image.channels, HEIGHT, WIDTH)
    same([image.region((0, 0, WIDTH, HEIGHT))], [decode_image(FILES[name], image.shape)])


@pytest.mark.parametrize("name", JPEGS)
def test_regions_of_jpeg_by_pillow(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyvips", None)
    image = TiledImage(JPEGS[name])
    assert not image.bounded
    boxes = [(3, 50, 20, 67), (0, 0, WIDTH, HEIGHT), (40, 10, 41, 11)]
    same(image.regions(boxes), slices(decode_image(JPEGS[name], image.shape), boxes))


@pytest.mark.parametrize("name", JPEGS)
def test_regions_of_jpeg_by_vips(name):
    pytest.importorskip("pyvips")
    image = TiledImage(JPEGS[name])
    assert "libvips" in image.reading
    boxes = [(3, 50, 20, 67), (0, 0, WIDTH, HEIGHT), (40, 10, 41, 11)]
    for got, expected in zip(image.regions(boxes), slices(decode_image(JPEGS[name], image.shape), boxes), strict=True):
        # two builds of a decoder may round differently
        assert np.abs(got.astype(int) - expected).max() <= 2
    ramp = np.add.outer(np.arange(1500) // 6, np.arange(2000) // 16).astype(np.uint8)
    large = encoded(Image.fromarray(ramp), "JPEG", progressive=name == "jpeg-progressive")
    boxes = [(i * 90, i * 300, i * 90 + 50, i * 300 + 280) for i in (4, 2, 1)]
    for got, expected in zip(TiledImage(large).regions(boxes), slices(ramp[None], boxes), strict=True):
        assert np.abs(got.astype(int) - expected).mean() < 3
    with pytest.raises(LeveretDataError, match="damaged"):
        TiledImage(JPEGS[name][: len(JPEGS[name]) // 2]).region((0, 0, WIDTH, HEIGHT))


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 1), (9, 7, 3), (1, 9, 7), (3, 9, 7)])
def test_arrays_are_memory_mapped(tmp_path, shape):
    array = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    np.save(tmp_path / "x.npy", array)
    whole = array.reshape(1, 9, 7) if array.size == 63 else array if shape[0] == 3 else array.transpose(2, 0, 1)
    for source in (tmp_path / "x.npy", (tmp_path / "x.npy").read_bytes()):
        image = TiledImage(source)
        assert image.format == "NPY"
        assert image.bounded
        same(image.regions([(1, 2, 7, 5), (0, 0, 7, 9)]), slices(whole, [(1, 2, 7, 5), (0, 0, 7, 9)]))
    assert image.thumbnail(3).shape == (len(whole), 3, 2)


def test_other_arrays_are_refused(tmp_path):
    for array in (np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8), np.array([{}])):
        np.save(tmp_path / "x.npy", array)
        with pytest.raises(LeveretDataError, match=r"x\.npy"):
            TiledImage(tmp_path / "x.npy")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "deflate", "JPEG", "WEBP"])
def test_orientations(kind, orientation, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyvips", None)
    exif = Image.Exif()
    exif[274] = orientation
    options = TIFFS["deflate"] if kind == "deflate" else {"lossless": True} if kind == "WEBP" else {}
    data = encoded(picture("RGB"), "TIFF" if kind == "deflate" else kind, exif=exif, **options)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))).transpose(2, 0, 1)
    image = TiledImage(data)
    assert image.shape == upright.shape
    boxes = [(0, 0, image.width, image.height), (2, 30, 19, 47), (50, 10, 51, 53)]
    same(image.regions(boxes), slices(upright, boxes))
    small = image.thumbnail(20)
    assert max(small.shape[1:]) == 20
    expected = np.asarray(Image.fromarray(upright.transpose(1, 2, 0)).resize(small.shape[:0:-1], Image.Resampling.BOX))
    assert np.abs(small.transpose(1, 2, 0) - expected.astype(int)).mean() < 25


def test_an_orientation_behind_the_pixels_of_a_png():
    data = FILES["png-L"]
    exif = Image.Exif()
    exif[274] = 6
    content = exif.tobytes()[6:]
    chunk = struct.pack(">I", len(content)) + b"eXIf" + content + struct.pack(">I", zlib.crc32(b"eXIf" + content))
    data = data[:-12] + chunk + data[-12:]
    image = TiledImage(data)
    assert image.bounded
    assert image.shape == (1, WIDTH, HEIGHT)
    same([image.region((0, 0, HEIGHT, WIDTH))], [decode_image(data, image.shape)])


@pytest.mark.parametrize("name", ["png-RGB", "tiff-RGB-deflate", "ppm-L", "tiled->z", "bmp-P", "webp"])
def test_thumbnails_average(name, monkeypatch):
    monkeypatch.setattr("leveret.data._squares.BLOCK", 2000)
    image = TiledImage(FILES[name])
    whole = decode_image(FILES[name], image.shape)
    small = image.thumbnail(16)
    assert small.shape == (image.channels, 16, 13)
    for channel, plane in zip(small, whole, strict=True):
        expected = Image.fromarray(plane).resize((13, 16), Image.Resampling.BOX)
        assert np.abs(channel - np.asarray(expected).astype(int)).mean() < 15
        assert channel.mean() == pytest.approx(plane.mean(), abs=4)
    same([image.thumbnail(500)], [whole])
    assert image.thumbnail(1).shape[1:] == (1, 1)


def mean_squares(whole, factor):
    height, width = (side // factor for side in whole.shape[1:])
    squares = whole[:, : height * factor, : width * factor].reshape(-1, height, factor, width, factor)
    return squares.astype(np.float64).mean((2, 4))


@pytest.mark.parametrize("name", FILES)
def test_reduced_is_the_mean_of_squares(name, monkeypatch):
    monkeypatch.setattr("leveret.data._squares.BLOCK", 2000)
    for channels in (1, 3):
        image = TiledImage(FILES[name], channels=channels)
        whole = decode_image(FILES[name], image.shape)
        for factor in (1, 4, 7, WIDTH):
            small = image.reduced(factor)
            assert small.dtype == np.float32
            np.testing.assert_allclose(small, mean_squares(whole, factor), rtol=1e-6)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_reduced_squares_begin_where_the_image_does_as_it_is_looked_at(kind, orientation, monkeypatch):
    monkeypatch.setattr("leveret.data._squares.BLOCK", 2000)
    exif = Image.Exif()
    exif[274] = orientation
    data = encoded(picture("RGB"), kind, exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))).transpose(2, 0, 1)
    for factor in (5, 8):
        np.testing.assert_allclose(TiledImage(data).reduced(factor), mean_squares(upright, factor), rtol=1e-6)


@pytest.mark.parametrize("factor", [3, 4, 6, 8, 16])
def test_a_jpeg_is_reduced_by_its_decoder(factor):
    wave = np.sin(np.arange(401) / 11)[:, None] + np.sin(np.arange(605) / 7)
    whole = np.stack([120 + 50 * wave, 120 - 40 * wave, 100 + 10 * wave], 2).astype(np.uint8)
    data = encoded(Image.fromarray(whole), "JPEG", quality=95)
    expected = mean_squares(whole.transpose(2, 0, 1), factor)
    small = TiledImage(data).reduced(factor)
    assert small.shape == expected.shape
    assert np.abs(small - expected).mean() < 1.5
    assert np.abs(small - expected).max() < 8


@pytest.mark.parametrize("factor", [0, -1, WIDTH + 1])
def test_reduced_by_more_than_there_is(factor):
    with pytest.raises(LeveretUsageError, match=f"factor must be from 1 to the shorter side, {WIDTH}"):
        TiledImage(FILES["png-L"]).reduced(factor)


def test_a_thumbnail_of_a_jpeg_is_drafted():
    ramp = np.add.outer(np.arange(800), np.arange(1200)) * 255 // 1998
    data = encoded(Image.fromarray(ramp.astype(np.uint8)), "JPEG", quality=95)
    small = TiledImage(data).thumbnail(60)
    assert small.shape == (1, 40, 60)
    assert np.abs(small[0] - ramp.reshape(40, 20, 60, 20).mean((1, 3))).max() < 4
    strip = encoded(Image.new("L", (3000, 2), 90), "JPEG")
    assert TiledImage(strip).thumbnail(30).shape == (1, 1, 30)


def test_boxes_beyond_the_image_are_filled():
    image = TiledImage(FILES["png-RGB"])
    whole = np.pad(decode_image(FILES["png-RGB"], (3, HEIGHT, WIDTH)), ((0, 0), (9, 9), (9, 9)), constant_values=7)
    boxes = [(-9, -9, 5, 4), (40, 60, 62, 76), (-3, 10, 60, 20), (54, 0, 60, 5), (-9, -9, WIDTH + 9, HEIGHT + 9)]
    shifted = [[side + 9 for side in box] for box in boxes]
    same(image.regions(boxes, fill=7), slices(whole, shifted))
    with pytest.raises(LeveretUsageError, match="reaches beyond"):
        image.region(boxes[0])


def test_one_pass_for_all_regions_and_pickling(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(FILES["png-RGB"])
    image = pickle.loads(pickle.dumps(TiledImage(path)))
    opened = []
    real = image._reader._file.open
    image._reader._file.open = lambda: opened.append(1) or real()
    boxes = [(0, 60, 9, 67), (0, 0, 9, 9), (5, 5, 30, 40)]
    same(image.regions(boxes), slices(decode_image(path, (3, HEIGHT, WIDTH)), boxes))
    assert len(opened) == 1


MEMORY = """
import re, sys
from leveret.data import TiledImage
def most():
    # getrusage would count the parent's memory too
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) / 1024
small, path, what = sys.argv[1:]
def look(path):
    image = TiledImage(path)
    side = min(64, image.height)
    if what == "regions":
        return image.regions([(0, image.height - side, side, image.height), (9, 0, 9 + side, side)])
    return image.thumbnail(64) if what == "thumbnail" else image.reduced(8)
look(small)
before = most()
look(path)
print(most() - before)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """60 MB of pixels, 80 as Pillow holds them, and the same kind of file with few."""
    folder = tmp_path_factory.mktemp("large")
    whole = np.broadcast_to(np.arange(5000, dtype=np.uint8)[None, :, None], (4000, 5000, 3))
    for name, pixels in (("large", whole), ("small", whole[:100, :100])):
        image = Image.fromarray(np.ascontiguousarray(pixels))
        image.save(folder / f"{name}.png", compress_level=1)
        image.save(folder / f"{name}.bmp")
        image.save(folder / f"{name}.tif", compression="tiff_adobe_deflate", strip_size=1 << 20)
        image.save(folder / f"{name}.jpg")
        image.save(folder / f"{name}.webp", lossless=True, quality=0, method=0)
    return folder


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(
    ("kind", "what", "bounded"),
    [
        ("png", "regions", True),
        ("png", "thumbnail", True),
        ("bmp", "regions", True),
        ("tif", "regions", True),
        ("tif", "thumbnail", True),
        ("jpg", "thumbnail", True),
        ("png", "reduced", True),
        ("jpg", "reduced", True),
        ("webp", "regions", False),
    ],
)
def test_memory(large, kind, what, bounded):
    command = [sys.executable, "-c", MEMORY, large / f"small.{kind}", large / f"large.{kind}", what]
    run = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    # megabytes; the last row shows that the limit means something
    assert (float(run.stdout) < 35) == bounded, run.stdout


@pytest.mark.parametrize("name", [*FILES, *JPEGS])
def test_truncated_files_are_named(tmp_path, name):
    data = {**FILES, **JPEGS}[name]
    path = tmp_path / "short.img"
    path.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(LeveretDataError, match=r"short\.img: "):
        TiledImage(path).region((0, 0, WIDTH, HEIGHT))
    with pytest.raises(LeveretDataError, match=r"short\.img: "):
        TiledImage(path).reduced(8)


@pytest.mark.parametrize("kind", ["PNG", "PPM", "TIFF"])
def test_dark_parts_of_sixteen_bits_are_scaled_as_the_rest(kind):
    values = np.array([[0, 200, 255, 65535]] * 3, np.uint16)
    image = TiledImage(encoded(Image.fromarray(values), kind))
    assert image.region((0, 0, 3, 2)).tolist() == [[[0, 1, 1]] * 2]
    assert image.region((3, 0, 4, 1)).tolist() == [[[255]]]


def test_damage_inside_a_png(tmp_path):
    data = bytearray(FILES["png-RGB"])
    data[len(data) // 2] ^= 255
    path = tmp_path / "hit.png"
    path.write_bytes(data)
    with pytest.raises(LeveretDataError, match=r"hit\.png: damaged \(a wrong checksum"):
        TiledImage(path).region((0, 0, WIDTH, HEIGHT))


def test_files_that_are_no_images(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "words.png").write_text("no picture, but words that are long enough for a header")
    for name, reason in (
        ("empty.png", "empty"),
        ("words.png", "not an image"),
        ("none.png", "no such file"),
        ("", "a folder"),
    ):
        with pytest.raises(LeveretDataError, match=reason):
            TiledImage(tmp_path / name)
    with pytest.raises(LeveretDataError, match="the given bytes: not an image"):
        TiledImage(b"neither is this, whatever it may be")


def test_the_limit_of_pixels(monkeypatch):
    data = FILES["png-L"]
    with pytest.raises(LeveretDataError, match=f"more than 3000, the limit; give max_pixels={WIDTH * HEIGHT}"):
        TiledImage(data, max_pixels=3000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(LeveretDataError, match="more than 500"):
        TiledImage(data)
    assert TiledImage(data, max_pixels=WIDTH * HEIGHT).region((0, 0, 9, 9)).shape == (1, 9, 9)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert TiledImage(data).height == HEIGHT
    monkeypatch.undo()
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    bomb = data[:12] + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + data[33:]
    with pytest.raises(LeveretDataError, match="60000x60000 pixels are more than"):
        TiledImage(bomb)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((0, 0, 5), "left, top, right, bottom"),
        ((0, 0, 5, 5.5), "left, top, right, bottom"),
        (("a", 0, 5, 5), "left, top, right, bottom"),
        (7, "left, top, right, bottom"),
        ((5, 0, 5, 5), "box 1 is empty"),
        ((0, 6, 5, 5), "box 1 is empty"),
        ((0, 0, WIDTH + 1, 5), "reaches beyond"),
        ((-1, 0, 5, 5), "reaches beyond"),
    ],
)
def test_bad_boxes(box, message):
    with pytest.raises(LeveretUsageError, match=message):
        TiledImage(FILES["ppm-L"]).regions([(0, 0, 1, 1), box])


def test_bad_arguments():
    image = TiledImage(FILES["ppm-L"])
    for call in (
        lambda: TiledImage(7),
        lambda: TiledImage(FILES["ppm-L"], channels=2),
        lambda: TiledImage(FILES["ppm-L"], max_pixels=0),
        lambda: image.thumbnail(0),
        lambda: image.region((0, 0, 1, 1), fill=256),
    ):
        with pytest.raises(LeveretUsageError):
            call()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["BMP", "TIFF", "lzw"])
def test_of_a_file_that_was_cut_it_is_said_how_much_is_missing(kind):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8))
    whole = (
        encoded(image, "BMP")
        if kind == "BMP"
        else encoded(image, "TIFF", **({"compression": "tiff_lzw"} if kind == "lzw" else {}))
    )
    for part in (0.4, 0.7):
        cut = whole[: int(len(whole) * part)]
        if kind == "lzw":  # its directory stands at the end
            says = r"damaged or cut short \(it begins as a TIFF\)"
        else:
            says = rf"damaged or cut short \(it has {len(cut):,} bytes, and needs {len(whole):,}\)"
        with pytest.raises(LeveretDataError, match=says):
            TiledImage(cut).region((0, 290, 400, 300) if kind == "TIFF" else (0, 0, 400, 10))
        with pytest.raises(LeveretDataError, match="damaged"):
            decode_image(cut, (3, 300, 400))


def test_strips_of_a_file_that_was_cut_since_it_was_opened():
    image = TiledImage(FILES["tiff-RGB-lzw"])
    needs = max(offset + count for offset, count in image._reader._where)
    image._reader._file = File(FILES["tiff-RGB-lzw"][: needs // 2])
    with pytest.raises(LeveretDataError, match=rf"it has {needs // 2:,} bytes, and needs {needs:,}"):
        image.region((0, 0, WIDTH, HEIGHT))
