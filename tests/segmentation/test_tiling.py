"""Masks of images of any size from tiles: coverage, blending, bounded memory, files that other programs read."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from segmentation_files import SmallFCN

import leveret
from leveret.data import Normalization, TiledImage
from leveret.errors import LeveretUsageError
from leveret.jobs import _tiling, predict, predict_masks
from leveret.jobs._palette_png import write_palette_png
from leveret.jobs._tiling import ScaledImage, segment, starts


class Whole:
    def __init__(self, pixels):
        self.pixels = pixels
        self.height, self.width = pixels.shape[1:]

    def region(self, box):
        left, top, right, bottom = box
        assert 0 <= left < right <= self.width
        assert 0 <= top < bottom <= self.height
        return self.pixels[:, top:bottom, left:right]


def by_brightness(tiles):
    """A net that looks at each pixel alone: any tiling must give what it says of the whole."""
    x = tiles[:, 0].astype(np.float32) / 255
    return np.stack([x, 1 - x, np.full_like(x, 0.6)], 1) * 5


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 50), st.integers(1, 50)),
    st.tuples(st.integers(1, 17), st.integers(1, 17)),
    st.sampled_from([0.0, 0.25, 0.5, 0.9]),
    st.booleans(),
)
def test_tiles_say_what_the_whole_says(seed, size, tile, overlap, tight):
    pixels = np.random.default_rng(seed).integers(0, 256, (1, *size)).astype(np.uint8)
    labels = np.full(size, 77, np.uint8)
    before = _tiling._PIXELS, _tiling._SHARES
    if tight:
        _tiling._PIXELS, _tiling._SHARES = 1, 4 * 4 * tile[0] * 3 * tile[1]
    try:
        counts = segment(by_brightness, Whole(pixels), tile, 3, labels, overlap=overlap, batch=2)
    finally:
        _tiling._PIXELS, _tiling._SHARES = before
    assert (labels == by_brightness(pixels[None])[0].argmax(0)).all()
    assert counts.tolist() == np.bincount(labels.ravel(), minlength=3).tolist()


@given(st.integers(1, 500), st.integers(1, 60), st.floats(0, 0.9))
def test_starts_cover_all_and_overlap(length, tile, share):
    overlap = int(share * tile)
    found = starts(length, tile, overlap)
    assert found[0] == 0
    assert found[-1] == max(length - tile, 0)
    assert all(b - a <= tile - overlap for a, b in itertools.pairwise(found))


def test_the_tile_whose_middle_is_nearer_counts_more():
    pixels = np.zeros((1, 4, 12), np.uint8)
    calls = []

    def sure(tiles):
        # each tile is sure of a class of its own
        found = np.zeros((len(tiles), 2, 4, 8), np.float32)
        for one in found:
            one[len(calls)] = 3
            calls.append(1)
        return found

    labels = np.empty((4, 12), np.uint8)
    segment(sure, Whole(pixels), (4, 8), 2, labels, overlap=0.5, batch=1)
    assert labels[1].tolist() == [0] * 6 + [1] * 6


def test_palette_png_is_read_by_others(tmp_path):
    labels = np.random.default_rng(0).integers(0, 5, (37, 23)).astype(np.uint8)
    palette = np.random.default_rng(1).integers(0, 256, (256, 3)).astype(np.uint8)
    write_palette_png(tmp_path / "a.png", labels, palette)
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        assert image.mode == "P"
        assert (np.asarray(image) == labels).all()
        assert (np.asarray(image.convert("RGB")) == palette[labels]).all()
    write_palette_png(tmp_path / "b.png", labels, palette, (74, 46))
    with Image.open(tmp_path / "b.png") as image:
        assert (np.asarray(image) == labels.repeat(2, 0).repeat(2, 1)).all()


def test_a_scaled_image_is_the_same_in_parts():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 60, 90)).astype(np.uint8)
    seen = ScaledImage(Whole(pixels), 0.5)
    assert (seen.height, seen.width) == (30, 45)
    whole = seen.region((0, 0, 45, 30))
    part = seen.region((7, 11, 30, 28))
    assert np.abs(part.astype(int) - whole[:, 11:28, 7:30]).max() <= 1


@pytest.fixture(scope="module")
def packed():
    torch.manual_seed(0)
    net = SmallFCN().eval()
    with torch.no_grad():  # class by colour: red, green, else
        net.head.weight *= 4
    return leveret.pack(
        net,
        torch.randn(2, 3, 24, 32),
        normalization=Normalization((0.5,) * 3, (0.25,) * 3),
        classes=("ground", "square", "stripe"),
        provenance={"palette": [[40, 40, 40], [220, 50, 50], [50, 200, 60]]},
    )


def test_masks_and_overlays_are_written(packed, tmp_path):
    generator = np.random.default_rng(0)
    for name, size in (("tile", (24, 32)), ("large", (61, 83)), ("one", (1, 1)), ("narrow", (3, 100))):
        Image.fromarray(generator.integers(0, 256, (*size, 3)).astype(np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "large.png").read_bytes()[:5000])
    found = {p.source.split("/")[-1]: p for p in predict_masks.run(packed, [tmp_path], tmp_path / "out")}
    assert "damaged" in found["cut.png"].error
    assert not (tmp_path / "out" / "cut.png").exists()
    for name in ("tile", "large", "one", "narrow"):
        one = found[f"{name}.png"]
        with Image.open(one.mask) as mask, Image.open(tmp_path / f"{name}.png") as image:
            labels = np.asarray(mask)
            assert mask.size == image.size
        assert sum(share for _, share in one.shares) == pytest.approx(1)
        for label, title in enumerate(packed.classes):
            assert dict(one.shares).get(title, 0) == pytest.approx((labels == label).mean())
        with Image.open(one.overlay) as overlay:
            overlay.load()
    pixels = np.asarray(Image.open(tmp_path / "tile.png")).transpose(2, 0, 1)[None]
    assert (np.asarray(Image.open(found["tile.png"].mask)) == packed.predict(np.ascontiguousarray(pixels))[0]).all()


def test_names_that_meet_get_numbers(packed, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / folder / "x.png")
    np.savez(tmp_path / "x.npz", images=np.zeros((2, 8, 8, 3), np.uint8))
    paths = [tmp_path / "a", tmp_path / "b", tmp_path / "x.npz"]
    names = [p.mask.name for p in predict_masks.run(packed, paths, tmp_path / "out")]
    assert names == ["x.png", "x-2.png", "x-0.png", "x-1.png"]


def test_masks_stay_apart_from_images(packed, tmp_path):
    (tmp_path / "images").mkdir()
    image = tmp_path / "images" / "x.png"
    Image.new("RGB", (8, 8)).save(image)
    before = image.read_bytes()
    for paths, out in (
        ([image], tmp_path / "images"),
        ([tmp_path / "images"], tmp_path / "images"),
        ([tmp_path], tmp_path / "images"),
    ):
        with pytest.raises(LeveretUsageError, match="could replace images there"):
            predict_masks.run(packed, paths, out)
    assert image.read_bytes() == before
    image.rename(image.with_suffix(".jpg"))  # of another name than any mask
    (one,) = predict_masks.run(packed, [image.with_suffix(".jpg")], tmp_path / "images")
    assert one.mask == image


def test_a_large_image_in_bounded_memory(packed, tmp_path, monkeypatch):
    import tracemalloc

    monkeypatch.setattr(_tiling, "_PIXELS", 1 << 20)
    monkeypatch.setattr(_tiling, "_SHARES", 1 << 21)
    pixels = np.zeros((1500, 2000, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "large.bmp")
    del pixels
    image = TiledImage(tmp_path / "large.bmp")
    labels = np.memmap(tmp_path / "labels", np.uint8, "w+", shape=(1500, 2000))
    tracemalloc.start()
    segment(
        lambda tiles: np.zeros((len(tiles), 3, 24, 32), np.float32), image, (24, 32), 3, labels, overlap=0, batch=64
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 9 << 20  # the image alone has 9 MB, the blended shares of all of it 36


def test_models_of_other_kinds_say_so(packed, model_of_classes, tmp_path):
    with pytest.raises(LeveretUsageError, match="-o masks/"):
        predict.run(packed, ["x.png"])
    with pytest.raises(LeveretUsageError, match="gives maps; this one gives 2 values"):
        predict_masks.run(model_of_classes, ["x.png"], tmp_path)
    (tmp_path / "file").write_text("")
    for arguments in ({"overlap": 1.0}, {"scale": 0.0}, {"threads": 0}):
        with pytest.raises(LeveretUsageError):
            predict_masks.run(packed, [], tmp_path / "out", **arguments)
    with pytest.raises(LeveretUsageError, match="is a file"):
        predict_masks.run(packed, [], tmp_path / "file")


@pytest.fixture
def model_of_classes():
    return leveret.pack(
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2)),
        torch.randn(2, 3, 2, 2),
        normalization=Normalization((0.5,) * 3, (0.25,) * 3),
    )


def test_masks_need_no_torch(packed, tmp_path):
    packed.save(tmp_path / "model.lvr")
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    code = (
        "import sys; sys.argv = ['leveret', 'predict', 'model.lvr', 'x.png', '-o', 'out']\n"
        "from leveret.cli._app import app; app(standalone_mode=False); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert (tmp_path / "out" / "x-overlay.png").exists()


def test_json_of_a_prediction(packed, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    (one,) = predict_masks.run(packed, [tmp_path / "x.png"], tmp_path / "out", scale=2.0)
    found = json.loads(json.dumps(one.as_dict()))
    assert set(found) == {"path", "mask", "overlay", "shares"}
    (gone,) = predict_masks.run(packed, [tmp_path / "gone.png"], tmp_path / "out")
    assert gone.as_dict() == {"path": str(tmp_path / "gone.png"), "error": "no such file"}
