"""A share of each batch has a label, however few there are; an epoch follows from its number."""

import numpy as np
import pytest

from leveret.errors import LeveretUsageError
from leveret.training import LabelledSampler

LABELS = np.array([3, -100, -100, 1, -100, -100, -100, -100, 0, -100])


def test_a_share_of_each_batch_is_labelled():
    labels = np.where(np.arange(1000) % 25 == 0, 1, -100)
    sampler = LabelledSampler(labels, 0.25, seed=3)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        batches = list(sampler.chunks(64))
        assert sum(map(len, batches)) == len(sampler) == 1000
        assert all(abs((labels[batch] >= 0).mean() - 0.25) < 0.03 for batch in batches)


def test_each_sample_comes_once_before_any_comes_again():
    sampler = LabelledSampler(LABELS, 0.5)
    drawn = []
    for epoch in range(21):
        sampler.set_epoch(epoch)
        drawn += list(sampler)
    counts = np.bincount(drawn, minlength=10)
    assert counts[LABELS >= 0].tolist() == [35, 35, 35]
    assert counts[LABELS < 0].tolist() == [15] * 7


def test_an_epoch_is_the_same_in_a_resumed_run():
    first, second = LabelledSampler(LABELS, seed=1), LabelledSampler(LABELS, seed=1)
    for epoch in range(4):
        first.set_epoch(epoch)
        order = list(first)
    second.set_epoch(3)
    assert list(second) == order
    second.set_epoch(2)
    assert list(second) != order


@pytest.mark.parametrize("labels", [[0, 1, 2], [-100, -100]])
def test_where_all_or_none_have_a_label_they_are_shuffled(labels):
    assert sorted(LabelledSampler(labels)) == list(range(len(labels)))


@pytest.mark.parametrize(("labels", "share"), [([0, 1], 0), ([0, 1], 1.0), ([], 0.5), ([[0]], 0.5)])
def test_arguments_out_of_range(labels, share):
    with pytest.raises(LeveretUsageError):
        LabelledSampler(labels, share)
