"""LDAM: margins and deferred weights by hand, the scale of the net, and when the weights begin."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from leveret import pack
from leveret.balance import LDAM, LogitAdjusted, cosine_classifier, effective_number_weights
from leveret.errors import LeveretUsageError, LeveretWarning
from leveret.nets import ConvNet, CosineLinear, Ensemble
from leveret.training import Batch, fit

COUNTS = [10000, 625, 16]


def test_margins_by_hand():
    # n^(1/4) is 10, 5 and 2: Δ = C/10, C/5, C/2 with C = 1
    np.testing.assert_allclose(LDAM(COUNTS).margins, [0.1, 0.2, 0.5], rtol=1e-6)


def test_the_loss_follows_the_formula_before_and_after_the_weights(given, batch_of):
    cosines = np.random.default_rng(0).uniform(-1, 1, (6, 3))
    labels = np.array([0, 1, 2, 2, 1, 0])
    objective = LDAM(COUNTS, scale=10.0, defer=0.75, beta=0.99)
    margins = np.array([0.1, 0.2, 0.5])[labels]
    true = np.exp(10 * (cosines[np.arange(6), labels] - margins))
    others = np.exp(10 * cosines).sum(1) - np.exp(10 * cosines[np.arange(6), labels])
    losses = -np.log(true / (true + others))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = objective(given, batch_of(10 * cosines, labels))["ldam"]
        np.testing.assert_allclose(found, losses.mean(), rtol=1e-6)
        objective.set_epoch(3, 4)
        found = objective(given, batch_of(10 * cosines, labels))["ldam"]
    weights = effective_number_weights(COUNTS, 0.99).double().numpy()
    np.testing.assert_allclose(found, (weights[labels] * losses).mean(), rtol=1e-6)


@pytest.mark.parametrize(
    ("defer", "epochs", "first"), [(0.8, 10, 8), (0.8, 4, 4), (0.5, 3, 2), (0.5, 4, 2), (0, 3, 0), (1, 3, 3)]
)
def test_when_the_weights_begin(defer, epochs, first):
    objective = LDAM(COUNTS, defer=defer)
    seen = []
    for epoch in range(epochs):
        objective.set_epoch(epoch, epochs)
        seen.append(objective.weighing)
    assert seen == [epoch >= first for epoch in range(epochs)]


def test_a_larger_margin_is_a_larger_loss_for_the_rare_class_alone(given, batch_of):
    small, large = LDAM(COUNTS, scale=1, max_margin=0.0), LDAM(COUNTS, scale=1, max_margin=2.0)
    batch = batch_of([[1.0, 0.0, 0.5]], [2])
    assert large(given, batch)["ldam"] > small(given, batch)["ldam"] + 0.5


def test_the_scale_must_be_the_nets(batch_of):
    net = nn.Sequential(CosineLinear(4, 3, scale=20.0))
    batch = batch_of(torch.randn(5, 4), [0, 1, 2, 0, 1])
    with pytest.raises(LeveretUsageError, match="has a scale of 20, LDAM one of 30"):
        LDAM(COUNTS)(net, batch)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LDAM(COUNTS, scale=20)(net, batch)
        LDAM(COUNTS, scale=1)(nn.Linear(4, 3), batch)
    objective = LDAM(COUNTS)
    with pytest.warns(LeveretWarning, match="cosine_classifier"):
        objective(nn.Linear(4, 3), batch)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        objective(nn.Linear(4, 3), batch)


def test_cosine_classifier_keeps_directions_and_packs():
    torch.manual_seed(0)
    net = ConvNet(1, 3, depth=2, width=6)
    made = cosine_classifier(net, scale=12.0)
    assert isinstance(net.classifier, nn.Linear)
    assert isinstance(made.classifier, CosineLinear)
    torch.testing.assert_close(made.classifier.weight, net.classifier.weight)
    x = torch.randn(6, 1, 12, 12)
    made.eval()
    f, w = made.features(x).detach().numpy(), net.classifier.weight.detach().numpy()
    expected = 12 * (f @ w.T) / np.linalg.norm(f, axis=1)[:, None] / np.linalg.norm(w, axis=1)
    np.testing.assert_allclose(made(x).detach(), expected, rtol=1e-4, atol=1e-4)
    packed = pack(made, x)
    np.testing.assert_allclose(packed(x.numpy()), expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(LeveretUsageError, match="linear layer"):
        cosine_classifier(Ensemble([net, net]))


def test_fit_tells_the_epoch(skewed):
    """Margins of 0 and weights from the beginning or from the second epoch: the first epoch differs."""
    seen = []

    class Spy(LDAM):
        def __call__(self, net: nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
            seen.append(self.weighing)
            return super().__call__(net, batch)

    fit(
        cosine_classifier(ConvNet(1, 3, depth=1, width=4)),
        skewed,
        objective=Spy(skewed.train.class_counts(), defer=0.5),
        epochs=2,
        batch_size=74,
        monitor="accuracy",
        progress=False,
    )
    assert seen == [False, False, True, True]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"max_margin": -0.1}, "max_margin"),
        ({"max_margin": float("nan")}, "max_margin"),
        ({"scale": 0}, "scale"),
        ({"scale": float("inf")}, "scale"),
        ({"defer": 1.1}, "defer"),
        ({"defer": float("nan")}, "defer"),
        ({"beta": 1.0}, "beta"),
    ],
)
def test_arguments_out_of_range(arguments, says):
    with pytest.raises(LeveretUsageError, match=says):
        LDAM(COUNTS, **arguments)
    with pytest.raises(LeveretUsageError, match="at least 1"):
        LDAM([3, 0])
    with pytest.raises(LeveretUsageError, match="tau must be finite"):
        LogitAdjusted(COUNTS, float("nan"))
