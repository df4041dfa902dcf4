"""Weights from counts: by hand, and what holds for any counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.balance import class_weights, effective_number_weights
from leveret.balance._counts import log_prior
from leveret.errors import LeveretUsageError

COUNTS = st.lists(st.integers(1, 10**7), min_size=2, max_size=12)


def test_class_weights_by_hand():
    # N / (classes · n): 12 / (2 · 10) and 12 / (2 · 2)
    np.testing.assert_allclose(class_weights([10, 2]), [0.6, 3.0], rtol=1e-6)
    np.testing.assert_allclose(class_weights([10, 2], power=0), [1, 1])
    # 1/√n: 1/3 and 1, scaled by 10 / (9/3 + 1)
    np.testing.assert_allclose(class_weights([9, 1], power=0.5), [2.5 / 3, 2.5], rtol=1e-6)


def test_effective_numbers_by_hand():
    # β = ½: (1 − ½)/(1 − ½ⁿ) is 1 for n = 1 and 4/7 for n = 3; scaled by 4 / (3 · 4/7 + 1)
    scale = 4 / (3 * 4 / 7 + 1)
    np.testing.assert_allclose(effective_number_weights([3, 1], 0.5), [scale * 4 / 7, scale], rtol=1e-6)
    np.testing.assert_allclose(effective_number_weights([3, 1], 0), [1, 1])
    np.testing.assert_allclose(effective_number_weights([30, 1], 1 - 1e-9), class_weights([30, 1]), rtol=1e-5)


def test_effective_numbers_follow_the_formula():
    counts, beta = np.array([5000, 300, 7]), 0.999
    raw = (1 - beta) / (1 - beta**counts)
    np.testing.assert_allclose(effective_number_weights(counts, beta), raw * 5307 / (raw @ counts), rtol=1e-5)


def test_log_prior():
    np.testing.assert_allclose(log_prior([3, 1]), np.log([0.75, 0.25]), rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.floats(-2, 2), st.floats(0, 0.99999))
def test_the_mean_weight_of_the_samples_is_1_and_rarer_classes_weigh_more(counts, power, beta):
    n = np.array(counts, dtype=np.float64)
    order = np.argsort(n)
    for weights in (class_weights(counts, abs(power)), effective_number_weights(counts, beta)):
        weights = weights.double().numpy()
        assert np.isclose((weights * n).sum(), n.sum(), rtol=1e-5)
        assert (np.diff(weights[order]) <= 1e-6 * weights.max()).all()
    assert np.isfinite(class_weights(counts, 100 * power)).all()


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ([5, 0], "class 1 \\(from 0\\) has 0"),
        ([5, -2], "has -2"),
        ([float("nan"), 3], "class 0 \\(from 0\\) has nan"),
        ([3, float("inf")], "has inf"),
        ([3, 2.5], "has 2.5"),
        ([7], "at least two"),
        ([[3, 4]], "\\(num_classes,\\)"),
        (["a", "b"], "samples of each class"),
        (None, "samples of each class"),
    ],
)
def test_counts_that_make_no_sense(counts, says):
    for of in (class_weights, effective_number_weights, log_prior):
        with pytest.raises(LeveretUsageError, match=says):
            of(counts)


def test_powers_and_betas_out_of_range():
    with pytest.raises(LeveretUsageError, match="power must be finite"):
        class_weights([3, 4], float("nan"))
    for beta in (1, -0.1, float("nan")):
        with pytest.raises(LeveretUsageError, match="beta must be in"):
            effective_number_weights([3, 4], beta)
