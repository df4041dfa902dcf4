"""Long tails: a source of which the classes are made as unequal as a benchmark of imbalance asks for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leveret.data._measure import measure
from leveret.data._types import Data, Split
from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["long_tailed"]

Profile = Literal["exponential", "step"]
Validation = Literal["long-tailed", "balanced", "whole"]


def long_tailed(
    data: Data,
    ratio: float = 100,
    profile: Profile = "exponential",
    *,
    seed: int = 0,
    order: Sequence[int] | None = None,
    validation: Validation = "long-tailed",
) -> Data:
    """The same source with a long tail: samples of the training part are left out, the more the rarer a class is to be.

    Class i, of C in `order`, keeps

        n_i = n_max · ratio^(−i / (C − 1))                            "exponential"
        n_i = n_max for the first ⌊C/2⌋ classes, n_max / ratio after   "step"

    samples, rounded down but at least one. n_max is as large as all classes can bear: of a balanced source, all that
    the first class has.

    Args:
        data: from `leveret.load`; it is not changed.
        ratio: of the most frequent class to the rarest, at least 1.
        profile: see above.
        seed: of which samples are kept.
        order: the classes' numbers, each once, the most frequent first; default: in their own order, as in the papers.
        validation: "long-tailed": the validation part is thinned in the same way, as if it had been held out of the
            long-tailed samples; "balanced": all classes keep as many as the smallest has; "whole": it stays.

    Returns:
        New `Data` whose parts fetch from the same source; nothing is copied. The test part is untouched, so that all
        classes count alike there. The normalisation is measured again, on what training sees.

    Sources: the exponential profile of Cui et al., "Class-balanced loss based on effective number of samples", CVPR
    2019, section 5.1; both profiles as in Cao et al., "Learning imbalanced datasets with label-distribution-aware
    margin loss", NeurIPS 2019, section 4. They thin CIFAR, whose classes are all of n_max; that a source with unequal
    classes lowers n_max is ours.

    Raises:
        LeveretUsageError: an argument out of range, or an order that does not name each class once.
        LeveretDataError: a class without a training sample.
    """
    _check(ratio, profile, validation)
    classes = data.num_classes
    places = _places(order, classes)
    shares = _shares(classes, ratio, profile)[places]
    generator = np.random.default_rng(seed)
    counts = data.train.class_counts()
    if (empty := np.flatnonzero(counts == 0)).size:
        raise LeveretDataError(f"class {data.classes[empty[0]]!r} has no training sample to keep")
    wanted = _wanted(counts, shares)
    train = _thinned(data.train, wanted, generator)
    val = data.val
    if validation == "long-tailed":
        val = _thinned(val, _wanted(val.class_counts(), shares), generator)
    elif validation == "balanced":
        held = val.class_counts()
        val = _thinned(val, np.minimum(held, held[held > 0].min(initial=len(val))), generator)
    note = (
        f"made long-tailed ({profile}, 1:{ratio:g}, seed {seed}): {len(train)} of {len(data.train)} training samples "
        f"are kept, {wanted.max()} of the most frequent class, {wanted.min()} of the rarest; of {len(data.val)} "
        f"validation samples {len(val)} ({validation}); the test part is untouched"
    )
    return replace(
        data,
        train=train,
        val=val,
        normalization=measure(train, data.kind),
        report=replace(data.report, notes=[*data.report.notes, note]),
    )


def _check(ratio: float, profile: str, validation: str) -> None:
    if isinstance(ratio, bool) or not isinstance(ratio, (int, float)) or not 1 <= ratio < math.inf:
        raise LeveretUsageError(f"ratio must be a finite number of at least 1, got {ratio!r}")
    if profile not in ("exponential", "step"):
        raise LeveretUsageError(f"profile must be 'exponential' or 'step', got {profile!r}")
    if validation not in ("long-tailed", "balanced", "whole"):
        raise LeveretUsageError(f"validation must be 'long-tailed', 'balanced' or 'whole', got {validation!r}")


def _places(order: Sequence[int] | None, classes: int) -> NDArray[np.int64]:
    """Each class's place from the most frequent one."""
    if order is None:
        return np.arange(classes)
    given = np.asarray(order)
    if given.dtype.kind not in "iu" or given.shape != (classes,) or not np.array_equal(np.sort(given), range(classes)):
        raise LeveretUsageError(f"order must name each of the classes 0..{classes - 1} once, got {order!r}")
    places = np.empty(classes, np.int64)
    places[given] = np.arange(classes)
    return places


def _shares(classes: int, ratio: float, profile: str) -> NDArray[np.float64]:
    """n_i / n_max by place."""
    if profile == "step":
        return np.where(np.arange(classes) < classes // 2, 1.0, 1 / ratio)
    return float(ratio) ** (-np.arange(classes) / max(classes - 1, 1))


def _wanted(counts: NDArray[np.int64], shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """As many of each class as are to be kept; of one that has none, none."""
    present = counts > 0
    most = (counts / shares)[present].min(initial=np.inf)
    if not present.any():
        return counts
    # a hair more, or what is whole by rights may be rounded down
    return np.minimum(np.maximum(np.floor(most * shares * (1 + 1e-12)).astype(np.int64), 1), counts)


def _thinned(split: Split, wanted: NDArray[np.int64], generator: np.random.Generator) -> Split:
    """So many of each class by chance, in the order that they had."""
    kept = [generator.permutation(np.flatnonzero(split.labels == i))[:n] for i, n in enumerate(wanted.tolist())]
    return split.subset(np.sort(np.concatenate(kept)))
