"""Arrays in many files: each row is found, whatever is asked for, and damage is named."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.distill import ShardedArray
from leveret.distill import _sharded as sharded
from leveret.distill._sharded import write_rows
from leveret.errors import LeveretDataError, LeveretError, LeveretUsageError


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).standard_normal((47, 2, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def stored(rows, tmp_path_factory):
    return store(tmp_path_factory.mktemp("rows"), rows, 10)


def store(folder, rows, shard_size):
    array = ShardedArray(folder, "rows", len(rows), rows.shape[1:], rows.dtype, shard_size)
    for shard in range(array.shards):
        part = rows[array.rows(shard).start : array.rows(shard).stop]
        write_rows(array.path(shard), part.shape, part.dtype, [part[:4], part[4:]])
    return array


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 46)))
def test_any_rows_in_any_order(stored, rows, indices):
    found = stored.fetch(indices)
    assert found.dtype == np.float32
    assert np.array_equal(found, rows[np.array(indices, int)])
    assert found.flags.writeable


@pytest.mark.parametrize("shard_size", [1, 46, 47, 100])
def test_any_shard_size(rows, tmp_path, shard_size):
    array = store(tmp_path, rows, shard_size)
    assert (len(array), array.shape, array.shards) == (47, rows.shape, -(-47 // shard_size))
    assert np.array_equal(array.fetch(np.arange(47)[::-1]), rows[::-1])
    assert all(array.fault(shard) is None for shard in range(array.shards))
    assert np.array_equal(np.load(array.path(0)), rows[:shard_size])


def test_few_maps_are_open_at_once(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(sharded, "_OPEN_MAPS", 3)
    array = store(tmp_path, rows, 2)
    order = np.random.default_rng(0).permutation(47)
    assert np.array_equal(array.fetch(order), rows[order])
    assert len(array._maps) == 3


def test_goes_to_other_processes_by_its_paths(stored, rows):
    stored.fetch([0, 40])
    sent = pickle.dumps(stored)
    assert len(sent) < 1000
    assert np.array_equal(pickle.loads(sent).fetch([46, 0]), rows[[46, 0]])


@pytest.mark.parametrize("index", [-1, 47])
def test_rows_that_are_not_there(stored, index):
    with pytest.raises(LeveretUsageError, match=f"47 rows, from 0, and row {index}"):
        stored.fetch([3, index])


def test_damage_is_named(rows, tmp_path):
    array = store(tmp_path, rows, 10)
    path = array.path(2)
    whole = path.read_bytes()
    for content, says in (
        (whole[:-1], "not a whole .npy file"),
        (whole[:50], "not a whole .npy file"),
        (b"", "not a whole .npy file"),
        (whole + b"abc", "3 bytes too many"),
        (b"x" * len(whole), "not a whole .npy file"),
        (array.path(4).read_bytes(), r"holds \(7, 2, 3\) float32, not \(10, 2, 3\) float32"),
    ):
        path.write_bytes(content)
        with pytest.raises(AssertionError, match=says):
            raise AssertionError(array.fault(2))
        fresh = pickle.loads(pickle.dumps(array))
        if content[:6] == whole[:6] or not content:
            with pytest.raises(LeveretDataError, match=r"rows-00002.npy is missing or damaged"):
                fresh.fetch([5, 25])
    path.unlink()
    with pytest.raises(LeveretDataError, match=r"rows-00002.npy is missing"):
        pickle.loads(pickle.dumps(array)).fetch([25])


def test_a_file_that_can_not_be_written_is_not_there_at_all(tmp_path):
    def pieces():
        yield np.zeros((2, 3))
        raise OSError(28, "No space left on device")

    with pytest.raises(LeveretError, match=r"part.npy could not be written: No space left on device"):
        write_rows(tmp_path / "part.npy", (4, 3), np.float64, pieces())
    assert not list(tmp_path.iterdir())
