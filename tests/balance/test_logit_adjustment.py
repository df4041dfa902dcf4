"""Logit adjustment: both equations by hand, where the shift goes in a net, and the choice of τ."""

import numpy as np
import pytest
import torch
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from torch import nn

from leveret import pack
from leveret.balance import LogitAdjusted, adjust_logits, tune_tau
from leveret.errors import LeveretUsageError
from leveret.nets import MLP, BagOfWords, ConvNet, CosineLinear, Ensemble, parameter_count
from leveret.training import CrossEntropy, evaluate, fit

COUNTS = [100, 40, 8]
PRIOR = np.log(np.array(COUNTS) / 148)


def test_the_loss_in_training_by_hand(given, batch_of):
    # logits of 0 and shares of ¾ and ¼: −log ¼ for the rare class
    found = LogitAdjusted([3, 1])(given, batch_of([[0.0, 0.0]], [1]))["logit_adjusted"]
    np.testing.assert_allclose(found, np.log(4), rtol=1e-6)
    logits = np.random.default_rng(0).normal(size=(5, 3))
    shifted = logits + 0.5 * PRIOR
    expected = -(shifted[np.arange(5), [0, 1, 2, 2, 0]] - np.log(np.exp(shifted).sum(1))).mean()
    found = LogitAdjusted(COUNTS, 0.5)(given, batch_of(logits, [0, 1, 2, 2, 0]))["logit_adjusted"]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_tau_0_is_cross_entropy(given, batch_of):
    batch = batch_of(torch.randn(5, 3), [0, 1, 2, 2, 0])
    torch.testing.assert_close(
        LogitAdjusted(COUNTS, 0)(given, batch)["logit_adjusted"], CrossEntropy()(given, batch)["cross_entropy"]
    )


