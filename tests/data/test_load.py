"""Sources of every kind, splits, cache, and bad input."""

import io
import json
import os
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console

import leveret
from leveret.data import write_folder
from leveret.data._split import hold_out
from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("LEVERET_CACHE", str(folder))
    return folder


def pictures(n, side=6, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side), dtype=np.uint8)


def labelled(n, k=2):
    return np.arange(n) % k


@pytest.fixture
def folder(tmp_path):
    """40 grey images of two classes."""
    return write_folder(pictures(40), labelled(40), tmp_path / "images", classes=("cat", "dog"))


def counted_warning(match):
    return pytest.warns(LeveretWarning, match=match)


def test_digits():
    data = leveret.load()
    assert (data.name, data.kind, data.image_shape, data.num_classes) == ("digits", "image", (1, 8, 8), 10)
    assert [len(split) for split in data.splits.values()] == [1259, 179, 359]
    assert data.train.fetch([0, 5]).dtype == np.uint8
    assert data.train.fetch(np.arange(500)).max() == 255
    pixels = data.train.fetch(np.arange(len(data.train))) / 255
    assert data.normalization.mean[0] == pytest.approx(pixels.mean())
    assert data.normalization.std[0] == pytest.approx(pixels.std())


def test_splits_are_seeded_disjoint_and_stratified():
    one, same, other = leveret.load(seed=1), leveret.load(seed=1), leveret.load(seed=2)
    assert np.array_equal(one.test.labels, same.test.labels)
    assert np.array_equal(one.test.fetch([0, 9]), same.test.fetch([0, 9]))
    assert not np.array_equal(one.train.fetch(np.arange(20)), other.train.fetch(np.arange(20)))
    places = np.concatenate([split._places for split in one.splits.values()])
    assert sorted(places) == list(range(1797))
    for split in one.splits.values():
        share = split.class_counts() / len(split)
        assert np.ptp(share) < 0.02


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.floats(0, 0.9), st.integers(0, 9))
def test_hold_out_takes_a_share_of_each_class(labels, fraction, seed):
    labels = np.array(labels)
    keep, held = hold_out(labels, fraction, np.random.default_rng(seed))
    assert sorted([*keep, *held]) == list(range(len(labels)))
    for label in np.unique(labels):
        members, taken = (labels == label).sum(), (labels[held] == label).sum()
        assert taken < members
        if fraction and members > 1:
            assert abs(taken - fraction * members) <= 1


def test_subsets_share_the_source():
    train = leveret.load().train
    few = train.subset([7, 3])
    assert np.array_equal(few.fetch([0, 1]), train.fetch([7, 3]))
    assert few.labels.tolist() == train.labels[[7, 3]].tolist()
    assert len(train.subset(train.labels == 4)) == train.class_counts()[4]


def test_a_folder_of_class_folders(folder, cache):
    data = leveret.load(folder)
    assert data.classes == ("cat", "dog")
    assert data.image_shape == (1, 6, 6)
    assert [len(split) for split in data.splits.values()] == [28, 4, 8]
    originals = {image.tobytes() for image in pictures(40)}
    assert all(image.tobytes() in originals for image in data.train.fetch(np.arange(28)))
    assert len(list(cache.iterdir())) == 1
    again = leveret.load(folder)
    assert "found in the cache" in " ".join(again.report.notes)
    assert np.array_equal(again.test.fetch(np.arange(8)), data.test.fetch(np.arange(8)))


def test_a_changed_folder_is_decoded_anew(folder, cache):
    leveret.load(folder)
    first = next((folder / "cat").iterdir())
    Image.fromarray(np.zeros((6, 6), np.uint8)).save(first)
    os.utime(first, ns=(1, 1))
    leveret.load(folder)
    assert len(list(cache.iterdir())) == 2


def test_parts_as_folders(tmp_path):
    for part, n in (("train", 20), ("valid", 6), ("test", 8)):
        write_folder(pictures(n), labelled(n), tmp_path / "x" / part, classes=("a", "b"))
    data = leveret.load(tmp_path / "x")
    assert [len(split) for split in data.splits.values()] == [20, 6, 8]


