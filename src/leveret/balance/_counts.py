"""Samples of each class: what they must be, and the weights and frequencies that follow from them."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from leveret.errors import LeveretUsageError

__all__ = ["checked_counts", "class_weights", "effective_number_weights", "log_prior"]


def checked_counts(counts: ArrayLike) -> NDArray[np.float64]:
    """Counts `(num_classes,)` of whole numbers, at least 1 each, as float64.

    Raises:
        LeveretUsageError: fewer than two classes, or a class without a sample: it can't be learned or weighed.
    """
    try:
        found = np.asarray(counts, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 1 or len(found) < 2:
        raise LeveretUsageError(
            f"counts must be the samples of each class, (num_classes,) for at least two, got {counts!r}"
        )
    if bad := np.flatnonzero(~(found >= 1) | ~np.isfinite(found) | (found != np.round(found))).tolist():
        raise LeveretUsageError(
            f"counts must be whole numbers of at least 1; class {bad[0]} (from 0) has {found[bad[0]]:g}: leave a class "
            "without samples out of the data, or add samples"
        )
    return found


def class_weights(counts: ArrayLike, power: float = 1.0) -> Tensor:
    """A weight for each class, proportional to n^(−power): `(num_classes,)` float32.

    They are scaled so that the mean weight of all training samples is 1, `Σ n_c w_c = Σ n_c`: the loss, and with it the
    step, is about as large as without weights. With power 1 this is `N / (num_classes · n_c)`.

    Args:
        counts: `(num_classes,)`, training samples of each class, at least 1.
        power: 1: every class weighs the same in all; 0: every sample does; 0.5 is between.

    Raises:
        LeveretUsageError: a class without a sample, or a power that isn't finite.
    """
    n = checked_counts(counts)
    if not math.isfinite(power):
        raise LeveretUsageError(f"power must be finite, got {power}")
    return _scaled(-power * np.log(n), n)


def effective_number_weights(counts: ArrayLike, beta: float = 0.999) -> Tensor:
    """Weights by the effective number of samples, `(1 − β)/(1 − βⁿ)`: `(num_classes,)` float32.

    Samples overlap the more, the more there are: n of them cover as much as `(1 − βⁿ)/(1 − β)` that don't (Cui et al.,
    "Class-balanced loss based on effective number of samples", CVPR 2019, eq. 2; the weights are its inverse, section
    4). The paper scales them to a sum of `num_classes`; here the mean weight of all training samples is 1, as for
    `class_weights`, so that skewed data don't lower the loss, and with it the step.

    Args:
        counts: `(num_classes,)`, training samples of each class, at least 1.
        beta: in [0, 1): 0 weighs all samples alike; towards 1 the weights become those by 1/n. The paper takes 0.9 to
            0.9999, by how alike the samples of a class are.

    Raises:
        LeveretUsageError: a class without a sample, or beta out of range.
    """
    n = checked_counts(counts)
    if not 0 <= beta < 1:
        raise LeveretUsageError(f"beta must be in [0, 1), got {beta}")
    if beta == 0:
        return torch.ones(len(n))
    return _scaled(-np.log(-np.expm1(n * math.log(beta))), n)


def log_prior(counts: ArrayLike) -> Tensor:
    """The log of each class's share of the samples, `(num_classes,)` float32."""
    n = checked_counts(counts)
    return torch.from_numpy(np.log(n / n.sum()).astype(np.float32))


def _scaled(logs: NDArray[np.float64], n: NDArray[np.float64]) -> Tensor:
    """Weights whose logs are known up to a constant, with a mean over samples of 1."""
    weights = np.exp(logs - logs.max())  # a large power leaves no number too large, nor all of them 0
    return torch.from_numpy((weights * (n.sum() / (weights @ n))).astype(np.float32))
