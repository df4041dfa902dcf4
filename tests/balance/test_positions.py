"""The index: where the instances of a class stand, whether they are stored or searched for."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.balance._label_array import count_classes
from leveret.balance._positions import Positions
from leveret.errors import LeveretDataError, LeveretWarning


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=600),
    st.integers(0, 3000),
    st.sampled_from([np.uint8, np.int32, np.uint64]),
)
def test_found_where_they_are_with_any_memory(labels, memory, dtype):
    labels = np.array(labels, dtype)
    counts = count_classes(labels)
    index = Positions(labels, counts, memory)
    expected = [np.flatnonzero(labels == label) for label in range(len(counts))]
    for label, places in enumerate(expected):
        ranks = np.random.default_rng(0).permutation(len(places))
        assert index.of(label, ranks).tolist() == places[ranks].tolist()
    each = np.random.default_rng(1).permutation(labels.astype(np.int64))
    ranks = np.zeros(len(each), np.int64)
    assert index.of_each(each, ranks).tolist() == [expected[label][0] for label in each]


def test_keeps_to_its_memory():
    labels = np.random.default_rng(0).choice(4, 50_000, p=[0.6, 0.3, 0.08, 0.02]).astype(np.uint8)
    counts = count_classes(labels)
    for memory in (200_000, 60_000, 20_000, 5_000):
        assert Positions(labels, counts, memory).nbytes <= memory
    # all stored: the labels are not needed any more
    assert len(Positions(labels, counts, 200_000)._labels) == 0


def test_says_when_the_blocks_are_large():
    labels = np.tile(np.arange(100, dtype=np.uint8), 5000)
    with pytest.warns(LeveretWarning, match=r"reads 524,288 labels, which is slow; memory=") as caught:
        Positions(labels, count_classes(labels), 1000)
    enough = int(str(caught[0].message).split("memory=")[1].split()[0].replace(",", ""))
    assert Positions(labels, count_classes(labels), enough)._block < 1 << 16


def test_labels_that_change_are_noticed():
    labels = np.zeros(1000, np.uint8)
    labels[::3] = 1
    index = Positions(labels, count_classes(labels), 0)
    labels[:] = 0
    with pytest.raises(LeveretDataError, match="labels have changed"):
        index.of(1, np.arange(10))


def test_a_memory_map_is_pickled_as_its_name(tmp_path):
    path = tmp_path / "labels.bin"
    whole = np.random.default_rng(0).integers(0, 5, 200_000).astype(np.uint16)
    path.write_bytes(b"head" + whole.tobytes())
    mapped = np.memmap(path, np.uint16, "r", offset=4)
    for labels in (mapped, mapped[70_001:], mapped[10:][70_001:150_000]):
        index = Positions(labels, count_classes(labels), 10_000)
        packed = pickle.dumps(index)
        assert len(packed) < 30_000
        ranks = np.arange(0, 10_000, 7)
        assert pickle.loads(packed).of(3, ranks).tolist() == index.of(3, ranks).tolist()
        assert index.of(3, ranks).tolist() == np.flatnonzero(labels == 3)[ranks].tolist()
    strided = mapped[::2]
    again = pickle.loads(pickle.dumps(Positions(strided, count_classes(strided), 10_000)))
    assert again.of(3, np.arange(9)).tolist() == np.flatnonzero(strided == 3)[:9].tolist()