def test_mixed_images(tmp_path):
    for name, image in {
        "a/grey.png": Image.new("L", (30, 20), 9),
        "a/colour.jpg": Image.new("RGB", (30, 20), (200, 0, 0)),
        "a/deep/palette.png": Image.new("RGB", (10, 40), (0, 0, 90)).quantize(2),
        "b/alpha.webp": Image.new("RGBA", (64, 64), (0, 0, 0, 0)),
        "b/sixteen.png": Image.fromarray(np.full((9, 9), 65535, np.uint16)),
        "b/bitmap.BMP": Image.new("L", (30, 20), 3),
    }.items():
        path = tmp_path / "x" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    data = leveret.load(tmp_path / "x", test_fraction=0.4, val_fraction=0)
    assert data.image_shape == (3, 20, 30)
    assert "sizes were brought to" in " ".join(data.report.notes)
    assert data.report.found == data.report.used == 6
    small = leveret.load(tmp_path / "x", size=8, channels=1, test_fraction=0.4, val_fraction=0)
    assert small.image_shape == (1, 8, 8)


def test_damaged_files_are_counted_and_named(folder):
    (folder / "cat" / "empty.png").write_bytes(b"")
    (folder / "cat" / "text.jpg").write_text("no image")
    (folder / "dog" / "notes.txt").write_text("hello")
    whole = (folder / "dog").glob("*.png").__next__().read_bytes()
    (folder / "dog" / "cut.png").write_bytes(whole[:50])
    (folder / "dog" / "wrong.jpg").write_bytes(whole)  # a PNG by its content: fine
    (folder / "dog" / ".hidden.png").write_bytes(b"")
    with counted_warning("4 of 45 samples could not be used"):
        data = leveret.load(folder)
    reasons = {skipped.where: skipped.reason for skipped in data.report.skipped}
    assert reasons["cat/empty.png"] == "empty (0 bytes)"
    assert reasons["cat/text.jpg"] == "not an image that Pillow knows"
    assert reasons["dog/notes.txt"] == "not an image by its name"
    assert reasons["dog/cut.png"].startswith("damaged")
    assert sum(len(split) for split in data.splits.values()) == 41
    with pytest.raises(LeveretDataError, match=r"4 of 45 samples.*\(strict\)"):
        leveret.load(folder, strict=True)


def test_classes_too_small(folder):
    (folder / "empty").mkdir()
    write_folder(pictures(1), ["bird"], folder)
    with counted_warning("'empty'|empty holds no image"), counted_warning("single training sample.*'bird'"):
        data = leveret.load(folder)
    assert data.classes == ("bird", "cat", "dog")
    assert data.train.class_counts()[0] == 1
    assert data.test.class_counts()[0] == 0


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: p.mkdir(), "no class folders"),
        (lambda p: write_folder(pictures(4), ["only"] * 4, p), "at least two classes, the source has one: 'only'"),
        (lambda p: (p / "a").mkdir(parents=True), "no image was found"),
        (lambda p: None, "there is no"),
        (lambda p: p.write_text("hello"), "can't be loaded"),
    ],
)
def test_folders_that_cannot_be_used(tmp_path, make, says):
    make(tmp_path / "x")
    with pytest.raises(LeveretDataError, match=says):
        leveret.load(tmp_path / "x")


def test_a_class_in_the_test_part_alone(tmp_path):
    write_folder(pictures(6), ["a", "b"] * 3, tmp_path / "x" / "train")
    write_folder(pictures(3), ["a", "b", "c"], tmp_path / "x" / "test")
    with pytest.raises(LeveretDataError, match="class 'c' stands in the test part alone"):
        leveret.load(tmp_path / "x")


def test_no_cache_and_no_room(folder, cache, monkeypatch):
    expected = leveret.load(folder).train.fetch(np.arange(28))
    assert np.array_equal(leveret.load(folder, cache=False).train.fetch(np.arange(28)), expected)
    shutil.rmtree(cache)
    cache.write_text("a file where the folder should be")
    data = leveret.load(folder)
    assert "cache could not be used" in " ".join(data.report.notes)
    assert np.array_equal(data.train.fetch(np.arange(28)), expected)
    monkeypatch.setattr("leveret.data._pixels._free_memory", lambda: 0)
    data = leveret.load(folder, cache=False)
    assert "batch by batch" in " ".join(data.report.notes)
    assert np.array_equal(data.train.fetch(np.arange(28)), expected)
    assert data.train.fetch([]).shape == (0, 1, 6, 6)


def test_a_damaged_cache_is_built_anew(folder, cache):
    expected = leveret.load(folder).train.fetch(np.arange(28))
    entry = next(cache.iterdir())
    (entry / "pixels.npy").write_bytes(b"damaged")
    assert np.array_equal(leveret.load(folder).train.fetch(np.arange(28)), expected)


