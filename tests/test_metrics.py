"""Evaluation against scikit-learn, the interval against known values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from leveret.errors import LeveretUsageError
from leveret.metrics import Evaluation, wilson_interval


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(2, 6), st.integers(0, 999))
def test_against_scikit_learn(n, k, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, k)).astype(np.float32)
    labels = rng.integers(0, k, n)
    e = Evaluation(logits, labels, tuple("abcdef"[:k]))
    predicted = logits.argmax(1)
    assert e.accuracy == pytest.approx(sk.accuracy_score(labels, predicted))
    assert np.array_equal(e.confusion, sk.confusion_matrix(labels, predicted, labels=range(k)))
    p, r, f, _ = sk.precision_recall_fscore_support(labels, predicted, labels=range(k), zero_division=0)
    np.testing.assert_allclose(e.precision, p)
    np.testing.assert_allclose(e.recall, r)
    np.testing.assert_allclose(e.f1, f)
    assert e.loss == pytest.approx(sk.log_loss(labels, e.probabilities, labels=range(k)), rel=1e-5)
    low, high = e.interval
    assert 0 <= low <= e.accuracy <= high <= 1


def test_wilson_by_hand():
    """8 of 10: the interval that textbooks print, 0.490 to 0.943."""
    low, high = wilson_interval(8, 10)
    assert low == pytest.approx(0.4902, abs=1e-4)
    assert high == pytest.approx(0.9433, abs=1e-4)
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_shapes_are_checked():
    with pytest.raises(LeveretUsageError, match=r"\(3 samples, 2 classes\), got \(3, 4\)"):
        Evaluation(np.zeros((3, 4), np.float32), np.zeros(3, np.int64), ("a", "b"))
