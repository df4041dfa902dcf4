"""Estimator: the scikit-learn face of `fit`, for its pipelines, searches and ensembles, and imbalanced-learn's.

Everything that stands around a classifier there (cross-validation, searches, calibration, resampling) works with
`LeveretClassifier`; all that it does itself is to read arrays as `leveret.data.from_arrays` does and to call `fit`.
"""

from leveret import _with_torch as _with_torch
from leveret.estimator._classifier import LeveretClassifier

__all__ = ["LeveretClassifier"]