def test_npz(tmp_path):
    x, y = pictures(30), labelled(30, 3)
    np.savez(tmp_path / "parts.npz", x_train=x, y_train=y, x_test=x[:6], y_test=y[:6])
    data = leveret.load(tmp_path / "parts.npz")
    assert (len(data.train), len(data.val), len(data.test)) == (27, 3, 6)
    assert np.array_equal(data.test.fetch(np.arange(6))[:, 0], x[:6])
    np.savez(tmp_path / "one.npz", x=x.astype(np.float32) / 255, y=y.astype(str))
    data = leveret.load(tmp_path / "one.npz", size=4, channels=3)
    assert data.image_shape == (3, 4, 4)
    assert data.classes == ("0", "1", "2")


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.array([[[0, 1], [1, 0]]] * 4, bool), 255),
        (np.full((4, 2, 2), 65535, np.uint16), 255),
        (np.full((4, 2, 2), 0.5), 128),
        (np.full((4, 2, 2), 200.0), 200),
        (np.full((4, 2, 2, 3), 7, np.int64), 7),
        (np.full((4, 3, 2, 2), 7, np.uint8), 7),
    ],
)
def test_npz_layouts_and_types(tmp_path, x, expected):
    np.savez(tmp_path / "x.npz", x=x, y=[0, 1, 0, 1])
    data = leveret.load(tmp_path / "x.npz", test_fraction=0.3, val_fraction=0)
    assert data.train.fetch([0]).max() == expected


def with_nan(x):
    x = x.astype(np.float32)
    x[7, 0, 0] = np.nan
    return x


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": with_nan(pictures(9)), "y": labelled(9)}, "NaN or infinity in 1 rows, the first is row 7"),
        ({"x": pictures(9).astype(np.int16) - 300, "y": labelled(9)}, "row 0 reaches"),
        ({"x": pictures(9), "y": labelled(8)}, "x has 9 rows"),
        ({"x": pictures(9), "y": labelled(9) - 1}, "row 0 of x: label -1 is negative"),
        ({"x": pictures(9), "y": labelled(9) + 0.5}, "must be a whole number"),
        ({"x": pictures(9), "y": np.where(np.arange(9) == 3, 10**6, 0)}, "far beyond"),
        ({"x": pictures(9), "y": np.zeros(9, int)}, "at least two classes"),
        ({"x": pictures(9)}, "no y"),
        ({"images": pictures(9)}, "it holds images"),
        ({"x_test": pictures(9), "y_test": labelled(9)}, "must hold x_train"),
        ({"x": np.zeros((9, 4)), "y": labelled(9)}, r"got \(9, 4\)"),
        ({"x": pictures(9).astype(complex), "y": labelled(9)}, "must hold numbers"),
    ],
)
def test_npz_that_cannot_be_used(tmp_path, arrays, says):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(LeveretDataError, match=says):
        leveret.load(tmp_path / "x.npz")


