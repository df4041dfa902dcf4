"""Frequency sampling: classes in the wanted shares, instances in cycles, the same order whenever it is asked for."""

import pickle
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch.utils.data import DataLoader, TensorDataset

from leveret.balance import FrequencySampler
from leveret.balance import _frequency as made
from leveret.balance._cycles import Cycles
from leveret.balance._positions import Positions
from leveret.errors import LeveretDataError, LeveretUsageError

LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 4], [700, 200, 99, 1]))


def drawn(sampler):
    return np.concatenate(list(sampler.chunks()))


@pytest.mark.parametrize("power", [0, 0.25, 0.5, 1.0])
def test_classes_come_in_the_wanted_shares(power):
    sampler = FrequencySampler(LABELS, power, num_samples=20_000, seed=1)
    weights = np.array([700, 200, 99, 1.0]) ** (1 - power)
    wanted = weights / weights.sum()
    np.testing.assert_allclose(sampler.probabilities, np.insert(wanted, 3, 0), rtol=1e-12)
    counts = np.bincount(LABELS[drawn(sampler)], minlength=5)
    assert counts[3] == 0
    assert chisquare(counts[[0, 1, 2, 4]], wanted * 20_000).pvalue > 0.001
    # not only at the end: any part of the order is drawn alike
    first = np.bincount(LABELS[drawn(sampler)[:2000]], minlength=5)
    assert chisquare(first[[0, 1, 2, 4]], wanted * 2000).pvalue > 0.001


def test_classes_are_drawn_independently_of_the_ones_before():
    sampler = FrequencySampler(np.repeat([0, 1], [90, 10]), num_samples=50_000)
    labels = (drawn(sampler) >= 90).astype(int)
    pairs = np.bincount(2 * labels[:-1] + labels[1:], minlength=4)
    assert chisquare(pairs).pvalue > 0.001


def test_probabilities_may_be_given():
    sampler = FrequencySampler(LABELS, probabilities=[1, 1, 0, 0, 2], num_samples=8000)
    counts = np.bincount(LABELS[drawn(sampler)], minlength=5)
    assert counts[2] == counts[3] == 0
    assert chisquare(counts[[0, 1, 4]], [2000, 2000, 4000]).pvalue > 0.001


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=6).filter(any),
    st.floats(0, 1),
    st.integers(1, 400),
    st.integers(0, 2**64 - 1),
)
def test_each_instance_comes_once_a_cycle_over_the_epochs(counts, power, num_samples, seed):
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    sampler = FrequencySampler(labels, power, num_samples=num_samples, seed=seed)
    orders = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        orders.append(drawn(sampler))
        assert len(orders[-1]) == len(sampler) == num_samples
    for label, count in enumerate(counts):
        seen = [order[labels[order] == label] for order in orders]
        times = np.bincount(np.concatenate(seen), minlength=len(labels))[labels == label]
        # all epochs together end somewhere in a cycle
        assert count == 0 or times.max() - times.min() <= 1
        assert times.sum() == sum(map(len, seen))


@pytest.mark.parametrize("size", [50, 3000])  # as one of many short spans, and by itself
def test_each_cycle_has_an_order_of_its_own(size):
    labels = np.repeat([0, 1], [size, 5])
    for seed in (0, 1):
        cycles = Cycles(Positions(labels, np.bincount(labels), 1 << 20), seed, replacement=False)
        first, second, again = (
            cycles.draws(np.array([0]), np.array([start]), np.array([size])).tolist() for start in (0, size, 0)
        )
        assert sorted(first) == sorted(second) == list(range(size))
        # by chance one place in the two would hold the same
        assert sum(a == b for a, b in zip(first, second, strict=True)) < 8
        assert first == again
    assert (
        first
        != Cycles(Positions(labels, np.bincount(labels), 1 << 20), 0, False)
        .draws(*np.array([[0], [0], [size]]))
        .tolist()
    )


def test_draws_do_not_depend_on_how_many_are_made_at_once():
    labels = np.repeat([0, 1, 2], [5000, 40, 3])
    cycles = Cycles(Positions(labels, np.bincount(labels), 1 << 20), 0, replacement=False)
    which = np.arange(3)
    whole = np.split(cycles.draws(which, np.zeros(3, int), np.full(3, 12_000)), 3)
    for size in (1, 100, 4000):
        for start in (0, 37, 4990, 8000):
            part = np.split(cycles.draws(which, np.full(3, start), np.full(3, size)), 3)
            for one, all_of_it in zip(part, whole, strict=True):
                assert one.tolist() == all_of_it[start : start + size].tolist()


