"""Arrays, data frames and lists as data: kinds, labels, groups, and what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from leveret.data import from_arrays, load
from leveret.data._split import hold_out_groups
from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning
from leveret.nets import BagOfWords, net_for
from leveret.training import Augment, evaluate, fit
from leveret.training._loader import to_tensor
from leveret.training._threads import threads_for


def rows(n=40, features=3, seed=0):
    return np.random.default_rng(seed).normal(5, 3, (n, features))


def labels(n=40, k=2):
    return np.arange(n) % k


def test_a_table_is_normalised_by_feature_on_its_training_part_alone():
    x = rows(60)
    x[:, 1] = 7.1
    data = from_arrays(x, labels(60), test_fraction=0.25, val_fraction=0.25)
    assert (data.kind, data.image_shape, data.input_shape, data.features) == (
        "table",
        (0, 0, 0),
        (3,),
        ("x0", "x1", "x2"),
    )
    assert [len(part) for part in data.splits.values()] == [30, 14, 16]
    train = data.train.fetch(np.arange(30))
    assert train.dtype == np.float32
    mean, std = x[data.train.places].mean(0), x[data.train.places].std(0)
    std[1] = 1  # constant
    np.testing.assert_allclose(data.normalization.mean, mean, rtol=1e-6)
    np.testing.assert_allclose(data.normalization.std, std, rtol=1e-6)
    expected = (train - mean) / std
    np.testing.assert_allclose(data.normalization.apply(train), expected, atol=1e-5)
    np.testing.assert_allclose(to_tensor(train, data.normalization).numpy(), expected, atol=1e-5)
    assert not np.any(data.normalization.apply(train)[:, 1])
    # a fetched array stays as it was
    np.testing.assert_array_equal(train, x.astype(np.float32)[data.train.places])


def test_a_frame_keeps_its_names_and_takes_numbers_of_every_type():
    frame = pd.DataFrame(
        {
            "age": [1, 2, 3, 4],
            "old": [True, False, True, False],
            "size": pd.array([1, 2, 3, 4], dtype="Int64"),
            "mixed": pd.Series([1, 2.5, True, 0], dtype=object),
        }
    )
    data = from_arrays(frame, pd.Series(["b", "a", "b", "a"]), val_fraction=0)
    assert data.features == ("age", "old", "size", "mixed")
    np.testing.assert_array_equal(data.train.fetch([2]), [[3, 1, 3, 1]])
    assert data.classes == ("a", "b")
    assert data.train.labels.tolist() == [1, 0, 1, 0]


def test_images_and_texts():
    grey = np.random.default_rng(0).integers(0, 256, (10, 6, 5), dtype=np.uint8)
    data = from_arrays(grey, labels(10), x_test=grey[:4] / 255, y_test=labels(4))
    assert (data.kind, data.image_shape, data.input_shape) == ("image", (1, 6, 5), (1, 6, 5))
    np.testing.assert_array_equal(data.test.fetch(np.arange(4))[:, 0], grey[:4])
    colour = from_arrays(np.stack([grey] * 3, -1) / 255.0, labels(10), val_fraction=0)
    np.testing.assert_array_equal(colour.train.fetch([3])[0, 1], grey[3])
    texts = from_arrays([f"text {i}" for i in range(10)], labels(10), val_fraction=0)
    assert (texts.kind, texts.input_shape, texts.train.fetch([1, 4])) == ("text", (), ["text 1", "text 4"])


def test_a_dark_part_is_read_on_the_scale_of_the_first():
    bright = np.full((6, 4, 4), 200.0)
    dark = np.ones((2, 4, 4))
    data = from_arrays(bright, labels(6), x_test=dark, y_test=labels(2), val_fraction=0)
    assert data.test.fetch([0]).max() == 1
    with pytest.raises(LeveretDataError, match=r"x_test must be pixels: fractions in 0\.\.1, as the other images are"):
        from_arrays(bright / 255, labels(6), x_test=bright[:2], y_test=labels(2))


@pytest.mark.parametrize(
    ("y", "classes", "encoded"),
    [
        (["dog", "cat", "dog", "cat"], ("cat", "dog"), [1, 0, 1, 0]),
        ([True, False, True, False], ("False", "True"), [1, 0, 1, 0]),
        ([-3, 10**12, -3, 10**12], ("-3", "1000000000000"), [0, 1, 0, 1]),
        ([5.0, 2.0, 5.0, 2.0], ("2", "5"), [1, 0, 1, 0]),
        ([[7], [3], [7], [3]], ("3", "7"), [1, 0, 1, 0]),
        (np.eye(2)[[1, 0, 1, 0]], ("0", "1"), [1, 0, 1, 0]),
        (pd.Series(["u", "v", "u", "v"], dtype="category"), ("u", "v"), [0, 1, 0, 1]),
        (pd.DataFrame({"no": [0, 1, 0, 1], "yes": [1, 0, 1, 0]}), ("no", "yes"), [1, 0, 1, 0]),
        (np.array([1, 0, 1, 0], dtype=object), ("0", "1"), [1, 0, 1, 0]),
    ],
)
def test_labels_of_every_type(y, classes, encoded):
    data = from_arrays(rows(4), y, val_fraction=0)
    assert data.classes == classes
    assert data.train.labels.dtype == np.int64
    assert data.train.labels.tolist() == encoded


@pytest.mark.parametrize(
    ("y", "classes", "encoded"),
    [
        ([0, 1, 1, 0], ("dog", "cat"), [0, 1, 1, 0]),  # numbers count names
        ([9, 3, 3, 9], (9, 3), [0, 1, 1, 0]),  # numbers are names of numbers
        ([True, False, False, True], ("True", "False"), [0, 1, 1, 0]),
        ([True, False, False, True], ("no", "yes"), [1, 0, 0, 1]),
        (["b", "a", "a", "b"], ("b", "a"), [0, 1, 1, 0]),
    ],
)
def test_named_classes_give_the_order(y, classes, encoded):
    data = from_arrays(rows(4), y, classes=classes, val_fraction=0)
    assert data.classes == tuple(map(str, classes))
    assert data.train.labels.tolist() == encoded


@pytest.mark.parametrize(
    ("y", "match"),
    [
        ([[1, 1], [1, 0], [0, 1], [1, 0]], "y: row 0 has 2 classes.*MultiOutputClassifier"),
        ([[1, 0], [0, 0], [0, 1], [1, 0]], "y: row 1 has 0 classes"),
        ([[0.5, 0.5], [1, 0], [0, 1], [1, 0]], r"y: row 0 is \[0\.5, 0\.5\], neither one label nor one-hot.*argmax"),
        ([0.5, 1, 0, 1], "label 0.5 of row 0 must be a whole number"),
        ([0, 1, np.nan, 1], "label nan of row 2"),
        (["a", None, "b", "a"], r"the label of row 1 is missing \(None\)"),
        (["a", 1, "b", 2], "labels of one type, names or numbers; it holds int, str"),
        ([1, 1, 1, 1], "at least two classes, the source has one: '1'"),
        ([0, 1, 0], "x has 4 samples and y 3 labels"),
        (np.zeros((4, 2, 2)), "must be labels"),
        (np.zeros(4, complex), "must hold names, booleans or whole numbers"),
    ],
)
def test_labels_that_are_refused(y, match):
    with pytest.raises(LeveretDataError, match=match):
        from_arrays(rows(4), y)


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (np.array([[1, 2], [3, np.nan], [np.inf, 1], [0, 0]]), r"x: row 1, column 'x1' is missing \(NaN\) \(2 rows"),
        (np.array([[1, 2], [3, 4], [-np.inf, 1], [0, 0]]), "row 2, column 'x0' is -inf"),
        (np.array([[1, 2], [3, 4], [1e39, 1], [0, 0]]), r"row 2, column 'x0' is 1e\+39, too large"),
        (pd.DataFrame({"a": [1, 2, 3, 4], "b": [1, None, 2, 3]}), "row 1, column 'b' is missing"),
        (pd.DataFrame({"a": [1, 2, 3, 4], "b": list("wxyz")}), "column 'b' holds .*; encode it as numbers"),
        (pd.DataFrame({"a": pd.array([1, 2, None, 4], dtype="Int64")}), "row 2, column 'a' is missing"),
        (
            np.array([[1, "q"], [2, 3], [2, 3], [2, 3]], dtype=object),
            "row 0, column 1 holds 'q', which is not a number",
        ),
        (np.array([["a", "b"]] * 4), "must hold numbers, got <U1"),
        (np.zeros((4, 0)), "has no feature"),
        (np.arange(4.0), r"got float64 of shape \(4,\); one feature a row is x.reshape\(-1, 1\)"),
        (["a", "b", 3.5, "d"], "row 2 holds 3.5 where a text must be"),
        (np.array(["a", None, "c", "d"], dtype=object), "row 1 holds None where a text must be"),
        ([[1, 2], [3], [1, 2], [1, 2]], "samples of different shapes"),
        (np.full((4, 3, 3), np.nan), "x holds NaN or infinity in 4 rows"),
        (np.zeros((4, 5, 5, 5)), "must be images"),
    ],
)
def test_samples_that_are_refused(x, match):
    with pytest.raises(LeveretDataError, match=match):
        from_arrays(x, labels(4))


def test_a_sparse_matrix_is_refused():
    from scipy.sparse import csr_array

    with pytest.raises(LeveretDataError, match=r"give x.toarray\(\)"):
        from_arrays(csr_array(np.eye(4)), labels(4))


def test_parts_must_be_alike():
    with pytest.raises(LeveretUsageError, match="give x_val and y_val together"):
        from_arrays(rows(4), labels(4), x_val=rows(2))
    with pytest.raises(LeveretDataError, match=r"x holds tables of shape \(3,\) and x_test tables of shape \(2,\)"):
        from_arrays(rows(4), labels(4), x_test=rows(4, 2), y_test=labels(4))
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    with pytest.raises(LeveretDataError, match="order counts"):
        from_arrays(frame, labels(2), x_val=frame[["b", "a"]], y_val=labels(2))
    with pytest.raises(LeveretDataError, match="y holds whole numbers, y_val holds names"):
        from_arrays(rows(4), labels(4), x_val=rows(2), y_val=["0", "1"])
    with pytest.raises(LeveretDataError, match="'2' stands in the val part alone"):
        from_arrays(rows(4), labels(4), x_val=rows(2), y_val=[0, 2])


def test_classes_that_are_refused():
    with pytest.raises(LeveretDataError, match="label 'c' of row 1 is none of the 2 classes"):
        from_arrays(rows(4), list("acab"), classes=("a", "b"))
    with pytest.raises(LeveretDataError, match="label 2 of row 3 is none of the 2 classes, which whole numbers in 0"):
        from_arrays(rows(4), [0, 1, 0, 2], classes=("a", "b"))
    with pytest.raises(LeveretUsageError, match="two distinct names"):
        from_arrays(rows(4), labels(4), classes=("a", "a"))
    with pytest.warns(LeveretWarning, match="1 of 3 classes have no sample"):
        assert from_arrays(rows(4), labels(4), classes=("a", "b", "c"), val_fraction=0).classes == ("a", "b")


def test_features_beyond_float32s_digits_are_warned_of():
    x = rows(20)
    x[:, 2] = 1.7e9 + np.arange(20)
    with pytest.warns(LeveretWarning, match="1 features vary by less than a millionth .* the first is 'x2'"):
        from_arrays(x, labels(20))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_arrays(x - [0, 0, 1.7e9], labels(20))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(4, 30), st.sampled_from([0.1, 0.2, 0.34, 0.5]))
def test_groups_never_straddle_parts(seed, count, fraction):
    random = np.random.default_rng(seed)
    groups = random.permutation(np.repeat(np.arange(count), random.integers(1, 6, count)))
    y = groups % 2  # both classes have several groups
    keep, held = hold_out_groups(y, groups, fraction, np.random.default_rng(seed))
    assert sorted([*keep, *held]) == list(range(len(groups)))
    assert len(held) > 0
    assert not set(groups[keep]) & set(groups[held])
    assert set(y[keep]) == {0, 1}


def test_grouped_shares_are_near_the_wanted_ones_and_stratified():
    groups = np.array([f"patient {i}" for i in np.repeat(np.arange(100), 4)])
    y = np.repeat(np.arange(100) % 4 == 0, 4)
    data = from_arrays(rows(400), y, groups=groups, val_fraction=0.1, test_fraction=0.2, seed=3)
    assert [len(part) for part in data.splits.values()] == pytest.approx([280, 40, 80], abs=8)
    for part in data.splits.values():
        assert part.labels.mean() == pytest.approx(0.25, abs=0.06)
    found = [set(groups[part.places]) for part in data.splits.values()]
    assert len(found[0] | found[1] | found[2]) == sum(map(len, found)) == 100
    again = from_arrays(rows(400), y, groups=groups, val_fraction=0.1, test_fraction=0.2, seed=3)
    np.testing.assert_array_equal(again.test.places, data.test.places)
    assert "whole groups" in data.report.notes[0]


def test_groups_that_are_refused():
    with pytest.raises(LeveretDataError, match="none of the 2 groups can be held out"):
        from_arrays(rows(8), labels(8), groups=labels(8))
    with pytest.raises(LeveretDataError, match="none of the 1 groups"):
        from_arrays(rows(8), labels(8), groups=np.zeros(8))
    with pytest.raises(LeveretDataError, match=r"one a sample of x, \(8,\), got shape \(7,\)"):
        from_arrays(rows(8), labels(8), groups=np.zeros(7))
    with pytest.raises(LeveretDataError, match="groups: row 1 has none"):
        from_arrays(rows(4), labels(4), groups=np.array(["a", None, "b", "c"], dtype=object))
    assert len(from_arrays(rows(8), labels(8), groups=labels(8), val_fraction=0).train) == 8


def test_tables_and_texts_train_and_are_measured():
    x = rows(120)
    y = np.where(x.sum(1) > 15, "high", "low")
    table = from_arrays(x, y, test_fraction=0.25)
    words = [f"{'fine sunny' if value == 'high' else 'grey rain'} day {i}" for i, value in enumerate(y)]
    texts = from_arrays(words, y, test_fraction=0.25)
    torch.manual_seed(0)
    for data, net in ((table, net_for(table)), (texts, BagOfWords(2, buckets=2**10))):
        assert threads_for(net, data, 16, 2) == 1
        result = fit(net, data, epochs=8, batch_size=16, lr=1e-2, precision="float32", progress=False)
        assert evaluate(net, data).accuracy > 0.8
        assert len(result.history) == 8
        console = Console(record=True, width=100)
        console.print(data.summary())
        assert ("rows of 3 features" if data is table else "texts of") in console.export_text()
        assert data.as_dict()["features"] == list(data.features)
        with pytest.raises(LeveretUsageError, match=f"holds {data.kind}s"):
            data.contact_sheet("nowhere.png")
    with pytest.raises(LeveretUsageError, match="Augment mirrors and shifts images"):
        fit(net_for(table), table, epochs=1, augment=Augment(flip=True), progress=False)


def test_a_csv_of_numbers_is_a_table(tmp_path):
    path = tmp_path / "flowers.csv"
    lines = [f"{i},{i / 2},{'rose' if i % 2 else 'lily'}" for i in range(20)]
    lines[3] = "3,,rose"
    path.write_text("\n".join(["length,width,label", *lines]) + "\n")
    with pytest.warns(LeveretWarning, match=r"1 of 20 samples.*row 3 of flowers.csv: column 'width' is missing"):
        data = load(path)
    assert (data.kind, data.features, data.classes) == ("table", ("length", "width"), ("lily", "rose"))
    assert sum(len(part) for part in data.splits.values()) == 19
    first = data.train.fetch([0])[0]
    assert first[1] == first[0] / 2
    assert data.report.notes[0] == "rows of 2 features: length, width"
    frame = pd.read_csv(path).dropna()
    for part, some in (("train", frame), ("test", frame[:6])):
        some.to_parquet(tmp_path / f"both-{part}.parquet")
    both = load(tmp_path / "both")
    assert (both.features, len(both.test)) == (("length", "width"), 6)
    assert "left out as a data frame's index: '__index_level_0__'" in both.report.notes
    frame.to_csv(tmp_path / "indexed.csv")
    assert load(tmp_path / "indexed.csv").features == ("length", "width")
    frame[["width", "length", "label"]][:6].to_parquet(tmp_path / "both-test.parquet")
    with pytest.raises(LeveretDataError, match=r"has the columns .*, another part"):
        load(tmp_path / "both")