@pytest.mark.parametrize(
    ("net", "x", "inside"),
    [
        (ConvNet(1, 3, depth=2, width=4), torch.randn(4, 1, 8, 8), True),
        (MLP(5, 3, (4,)), torch.randn(4, 5), True),
        (nn.Sequential(nn.Linear(5, 3, bias=False), nn.Dropout()), torch.randn(4, 5), True),
        (nn.Linear(5, 3), torch.randn(4, 5), True),
        (nn.Sequential(nn.Linear(5, 3), nn.ReLU()), torch.randn(4, 5), False),
        (nn.Sequential(CosineLinear(5, 3)), torch.randn(4, 5), False),
        (Ensemble([MLP(5, 3, (4,)), MLP(5, 3, (6,))]), torch.randn(4, 5), False),
        (BagOfWords(3, buckets=16), ["a b", "c", "a", "d e f"], False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_logits_are_shifted_wherever_the_shift_goes(net, x, inside):
    net.eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    made = adjust_logits(net, COUNTS, 1.5)
    with torch.no_grad():
        np.testing.assert_allclose(made(x), net(x).numpy() - 1.5 * PRIOR, rtol=1e-5, atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert (type(made) is type(net)) is inside
    assert parameter_count(made) in (parameter_count(net), parameter_count(net) + 3)
    assert not made.training


def test_a_layer_that_only_seems_the_last_is_left_alone():
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.unused = nn.Linear(5, 3), nn.Linear(5, 3)

        def forward(self, x):
            return self.first(x) if x.sum() > 0 else self.first(-x)

    class Altered(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(5, 3)

        def forward(self, x):
            y = self.first(x)
            y.mul_(2)
            return y

    for net in (Branching(), Altered()):
        x = torch.randn(4, 5)
        with torch.no_grad():
            np.testing.assert_allclose(adjust_logits(net, COUNTS)(x), net(x).numpy() - PRIOR, rtol=1e-5, atol=1e-5)


def test_it_packs_at_no_cost_or_as_a_sum(skewed):
    torch.manual_seed(0)
    net = ConvNet(1, 3, depth=2, width=4)
    fit(net, skewed, epochs=5, batch_size=32, keep_best=False, monitor="accuracy", progress=False)
    images = torch.from_numpy(skewed.normalization.apply(skewed.test.fetch(np.arange(10))))
    plain = pack(net, images, normalization=skewed.normalization)
    for whole, steps in ((net, len(plain.graph.steps)), (Ensemble([net]), None)):
        made = adjust_logits(whole, skewed.train.class_counts())
        packed = pack(made, images, normalization=skewed.normalization)
        assert steps is None or len(packed.graph.steps) == steps
        assert evaluate(packed, skewed).accuracy == evaluate(made, skewed).accuracy
    # the rare class is named more often now
    rare = [(evaluate(n, skewed).logits.argmax(1) == 2).sum() for n in (net, adjust_logits(net, COUNTS))]
    assert rare[1] > rare[0]


def test_tune_tau_by_hand():
    # the rare class is missed by 1 at τ = 0; τ · log 9 > 1 from 0.5 on, and at τ > 3/log 9 ≈ 1.37 the frequent one is
    logits = np.array([[3.0, 0.0], [3.0, 0.0], [1.0, 0.0]])
    labels = np.array([0, 0, 1])
    assert tune_tau(logits, labels, [9, 1]) == 0.9
    assert tune_tau(logits, labels, [9, 1], taus=(0.0, 0.1, 0.6, 2.0)) == 0.6
    assert tune_tau(np.vstack([logits, [[5, 0]]]), [0, 0, 1, -100], [9, 1]) == 0.9


@settings(max_examples=25, deadline=None)
@drawn(st.integers(0, 10_000))
def test_no_other_tau_is_better(seed):
    from sklearn.metrics import balanced_accuracy_score

    generator = np.random.default_rng(seed)
    labels = np.concatenate([[0, 1, 2], generator.integers(0, 3, 40)])
    logits = generator.normal(size=(43, 3)) + PRIOR + 1.5 * np.eye(3)[labels]

    def score(tau):
        return balanced_accuracy_score(labels, (logits - tau * PRIOR).argmax(1))

    assert score(tune_tau(logits, labels, COUNTS)) == pytest.approx(max(score(0.1 * i) for i in range(31)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"logits": np.zeros((4, 2))}, "logits must be \\(n, 3\\)"),
        ({"logits": np.zeros((5, 3))}, "got \\(5, 3\\) and \\(4,\\)"),
        ({"logits": np.full((4, 3), np.nan)}, "those of 4 samples aren't"),
        ({"labels": np.zeros(4, int)}, "two of them differ"),
        ({"labels": np.array([0, 1, 2, 3])}, "from 0 to 2"),
        ({"labels": np.array([0.0, 1, 2, 0])}, "whole numbers"),
        ({"labels": np.full(4, -100)}, "two of them differ"),
        ({"counts": [1, 0, 2]}, "at least 1"),
        ({"taus": ()}, "at least one"),
        ({"taus": (0, float("inf"))}, "tau must be finite"),
    ],
)
def test_what_tune_tau_refuses(change, says):
    arguments = {"logits": np.zeros((4, 3)), "labels": np.array([0, 1, 2, 0]), "counts": COUNTS} | change
    with pytest.raises(LeveretUsageError, match=says):
        tune_tau(**arguments)


def test_what_adjust_logits_refuses():
    net = ConvNet(1, 4, depth=1, width=4)
    with pytest.raises(LeveretUsageError, match="counts are of 3 classes, the last layer of ConvNet has 4"):
        adjust_logits(net, COUNTS)
    with pytest.raises(LeveretUsageError, match="tau must be finite"):
        adjust_logits(net, [1, 2, 3, 4], float("nan"))
    with pytest.raises(LeveretUsageError, match="class 1 \\(from 0\\) has 0"):
        adjust_logits(net, [1, 0, 3, 4])
