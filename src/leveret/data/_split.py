"""Seeded stratified splits: each class gives its share to each part, and groups stay together where asked."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.data._types import Source, Split
from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["check_fractions", "hold_out", "hold_out_groups", "split_parts"]

_MOST_FOLDS = 20


def check_fractions(val_fraction: float, test_fraction: float) -> None:
    """Raise `LeveretUsageError` where a fraction is out of range or nothing is left to train on."""
    for name, value in (("val_fraction", val_fraction), ("test_fraction", test_fraction)):
        if not 0 <= value < 1:
            raise LeveretUsageError(f"{name} must be in [0, 1), got {value}")
    if val_fraction + test_fraction >= 1:
        raise LeveretUsageError("val_fraction and test_fraction leave nothing to train on")


def hold_out(
    labels: NDArray[np.int64], fraction: float, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices to keep and to hold out, both ascending: about `fraction` of each class is held out.

    A class of two or more samples gives at least one and keeps at least one; a class of one keeps it, and samples
    without a label (−100) stay, too.
    """
    held = []
    if fraction > 0:
        for label in np.unique(labels[labels >= 0]):
            members = generator.permutation(np.flatnonzero(labels == label))
            share = min(max(round(fraction * len(members)), 1), len(members) - 1)
            held.append(members[:share])
    out = np.sort(np.concatenate(held)) if held else np.empty(0, np.int64)
    keep = np.setdiff1d(np.arange(len(labels)), out)
    return keep, out


def hold_out_groups(
    labels: NDArray[np.int64], groups: NDArray[np.int64], fraction: float, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """As `hold_out`, but all samples of a group are either kept or held out; the shares are as near as groups allow.

    The samples are dealt out to folds by scikit-learn's `StratifiedGroupKFold`, and folds are held out until `fraction`
    is reached; one that would take a class's last samples stays.

    Args:
        labels, groups: `(n,)` int64.

    Raises:
        LeveretDataError: no group can be held out: there is only one, or each has all samples of some class.
    """
    everything = np.arange(len(labels))
    if fraction == 0:
        return everything, np.empty(0, np.int64)
    number = len(np.unique(groups))
    most = min(_MOST_FOLDS, number, int(np.bincount(labels).max()))
    held = np.zeros(len(labels), bool)
    if most >= 2:
        folds = min(range(2, most + 1), key=lambda k: (round(abs(max(1, round(fraction * k)) / k - fraction), 6), k))
        wanted = max(1, round(fraction * folds))
        for fold in _folds(labels, groups, folds, int(generator.integers(2**31))):
            keeps = ~held
            keeps[fold] = False
            if wanted and len(fold) and len(np.unique(labels[keeps])) == len(np.unique(labels)):
                held[fold] = True
                wanted -= 1
    if not held.any():
        raise LeveretDataError(
            f"none of the {number} groups can be held out: each class must keep a group to train on. Give more groups "
            "to each class, or fractions of 0"
        )
    return np.flatnonzero(~held), np.flatnonzero(held)


def _folds(labels: NDArray[np.int64], groups: NDArray[np.int64], folds: int, seed: int) -> Iterator[NDArray[np.int64]]:
    from sklearn.model_selection import StratifiedGroupKFold

    with warnings.catch_warnings():
        # that a class has fewer samples than folds is no news: it is dealt out as far as it goes
        warnings.filterwarnings("ignore", message="The least populated class")
        dealt = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(labels, labels, groups)
        yield from (held for _, held in dealt)


def split_parts(
    samples: Source,
    places: dict[str, NDArray[np.int64]],
    labels: dict[str, NDArray[np.int64]],
    num_classes: int,
    seed: int,
    val_fraction: float,
    test_fraction: float,
    notes: list[str],
    groups: NDArray[np.int64] | None = None,
    columns: Mapping[str, NDArray[Any]] | None = None,
) -> dict[str, Split]:
    """The three parts, of which those that the source lacks are held out from the training part.

    Args:
        samples: of all parts.
        places: of each part ("all", or "train" with others), its samples' places in `samples`.
        labels: of each part, as many.
        num_classes: of the whole data.
        seed: of what is drawn.
        val_fraction, test_fraction: shares of all samples ("all"), or of the training part.
        notes: gets a line for each part that is held out.
        groups: by place, the group that a sample must not leave.
        columns: by place, what else is said of the samples.
    """
    generator = np.random.default_rng(seed)
    parts = {"train" if name == "all" else name: (places[name], labels[name]) for name in places}
    for name, fraction in (("test", test_fraction), ("val", val_fraction)):
        if name in parts:
            continue
        where, what = parts["train"]
        if name == "val" and "all" in places and test_fraction < 1:
            # a share of all samples, as for the test part
            fraction = fraction / (1 - test_fraction)
        if groups is None:
            keep, held = hold_out(what, fraction, generator)
        else:
            keep, held = hold_out_groups(what, groups[where], fraction, generator)
        parts["train"], parts[name] = (where[keep], what[keep]), (where[held], what[held])
        if len(held):
            how = "class by class" if groups is None else "whole groups"
            notes.append(f"{len(held)} samples were held out as the {name} part, {how} (seed {seed})")
    return {name: Split(name, samples, *parts[name], num_classes, columns) for name in ("train", "val", "test")}
