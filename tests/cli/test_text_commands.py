"""Texts and tags on the command line."""

import json

import pytest


@pytest.fixture
def source(tmp_path):
    rows = [f'"{("fine" if i % 2 else "dull")} film {i % 7}",{"good" if i % 2 else "bad"}' for i in range(80)]
    (tmp_path / "reviews.csv").write_text("\n".join(["text,label", *rows]))
    tagged = ["in O\nAda B-place\n" if i % 2 else "mr O\nAda B-person\n" for i in range(60)]
    (tmp_path / "people.conll").write_text("\n".join(tagged))
    (tmp_path / "new.txt").write_text("fine film\n\nin Ada\n")
    return tmp_path


def test_texts_from_data_to_prediction(run, source):
    code, out, _ = run("data", source / "reviews.csv")
    assert code == 0
    assert "texts of 2 classes" in out
    code, out, err = run("fit", source / "reviews.csv", "--task", "text", "-o", source / "out", "--epochs", 3, "-q")
    assert (code, "TEXTS.txt" in out) == (0, True), err
    code, out, _ = run("predict", source / "out" / "model.lvr", source / "new.txt", "--json")
    assert code == 0
    assert [json.loads(line)["path"].rpartition(":")[2] for line in out.splitlines()] == ["1", "2", "3"]
    code, out, _ = run("inspect", source / "out" / "model.lvr")
    assert "takes texts of any length" in out
    assert "widths 3, 4, 5" in out
    code, out, _ = run("bench", source / "out" / "model.lvr", "--batch-size", 2)
    assert code == 0
    assert "ms/text" in out


def test_tags_are_recognised(run, source):
    code, out, _ = run("data", source / "people.conll")
    assert "sentences with BIO tags of 2 types" in out
    code, out, err = run("fit", source / "people.conll", "-o", source / "out", "--epochs", 2, "-q")
    assert code == 0, err
    assert "share that was found whole" in out
    code, out, _ = run("predict", source / "out" / "model.lvr", source / "new.txt")
    assert code == 0
    assert len(out.splitlines()) == 3


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (["reviews.csv", "--task", "tag"], "there is no"),
        (["people.conll", "--task", "word"], "task must be auto"),
        (["people.conll", "--balance", "focal"], "aren't of sentences with tags"),
        (["people.conll", "--size", "3"], "--size is of images"),
        (["people.conll", "--crop", "3"], "of images with masks"),
        (["people.conll", "--net", "convnet"], "must be one of tagger"),
        (["reviews.csv", "--vectors", "none.bin"], "there is no file of vectors"),
        (["digits", "--task", "text"], "digits holds images"),
        (["digits", "--vectors", "none.bin"], "vectors are of words"),
    ],
)
def test_what_does_not_fit_is_named(run, source, args, what):
    first = args[0] if args[0] == "digits" else source / args[0]
    code, _, err = run("fit", first, *args[1:], "-o", source / "out")
    assert code != 0
    assert what in " ".join(err.replace("│", " ").split())
