"""Forward selection: a case worked by hand, a plain search beside it, and what it must not do on noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.distill import best_subset
from leveret.errors import LeveretUsageError


def cross_entropy(logits, labels):
    shifted = logits - logits.max(1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(labels)), labels]).mean())


def by_hand(logits, labels, steps):
    """The paper's section 2 in plain Python, accuracy first, then cross-entropy."""
    chosen = []
    for _ in range(steps):
        best = None
        for member in range(len(logits)):
            mean = np.mean([logits[i] for i in [*chosen, member]], axis=0)
            score = (float((mean.argmax(1) == labels).mean()), -cross_entropy(mean, labels))
            if best is None or score > best[0]:
                best = (score, member)
        chosen.append(best[1])
    return chosen


def members(seed, count=4, samples=30, classes=3):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, samples)
    skill = generator.uniform(0, 2, (count, 1, 1))
    logits = generator.normal(size=(count, samples, classes)) + skill * np.eye(classes)[labels]
    return logits, labels


def test_a_case_worked_by_hand():
    # two samples of classes 0 and 1; member 0 is right twice, barely; 1 and 2 err on one each, but are surer
    logits = np.array([[[0.1, 0.0], [0.0, 0.1]], [[3.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 3.0]]])
    found = best_subset(logits, [0, 1], max_size=3, bags=0)
    # the only one with both right comes first; then (0, 1) has logits (3.1, 0), (1, 0.1): one wrong; (0, 0) stays
    # right twice, and (0, 0, 0) after it
    assert found.order == (0, 0, 0)
    assert found.weights.tolist() == [1, 0, 0]
    assert [row["accuracy"] for row in found.curve] == [1, 1, 1]
    # by cross-entropy: member 0 alone gives ln(1 + e^-0.1) = 0.644; 1 gives (ln(1 + e^-3) + ln(1 + e)) / 2 = 0.681,
    # and so does 2; then (0, 1), with margins 3.1 / 2 and -0.9 / 2, gives (0.192 + 0.943) / 2 = 0.567, below (0, 0)
    by_loss = best_subset(logits, [0, 1], max_size=2, bags=0, metric="cross-entropy")
    assert by_loss.order == (0, 1)
    assert [round(row["loss"], 3) for row in by_loss.curve] == [0.644, 0.568]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_the_same_as_a_plain_search(seed):
    logits, labels = members(seed)
    found = best_subset(logits, labels, max_size=5, bags=0)
    assert list(found.order) == by_hand(logits, labels, 5)
    scores = [(row["accuracy"], -row["loss"]) for row in found.curve]
    size = scores.index(max(scores)) + 1
    counts = np.bincount(found.order[:size], minlength=4)
    np.testing.assert_allclose(found.weights, counts / size)
    mean = found.combine(logits)
    np.testing.assert_allclose(mean, logits[list(found.order[:size])].mean(0), rtol=1e-5, atol=1e-6)
    assert found.accuracy == max(row["accuracy"] for row in found.curve)
    assert found.accuracy >= found.best_accuracy


def test_equals_are_taken_in_their_order():
    logits, labels = members(1)
    same = np.stack([logits[2]] * 3)
    assert best_subset(same, labels, max_size=2, bags=0).order == (0, 0)


def test_bags_are_seeded_and_spread_weight_over_members_that_are_alike():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 5, 60)
    logits = generator.normal(size=(12, 60, 5)) + 1.2 * np.eye(5)[labels]
    plain = best_subset(logits, labels, bags=0)
    bagged = best_subset(logits, labels, bags=20, seed=3)
    assert np.array_equal(bagged.weights, best_subset(logits, labels, bags=20, seed=3).weights)
    assert not np.array_equal(bagged.weights, best_subset(logits, labels, bags=20, seed=4).weights)
    assert bagged.weights.sum() == pytest.approx(1)
    assert len(bagged.members) > len(plain.members)
    assert bagged.weights.max() < plain.weights.max()
    assert (plain.bags, bagged.bags) == (0, 20)


def test_bagging_over_fits_less():
    """On few samples with members that are alike, what bags select does better on new samples than what one does."""
    gained = []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        labels = generator.integers(0, 4, 2000)
        logits = generator.normal(size=(16, 2000, 4)) + 0.8 * np.eye(4)[labels]
        held, new = slice(0, 40), slice(40, None)
        plain, bagged = (best_subset(logits[:, held], labels[held], bags=bags, seed=seed) for bags in (0, 20))
        accuracy = [(subset.combine(logits[:, new]).argmax(1) == labels[new]).mean() for subset in (plain, bagged)]
        gained.append(accuracy[1] - accuracy[0])
    assert np.mean(gained) > 0.01


def test_a_single_member_is_the_subset():
    logits, labels = members(0, count=1)
    found = best_subset(logits, labels)
    assert found.weights.tolist() == [1]
    assert found.accuracy == found.full_accuracy == found.best_accuracy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0, 1]}, r"logits must be \(members, n, classes\)"),
        ({"logits": np.zeros((0, 30, 3))}, "none of them empty"),
        ({"logits": np.full((2, 30, 3), np.nan)}, r"member 0 \(from 0\) are not all finite"),
        ({"labels": np.full(30, 7)}, "integers from 0 to 2"),
        ({"labels": np.zeros(30)}, "integers from 0 to 2"),
        ({"max_size": 0}, "max_size must be at least 1"),
        ({"metric": "auc"}, "metric must be 'accuracy' or 'cross-entropy', got 'auc'"),
        ({"bags": -1}, "bags must be at least 0"),
        ({"bag_share": 0.0}, r"bag_share in \(0, 1\]"),
    ],
)
def test_bad_arguments_are_named(change, message):
    logits, labels = members(0)
    with pytest.raises(LeveretUsageError, match=message):
        best_subset(**{"logits": logits, "labels": labels, **change})