def test_npz_that_is_none(tmp_path):
    np.savez(tmp_path / "x.npz", x=pictures(9), y=labelled(9))
    whole = (tmp_path / "x.npz").read_bytes()
    for content in (b"", b"hello", whole[: len(whole) // 2]):
        (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(LeveretDataError, match=r"bad\.npz"):
            leveret.load(tmp_path / "bad.npz")
    np.savez(tmp_path / "objects.npz", x=np.array([{}] * 3), y=[0, 1, 0])
    with pytest.raises(LeveretDataError, match="plain arrays"):
        leveret.load(tmp_path / "objects.npz")


def png(image):
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


def write_parquet(path, n, **options):
    import datasets

    rows = {"image": [{"bytes": png(image), "path": None} for image in pictures(n)], "label": labelled(n).tolist()}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    datasets.Dataset.from_dict(rows, features=features).to_parquet(path)


def test_parquet(tmp_path):
    folder = tmp_path / "tables"
    folder.mkdir()
    write_parquet(folder / "pets-train.parquet", 20)
    write_parquet(folder / "pets-test.parquet", 6)
    for source in (folder / "pets", folder):
        data = leveret.load(source)
        assert data.classes == ("cat", "dog")
        assert (len(data.train), len(data.val), len(data.test)) == (18, 2, 6)
        assert np.array_equal(data.test.fetch(np.arange(6))[:, 0], pictures(6))
    assert len(leveret.load(folder / "pets-train.parquet").test) == 4


def test_tables_of_paths_and_of_texts(folder, tmp_path):
    rows = [(str(path.relative_to(folder)), path.parent.name) for path in sorted(folder.rglob("*.png"))]
    (folder / "list.csv").write_text("path,label\n" + "".join(f"{path},{label}\n" for path, label in rows))
    data = leveret.load(folder / "list.csv")
    assert data.classes == ("cat", "dog")
    assert data.image_shape == (1, 6, 6)
    lines = [json.dumps({"text": f"text {i}", "label": "yes" if i % 2 else "no"}) for i in range(20)]
    (tmp_path / "texts.jsonl").write_text("\n".join(lines))
    data = leveret.load(tmp_path / "texts.jsonl")
    assert data.kind == "text"
    assert all(text.startswith("text ") for text in data.train.fetch([0, 1]))


def test_table_rows_without_content(tmp_path):
    (tmp_path / "x.csv").write_text("text,label\na,0\n,1\nb,1\nc,0\nd,1\ne,0\nf,1\n")
    with counted_warning("row 1 of x.csv: empty"):
        data = leveret.load(tmp_path / "x.csv", val_fraction=0)
    assert sum(len(split) for split in data.splits.values()) == 6


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        ("a,b\n1,2\n3,4\n", "no label column.*columns are a, b"),
        ("a,b,label\nx,1,2\ny,3,4\n", "neither an image nor a text column.*all columns numbers, which 'a' aren't"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, content, says):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(LeveretDataError, match=says):
        leveret.load(tmp_path / "x.csv")
    with pytest.raises(LeveretDataError, match=r"no column 'why'|empty"):
        leveret.load(tmp_path / "x.csv", label_column="why")


def test_parquet_that_is_none(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"hello")
    with pytest.raises(LeveretDataError, match="could not be read as parquet"):
        leveret.load(tmp_path / "x.parquet")


def test_the_hub(monkeypatch):
    import datasets

    asked = []

    def load_dataset(name, config=None):
        asked.append((name, config))
        if name == "no/such":
            raise ConnectionError("offline")
        part = datasets.Dataset.from_dict({"text": ["a", "b"] * 10, "label": [0, 1] * 10})
        return {"train": part, "test": part, "unsupervised": part}

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    data = leveret.load("hf:some/texts:small")
    assert asked == [("some/texts", "small")]
    assert (data.name, len(data.train), len(data.test)) == ("texts:small", 18, 20)
    assert "unsupervised" in data.report.notes[0]
    with pytest.raises(LeveretDataError, match="hf:no/such could not be loaded from the hub: offline"):
        leveret.load("hf:no/such")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"size": 0}, "size"),
        ({"size": (8, 8, 8)}, "size"),
        ({"channels": 2}, "channels must be 1 or 3"),
        ({"val_fraction": 1.0}, "val_fraction"),
        ({"val_fraction": 0.5, "test_fraction": 0.5}, "nothing to train on"),
    ],
)
def test_arguments(options, says):
    with pytest.raises(LeveretUsageError, match=says):
        leveret.load("digits", **options)


def test_writing_a_folder(tmp_path):
    colour = np.random.default_rng(0).integers(0, 256, (4, 3, 5, 6), dtype=np.uint8)
    write_folder(colour, ["a", "b", "a", "b"], tmp_path / "x")
    data = leveret.load(tmp_path / "x", test_fraction=0, val_fraction=0)
    assert {image.tobytes() for image in data.train.fetch(np.arange(4))} == {image.tobytes() for image in colour}
    for labels, pixels, says in (
        (["a"], colour, "4 images but 1 labels"),
        (["../x"] * 4, colour, "can't be a folder's name"),
        (["a"] * 4, colour / 2, "must be uint8"),
    ):
        with pytest.raises(LeveretUsageError, match=says):
            write_folder(pixels, labels, tmp_path / "y")


def test_summary_and_contact_sheet(folder, tmp_path):
    (folder / "cat" / "empty.png").write_bytes(b"")
    with counted_warning("1 of 41"):
        data = leveret.load(folder)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(data.summary())
    text = console.export_text()
    for words in ("grey images of 6x6 pixels in 2 classes", "cat", "1 of 41 samples were skipped", "cat/empty.png"):
        assert words in text
    sheet = Image.open(data.contact_sheet(tmp_path / "sheet.png", columns=5))
    assert sheet.width > 300
    assert len(text.splitlines()) < 30
    assert json.loads(json.dumps(data.as_dict()))["samples"]["train"] == len(data.train)


def test_many_classes_fit_one_screen(tmp_path):
    np.savez(tmp_path / "x.npz", x=pictures(400), y=labelled(400, 100))
    data = leveret.load(tmp_path / "x.npz")
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(data.summary())
    assert "84 classes between" in console.export_text()
    assert len(console.export_text().splitlines()) < 30


def test_importing_is_cheap():
    code = "import sys, leveret.data; print([m for m in ('torch', 'datasets', 'sklearn') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_clean_data_warns_of_nothing(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        leveret.load(folder)
