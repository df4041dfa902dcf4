"""What stands beside images and texts, and samples without a label."""

import numpy as np
import pytest

import leveret
from leveret.data import few_labels, from_arrays
from leveret.errors import LeveretDataError, LeveretUsageError


@pytest.fixture
def table(tmp_path):
    """Twenty texts with a topic and stars beside; the last four have no label, the second no stars."""
    lines = [f"text {i},{'' if i > 15 else 'ab'[i % 2]},{'' if i == 1 else i},topic{i % 3}" for i in range(20)]
    path = tmp_path / "texts.csv"
    path.write_text("text,label,stars,topic\n" + "\n".join(lines) + "\n")
    return path


def test_columns_follow_their_samples(table):
    with pytest.warns(leveret.LeveretWarning, match="4 of 20"):
        data = leveret.load(table, seed=1)
    for split in data.splits.values():
        for text, stars, topic in zip(split.fetch(range(len(split))), *split.columns.values(), strict=True):
            number = int(text.split()[1])
            assert topic == f"topic{number % 3}"
            assert stars is None if number == 1 else stars == number
    part = data.train.subset([2, 0])
    assert part.columns["topic"].tolist() == data.train.columns["topic"][[2, 0]].tolist()


def test_samples_without_a_label_stay_in_the_training_part(table):
    data = leveret.load(table, unlabelled=True, test_fraction=0.25)
    assert (data.train.labels < 0).sum() == 4
    assert data.train.class_counts().sum() == len(data.train) - 4
    assert (data.val.labels >= 0).all()
    assert (data.test.labels >= 0).all()
    assert any("4 of 20 samples have no label and only train" in note for note in data.report.notes)


def test_of_other_parts_they_are_skipped(table):
    for name in ("train", "test"):
        (table.parent / f"two-{name}.csv").write_text(table.read_text())
    with pytest.warns(leveret.LeveretWarning, match="4 of 40 samples could not be used .*no label"):
        data = leveret.load(table.parent / "two", unlabelled=True, val_fraction=0)
    assert [len(data.train), len(data.test)] == [20, 16]
    assert data.test.columns["topic"].tolist() == [f"topic{i % 3}" for i in range(16)]


def test_arrays_of_a_file_stand_beside_its_images(tmp_path):
    x, y = np.zeros((6, 4, 4), np.uint8), np.arange(6) % 2
    kinds = np.array(list("abcdef"))
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, kind_train=kinds, x_test=x, y_test=y, kind_test=kinds[::-1])
    data = leveret.load(tmp_path / "a.npz", val_fraction=0)
    assert data.train.columns["kind"].tolist() == list("abcdef")
    assert data.test.columns["kind"].tolist() == list("fedcba")


def test_columns_of_arrays():
    data = from_arrays(["a", "b", "c"], [0, 1, 0], val_fraction=0, columns={"n": [1, None, "x"]})
    assert data.train.columns["n"].tolist() == [1, None, "x"]
    with pytest.raises(LeveretDataError, match="column 'n' must have a value a sample, 3; it has 2"):
        from_arrays(["a", "b", "c"], [0, 1, 0], columns={"n": [1, 2]})


def test_few_labels(digits):
    few = few_labels(digits, per_class=4, seed=3)
    assert few.train.class_counts().tolist() == [4] * 10
    assert len(few.train) == len(digits.train)
    known = few.train.labels >= 0
    assert (few.train.labels[known] == digits.train.labels[known]).all()
    assert few.val is digits.val
    assert (few_labels(digits, per_class=4, seed=3).train.labels == few.train.labels).all()
    share = few_labels(digits, share=0.1).train.class_counts()
    assert (np.abs(share - 0.1 * digits.train.class_counts()) <= 0.5).all()
    for wrong in ({}, {"per_class": 0}, {"share": 0.0}, {"share": 1.5}, {"share": 0.1, "per_class": 1}):
        with pytest.raises(LeveretUsageError):
            few_labels(digits, **wrong)
