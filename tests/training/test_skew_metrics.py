"""Metrics for skewed data against scikit-learn, torchmetrics and hand; their bounds and invariances."""

import json

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from torchmetrics.functional import classification as tm

from leveret.errors import LeveretUsageError
from leveret.metrics import Evaluation
from leveret.training.metrics import (
    average_precision,
    balanced_accuracy,
    calibration_error,
    classwise_calibration_error,
    f_beta,
    majority_vote,
    matthews_correlation,
    measure,
    positive_class,
    precision_per_class,
    precision_recall_curve,
    recall_at_precision,
    recall_per_class,
    reliability,
    roc_auc,
    roc_curve,
    shot_accuracy,
)


def guesses(n, k, seed, ties=False):
    """Probabilities and labels, each class at least once."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(k), rng.integers(0, k, n)])
    logits = rng.normal(size=(n + k, k))
    logits[np.arange(n + k), labels] += 1
    p = np.exp(logits)
    p /= p.sum(1, keepdims=True)
    if ties:
        # binary fractions, which no arithmetic makes a little different
        p = np.floor(16 * p) / 16
        p[:, 0] += 1 - p.sum(1)
    return p, labels


cases = st.tuples(st.integers(0, 60), st.integers(2, 5), st.integers(0, 999), st.booleans())
some = settings(max_examples=25, deadline=None)


@some
@given(cases)
def test_figures_against_scikit_learn_and_torchmetrics(case):
    p, y = guesses(*case)
    k = p.shape[1]
    said = p.argmax(1)
    assert balanced_accuracy(p, y) == pytest.approx(sk.balanced_accuracy_score(y, said))
    assert matthews_correlation(p, y) == pytest.approx(sk.matthews_corrcoef(y, said))
    np.testing.assert_allclose(recall_per_class(p, y), sk.recall_score(y, said, average=None, labels=range(k)))
    precision = sk.precision_score(y, said, average=None, labels=range(k), zero_division=np.nan)
    np.testing.assert_allclose(precision_per_class(p, y), precision)
    each = sk.fbeta_score(y, said, beta=2, average=None, labels=range(k), zero_division=0)
    for c in range(k):
        assert f_beta(p, y, beta=2, positive=c) == pytest.approx(each[c])
        assert average_precision(p, y, positive=c) == pytest.approx(sk.average_precision_score(y == c, p[:, c]))
        assert roc_auc(p, y, positive=c) == pytest.approx(sk.roc_auc_score(y == c, p[:, c]))
        at, _ = tm.binary_recall_at_fixed_precision(torch.tensor(p[:, c]), torch.tensor(y == c).long(), 0.71)
        assert recall_at_precision(p, y, precision=0.71, positive=c) == pytest.approx(float(at), abs=1e-6)
    if k > 2:
        assert f_beta(p, y, beta=2) == pytest.approx(each.mean())
        assert roc_auc(p, y) == pytest.approx(sk.roc_auc_score(y, p, multi_class="ovr"))
        assert average_precision(p, y) == pytest.approx(sk.average_precision_score(np.eye(k)[y], p))


@some
@given(cases, st.integers(1, 20))
def test_calibration_against_torchmetrics(case, bins):
    p, y = guesses(*case)
    assume(p.max() < 1)  # torchmetrics puts what is perfectly sure into a bin beyond the last one
    pt, yt = torch.tensor(p), torch.tensor(y)
    theirs = tm.multiclass_calibration_error(pt, yt, num_classes=p.shape[1], n_bins=bins)
    assert calibration_error(p, y, bins=bins) == pytest.approx(float(theirs), abs=1e-5)
    classes = [float(tm.binary_calibration_error(pt[:, c], (yt == c).long(), n_bins=bins)) for c in range(p.shape[1])]
    assert classwise_calibration_error(p, y, bins=bins) == pytest.approx(np.mean(classes), abs=1e-5)


def test_calibration_by_hand():
    """Two bins of one half each: 0.9, right; 0.7 and 0.7, one of them right."""
    p = np.array([[0.9, 0.1], [0.7, 0.3], [0.3, 0.7]])
    found = reliability(p, [0, 0, 0], bins=2)
    np.testing.assert_array_equal(found.counts, [0, 3])
    assert found.confidence[1] == pytest.approx(2.3 / 3)
    assert found.accuracy[1] == pytest.approx(2 / 3)
    assert np.isnan(found.accuracy[0])
    assert found.error == pytest.approx(0.1)
    # of class 1: 0.1 and 0.3 in the lower bin, 0.7 in the upper, and never it
    assert reliability(p, [0, 0, 0], bins=2, positive=1).error == pytest.approx((0.4 + 0.7) / 3)


@some
@given(cases)
def test_areas_see_ranks_alone_and_stay_in_bounds(case):
    p, y = guesses(*case)
    for area in (average_precision, roc_auc, recall_at_precision):
        value = area(p, y)
        assert 0 <= value <= 1
        assert area(np.exp(5 * p) - 3, y) == pytest.approx(value)
    perfect = np.eye(p.shape[1])[y]
    assert average_precision(perfect, y) == roc_auc(perfect, y) == balanced_accuracy(perfect, y) == 1
    assert matthews_correlation(perfect, y) == 1
    assert -1 <= matthews_correlation(p, y) <= 1
    assert 0 <= calibration_error(p, y) <= 1


@some
@given(cases, st.randoms(use_true_random=False))
def test_order_of_samples_and_of_classes_makes_no_difference(case, random):
    p, y = guesses(*case)
    rows = np.array(random.sample(range(len(y)), len(y)))
    columns = np.array(random.sample(range(p.shape[1]), p.shape[1]))
    moved, labels = p[rows][:, columns], np.argsort(columns)[y[rows]]
    # of two classes with as many labels, the positive one is told by its number
    positive = None if p.shape[1] > 2 else 0
    elsewhere = None if positive is None else int(np.argsort(columns)[0])
    for metric in (average_precision, roc_auc, recall_at_precision):
        assert metric(moved, labels, positive=elsewhere) == pytest.approx(metric(p, y, positive=positive))
    assert classwise_calibration_error(moved, labels) == pytest.approx(classwise_calibration_error(p, y))


def test_curves_by_hand():
    """Ranked: positive, other, positive, other."""
    p = np.array([0.9, 0.8, 0.6, 0.1])
    curve = precision_recall_curve(np.stack([1 - p, p], 1), [1, 0, 1, 0], positive=1)
    np.testing.assert_allclose(curve.recall, [0, 0.5, 0.5, 1, 1])
    np.testing.assert_allclose(curve.precision, [1, 1, 1 / 2, 2 / 3, 1 / 2])
    np.testing.assert_allclose(curve.thresholds, [np.inf, 0.9, 0.8, 0.6, 0.1])
    assert curve.area == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert curve.prevalence == 0.5
    roc = roc_curve(np.stack([1 - p, p], 1), [1, 0, 1, 0], positive=1)
    np.testing.assert_allclose(roc.false_positive_rate, [0, 0, 0.5, 0.5, 1])
    np.testing.assert_allclose(roc.true_positive_rate, [0, 0.5, 0.5, 1, 1])
    assert roc.area == 0.75


def test_the_rarer_of_two_classes_is_positive():
    p = np.full((4, 2), 0.5)
    assert positive_class(p, [0, 1, 1, 1]) == 0
    assert positive_class(p, [0, 0, 1, 0]) == 1
    assert positive_class(p, [0, 0, 1, 1]) == 1
    assert positive_class(p, [False, True, True, True]) == 0
    assert positive_class(np.full((4, 3), 1 / 3), [0, 1, 2, 2]) is None
    evaluation = Evaluation(np.zeros((2, 2), np.float32), np.array([0, 1]), ("ok", "broken"))
    assert positive_class(evaluation, positive="ok") == 0
    assert precision_recall_curve(evaluation).positive == 1


def test_a_class_that_the_labels_lack():
    """Class 2 is left out of means, and has no figure of its own."""
    p, y = guesses(30, 2, 0)
    wide = np.hstack([0.9 * p, np.full((len(y), 1), 0.1)])
    assert np.isnan(recall_per_class(wide, y)[2])
    assert np.isnan(average_precision(wide, y, positive=2))
    assert np.isnan(roc_auc(wide, y, positive=2))
    assert np.isnan(f_beta(wide, y, positive=2))
    assert np.isnan(precision_recall_curve(wide, y, positive=2).area)
    assert np.isnan(roc_curve(wide, y, positive=2).area)
    both = [average_precision(wide, y, positive=c) for c in (0, 1)]
    assert average_precision(wide, y) == pytest.approx(np.mean(both))
    assert balanced_accuracy(wide, y) == pytest.approx(sk.balanced_accuracy_score(y, p.argmax(1)))
    only = measure(p, np.zeros(len(y), int), resamples=20)
    assert np.isnan(only["roc_auc"].value)
    assert json.loads(json.dumps(only.as_dict(), allow_nan=False))["figures"]["roc_auc"]["value"] is None


def test_shots():
    """Recalls 1, 1/2, 0 and 1, of 500, 100, 20 and 19 training samples."""
    y = np.array([0, 1, 1, 2, 3])
    p = np.eye(4)[[0, 1, 0, 3, 3]]
    found = shot_accuracy(p, y, train_counts=[500, 100, 20, 19])
    assert found.groups == {"many": (0,), "medium": (1, 2), "few": (3,)}
    assert (found.many, found.medium, found.few, found.overall) == (1, 0.25, 1, 0.625)
    assert np.isnan(shot_accuracy(p, y, train_counts=[500] * 4).few)
    assert shot_accuracy(p, y, train_counts=[500] * 4).as_dict()["few"] is None
    thirds = shot_accuracy(p, y, train_counts=[1000, 4000, 2000, 3000], thresholds=None)
    assert thirds.groups == {"many": (1,), "medium": (3, 2), "few": (0,)}
    with pytest.raises(LeveretUsageError, match="larger first"):
        shot_accuracy(p, y, train_counts=[1] * 4, thresholds=(20, 100))
    with pytest.raises(LeveretUsageError, match=r"\(4,\) integers"):
        shot_accuracy(p, y, train_counts=[1, 2])


def test_majority_vote():
    vote = majority_vote([0, 0, 0, 1], classes=("ok", "broken"))
    assert (vote.label, vote.name, vote.accuracy, vote.balanced_accuracy) == (0, "ok", 0.75, 0.5)
    assert majority_vote([0, 0, 0, 1], train_counts=[3, 9]).accuracy == 0.25
    assert majority_vote([0, 0], train_counts=[3, 9]).balanced_accuracy == 0


@pytest.mark.parametrize(
    ("scores", "labels", "says"),
    [
        (np.ones((3, 2)), [0, 1], r"labels must be \(3,\)"),
        (np.ones(3), [0, 1, 1], "n, num_classes"),
        (np.ones((0, 2)), [], "at least one sample"),
        (np.ones((2, 2)), [0, 2], "from 0 to 1"),
        (np.ones((2, 2)), [0, -100], "without a label"),
        (np.ones((2, 2)), ["a", "b"], "integers"),
        (np.array([[0.5, np.nan], [1, 2]]), [0, 1], "not finite, the first is sample 0"),
        (np.ones((2, 2)), None, "need labels"),
    ],
)
def test_bad_input(scores, labels, says):
    with pytest.raises(LeveretUsageError, match=says):
        average_precision(scores, labels)


def test_bad_arguments():
    p, y = guesses(10, 3, 0)
    with pytest.raises(LeveretUsageError, match="sum to 1; those of sample 0"):
        calibration_error(2 * p, y)
    with pytest.raises(LeveretUsageError, match="one must be named"):
        precision_recall_curve(p, y)
    with pytest.raises(LeveretUsageError, match="from 0 to 2"):
        roc_auc(p, y, positive=3)
    with pytest.raises(LeveretUsageError, match=r"in \(0, 1\]"):
        recall_at_precision(p, y, precision=0)
    with pytest.raises(LeveretUsageError, match="beta"):
        f_beta(p, y, beta=0)
    with pytest.raises(LeveretUsageError, match="bins"):
        calibration_error(p, y, bins=0)
    with pytest.raises(LeveretUsageError, match="level"):
        measure(p, y, level=95)
    with pytest.raises(LeveretUsageError, match="labels of its own"):
        roc_auc(Evaluation(np.zeros((1, 2), np.float32), np.zeros(1, np.int64), ("a", "b")), [0])
