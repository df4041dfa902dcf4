"""Bootstrap intervals and chosen thresholds: against plain loops, and against chance."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning
from leveret.metrics import Evaluation
from leveret.training.metrics import (
    average_precision,
    balanced_accuracy,
    calibration_error,
    choose_threshold,
    classwise_calibration_error,
    matthews_correlation,
    measure,
    recall_at_precision,
    roc_auc,
)
from leveret.training.metrics._bootstrap import percentile_interval, resampled_weights
from leveret.training.metrics._inputs import scored
from leveret.training.metrics._ranking import Ranking
from leveret.training.metrics._resampled import resampled


def binary(n, share, seed, ties=False, gap=1.5):
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) < max(1, round(share * n))).astype(int)
    logits = rng.normal(size=n) + gap * labels
    p = 1 / (1 + np.exp(-(np.round(logits) if ties else logits)))
    return np.stack([1 - p, p], 1), labels


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 40), st.integers(2, 4), st.integers(0, 99), st.booleans())
def test_each_resample_gives_what_its_samples_written_out_give(n, k, seed, ties):
    """The weighted, vectorised figures against the plain ones of the resample itself."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(k), rng.integers(0, k, n)])
    logits = rng.normal(size=(len(y), k))
    p = np.exp(np.round(logits) if ties else logits)
    data = scored(p / p.sum(1, keepdims=True), y)
    found = resampled(data, 0.6, 5, 4, seed)
    weights = np.concatenate(list(resampled_weights(y, 4, seed)))
    for b, weight in enumerate(weights):
        drawn = np.repeat(np.arange(len(y)), weight.astype(int))
        np.testing.assert_array_equal(np.bincount(y[drawn], minlength=k), np.bincount(y, minlength=k))
        q, labels = data.scores[drawn], y[drawn]
        for c in range(k):
            assert found.average_precision[b, c] == pytest.approx(average_precision(q, labels, positive=c))
            assert found.roc_auc[b, c] == pytest.approx(roc_auc(q, labels, positive=c))
            at = recall_at_precision(q, labels, precision=0.6, positive=c)
            assert found.recall_at_precision[b, c] == pytest.approx(at)
        np.testing.assert_array_equal(found.confusion[b], sk.confusion_matrix(labels, q.argmax(1), labels=range(k)))
        assert found.calibration_error[b] == pytest.approx(calibration_error(q, labels, bins=5))
        classwise = classwise_calibration_error(q, labels, bins=5)
        assert found.classwise_calibration_error[b] == pytest.approx(classwise)


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 40), st.integers(0, 99), st.booleans())
def test_every_threshold_parts_samples_as_its_counts_say(n, seed, ties):
    p, y = binary(n, 0.3, seed, ties)
    ranking = Ranking(p[:, 1], y == 1)
    true, false = ranking.found(np.ones((1, n)))
    assert (np.diff(ranking.thresholds) < 0).all()
    for i, threshold in enumerate(ranking.thresholds):
        flagged = p[:, 1] >= threshold
        assert (flagged & (y == 1)).sum() == true[0, i]
        assert (flagged & (y == 0)).sum() == false[0, i]
    assert true[0, 0] + false[0, 0] == 0
    assert true[0, -1] + false[0, -1] == n


def merit(name, y, said):
    recall = sk.recall_score(y, said)
    return {
        "f1": lambda: sk.f1_score(y, said, zero_division=0),
        "fbeta": lambda: sk.fbeta_score(y, said, beta=3, zero_division=0),
        "balanced_accuracy": lambda: sk.balanced_accuracy_score(y, said),
        "mcc": lambda: sk.matthews_corrcoef(y, said),
        "recall": lambda: recall if sk.precision_score(y, said, zero_division=1) >= 0.4 else 0,
        "cost": lambda: -(5 * ((y == 1) & ~said).sum() + 2 * ((y == 0) & said).sum()),
    }[name]()