def test_a_stretch_of_many_pieces_and_blocks(monkeypatch):
    for name, value in {"_BLOCK": 6000, "_STRETCH": 2500, "_PIECE": 700}.items():
        monkeypatch.setattr(made, name, value)
    sampler = FrequencySampler(LABELS, num_samples=20_000)
    pieces = list(sampler.chunks())
    assert [len(piece) for piece in pieces[:5]] == [700, 700, 700, 400, 700]
    order = np.concatenate(pieces)
    assert len(order) == 20_000
    for label in (0, 1, 2, 4):
        times = np.bincount(order[LABELS[order] == label], minlength=1000)[label == LABELS]
        assert times.max() - times.min() <= 1
    sampler.set_epoch(1)
    together = np.r_[order, drawn(sampler)]
    times = np.bincount(together, minlength=1000)[LABELS == 0]
    assert times.max() - times.min() <= 1
    # of classes too many to cut a stretch up for
    monkeypatch.setattr(made, "_MANY", 3)
    assert len(next(iter(sampler.chunks()))) == 2500


def test_with_replacement_an_instance_may_come_again_at_once():
    sampler = FrequencySampler(np.repeat([0, 1], [10, 5000]), num_samples=100_000, replacement=True)
    order = drawn(sampler)
    assert chisquare(np.bincount(order[order < 10])).pvalue > 0.001
    large = np.bincount(order[order >= 10] - 10, minlength=5000)
    assert chisquare(large).pvalue > 0.001
    assert large.min() < 3  # cycles would give each about 10


