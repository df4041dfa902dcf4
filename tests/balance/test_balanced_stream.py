"""Balanced streams: the wanted shares, nothing rare lost, shifts followed, bounded memory."""

import random
import weakref
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from leveret.balance import balanced_stream
from leveret.errors import LeveretDataError, LeveretUsageError


def pairs(size, shares, seed=0, start=0):
    """Numbered samples with classes by chance."""
    classes = random.Random(seed).choices(range(len(shares)), shares, k=size)
    return list(enumerate(classes, start))


def shares_of(given):
    counts = Counter(label for _, label in given)
    return {label: count / len(given) for label, count in counts.items()}


@pytest.mark.parametrize("shares", [[0.9, 0.1], [0.95, 0.05], [0.5, 0.3, 0.15, 0.05]])
@pytest.mark.parametrize("power", [0.5, 1.0])
def test_classes_come_in_the_wanted_shares(shares, power):
    stream = balanced_stream(pairs(20_000, shares), power=power, max_repeats=20)
    given = list(stream)
    wanted = np.array(shares) ** (1 - power)
    counts = np.bincount([label for _, label in given])
    assert abs(len(given) - 20_000) < 2000
    if power == 1:  # what is wanted is known then, else it is an estimate
        assert chisquare(counts, wanted / wanted.sum() * counts.sum()).pvalue > 0.001
    np.testing.assert_allclose(counts / counts.sum(), wanted / wanted.sum(), atol=0.02)
    # in every part, not only on the whole
    for start in range(1000, 14_000, 4000):
        part = np.bincount([label for _, label in given[start : start + 4000]]) / 4000
        np.testing.assert_allclose(part, wanted / wanted.sum(), atol=0.06)


def test_successive_classes_are_drawn_independently():
    labels = np.array([label for _, label in balanced_stream(pairs(20_000, [0.8, 0.2]))])
    assert chisquare(np.bincount(2 * labels[:-1] + labels[1:], minlength=4)).pvalue > 0.001


def test_power_0_gives_each_sample_once():
    samples = pairs(5000, [0.9, 0.09, 0.01])
    stream = balanced_stream(samples, power=0)
    given = list(stream)
    assert sorted(given) == samples
    assert given != samples  # in another order: what is kept is taken by chance
    assert stream.dropped == {}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from("aaaaaaab"), max_size=300),
    st.integers(1, 20),
    st.integers(1, 5),
    st.integers(1, 8),
    st.integers(0, 2**64 - 1),
)
def test_what_goes_in_is_accounted_for(labels, buffer, max_repeats, max_reads, seed):
    samples = [(i, label) for i, label in enumerate(labels)]
    stream = balanced_stream(samples, buffer=buffer, max_repeats=max_repeats, max_reads=max_reads, seed=seed)
    given = list(stream)
    times = Counter(given)
    assert set(times) <= set(samples)
    assert max(times.values(), default=0) <= max_repeats
    assert stream.seen == len(samples)
    assert stream.given == Counter(label for _, label in given)
    assert sum(stream.dropped.values()) == len(samples) - len(times)


@pytest.mark.parametrize("shares", [[0.95, 0.05], [0.999, 0.001], [0.7, 0.299, 0.001]])
def test_no_sample_of_the_rarest_class_is_lost(shares):
    samples = pairs(10_000, shares)
    rarest = len(shares) - 1
    given = list(balanced_stream(samples, buffer=64))
    assert {s for s in samples if s[1] == rarest} == {s for s in given if s[1] == rarest}
    assert len({s for s in given if s[1] == 0}) < 9000


def test_a_burst_of_a_rare_class_is_not_lost():
    samples = pairs(3000, [0.98, 0.02])
    burst = [(10_000 + i, 1) for i in range(400)]
    given = set(balanced_stream(samples[:1500] + burst + samples[1500:], buffer=32))
    assert set(burst) <= given


def test_repeats_of_a_sample_are_spread_out():
    given = list(balanced_stream(pairs(10_000, [0.9, 0.1])))
    places = {}
    gaps = []
    for place, sample in enumerate(given):
        if sample[1] == 1 and sample in places:
            gaps.append(place - places[sample])
        places[sample] = place
    assert np.median(gaps) > 50


