"""Cross-entropy in which some samples count more than others."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.training import Batch, CrossEntropy, TakesSampleWeights


def batch_of(labels, indices=None):
    torch.manual_seed(0)
    labels = torch.tensor(labels)
    indices = torch.arange(len(labels)) if indices is None else torch.tensor(indices)
    return Batch(torch.randn(len(labels), 3), labels, indices)


def test_weights_scale_each_samples_loss_by_its_place():
    batch, net = batch_of([0, 2, 1], indices=[3, 0, 1]), nn.Linear(3, 3)
    loss = CrossEntropy(sample_weights=[2.0, 0.0, 9.0, 5.0])(net, batch)["cross_entropy"]
    single = F.cross_entropy(net(batch.inputs), batch.labels, reduction="none")
    # of mean 4: places 3, 0 and 1 weigh 5/4, 2/4 and 0
    torch.testing.assert_close(loss, (1.25 * single[0] + 0.5 * single[1]) / 3)


def test_equal_weights_change_nothing():
    batch, net = batch_of([0, 2, 1, -100]), nn.Linear(3, 3)
    for settings in ({}, {"label_smoothing": 0.2}, {"class_weights": torch.tensor([1.0, 5.0, 0.5])}):
        plain = CrossEntropy(**settings)
        weighted = plain.with_sample_weights([3.0] * 4)
        torch.testing.assert_close(weighted(net, batch), plain(net, batch))
        assert weighted.label_smoothing == plain.label_smoothing


def test_the_gradient_is_that_of_repeated_samples():
    once, net = batch_of([0, 2, 1]), nn.Linear(3, 3)
    CrossEntropy(sample_weights=[1, 3, 2])(net, once)["cross_entropy"].backward()
    gradient = net.weight.grad.clone()
    net.zero_grad()
    rows = torch.tensor([0, 1, 1, 1, 2, 2])
    repeated = Batch(once.inputs[rows], once.labels[rows], rows)
    CrossEntropy()(net, repeated)["cross_entropy"].backward()
    torch.testing.assert_close(gradient, net.weight.grad)


def test_a_batch_without_labels_loses_nothing():
    loss = CrossEntropy(sample_weights=[1.0, 2.0])(nn.Linear(3, 3), batch_of([-100, -100]))["cross_entropy"]
    assert loss == 0
    assert loss.requires_grad


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        ([1, -1], "at least 0, got -1.0 for sample 1"),
        ([1, float("nan")], "finite"),
        ([0, 0], "all 0"),
        ([[1, 2]], r"must be \(samples,\), got \(1, 2\)"),
        ([], r"must be \(samples,\), got \(0,\)"),
    ],
)
def test_weights_that_are_refused(weights, match):
    with pytest.raises(LeveretUsageError, match=match):
        CrossEntropy(sample_weights=weights)


def test_a_sample_beyond_the_weights_is_refused():
    with pytest.raises(LeveretUsageError, match="there are 2 sample weights, and the batch holds sample 2"):
        CrossEntropy(sample_weights=[1, 1])(nn.Linear(3, 3), batch_of([0, 1, 2]))


def test_what_takes_weights_says_so():
    assert isinstance(CrossEntropy(), TakesSampleWeights)
    assert not isinstance(lambda net, batch: {}, TakesSampleWeights)