def test_the_order_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        sampler = FrequencySampler(LABELS, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(0, 3) == order(0, 3)
    assert order(0, 3) != order(0, 4)
    assert order(0, 3) != order(1, 3)
    sampler = FrequencySampler(LABELS, seed=0)
    for epoch in (5, 0, 3):  # whatever was drawn before, forth and back
        sampler.set_epoch(epoch)
        list(islice(sampler, 10))
    assert list(sampler) == list(sampler) == order(0, 3)


@pytest.mark.parametrize("memory", [0, 400, 2000])
@pytest.mark.parametrize("replacement", [False, True])
def test_the_order_does_not_depend_on_the_memory(memory, replacement):
    few, much = (FrequencySampler(LABELS, replacement=replacement, memory=m) for m in (memory, 1 << 20))
    assert list(few) == list(much)


def test_all_kinds_of_integer_labels_give_the_same(tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(LABELS.astype(np.uint8).tobytes())
    mapped = np.memmap(path, np.uint8, "r")
    expected = list(FrequencySampler(LABELS))
    kinds = [LABELS.astype(dtype) for dtype in ("u1", "i2", "i4", "u8")]
    for labels in (*kinds, LABELS.tolist(), torch.from_numpy(LABELS), mapped, np.repeat(LABELS, 2)[::2]):
        assert list(FrequencySampler(labels, memory=1000)) == expected


@pytest.mark.parametrize("size", [1, 7, 64, 999, 1000, 5000])
def test_chunks_are_the_order_in_pieces(size, monkeypatch):
    monkeypatch.setattr(made, "_PIECE", 100)
    sampler = FrequencySampler(LABELS)
    chunks = list(sampler.chunks(size))
    assert [len(chunk) for chunk in chunks] == [size] * (1000 // size) + [1000 % size] * (1000 % size > 0)
    assert np.concatenate(chunks).tolist() == list(sampler)


@pytest.mark.parametrize("num_samples", [1, 2, 1000, 1001, 1002])
def test_processes_share_the_order(num_samples, monkeypatch):
    monkeypatch.setattr(made, "_PIECE", 100)
    whole = FrequencySampler(LABELS, num_samples=num_samples)
    parts = [FrequencySampler(LABELS, num_samples=num_samples, rank=rank, num_replicas=3) for rank in range(3)]
    shares = [list(part) for part in parts]
    assert {len(share) for share in shares} == {len(part) for part in parts} == {-(-num_samples // 3)}
    together = [index for turn in zip(*shares, strict=True) for index in turn]
    order = list(whole)
    assert together[:num_samples] == order
    assert together[num_samples:] == (order * 3)[: len(together) - num_samples]
    # fit shares batches out itself
    assert all(np.array_equal(drawn(part), order) for part in parts)


def test_the_rank_is_that_of_torch_distributed(monkeypatch):
    order = list(FrequencySampler(LABELS))
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 4)
    assert list(FrequencySampler(LABELS)) == order[1::4]
    assert list(FrequencySampler(LABELS, rank=0, num_replicas=2)) == order[::2]


def test_pickles(tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(np.tile(LABELS, 300).astype(np.uint8).tobytes())
    sampler = FrequencySampler(np.memmap(path, np.uint8, "r"), memory=5000, num_samples=500)
    sampler.set_epoch(2)
    packed = pickle.dumps(sampler)
    assert len(packed) < 20_000  # the map's name, not its 300,000 labels
    assert list(pickle.loads(packed)) == list(sampler)


@pytest.mark.parametrize("workers", [0, 2])
def test_in_a_data_loader(workers):
    data = TensorDataset(torch.arange(1000), torch.from_numpy(LABELS))
    sampler = FrequencySampler(LABELS)
    loader = DataLoader(data, batch_size=64, sampler=sampler, num_workers=workers)
    found = torch.cat([indices for indices, _ in loader])
    assert found.tolist() == list(sampler)
    assert len(loader) == 16


def test_no_array_of_the_epochs_length_is_made():
    sampler = FrequencySampler(LABELS, num_samples=1_000_000_000_000)
    assert len(sampler) == 10**12
    first = next(iter(sampler.chunks(128)))
    assert len(first) == 128
    assert list(islice(sampler, 128)) == first.tolist()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "labels hold no sample"),
        (np.array([], np.int64), "labels hold no sample"),
        ([0, 1, 0.5], "whole numbers, got float64: if they are classes, give labels.astype"),
        ([True, False], r"got booleans: give labels.astype\(np.uint8\)"),
        (["cat", "dog"], r"such as .*'cat'.*: number the classes first, e.g. np.unique"),
        (np.array(["cat", None], object), "number the classes first"),
        (np.eye(3, dtype=int), r"the shape \(3, 3\), which looks one-hot: give labels.argmax\(1\)"),
        (np.eye(3), "looks one-hot"),
        ([[1, 1, 0], [0, 0, 1]], "looks multi-label. A sample of several classes"),
        (np.zeros((5, 1), int), r"give labels\[:, 0\]"),
        (np.zeros((2, 2, 2), int), r"labels must be 1-D, one class a sample, got the shape \(2, 2, 2\)"),
        (3, r"got the shape \(\)"),
    ],
)
def test_labels_that_are_not_one_number_a_sample_are_refused(labels, message):
    with pytest.raises(LeveretUsageError, match=message):
        FrequencySampler(labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, -100, -1], "sample 2: label -100 is negative"),
        ([0, 1, 5000], "sample 2: label 5000 is beyond 1002"),
        (np.array([0, 2**63], np.uint64), "sample 1: label 9223372036854775808 is beyond"),
    ],
)
def test_labels_out_of_range_are_named(labels, message):
    with pytest.raises(LeveretDataError, match=message):
        FrequencySampler(labels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"power": 1.5}, "power must be from 0 .* to 1 .*, got 1.5"),
        ({"power": float("nan")}, "power must be"),
        ({"power": "sqrt"}, "power must be"),
        ({"probabilities": [1, 1]}, r"one for each of the 5 classes, got the shape \(2,\)"),
        ({"probabilities": [1, 1, 1, 0.5, 1]}, "class 3 has no instance to draw and the probability 0.5"),
        ({"probabilities": [1, -1, 1, 0, 1]}, "at least 0"),
        ({"probabilities": [0, 0, 0, 0, 0]}, "some of them above"),
        ({"probabilities": [1, np.inf, 1, 0, 1]}, "finite"),
        ({"num_samples": 0}, "num_samples must be a whole number of at least 1, got 0"),
        ({"num_samples": 2.5}, "num_samples"),
        ({"seed": -1}, "seed must be from 0"),
        ({"memory": -1}, "memory must be a whole number of bytes"),
        ({"rank": 1}, "go together"),
        ({"rank": 2, "num_replicas": 2}, "rank must be from 0 to 1, got 2"),
        ({"rank": 0, "num_replicas": 0}, "num_replicas must be"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(LeveretUsageError, match=message):
        FrequencySampler(LABELS, **arguments)


def test_epochs_and_sizes_out_of_range_are_refused():
    sampler = FrequencySampler(LABELS)
    with pytest.raises(LeveretUsageError, match="epoch must be a whole number of at least 0, got -1"):
        sampler.set_epoch(-1)
    with pytest.raises(LeveretUsageError, match="size must be"):
        sampler.chunks(0)
