"""The order of batches and what they hold."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.data import from_arrays
from leveret.training._loader import (
    BatchSampler,
    evaluation_batch,
    evaluation_loader,
    to_tensor,
    training_loader,
)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 200), st.integers(2, 64), st.integers(0, 5), st.integers(0, 5))
def test_an_epoch_shows_each_sample_once_and_leaves_at_most_one(size, batch_size, seed, epoch):
    sampler = BatchSampler(size, batch_size, seed)
    sampler.set_epoch(epoch)
    batches = [indices for _, _, indices in sampler]
    assert len(batches) == len(sampler)
    seen = np.concatenate(batches) if batches else np.array([])
    assert len(np.unique(seen)) == len(seen)
    assert size - len(seen) in (0, 1)
    assert all(len(batch) >= 2 for batch in batches)


def test_order_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        sampler = BatchSampler(50, 8, seed)
        sampler.set_epoch(epoch)
        return np.concatenate([indices for _, _, indices in sampler]).tolist()

    assert order(1, 3) == order(1, 3)
    assert order(1, 3) != order(1, 4)
    assert order(1, 3) != order(2, 3)


def test_processes_share_every_batch(monkeypatch):
    whole = [indices for _, _, indices in BatchSampler(40, 8, 0)]
    parts = []
    for rank in range(2):
        sampler = BatchSampler(40, 8, 0)
        monkeypatch.setattr(sampler, "_ranks", lambda rank=rank: (rank, 2))
        parts.append([indices for _, _, indices in sampler])
    for batch, first, second in zip(whole, *parts, strict=True):
        assert sorted([*first, *second]) == sorted(batch)


def test_batches_are_normalised_and_labelled(digits):
    loader = training_loader(
        digits.train,
        digits.normalization,
        batch_size=32,
        seed=0,
        augment=None,
        sampler=None,
        channels_last=True,
        workers=0,
    )
    batch = next(iter(loader))
    expected = digits.train.fetch(batch.indices.numpy()) / 255
    expected = (expected - digits.normalization.mean[0]) / digits.normalization.std[0]
    np.testing.assert_allclose(batch.inputs.numpy(), expected, atol=1e-5)
    assert batch.labels.tolist() == digits.train.labels[batch.indices.numpy()].tolist()


def test_a_users_sampler_decides(digits):
    chosen = [5, 5, 7, 9, 9, 9]
    loader = training_loader(
        digits.train,
        digits.normalization,
        batch_size=4,
        seed=0,
        augment=None,
        sampler=chosen,
        channels_last=False,
        workers=0,
    )
    assert [batch.indices.tolist() for batch in loader] == [[5, 5, 7, 9], [9, 9]]


class InChunks:
    """Draws 0, 1, 2, … without end, and says what it was asked for."""

    num_samples = 10**12

    def __init__(self):
        self.asked = []
        self.taken = 0

    def chunks(self, size):
        self.asked.append(size)
        while True:
            self.taken += 1
            yield np.arange((self.taken - 1) * size, self.taken * size)


def test_an_order_in_chunks_is_taken_a_batch_at_a_time(monkeypatch):
    sampler = InChunks()
    order = BatchSampler(50, 8, 0, sampler)
    monkeypatch.setattr(order, "_ranks", lambda: (1, 2))
    assert len(order) == 10**12 // 8
    batches = iter(order)
    assert [next(batches)[2].tolist() for _ in range(2)] == [[1, 3, 5, 7], [9, 11, 13, 15]]
    assert sampler.asked == [8]
    assert sampler.taken == 2


@pytest.mark.parametrize(("drawn", "sizes"), [(16, [8, 8]), (17, [8, 8]), (18, [8, 8, 2]), (1, [])])
def test_chunks_leave_out_a_last_batch_of_one(drawn, sizes):
    class Few:
        num_samples = drawn

        def chunks(self, size):
            yield from np.split(np.arange(drawn), range(size, drawn, size))

    order = BatchSampler(50, 8, 0, Few())
    assert [len(indices) for _, _, indices in order] == sizes
    assert len(order) == len(sizes)


def test_evaluation_goes_through_all_in_order(digits):
    loader = evaluation_loader(digits.val, digits.normalization, batch_size=50, channels_last=True)
    indices = torch.cat([batch.indices for batch in loader])
    assert indices.tolist() == list(range(len(digits.val)))


@pytest.mark.parametrize("channels_last", [False, True])
def test_memory_format(digits, channels_last):
    tensor = to_tensor(np.zeros((2, 3, 4, 4), np.uint8), _ThreeChannels(), channels_last)
    assert tensor.is_contiguous(memory_format=torch.channels_last) == channels_last
    np.testing.assert_allclose(tensor[:, 1].numpy(), -0.4 / 0.2, rtol=1e-6)


class _ThreeChannels:
    mean = (0.5, 0.4, 0.3)
    std = (0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    ("shape", "batch"), [((1, 8, 8), 256), ((3, 32, 32), 256), ((3, 256, 256), 42), ((1, 1000, 1000), 8)]
)
def test_few_large_images_are_evaluated_at_once(shape, batch):
    images = np.zeros((2, *shape), np.uint8)
    data = from_arrays(images, [0, 1], x_val=images, y_val=[0, 1], x_test=images, y_test=[0, 1])
    assert evaluation_batch(data.val) == batch
    assert len(evaluation_loader(data.val, data.normalization)) == 1
    assert evaluation_batch(data.val.subset([])) == 256
