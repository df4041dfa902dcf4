"""The budgeted memory: herding and reservoir against cases worked by hand and against chance."""

import numpy as np
import pytest
from grow_data import patterns

from leveret.data import from_arrays, of_classes
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.grow import Memory, herded, reservoir


def test_herding_by_hand():
    # of length 1 already; the mean is (1/3 + ..) to the right and up
    rows = np.array([[1, 0], [0, 1], [0.6, 0.8]])
    # mean (0.533, 0.6): nearest is row 2; then (row 2 + row 0)/2 = (0.8, 0.4) or with row 1 (0.3, 0.9): row 0
    assert herded(rows, 2).tolist() == [2, 0]
    assert herded(rows, 9).tolist() == [2, 0, 1]
    assert herded(10 * rows, 2).tolist() == [2, 0]
    assert herded(rows, 0).tolist() == []
    assert herded(np.empty((0, 4)), 3).tolist() == []


def test_herding_is_greedy_and_a_prefix_of_itself():
    rows = np.random.default_rng(0).standard_normal((60, 5))
    found = herded(rows, 20)
    assert len(set(found.tolist())) == 20
    assert herded(rows, 7).tolist() == found[:7].tolist()
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    for k in (1, 4, 9):
        # no other row would have brought the mean nearer
        taken = unit[found[: k - 1]].sum(0)
        away = np.linalg.norm(unit.mean(0) - (taken + unit) / k, axis=1)
        away[found[: k - 1]] = np.inf
        assert away.argmin() == found[k - 1]


def test_a_reservoir_fills_and_then_replaces_with_the_right_chance():
    generator = np.random.default_rng(0)
    assert reservoir(0, 3, 0, 5, generator).tolist() == [0, 1, 2]
    assert reservoir(3, 2, 3, 5, generator).tolist() == [-1, -1, -1, 0, 1]
    stays = np.mean([(reservoir(10, 10, 5, 5, generator) < 0).mean() for _ in range(2000)])
    assert stays == pytest.approx(10 / 20, abs=0.02)
    # each new sample is as likely as any other
    counts = np.bincount(np.concatenate([reservoir(0, 12, 0, 3, generator) for _ in range(4000)]), minlength=12)
    np.testing.assert_allclose(counts / 4000, 3 / 12, atol=0.03)


def marks(memory, name):
    rows = np.flatnonzero(memory.labels == memory.classes.index(name))
    return [int(image[0, 0, 0]) for image in memory.values[rows]]


def numbered(names, start):
    pixels = np.broadcast_to(
        np.arange(start, start + 6 * len(names), dtype=np.uint8)[:, None, None], (6 * len(names), 2, 2)
    )
    return from_arrays(pixels.copy(), np.repeat(list(names), 6), val_fraction=0)


def test_a_herded_memory_keeps_the_most_telling_as_classes_come():
    first, second = numbered("ab", 0), numbered("cd", 100)
    features = np.random.default_rng(0).standard_normal((12, 3))
    memory = Memory.empty(8).updated(first, features)
    assert memory.classes == ("a", "b")
    expected = {name: herded(features[6 * i : 6 * i + 6], 4) for i, name in enumerate("ab")}
    for i, name in enumerate("ab"):
        assert marks(memory, name) == (6 * i + expected[name]).tolist()
    memory = memory.updated(second, features)
    assert len(memory) == 8
    # two of each: of the old ones those that came first
    for i, name in enumerate("ab"):
        assert marks(memory, name) == (6 * i + expected[name][:2]).tolist()
    assert len(marks(memory, "c")) == len(marks(memory, "d")) == 2
    assert memory.seen == 24


def test_a_reservoir_memory_keeps_its_budget_over_growths():
    memory = Memory.empty(10, "reservoir")
    for start, names in ((0, "ab"), (100, "cd"), (200, "ef")):
        memory = memory.updated(numbered(names, start), seed=1)
        assert len(memory) == 10
    assert memory.seen == 36
    for name in memory.classes:
        place = "abcdef".index(name)
        low = (place // 2) * 100 + 6 * (place % 2)
        assert all(low <= mark < low + 6 for mark in marks(memory, name))


def test_a_memory_is_data_and_a_file(tmp_path):
    data = patterns("abc")
    memory = Memory.empty(9).updated(of_classes(data, "ab"), np.ones((len(of_classes(data, "ab").train), 2)))
    memory.save(tmp_path / "memory.npz")
    again = Memory.load(tmp_path / "memory.npz")
    np.testing.assert_array_equal(again.values, memory.values)
    assert (again.classes, again.budget, again.kind, again.seen) == (("a", "b"), 9, "herding", memory.seen)
    found = again.data(data)
    assert found.train.class_counts().tolist() == [4, 4]
    assert len(found.val) == len(found.test) == 0
    assert found.image_shape == data.image_shape
    np.testing.assert_array_equal(found.train.fetch([0, 5]), memory.values[[0, 5]])
    (tmp_path / "memory.npz").write_bytes(b"PK no zip")
    with pytest.raises(LeveretDataError, match="no memory of Leveret"):
        Memory.load(tmp_path / "memory.npz")


def test_refusals():
    with pytest.raises(LeveretUsageError, match="budget must be at least 1"):
        Memory.empty(0)
    with pytest.raises(LeveretUsageError, match="'herding' or 'reservoir'"):
        Memory.empty(5, "luck")
    with pytest.raises(LeveretUsageError, match="needs the samples' features"):
        Memory.empty(5).updated(numbered("ab", 0))
    with pytest.raises(LeveretUsageError, match="can't hold one of each of 2"):
        Memory.empty(1).updated(numbered("ab", 0), np.ones((12, 2)))
    with pytest.raises(LeveretUsageError, match="no texts"):
        Memory.empty(5).updated(from_arrays(["x y"] * 8, list("abababab")))