def test_shares_that_change_are_followed():
    before, after = pairs(8000, [0.9, 0.1]), pairs(8000, [0.1, 0.9], seed=1, start=8000)
    stream = balanced_stream(before + after, horizon=1000)
    given = list(stream)
    assert stream.probabilities == pytest.approx({0: 0.5, 1: 0.5})
    assert stream.weights[1] < 0.7 < 3 < stream.weights[0]
    assert stream.counts[1] / sum(stream.counts.values()) == pytest.approx(0.9, abs=0.05)
    half = next(place for place, (number, _) in enumerate(given) if number >= 8000)
    late = given[half + 3000 :]
    assert shares_of(late) == pytest.approx({0: 0.5, 1: 0.5}, abs=0.04)
    # the class that was frequent is now the one of which none is lost
    fresh = {sample for sample in after[4000:] if sample[1] == 0}
    assert fresh <= set(given)


def test_a_new_class_is_taken_up():
    early, late = pairs(5000, [0.8, 0.2]), pairs(5000, [0.7, 0.2, 0.1], seed=1, start=5000)
    stream = balanced_stream(early + late)
    given = list(stream)
    first = next(place for place, (_, label) in enumerate(given) if label == 2)
    assert {number for number, label in late if label == 2} == {number for number, label in given if label == 2}
    assert shares_of(given[first + 500 :]) == pytest.approx({0: 1 / 3, 1: 1 / 3, 2: 1 / 3}, abs=0.05)


def test_a_class_that_no_longer_comes_is_forgotten():
    samples = pairs(500, [0.5, 0.5]) + [(i, 0) for i in range(500, 3000)]
    stream = balanced_stream(samples, horizon=200, max_reads=5)
    given = list(stream)
    assert stream.counts.keys() == {0}
    assert {label for _, label in given[-500:]} == {0}
    assert {number for number, label in samples if label == 1} <= {number for number, _ in given}


def test_memory_is_bounded():
    class Sample:
        pass

    alive = weakref.WeakSet()
    most = 0

    def endless():
        for number in range(20_000):
            sample = Sample()
            sample.label = int(number % 50 == 0)
            alive.add(sample)
            yield sample

    for _ in balanced_stream(endless(), label_of=lambda sample: sample.label, buffer=20):
        most = max(most, len(alive))
    assert most <= 2 * 20 + 3


def test_counts_stay_finite_however_long_the_stream_is():
    stream = balanced_stream(((i, i % 2) for i in range(20_000)), horizon=2)
    for _ in stream:
        pass
    # what came k samples ago counts 2^-k
    assert stream.counts == pytest.approx({1: 4 / 3, 0: 2 / 3})


def test_the_order_depends_on_seed_and_epoch_alone():
    samples = pairs(500, [0.9, 0.1])

    def order(seed, epoch):
        stream = balanced_stream(samples, seed=seed)
        stream.set_epoch(epoch)
        return list(stream)

    assert order(0, 1) == order(0, 1)
    assert order(0, 1) != order(0, 2)
    assert order(0, 1) != order(1, 1)
    stream = balanced_stream(samples)
    assert list(stream) == list(stream) == order(0, 0)


def test_an_iterator_can_be_read_once_and_a_function_again():
    stream = balanced_stream(iter(pairs(50, [0.5, 0.5])))
    assert len(list(stream)) >= 25
    with pytest.raises(LeveretUsageError, match="read only once: give a function"):
        iter(stream)
    again = balanced_stream(lambda: iter(pairs(50, [0.5, 0.5])))
    assert list(again) == list(again)


def test_an_endless_stream_is_read_as_it_is_needed():
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 1
            yield read, read % 3 == 0

    stream = iter(balanced_stream(endless(), buffer=10))
    for _ in range(100):
        next(stream)
    assert read < 150


class Sharded(IterableDataset):
    """Gives each worker its own part, as PyTorch asks."""

    def __iter__(self):
        worker = get_worker_info()
        number, of = (worker.id, worker.num_workers) if worker else (0, 1)
        return iter(pairs(600, [0.8, 0.2])[number::of])


