"""`judge`: can a machine tell A from B?"""

from __future__ import annotations

import os
import time
from math import exp, lgamma, log
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.judge._binomial import binomial_p, clopper_pearson, detectable_accuracy, power
from leveret.judge._differences import differences
from leveret.judge._giveaways import giveaways
from leveret.judge._halves import group_kinds, halves
from leveret.judge._looks import Looks
from leveret.judge._measures import word_differences
from leveret.judge._mmd import mmd_test
from leveret.judge._observers import Logistic, Neighbours, Observer, rows_of
from leveret.judge._pair import Pair, pair_of
from leveret.judge._permutation import permutation_p
from leveret.judge._trained import Trained
from leveret.judge._verdict import TESTS, Verdict

if TYPE_CHECKING:
    from leveret.data import Data

__all__ = ["judge", "judge_pair", "observer_for"]

_VALIDATION = 0.2  # of the samples to learn from
_FEW_FOR_VALIDATION = 40
_SHOWN = 12
_DRAWS = 999
_ENOUGH_FOR_A_NET = 1000  # samples a side, as measured in docs/results/judge.md
_FAST: dict[str, Any] = {"logistic": Logistic, "knn": Neighbours}


def judge(
    a: Any,
    b: Any,
    *,
    observer: str | Observer | Any = "auto",
    test: Literal["ranks", "binomial", "permutation", "mmd"] = "ranks",
    alpha: float = 0.05,
    looks: Looks | str | os.PathLike[str] | None = None,
    groups: tuple[ArrayLike, ArrayLike] | None = None,
    paired: bool = False,
    copies: Literal["once", "keep"] | None = None,
    most: int | None = None,
    mmd: bool = True,
    seed: int = 0,
    names: tuple[str, str] = ("A", "B"),
    out: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Verdict:
    """Let a machine learn from one half of A and B, and ask it about the other half whose each sample is.

    A classifier two-sample test (Lopez-Paz & Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017). Where we
    deviate: what decides by default is not the accuracy but how well the observer's scores rank B above A, against
    exchanged names: scores know more than right and wrong, and the test keeps its level at any number of samples
    (Kübler et al., "AutoML Two-Sample Test", NeurIPS 2022). The paper's test stands beside it, and `test="binomial"`
    lets it decide.

    Args:
        a, b: samples of one kind: images `(n, height, width)`, `(n, height, width, 1 or 3)` or `(n, 1 or 3, height,
            width)`; rows of numbers `(n, features)`, an array or a data frame; or lists of texts. What two models say
            of the same samples are rows, and `paired`.
        observer: "logistic" or "knn", which are fast; "net" or the name of a net (`nets.net_for`), trained by `fit`;
            a `torch.nn.Module` of two outputs, of which a copy is trained; or an `Observer`. "auto" takes a net from
            1,000 samples a side on and logistic regression below, where a net has too little to learn from.
        test: which decides, a key of `TESTS`.
        alpha: chance of saying "different" of what is alike, in 0..1. Of looks it is theirs.
        looks: a `Looks`, or the path of its file, where this is one of several looks.
        groups: of A and of B, one name a sample: samples that hang together, of a patient or of a day. They stay in one
            half, and are exchanged as wholes. Equal names on both sides are one group; it is exchanged within.
        paired: sample i of A and sample i of B are the same thing twice; the same as groups 0, 1, 2, … on both sides.
        copies: "once" leaves out samples that stand on a side before; "keep" takes them as they come. Default: once of
            images and texts, keep of tables, where equal rows are no copies.
        most: samples a side, drawn at random, at most.
        mmd: test maximum mean discrepancy, too.
        seed: of halves, draws and the observer.
        names: of A and B in the verdict.
        out: folder for an observer's checkpoints, from which a stopped training goes on.
        progress: say on stderr what goes on.

    Raises:
        LeveretUsageError: an argument out of range, or a combination that can't be.
        LeveretDataError: samples that can't be used or compared, or fewer than 10 a side.
        LeveretTrainingError: the observer's training diverged.

    Example:
        >>> verdict = judge(yesterday, today, observer="logistic")
        >>> verdict.different, verdict.p
        (False, 0.4)
    """
    pair = pair_of(a, b, groups=groups, paired=paired, copies=copies, most=most, seed=seed, names=names)
    return judge_pair(
        pair,
        observer=observer,
        test=test,
        alpha=alpha,
        looks=looks,
        mmd=mmd,
        seed=seed,
        names=names,
        out=out,
        progress=progress,
    )


def judge_pair(
    pair: Pair,
    *,
    observer: str | Observer | Any = "auto",
    test: str = "ranks",
    alpha: float = 0.05,
    looks: Looks | str | os.PathLike[str] | None = None,
    mmd: bool = True,
    seed: int = 0,
    names: tuple[str, str] = ("A", "B"),
    out: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Verdict:
    """As `judge`, of samples that `pair_of` laid side by side.

    Args:
        pair: the samples.
        observer, test, alpha, looks, mmd, seed, names, out, progress: as for `judge`.

    Raises:
        LeveretUsageError: an argument out of range, or a test that the samples don't allow.
        LeveretDataError: the samples of a side are all of one group, so that a half has none of them.
    """
    started = time.perf_counter()
    check_test(test, alpha, pair)
    if test == "mmd" and not mmd:
        raise LeveretUsageError("test='mmd' needs mmd=True")
    counted = looks if isinstance(looks, Looks) or looks is None else Looks(looks)
    level = alpha if counted is None else counted.level
    machine = observer_for(observer, min(pair.counts))
    generator = np.random.default_rng((seed, 1))
    train, asked = halves(pair.side, pair.groups, generator)
    _check_halves(pair, train, asked, names)
    data, order = _data(pair, train, asked, generator, machine.wants_validation)
    scores = machine.scores(data, seed=seed, out=None if out is None else Path(out), progress=progress)
    if scores.shape != (len(asked),) or not np.isfinite(scores).all():
        raise LeveretUsageError(f"{machine.name}: scores must be {len(asked)} finite numbers, got {scores.shape}")
    side, groups = pair.side[asked], _numbered(pair.groups[asked])
    # no p below a tenth of the level need be known of the test that decides, and none so small of the others
    draws = dict.fromkeys(TESTS, _DRAWS) | {test: max(_DRAWS, int(np.ceil(10 / level)))}
    tests = _of_scores(scores, side, groups, draws, generator)
    if mmd:
        tests["mmd"] = _of_means(data, order, pair, draws["mmd"], seed)
    correct, chance = int(((scores > 0) == side).sum()), max(side.mean(), 1 - side.mean())
    p = tests[test]["p"]
    look = None if counted is None else counted.record(p, p <= level, *names)
    texts = [pair.of(np.flatnonzero(pair.side == s)) for s in (0, 1)] if pair.kind == "text" else None
    return Verdict(
        different=p <= level,
        test=test,
        p=p,
        level=level,
        alpha=alpha if counted is None else counted.alpha,
        tests=tests,
        accuracy=correct / len(asked),
        interval=clopper_pearson(correct, len(asked)),
        chance=float(chance),
        auc=tests["ranks"]["statistic"],
        asked=len(asked),
        correct=correct,
        counts=pair.counts,
        detectable=detectable_accuracy(len(asked), level, chance=float(chance)),
        power=power(correct / len(asked), len(asked), level, float(chance)),
        observer=machine.name,
        kind=pair.kind,
        giveaways=giveaways(scores, side, pair.places[asked], _SHOWN),
        differences=differences(pair),
        words=() if texts is None else word_differences(*texts),
        notes=_notes(pair, names, side, groups, level),
        look=look,
        names=names,
        seconds=time.perf_counter() - started,
    )


def check_test(test: str, alpha: float = 0.05, pair: Pair | None = None) -> None:
    """Refuse a test that there isn't, a level that is none, and a test that the samples of `pair` don't allow.

    Raises:
        LeveretUsageError: says which.
    """
    if test not in TESTS:
        raise LeveretUsageError(f"test must be one of {', '.join(TESTS)}, got {test!r}")
    if test == "binomial" and pair is not None and pair.grouped:
        raise LeveretUsageError(
            "the binomial test is of independent samples, and some of these hang together; take ranks or permutation"
        )
    if not 0 < alpha < 1:
        raise LeveretUsageError(f"alpha must be between 0 and 1, got {alpha}")


def _check_halves(pair: Pair, train: NDArray[np.int64], asked: NDArray[np.int64], names: tuple[str, str]) -> None:
    """Both halves must hold samples of both sides; groups may be too few for that."""
    if all(len(np.unique(pair.side[half])) == 2 for half in (train, asked)):
        return
    groups = [len(np.unique(pair.groups[pair.side == side])) for side in (0, 1)]
    counted = [f"{count} group" if count == 1 else f"{count} groups" for count in groups]
    raise LeveretDataError(
        f"the samples of {names[0]} are of {counted[0]} and those of {names[1]} of {counted[1]}; at least two a side "
        "are needed, since a group stays whole: one to learn from and one to be asked about"
    )


def observer_for(observer: str | Observer | Any, samples: int = 0) -> Observer:
    """What `judge` takes for an observer, as one; "auto" goes by the samples of a side.

    Raises:
        LeveretUsageError: it is none.
    """
    if isinstance(observer, str):
        if observer == "auto":
            observer = "net" if samples >= _ENOUGH_FOR_A_NET else "logistic"
        if observer in _FAST:
            return _FAST[observer]()
        return Trained(None if observer == "net" else observer)
    if hasattr(observer, "scores"):
        return observer
    from torch import nn

    if isinstance(observer, nn.Module):
        return Trained(observer)
    raise LeveretUsageError(
        f"observer must be 'auto', {', '.join(map(repr, _FAST))}, 'net', the name of a net, a torch.nn.Module or an "
        f"Observer; got {observer!r}"
    )


def _data(
    pair: Pair,
    train: NDArray[np.int64],
    asked: NDArray[np.int64],
    generator: np.random.Generator,
    wants_validation: bool,
) -> tuple[Data, NDArray[np.int64]]:
    """The halves as data of two classes, and which samples of the pair its parts hold, one part after the other.

    A part of the first half is held back where the observer chooses an epoch by it.
    """
    from leveret.data import from_arrays

    held = np.empty(0, np.int64)
    if wants_validation and len(train) >= _FEW_FOR_VALIDATION:
        keep, out = halves(pair.side[train], _numbered(pair.groups[train]), generator, _VALIDATION)
        train, held = train[keep], train[out]
    parts = {"x_test": pair.of(asked), "y_test": pair.side[asked]}
    if len(held):
        parts |= {"x_val": pair.of(held), "y_val": pair.side[held]}
    options: dict[str, Any] = {"classes": ["A", "B"], "val_fraction": 0.0, "test_fraction": 0.0, "name": "judge"}
    data = from_arrays(pair.of(train), pair.side[train], **parts, **options)
    return data, np.concatenate([train, held, asked])


def _of_scores(
    scores: NDArray[np.float64],
    side: NDArray[np.int64],
    groups: NDArray[np.int64],
    draws: dict[str, int],
    generator: np.random.Generator,
) -> dict[str, dict[str, float]]:
    """The tests of what the observer said."""
    from scipy.stats import rankdata

    ranks, said = rankdata(scores), scores > 0

    def auc(names: NDArray[np.bool_]) -> NDArray[np.float64]:
        of_b = names.sum(1)
        # groups of unequal sizes may leave a side without any
        return (names @ ranks - of_b * (of_b + 1) / 2) / np.maximum(of_b * (len(ranks) - of_b), 1)

    def accuracy(names: NDArray[np.bool_]) -> NDArray[np.float64]:
        return (names == said).mean(1)

    def by_exchange(test: str, statistic: Any) -> dict[str, float]:
        p = permutation_p(statistic, side, groups, most=draws[test], generator=generator)
        return {"statistic": float(statistic(side.astype(bool)[None])[0]), "p": p}

    correct = int((said == side).sum())
    chance = float(max(side.mean(), 1 - side.mean()))
    exactly = {"statistic": correct / len(side), "p": binomial_p(correct, len(side), chance)}
    of_ranks, of_accuracy = by_exchange("ranks", auc), by_exchange("permutation", accuracy)
    return {"ranks": of_ranks, "binomial": exactly, "permutation": of_accuracy}


def _of_means(data: Data, order: NDArray[np.int64], pair: Pair, draws: int, seed: int) -> dict[str, float]:
    """Maximum mean discrepancy of all samples."""
    parts = [part for part in ("train", "val", "test") if len(data.splits[part])]
    rows = np.concatenate(rows_of(data, parts, seed=seed))
    side, groups = pair.side[order], pair.groups[order]
    first = np.argsort(side, kind="stable")
    a = int((side == 0).sum())
    rows, groups = rows[first], groups[first]
    found = mmd_test(rows[:a], rows[a:], permutations=draws, groups=groups if pair.grouped else None, seed=seed)
    return {"statistic": found.squared, "p": found.p, "sigma": found.sigma}


def _notes(
    pair: Pair, names: tuple[str, str], side: NDArray[np.int64], groups: NDArray[np.int64], level: float
) -> tuple[str, ...]:
    """What was left out, and what limits the test."""
    notes = []
    for name, copies, rest in zip(names, pair.copies, pair.left_out, strict=True):
        if copies:
            notes.append(f"{name}: {_samples(copies)} left out as copies of others, which count once")
        if rest:
            notes.append(f"{name}: {_samples(rest)} left out at random, so that both sides have as many, or as asked")
    twins = int((group_kinds(pair.side, pair.groups) == 3).sum())
    if pair.grouped and twins:
        notes.append(f"{twins:,} groups have samples of both sides; their names are exchanged within them")
    kinds = group_kinds(side, groups)
    pure = np.bincount(kinds[kinds < 3], minlength=3)[1:]
    # the exchanges that there are, as a logarithm
    possible = lgamma(pure.sum() + 1) - lgamma(pure[0] + 1) - lgamma(pure[1] + 1) + log(2) * (kinds == 3).sum()
    if possible < -log(level):
        notes.append(
            f"the held-out half has so few groups that no p below {exp(-possible):.2g} is possible, and the level is "
            f"{level:.2g}: no difference can be found"
        )
    return tuple(notes)


def _samples(count: int) -> str:
    return f"{count:,} sample was" if count == 1 else f"{count:,} samples were"


def _numbered(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Groups from 0 without a gap."""
    return np.unique(groups, return_inverse=True)[1].reshape(-1)
