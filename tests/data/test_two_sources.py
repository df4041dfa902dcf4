"""Two sources without labels: what is read, what is brought to one form, what can't be."""

import numpy as np
import pytest
from PIL import Image

from leveret.data._two import load_two
from leveret.data._unlabelled import read_unlabelled
from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning


def folder(path, n, size=(6, 4), mode="L", first=0):
    path.mkdir(parents=True)
    for i in range(n):
        Image.new(mode, size, 10 * (first + i) if mode == "L" else (10 * i, 0, 0)).save(path / f"{i}.png")
    return path


def test_images_at_any_depth_of_two_kinds_of_source(tmp_path):
    folder(tmp_path / "a" / "cats", 2)
    folder(tmp_path / "a" / "dogs" / "old", 1, first=5)
    (tmp_path / "a" / ".hidden").mkdir()
    Image.new("L", (6, 4)).save(tmp_path / "a" / ".hidden" / "x.png")
    np.savez(tmp_path / "b.npz", x_train=np.full((3, 4, 6), 7, np.uint8), x_test=np.zeros((2, 4, 6), np.uint8))
    found = load_two(tmp_path / "a", tmp_path / "b.npz")
    assert found.kind == "image"
    assert [len(part) for part in found.values] == [3, 5]
    assert found.values[0][:, 0, 0, 0].tolist() == [0, 10, 50]
    assert found.where[0][2].endswith("dogs/old/0.png")
    assert found.where[1][3] == "b.npz:x_test[0]"


def test_other_sizes_are_said(tmp_path):
    folder(tmp_path / "a", 3)
    folder(tmp_path / "b", 3, (12, 8), "RGB")
    found = load_two(tmp_path / "a", tmp_path / "b", size=4)
    assert found.values[0].shape == (3, 3, 4, 4)
    assert "mostly 4x6 pixels" in found.notes[-1]
    assert "of 8x12, which alone tells them apart" in found.notes[-1]
    np.save(tmp_path / "a.npy", np.zeros((3, 5, 5), np.uint8))
    np.save(tmp_path / "b.npy", np.zeros((3, 6, 6), np.uint8))
    with pytest.raises(LeveretDataError, match="choose one size for both"):
        load_two(tmp_path / "a.npy", tmp_path / "b.npy")
    assert load_two(tmp_path / "a.npy", tmp_path / "b.npy", size=5).values[1].shape == (3, 1, 5, 5)


def test_what_cannot_be_read_is_skipped_and_said(tmp_path):
    folder(tmp_path / "a", 3)
    folder(tmp_path / "b", 3)
    (tmp_path / "b" / "1.png").write_bytes(b"no image")
    with pytest.warns(LeveretWarning, match=r"1 samples could not be used and were skipped \(1.png"):
        found = load_two(tmp_path / "a", tmp_path / "b")
    assert found.where[1] == ["0.png", "2.png"]
    assert found.values[1][:, 0, 0, 0].tolist() == [0, 20]
    with pytest.raises(LeveretDataError, match="strict"):
        load_two(tmp_path / "a", tmp_path / "b", strict=True)


def test_texts_a_line_or_a_file_each(tmp_path):
    (tmp_path / "a.txt").write_text("one\n\n two \nthree\n", encoding="utf-8")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.txt").write_text("a whole\nstory")
    (tmp_path / "b" / "y.txt").write_text(" ")
    with pytest.warns(LeveretWarning, match=r"y.txt: empty"):
        found = load_two(tmp_path / "a.txt", tmp_path / "b")
    assert found.values[0].tolist() == ["one", "two", "three"]
    assert found.where[0] == ["a.txt:1", "a.txt:3", "a.txt:4"]
    assert found.values[1].tolist() == ["a whole\nstory"]


def test_tables_with_and_without_labels(tmp_path):
    (tmp_path / "a.csv").write_text("width,height,label\n1,2,cat\n3,4,dog\n")
    (tmp_path / "b.csv").write_text("height,width\n5,6\n")
    found = load_two(tmp_path / "a.csv", tmp_path / "b.csv")
    assert found.features == ("width", "height")
    assert found.values[1].tolist() == [[6, 5]]
    assert "left out as a label: 'label'" in found.notes[0]
    (tmp_path / "c.csv").write_text("height,depth\n5,6\n")
    with pytest.raises(LeveretDataError, match="has the columns width, height"):
        load_two(tmp_path / "a.csv", tmp_path / "c.csv")
    (tmp_path / "d.csv").write_text("text\nhello\n")
    assert load_two(tmp_path / "d.csv", tmp_path / "d.csv").values[0].tolist() == ["hello"]
    with pytest.raises(LeveretDataError, match="holds tables and"):
        load_two(tmp_path / "a.csv", tmp_path / "d.csv")


def test_some_are_drawn(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(40.0).reshape(20, 2))
    found = load_two(tmp_path / "a.npy", tmp_path / "a.npy", most=5, seed=1)
    assert len(found.values[0]) == 5
    assert "5 of 20 samples were drawn" in found.notes[0]
    again = load_two(tmp_path / "a.npy", tmp_path / "a.npy", most=5, seed=1)
    assert np.array_equal(found.values[0], again.values[0])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.txt", None, "there is no file"),
        ("gone", None, r"there is no .*gone: a source is a folder .* a .txt file with a text a line, a .npy, .npz"),
        ("odd.bin", b"?", r"odd.bin is a file of another kind: a source is .* a .txt file .* .npy"),
        ("empty.txt", b"\n", "holds no line of text"),
        ("latin.txt", "é".encode("latin-1"), "is not UTF-8"),
        ("bad.npz", b"PK no", "not a whole .npz"),
        ("bad.npy", b"", "not a whole .npy"),
    ],
)
def test_sources_that_cannot_be_read(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(LeveretDataError, match=said):
        read_unlabelled(str(tmp_path / name))


def test_folders_that_hold_nothing_to_judge(tmp_path):
    with pytest.raises(LeveretDataError, match=r"holds no file: a folder must hold images, .txt files"):
        read_unlabelled(str(tmp_path))
    (tmp_path / "below").mkdir()
    for i in range(5):
        (tmp_path / "below" / f"{i}.bin").write_bytes(b"?")
    with pytest.raises(
        LeveretDataError, match=r"holds below.0.bin, below.1.bin, below.2.bin and 2 more files: a folder"
    ):
        read_unlabelled(str(tmp_path))


def test_arrays_of_unknown_names_and_shapes(tmp_path):
    np.savez(tmp_path / "two.npz", p=np.zeros(3), q=np.zeros(3))
    with pytest.raises(LeveretDataError, match="must hold x, x_train, …, or one array; it holds p, q"):
        read_unlabelled(str(tmp_path / "two.npz"))
    np.savez(tmp_path / "odd.npz", x_a=np.zeros((3, 2)), x_b=np.zeros((3, 3)))
    with pytest.raises(LeveretDataError, match="differ in shape"):
        read_unlabelled(str(tmp_path / "odd.npz"))
    np.save(tmp_path / "texts.npy", np.array(["one", "two"]))
    assert read_unlabelled(str(tmp_path / "texts.npy")).items == ["one", "two"]
    with pytest.raises(LeveretUsageError, match="size must be in"):
        load_two(tmp_path / "texts.npy", tmp_path / "texts.npy", size=0)