@pytest.mark.parametrize("source", [pairs(600, [0.8, 0.2]), Sharded()], ids=["list", "IterableDataset"])
def test_workers_share_a_stream(source):
    stream = balanced_stream(source, power=0)
    loader = DataLoader(stream, batch_size=None, num_workers=2, multiprocessing_context="fork")
    assert sorted(tuple(map(int, pair)) for pair in loader) == pairs(600, [0.8, 0.2])


def test_processes_share_a_stream(monkeypatch):
    parts = []
    for rank in range(3):
        monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 3)
        parts.append(list(balanced_stream(pairs(100, [0.8, 0.2]), power=0)))
    assert sorted([*parts[0], *parts[1], *parts[2]]) == pairs(100, [0.8, 0.2])
    assert sorted(parts[1]) == pairs(100, [0.8, 0.2])[1::3]


def test_a_hugging_face_stream():
    datasets = pytest.importorskip("datasets")

    def rows():
        for number in range(300):
            yield {"x": number, "label": int(number % 10 == 0)}

    stream = balanced_stream(datasets.IterableDataset.from_generator(rows))
    given = list(stream)
    assert 0.4 < sum(row["label"] for row in given) / len(given) < 0.6
    assert {row["x"] for row in given if row["label"]} == set(range(0, 300, 10))


@pytest.mark.parametrize(
    ("make", "label_of"),
    [
        (lambda i: {"label": i % 2}, None),
        (lambda i: {"kind": "ab"[i % 2]}, "kind"),
        (lambda i: (i, i % 2), None),
        (lambda i: (i, i % 2, "other"), 1),
        (lambda i: (i, torch.tensor(i % 2)), None),
        (lambda i: (i, np.int64(i % 2)), None),
        (lambda i: (i, np.array(float(i % 2))), None),
        (lambda i: (i, i % 2 == 0), None),
        (lambda i: i, lambda i: i % 2),
    ],
)
def test_where_labels_may_be(make, label_of):
    stream = balanced_stream((make(i) for i in range(40)), label_of)
    list(stream)
    assert len(stream.counts) == 2


@pytest.mark.parametrize(
    ("sample", "label_of", "message"),
    [
        ((0, np.eye(3)[0]), None, r"sample 2 of the stream is an array of the shape \(3,\), .* one-hot .* argmax"),
        ((0, torch.zeros(2)), None, r"an array of the shape \(2,\)"),
        ((0, [1, 2]), None, "sample 2 of the stream is a list of 2, which can't be hashed"),
        ((0, {"a": 1}), None, "is a dict, which can't be hashed"),
        ((0, 0.5), None, "is 0.5, and must be a class: a whole number or a name"),
        ((0, float("nan")), None, "is nan, and must be a class"),
        ((0, None), None, "is None, and must be a class"),
        ({"x": 1}, None, "sample 2 of the stream has no label at None"),
        ((0, 1, 2), None, "sample 2 of the stream is a tuple of 3: say by label_of"),
        (3, None, "is an int: say by label_of"),
        ((0, 1), "label", "has no label at 'label'"),
        ((0, 1), 7, "has no label at 7"),
        ((0, "z"), lambda sample: sample[1], "of the class 'z', which is none of `classes`"),
    ],
)
def test_labels_that_are_no_class_are_refused(sample, label_of, message):
    good = {None: (0, 1), "label": {"label": 1}, 7: [1] * 8}.get(label_of if not callable(label_of) else None)
    stream = balanced_stream([good, good, sample], label_of, classes=[0, 1])
    with pytest.raises(LeveretDataError, match=message):
        list(stream)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"power": -0.1}, "power must be"),
        ({"buffer": 0}, "buffer must be a whole number of at least 1, got 0"),
        ({"max_repeats": 0}, "max_repeats must be"),
        ({"max_reads": 1.5}, "max_reads must be"),
        ({"horizon": 1}, "horizon must be a whole number of at least 2, got 1"),
        ({"seed": -1}, "seed must be"),
        ({"label_of": 1.5}, "label_of must be a key, a place or a function"),
        ({"stream": 3}, "something to iterate"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(LeveretUsageError, match=message):
        balanced_stream(**{"stream": [], **arguments})


def test_an_empty_stream_gives_nothing():
    stream = balanced_stream([])
    assert list(stream) == []
    assert stream.counts == stream.weights == stream.probabilities == {}