@pytest.mark.parametrize(
    "criterion", ["f1", ("fbeta", 3), "balanced_accuracy", "mcc", ("recall", 0.4), ("cost", 5, 2)], ids=str
)
@pytest.mark.parametrize("ties", [False, True])
def test_no_threshold_is_better(criterion, ties):
    p, y = binary(80, 0.2, 3, ties)
    found = choose_threshold(p, y, criterion, resamples=0)
    name = criterion if isinstance(criterion, str) else criterion[0]
    best = merit(name, y, found.predict(p))
    every = [merit(name, y, p[:, 1] >= t) for t in [*np.unique(p[:, 1]), 2]]
    assert best == pytest.approx(max(every))
    said = found.predict(p)
    figures = {key: interval.value for key, interval in found.figures.items()}
    assert figures["recall"] == pytest.approx(sk.recall_score(y, said))
    assert figures["precision"] == pytest.approx(sk.precision_score(y, said))
    assert figures["specificity"] == pytest.approx(sk.recall_score(y, said, pos_label=0))
    assert figures["f1"] == pytest.approx(sk.f1_score(y, said))
    assert figures["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(y, said))
    assert figures["mcc"] == pytest.approx(sk.matthews_corrcoef(y, said))
    assert figures["accuracy"] == pytest.approx(sk.accuracy_score(y, said))
    assert figures["flagged"] == pytest.approx(said.mean())
    if name == "fbeta":
        assert figures["fbeta"] == pytest.approx(best)
    if name == "cost":
        assert figures["cost"] == pytest.approx(-best / len(y))
    assert np.isnan(found.low)


def test_a_threshold_by_hand():
    """0.9 + | 0.7 − | 0.6 + | 0.2 −: F1 is best between 0.6 and 0.2, the middle is taken."""
    p = np.array([0.9, 0.7, 0.6, 0.2])
    found = choose_threshold(np.stack([1 - p, p], 1), [1, 0, 1, 0])
    assert found.value == pytest.approx(0.4)
    assert found.figures["f1"].value == pytest.approx(0.8)
    # a false alarm so dear that nothing is flagged but the surest
    dear = choose_threshold(np.stack([1 - p, p], 1), [1, 0, 1, 0], ("cost", 1, 10))
    assert dear.value == pytest.approx(0.8)
    costly = choose_threshold(np.stack([1 - p, p], 1), [0, 1, 1, 0], ("cost", 1, 10), positive=1)
    assert costly.value > 0.9
    assert not costly.predict(np.stack([1 - p, p], 1)).any()
    assert costly.figures["cost"].value == 0.5


def test_a_threshold_is_seeded_and_can_be_kept_and_used_elsewhere():
    p, y = binary(300, 0.1, 1)
    evaluation = Evaluation(np.log(p).astype(np.float32), y, ("ok", "broken"))
    one, two, other = (choose_threshold(evaluation, criterion="f1", seed=s, resamples=200) for s in (0, 0, 1))
    assert one == two
    assert (one.low, one.figures["recall"]) != (other.low, other.figures["recall"])
    assert one.low <= one.value <= one.high
    assert one.name == "broken"
    kept = json.loads(json.dumps(one.as_dict(), allow_nan=False))
    assert kept["threshold"] == one.value
    assert kept["figures"]["recall"]["low"] == one.figures["recall"].low
    same = pickle.loads(pickle.dumps(one))
    q, z = binary(200, 0.1, 2)
    elsewhere = same.measure(q, z)
    assert elsewhere["recall"].value == pytest.approx(sk.recall_score(z, q[:, 1] >= one.value))
    assert elsewhere["recall"].low < elsewhere["recall"].value < elsewhere["recall"].high


def test_of_many_classes_one_is_named():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), 50)
    y = rng.integers(0, 3, 50)
    with pytest.raises(LeveretUsageError, match="one must be named"):
        choose_threshold(p, y)
    assert choose_threshold(p, y, positive=2, resamples=10).positive == 2


