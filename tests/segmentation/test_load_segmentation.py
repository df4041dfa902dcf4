"""Images with masks from folders and tables: parts, pairs, counts, weights, and what can't be used."""

import io
import pickle

import numpy as np
import pytest
from PIL import Image
from segmentation_files import scene, write_pairs

from leveret.data import load_segmentation, median_frequency_weights
from leveret.data.segmentation import is_segmentation
from leveret.data.segmentation._split import window
from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning


def save(array, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def test_a_folder_becomes_three_parts(shapes):
    data = load_segmentation(shapes)
    assert data.kind == "segmentation"
    assert data.classes == ("background", "square", "stripe")
    assert data.colors == ((40, 40, 40), (220, 50, 50), (50, 200, 60))
    assert [len(part) for part in (data.train, data.val, data.test)] == [17, 2, 5]
    assert data.image_shape == data.input_shape == (3, 32, 40)
    together = np.concatenate([part.places for part in (data.train, data.val, data.test)])
    assert sorted(together) == list(range(24))
    again = load_segmentation(shapes)
    assert (again.test.places == data.test.places).all()


def test_images_and_masks_are_those_of_the_files(shapes):
    data = load_segmentation(shapes)
    images, masks = data.train.fetch([3, 0]), data.train.masks([3, 0])
    assert images.dtype == np.uint8
    assert masks.dtype == np.int64
    for i, index in enumerate((3, 0)):
        name = data.train.where[index].split("/")[-1]
        assert (images[i].transpose(1, 2, 0) == np.asarray(Image.open(shapes / "images" / name))).all()
        values = np.asarray(Image.open(shapes / "masks" / name)).astype(int)
        assert (masks[i] == np.where(values == 255, -100, values)).all()
    assert data.train.fetch([]).shape == (0, 3, 32, 40)


def test_counts_and_normalization_are_those_of_the_pixels(shapes):
    data = load_segmentation(shapes)
    everything = np.arange(len(data.train))
    images, masks = data.train.fetch(everything), data.train.masks(everything)
    assert data.train.class_counts().tolist() == [int((masks == c).sum()) for c in range(3)]
    assert np.allclose(data.normalization.mean, images.mean((0, 2, 3)) / 255)
    assert np.allclose(data.normalization.std, images.std((0, 2, 3)) / 255)


def test_median_frequency_by_hand(shapes):
    split = load_segmentation(shapes).train.subset([0, 1])
    split.pixel_counts = np.array([[60, 40, 0], [150, 0, 50]])
    # frequencies: 210 of 300; 40 of the first image's 100; 50 of the second's 200
    assert np.allclose(median_frequency_weights(split), [0.4 / 0.7, 1, 0.4 / 0.25])
    split.pixel_counts = np.array([[60, 40, 0], [150, 50, 0]])
    assert median_frequency_weights(split)[2] == 0


def test_parts_by_folders_on_both_levels(tmp_path):
    generator = np.random.default_rng(1)
    for part, number in (("train", 4), ("val", 2), ("test", 3)):
        write_pairs(tmp_path / "a" / part, generator, number, (20, 24))
        for kind in ("images", "masks"):
            (tmp_path / "b" / kind).mkdir(parents=True, exist_ok=True)
            (tmp_path / "a" / part / kind).rename(tmp_path / "b" / kind / part)
        write_pairs(tmp_path / "a" / f"{part}2", generator, number, (20, 24)).rename(tmp_path / "c")
        (tmp_path / "a" / part / "classes.txt").unlink()
        (tmp_path / "a" / part).rmdir()
        (tmp_path / "c").rename(tmp_path / "a" / part)
    for folder in ("a", "b"):
        data = load_segmentation(tmp_path / folder)
        assert [len(part) for part in (data.train, data.val, data.test)] == [4, 2, 3]
        assert is_segmentation(tmp_path / folder)


def encoded(array, format):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format)
    return {"bytes": buffer.getvalue(), "path": None}


