"""What masks' values mean: numbers, palettes, colours, what is ignored, what no class has."""

import io

import numpy as np
import pytest
from PIL import Image

from leveret.data.segmentation import Entry, MaskReader, default_palette, read_classes
from leveret.data.segmentation._masks import BeyondClasses
from leveret.data.segmentation._palette import checked_palette
from leveret.errors import LeveretDataError

ROADS = (Entry("void", (0, 0, 0), True), Entry("road", (128, 64, 128)), Entry("car", (64, 0, 128)))


def png(array, mode=None, palette=None):
    image = Image.fromarray(np.asarray(array), mode) if mode else Image.fromarray(np.asarray(array))
    if palette is not None:
        image = image.convert("P") if image.mode != "P" else image
        image.putpalette(palette)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_numbers_are_labels_and_the_ignore_index_has_none():
    values = np.array([[0, 1, 2], [255, 2, 1]], np.uint8)
    found = MaskReader().read(png(values))
    assert found.dtype == np.int16
    assert found.tolist() == [[0, 1, 2], [-100, 2, 1]]
    assert MaskReader(ignore_index=2).read(png(np.minimum(values, 2))).tolist() == [[0, 1, -100], [-100, -100, 1]]


def test_an_ignored_entry_makes_no_gap_among_the_labels():
    assert MaskReader(ROADS).read(png(np.array([[0, 1, 2, 255]], np.uint8))).tolist() == [[-100, 0, 1, -100]]
    assert [entry.name for entry in MaskReader(ROADS).classes] == ["road", "car"]


def test_sixteen_bits_and_black_and_white():
    assert MaskReader(ignore_index=65535).read(png(np.array([[0, 3, 65535]], np.uint16))).tolist() == [[0, 3, -100]]
    assert MaskReader().read(png(np.array([[True, False]]))).tolist() == [[1, 0]]


def test_a_palette_file_holds_numbers_and_gives_its_colours():
    file = png(np.array([[0, 1], [1, 255]], np.uint8), palette=[9, 9, 9, 200, 0, 0] + [0] * 759 + [255, 255, 255])
    assert MaskReader().read(file).tolist() == [[0, 1], [1, -100]]
    assert MaskReader().palette_of(file)[:2] == ((9, 9, 9), (200, 0, 0))


def test_colours_are_looked_up():
    colors = np.array([[[0, 0, 0], [128, 64, 128]], [[64, 0, 128], [255, 255, 255]]], np.uint8)
    assert MaskReader(ROADS).read(png(colors)).tolist() == [[-100, 0], [1, -100]]
    with pytest.raises(BeyondClasses, match=r"the colour \(1, 2, 3\) in row 1, column 0 is of no class"):
        MaskReader(ROADS).read(png(np.array([[[0, 0, 0]], [[1, 2, 3]]], np.uint8)))
    with pytest.raises(LeveretDataError, match=r"name them in classes\.txt"):
        MaskReader().read(png(colors))


def test_black_and_white_masks_are_read_by_grey_colours():
    cells = (Entry("background", (0, 0, 0)), Entry("cell", (255, 255, 255)))
    assert MaskReader(cells).read(png(np.array([[0, 255]], np.uint8))).tolist() == [[0, 1]]


@pytest.mark.parametrize("values", [np.array([[0, 5]], np.uint8), np.array([[0, 500]], np.uint16)])
def test_a_value_beyond_the_classes_is_named(values):
    with pytest.raises(BeyondClasses, match=rf"value {values[0, 1]} in row 0, column 1 is beyond the 3 classes"):
        MaskReader(ROADS).read(png(values))


def test_scaling_takes_the_nearest_pixel():
    values = np.repeat(np.repeat(np.array([[0, 1], [2, 0]], np.uint8), 4, 0), 4, 1)
    assert MaskReader().read(png(values), 0.25).tolist() == [[0, 1], [2, 0]]


def test_truncated_and_empty_masks_say_so():
    whole = png(np.random.default_rng(0).integers(0, 3, (64, 64)).astype(np.uint8))
    with pytest.raises(LeveretDataError, match="damaged"):
        MaskReader().read(whole[: len(whole) // 2])
    with pytest.raises(LeveretDataError, match="empty"):
        MaskReader().read(b"")


def test_class_files(tmp_path):
    (tmp_path / "a.txt").write_text("# values from 0\nvoid 0 0 0 ignore\nwet road #804080\n\ncar\n")
    void, road, car = read_classes(tmp_path / "a.txt")
    assert void == Entry("void", (0, 0, 0), True)
    assert road == Entry("wet road", (128, 64, 128))
    assert car == Entry("car")
    (tmp_path / "a.json").write_text('["sky", {"name": "car", "color": [64, 0, 128]}, {"name": "x", "ignore": true}]')
    assert read_classes(tmp_path / "a.json") == (Entry("sky"), Entry("car", (64, 0, 128)), Entry("x", None, True))


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "names no class"), ("a\na\n", "twice"), ("a 1 2 3\nb 1 2 3\n", "twice"), ("a 1 2 300\n", "from 0 to 255")],
)
def test_class_files_that_make_no_sense(tmp_path, text, said):
    (tmp_path / "classes.txt").write_text(text)
    with pytest.raises(LeveretDataError, match=said):
        read_classes(tmp_path / "classes.txt")


def test_default_colours_differ_and_hostile_palettes_are_replaced():
    colors = default_palette(200)
    assert len(set(colors)) == 200
    assert checked_palette([[1, 2, 3], [4, 5, 6]], 2) == ((1, 2, 3), (4, 5, 6))
    for bad in (None, [[1, 2, 3]], [[1, 2, 300], [0, 0, 0]], ["ab", "cd"], [[1], [2]]):
        assert checked_palette(bad, 2) == default_palette(2)
