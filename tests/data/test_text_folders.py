"""Class folders of .txt files, and texts without a word."""

import pytest

import leveret
from leveret.errors import LeveretDataError, LeveretWarning


def folders(root, texts):
    for name, kinds in texts.items():
        for i, text in enumerate(kinds):
            path = root / name / f"{i:02}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def test_each_file_is_a_text(tmp_path):
    source = folders(
        tmp_path, {"good": [f"fine {i}\nfilm" for i in range(10)], "bad": [f"dull {i}" for i in range(10)]}
    )
    data = leveret.load(source, seed=0)
    assert (data.kind, data.classes) == ("text", ("bad", "good"))
    assert {text.split()[0] for text in data.train.fetch(range(len(data.train)))} == {"fine", "dull"}
    assert "fine 3\nfilm" in {t for part in (data.train, data.val, data.test) for t in part.fetch(range(len(part)))}
    assert data.train.lengths.tolist() == [text.count(" ") for text in data.train.fetch(range(len(data.train)))]


def test_parts_and_files_that_are_no_texts(tmp_path):
    for part in ("train", "test"):
        folders(tmp_path / part, {"a": ["x", b"\xff\xfe\xff"], "b": ["y", "z"]})
    (tmp_path / "train" / "a" / "notes.pdf").write_bytes(b"x")
    with pytest.warns(LeveretWarning, match="3 of 9 samples could not be used"):
        data = leveret.load(tmp_path, val_fraction=0)
    assert (len(data.train), len(data.test)) == (3, 3)
    reasons = {skipped.reason for skipped in data.report.skipped}
    assert reasons == {"can't be read: invalid start byte", "not a text by its name"}


def test_texts_without_a_word_are_said(tmp_path):
    source = folders(tmp_path, {"a": ["x", "  \n", "y"], "b": ["", "z", "u"]})
    with pytest.warns(LeveretWarning, match="2 texts hold no word, the first is a/01.txt"):
        leveret.load(source, val_fraction=0, test_fraction=0)


def test_folders_of_neither_say_so(tmp_path):
    source = folders(tmp_path, {"a": [], "b": []})
    (tmp_path / "a").mkdir(exist_ok=True)
    (tmp_path / "a" / "x.pdf").write_bytes(b"x")
    with pytest.raises(LeveretDataError, match=r"no image was found .*, nor a \.txt file"):
        leveret.load(source)