def test_parquet_with_parts(tmp_path):
    import pyarrow
    import pyarrow.parquet

    generator = np.random.default_rng(2)
    for part, number in (("train", 5), ("val", 2), ("test", 2)):
        scenes = [scene(generator, (20, 24)) for _ in range(number)]
        columns = {"image": [encoded(p, "JPEG") for p, _ in scenes], "mask": [encoded(m, "PNG") for _, m in scenes]}
        pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / f"street-{part}.parquet")
    assert is_segmentation(tmp_path / "street")
    data = load_segmentation(tmp_path / "street", classes=["a", "b", "c"])
    assert [len(part) for part in (data.train, data.val, data.test)] == [5, 2, 2]
    assert data.test.masks([1])[0].min() == -100
    copied = pickle.loads(pickle.dumps(data.train))
    assert (copied.fetch([2]) == data.train.fetch([2])).all()
    with pytest.raises(LeveretDataError, match="no column 'truth' for the mask; its columns are image, mask"):
        load_segmentation(tmp_path / "street", mask_column="truth")


def test_what_cannot_be_used_is_skipped_and_said(shapes):
    grey = np.zeros((32, 40), np.uint8)
    save(np.zeros((32, 40, 3), np.uint8), shapes / "images" / "lonely.png")
    save(grey, shapes / "masks" / "orphan.png")
    save(np.zeros((32, 40, 3), np.uint8), shapes / "images" / "small.png")
    save(grey[:10], shapes / "masks" / "small.png")
    save(np.zeros((32, 40, 3), np.uint8), shapes / "images" / "void.png")
    save(grey + 255, shapes / "masks" / "void.png")
    whole = (shapes / "images" / "000.png").read_bytes()
    (shapes / "images" / "000.png").write_bytes(whole[: len(whole) // 2])
    (shapes / "masks" / "001.png").write_bytes(b"")
    with pytest.warns(LeveretWarning, match="6 of 28 samples could not be used"):
        data = load_segmentation(shapes)
    reasons = {skipped.where: skipped.reason for skipped in data.report.skipped}
    assert reasons["images/lonely.png"] == "no mask lonely.png in masks"
    assert reasons["masks/orphan.png"] == "a mask without its image orphan"
    assert reasons["images/small.png"].startswith("the image is 32x40 (height x width), its mask 10x40")
    assert reasons["images/void.png"] == "every pixel of its mask is ignored"
    assert reasons["images/000.png"].startswith("damaged")
    assert reasons["images/001.png"] == "its mask: empty (0 bytes)"
    with pytest.raises(LeveretDataError, match="strict"):
        load_segmentation(shapes, strict=True)


def test_values_beyond_the_classes_are_an_error(shapes):
    values = np.zeros((32, 40), np.uint8)
    values[4, 7] = 9
    save(values, shapes / "masks" / "003.png")
    with pytest.raises(LeveretDataError, match=r"003\.png: the value 9 in row 4, column 7 is beyond the 3 classes"):
        load_segmentation(shapes)


def test_without_names_the_values_are_classes(shapes):
    (shapes / "classes.txt").unlink()
    assert load_segmentation(shapes).classes == ("0", "1", "2")
    with pytest.raises(LeveretDataError, match="the value 255 in row 0, column 0 is beyond"):
        load_segmentation(shapes, ignore_index=0)
    for path in (shapes / "masks").iterdir():
        save(np.asarray(Image.open(path)) % 255, path)
    without = load_segmentation(shapes, ignore_index=0)
    assert without.classes == ("1", "2")
    assert set(np.unique(without.train.masks([0, 1, 2]))) == {-100, 0, 1}


def test_a_single_class_is_refused_with_a_hint(tmp_path):
    for i in range(3):
        save(np.zeros((8, 8, 3), np.uint8), tmp_path / "images" / f"{i}.png")
        save(np.array([[0, 255]] * 8, np.uint8).repeat(4, 1), tmp_path / "masks" / f"{i}.png")
    with pytest.raises(LeveretDataError, match="object 255 255 255"):
        load_segmentation(tmp_path)
    names = [{"name": "ground", "color": [0, 0, 0]}, {"name": "object", "color": "#ffffff"}]
    data = load_segmentation(tmp_path, classes=names, val_fraction=0, test_fraction=0)
    assert data.train.class_counts().tolist() == [96, 96]


def test_sizes_that_differ_are_cut_or_continued_and_size_scales(tmp_path):
    generator = np.random.default_rng(3)
    write_pairs(tmp_path / "s", generator, 6, (20, 24))
    for i, size in enumerate(((30, 24), (20, 16), (1, 1))):
        pixels, labels = (
            scene(generator, size) if i < 2 else (np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8))
        )
        save(pixels, tmp_path / "s" / "images" / f"odd{i}.png")
        save(labels, tmp_path / "s" / "masks" / f"odd{i}.png")
    data = load_segmentation(tmp_path / "s", val_fraction=0, test_fraction=0)
    assert data.image_shape == (3, 20, 24)
    by_name = {name.split("/")[1]: i for i, name in enumerate(data.train.where)}
    narrow = data.train.masks([by_name["odd1.png"]])[0]
    assert (narrow[:, :4] == -100).all()
    assert (narrow[:, 20:] == -100).all()
    assert (data.train.masks([by_name["odd2.png"]])[0] != -100).sum() == 1
    half = load_segmentation(tmp_path / "s", size=(10, 12))
    assert half.scale == 0.5
    assert half.image_shape == (3, 10, 12)


def test_window_goes_on_beyond_the_border():
    pixels = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    cut, labels = window(pixels, pixels[0].astype(np.int16), 3, 2, top=-1, left=2)
    assert cut[0].tolist() == [[2, 2], [2, 2], [5, 5]]
    assert labels.tolist() == [[-100, -100], [2, -100], [5, -100]]


def test_a_second_load_looks_at_no_pixel(shapes, monkeypatch):
    first = load_segmentation(shapes)
    monkeypatch.setattr("leveret.data.segmentation._scan.read_pair", None)
    assert (load_segmentation(shapes).train.pixel_counts == first.train.pixel_counts).all()


@pytest.mark.parametrize(
    "arguments", [{"size": 0}, {"channels": 2}, {"ignore_index": -1}, {"val_fraction": 1.0}, {"size": (1, 2, 3)}]
)
def test_arguments_out_of_range(shapes, arguments):
    with pytest.raises(LeveretUsageError):
        load_segmentation(shapes, **arguments)


def test_sources_that_are_none(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(LeveretDataError, match="no images/ beside masks/"):
        load_segmentation(tmp_path / "empty")
    with pytest.raises(LeveretDataError, match="there is no"):
        load_segmentation(tmp_path / "nowhere")
    assert not is_segmentation(tmp_path / "empty")


def test_sheet_and_summary(shapes, tmp_path):
    from rich.console import Console

    data = load_segmentation(shapes)
    data.contact_sheet(tmp_path / "sheet.png", columns=2)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 400
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(data.summary())
    text = console.export_text()
    assert "square" in text
    assert f"{data.train.class_counts()[1] / data.train.class_counts().sum():.2%}" in text


def test_in_memory_each_pair_is_decoded_once(shapes, monkeypatch):
    from leveret.data.segmentation import _split

    read = []
    true = _split.read_pair
    monkeypatch.setattr(_split, "read_pair", lambda image, *rest: read.append(image) or true(image, *rest))
    data, other = load_segmentation(shapes, in_memory=True), load_segmentation(shapes)
    for split, times in ((data.train, 1), (other.train, 2)):
        read.clear()
        images, masks = split.fetch_pairs([2, 5])
        again = split.subset([5, 2]).fetch_pairs([1, 0])
        assert (again[0] == images).all()
        assert (again[1] == masks).all()
        assert len(read) == 2 * times
    # what is held stays what it is; a batch is the caller's own
    images[:] = 0
    assert data.train.fetch([2]).any()
    with pytest.raises(ValueError, match="read-only"):
        data.train.pairs([2])[0][0][:] = 0
    elsewhere = pickle.loads(pickle.dumps(data.train))
    assert not elsewhere._source._held
    assert (elsewhere.masks([2, 5]) == masks).all()