def test_a_precision_out_of_reach_is_said():
    p = np.array([0.9, 0.5, 0.1])
    with pytest.warns(LeveretWarning, match=r"no threshold reaches precision 0\.9"):
        found = choose_threshold(np.stack([1 - p, p], 1), [0, 1, 0], ("recall", 0.9))
    assert not found.reached
    assert not found.predict(np.stack([1 - p, p], 1)).any()
    assert found.as_dict()["figures"]["precision"]["value"] is None


@pytest.mark.parametrize(
    "criterion", ["accuracy", ("recall", 0), ("recall", 1.5), ("cost", 1), ("cost", 1, -1), ("fbeta", 0), ("f1", 2)]
)
def test_bad_criteria(criterion):
    p, y = binary(20, 0.5, 0)
    with pytest.raises(LeveretUsageError, match=r"criterion|precision"):
        choose_threshold(p, y, criterion)


def test_one_class_has_no_threshold():
    p, _ = binary(20, 0.5, 0)
    with pytest.raises(LeveretDataError, match="and others; of 20 samples 0 are of it"):
        choose_threshold(p, np.zeros(20, int), positive=1)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """The area below the ROC curve of two normal distributions a distance d apart is Φ(d / √2)."""
    truth, hits, runs = 0.8555, 0, 120  # Φ(1.5 / √2)
    for seed in range(runs):
        found = measure(*binary(150, 0.3, seed), resamples=150, level=0.9)["roc_auc"]
        hits += found.low <= truth <= found.high
    assert 0.8 <= hits / runs <= 0.97


def test_the_threshold_s_recall_covers_the_truth():
    from scipy.stats import norm

    hits, runs = 0, 150
    fixed = choose_threshold(*binary(300, 0.3, 10_000), resamples=300, level=0.9)
    truth = norm.sf(np.log(fixed.value / (1 - fixed.value)) - 1.5)
    for seed in range(runs):
        found = fixed.measure(*binary(300, 0.3, seed))["recall"]
        hits += found.low <= truth <= found.high
    assert 0.82 <= hits / runs <= 0.97


def test_measures_gather_what_the_functions_give():
    rng = np.random.default_rng(0)
    y = rng.choice(3, 200, p=[0.7, 0.2, 0.1])
    logits = rng.normal(size=(200, 3)).astype(np.float32) + 2 * np.eye(3, dtype=np.float32)[y]
    evaluation = Evaluation(logits, y, ("a", "b", "c"))
    found = measure(evaluation, train_counts=[700, 200, 10], resamples=100)
    assert found["average_precision"].value == pytest.approx(average_precision(evaluation))
    assert found["roc_auc"].value == pytest.approx(roc_auc(evaluation))
    assert found["balanced_accuracy"].value == pytest.approx(balanced_accuracy(evaluation))
    assert found["mcc"].value == pytest.approx(matthews_correlation(evaluation))
    assert found["recall_at_precision"].value == pytest.approx(recall_at_precision(evaluation))
    assert found["calibration_error"].value == pytest.approx(calibration_error(evaluation))
    assert (found["accuracy"].low, found["accuracy"].high) == evaluation.interval
    assert found.shots.groups["few"] == (2,)
    assert [one.train_samples for one in found.per_class] == [700, 200, 10]
    assert found.per_class[1].recall.value == pytest.approx(evaluation.recall[1])
    assert found.majority.accuracy == pytest.approx((y == 0).mean())
    for interval in found.figures.values():
        assert interval.low <= interval.value <= interval.high
    assert measure(evaluation, resamples=100) == measure(evaluation, resamples=100)
    json.dumps(found.as_dict(), allow_nan=False)
    one = measure(evaluation, positive="c", resamples=0)
    assert one["roc_auc"].value == pytest.approx(roc_auc(evaluation, positive=2))
    assert np.isnan(one["roc_auc"].low)


def test_percentiles():
    found = percentile_interval(50.0, np.arange(101.0), 0.9)
    assert (found.low, found.high) == (5, 95)
    moved = percentile_interval(0.25, np.arange(101.0) / 100, 0.9, centred=True)
    assert (moved.low, moved.high) == (0, pytest.approx(0.7))
    assert np.isnan(percentile_interval(0.5, np.empty(0), 0.9).low)
