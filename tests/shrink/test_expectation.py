"""Expectation Backpropagation: its means and variances against many nets drawn, its evidence against autograd."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch.distributions import Normal

import leveret
from leveret.errors import LeveretUsageError
from leveret.shrink.expectation import ExpectationBackpropagation, _passes

GENERATOR = np.random.default_rng(0)


@pytest.fixture(scope="module")
def rows():
    data = leveret.load("digits")
    return [
        part
        for split in (data.train, data.test)
        for part in (split.fetch(range(len(split))).reshape(len(split), -1).astype(float), split.labels)
    ]


@pytest.mark.parametrize("signs", [False, True])
def test_sums_are_those_of_nets_drawn_by_what_is_believed(signs):
    means = np.tanh(GENERATOR.normal(size=(3, 40)))
    inputs = GENERATOR.uniform(-1, 1, size=(2, 40)) * (1 if signs else 3)
    sums = _passes.forward(inputs, means, signs=signs)
    drawn = np.where(GENERATOR.random((20_000, 3, 40)) < (1 + means) / 2, 1.0, -1.0)
    values = np.broadcast_to(inputs, (20_000, 2, 40))
    if signs:
        values = np.where(GENERATOR.random(values.shape) < (1 + inputs) / 2, 1.0, -1.0)
    found = np.einsum("soi,sni->sno", drawn, values) / np.sqrt(40)
    np.testing.assert_allclose(sums.mean, found.mean(0), atol=0.03)
    np.testing.assert_allclose(sums.deviation, found.std(0), rtol=0.03)
    np.testing.assert_allclose(_passes.mean_signs(sums), np.sign(found).mean(0), atol=0.06)


def test_evidence_is_the_derivative_of_the_likelihood_by_the_means():
    """By autograd, with the deviations held as the paper holds them; of three layers."""
    sides = (5, 4, 3, 2)
    beliefs = [GENERATOR.normal(size=(b, a + 1)) for a, b in itertools.pairwise(sides)]
    means = [np.tanh(h) for h in beliefs]
    x = GENERATOR.normal(size=(6, 5))
    y = np.where(GENERATOR.random((6, 2)) < 0.5, 1.0, -1.0)
    learner = ExpectationBackpropagation()
    learner.beliefs_ = [h.copy() for h in beliefs]
    learner._learn(x, y)
    weights = [torch.from_numpy(m).requires_grad_() for m in means]
    normal = Normal(0.0, 1.0)
    values, plain = torch.from_numpy(x), x
    for number, weight in enumerate(weights):
        plain = np.concatenate([plain, np.ones((6, 1))], 1)
        sums = _passes.forward(plain, means[number], signs=number > 0)
        plain = _passes.mean_signs(sums)
        values = torch.cat([values, torch.ones(6, 1, dtype=torch.float64)], 1)
        z = values @ weight.T / np.sqrt(values.shape[1]) / torch.from_numpy(sums.deviation)
        values = 2 * normal.cdf(z) - 1
    normal.cdf(torch.from_numpy(y) * z).log().sum().backward()
    for weight, before, after in zip(weights, beliefs, learner.beliefs_, strict=True):
        np.testing.assert_allclose(after - before, weight.grad.numpy(), rtol=1e-8, atol=1e-12)


def test_evidence_of_what_is_far_off_is_finite():
    sums = _passes.Sums(np.array([[-60.0, 60.0]]), np.ones((1, 2)))
    found = _passes.evidence(sums, np.array([[1.0, 1.0]]))
    np.testing.assert_allclose(found, [[60.0, 0.0]], rtol=1e-3, atol=1e-12)


def test_it_learns_digits_and_gives_a_binary_net_that_packs(rows):
    x, y, x_test, y_test = rows
    learner = ExpectationBackpropagation((100,), epochs=4, batch_size=4).fit(x, y)
    assert learner.score(x_test, y_test) > 0.92
    net = learner.to_net()
    images = torch.from_numpy(x_test).float().view(-1, 1, 8, 8)
    with torch.no_grad():
        logits = net(images)
        torch.testing.assert_close(net(images.flatten(1)), logits)
    assert (logits.argmax(1).numpy() == y_test).mean() > 0.9
    packed = leveret.pack(net, images[:4])
    found = packed(images.numpy())
    assert (found.argmax(1) == logits.argmax(1).numpy()).mean() > 0.99
    assert {"binary_weight_linear", "bit_linear"} <= {step.op for step in packed.graph.steps}


def test_the_likeliest_net_is_that_of_the_signs():
    """By hand: standardised rows, sums with signs, the threshold from the input that is always 1."""
    x = GENERATOR.normal(size=(30, 3)) * 2 + 1
    learner = ExpectationBackpropagation((2,), epochs=2).fit(x, np.repeat(["no", "yes"], 15))
    first, second = (np.where(h >= 0, 1.0, -1.0) for h in learner.beliefs_)
    z = (x - x.mean(0)) / x.std(0)
    hidden = np.where(z @ first[:, :-1].T + first[:, -1] >= 0, 1.0, -1.0)
    expected = hidden @ second[:, :-1].T + second[:, -1]
    with torch.no_grad():
        np.testing.assert_allclose(learner.to_net()(torch.from_numpy(x).float()).numpy(), expected, atol=1e-4)
    assert set(learner.predict(x)) <= {"no", "yes"}


def test_it_behaves_as_estimators_do(rows):
    x, y, *_ = rows
    learner = ExpectationBackpropagation((5,), epochs=1, batch_size=50)
    same = [clone(learner).fit(x[:300], y[:300]).decision_function(x[:9]) for _ in range(2)]
    np.testing.assert_array_equal(*same)
    assert not np.array_equal(same[0], clone(learner).set_params(seed=1).fit(x[:300], y[:300]).decision_function(x[:9]))
    with pytest.raises(ValueError, match="NaN"):
        learner.fit([[1.0, np.nan], [0.0, 1.0]], [0, 1])


@pytest.mark.parametrize(
    ("options", "y", "says"),
    [
        ({"hidden": (0,)}, [0, 1], "hidden must be"),
        ({"epochs": 0}, [0, 1], "epochs must be at least 1"),
        ({"batch_size": 0}, [0, 1], "batch_size must be at least 1"),
        ({"spread": 0.0}, [0, 1], "spread must be above 0"),
        ({}, [1, 1], "at least two classes, got 1"),
    ],
)
def test_errors(options, y, says):
    with pytest.raises(LeveretUsageError, match=says):
        ExpectationBackpropagation(**options).fit([[0.0], [1.0]], y)
