"""scikit-learn's own checks of a classifier."""

from __future__ import annotations

from typing import Any

from sklearn.utils.estimator_checks import parametrize_with_checks

from leveret import LeveretClassifier

_WEIGHTS = (
    "an integer weight is not the same as repeating a row: order, held-out rows, BatchNorm and normalisation count rows"
)


def expected_failures(estimator: Any) -> dict[str, str]:
    return {"check_sample_weight_equivalence_on_dense_data": _WEIGHTS}


@parametrize_with_checks([LeveretClassifier(epochs=5)], expected_failed_checks=expected_failures)
def test_scikit_learn_agrees(estimator: Any, check: Any) -> None:
    check(estimator)
