"""`load_tagging`: from sentences with tags to `TaggingData`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leveret.data._load import skipped_text
from leveret.data._split import check_fractions, hold_out
from leveret.data._types import LoadReport, Normalization, Skipped
from leveret.data.tagging._conll import read_conll
from leveret.data.tagging._data import TaggingData
from leveret.data.tagging._detect import CONLL, files_of
from leveret.data.tagging._raw import RawSentences, Tagged
from leveret.data.tagging._split import UNLABELLED, SentenceSource, TagSplit
from leveret.data.tagging._tables import read_tagged_table
from leveret.errors import LeveretDataError, LeveretWarning
from leveret.text import TagScheme, repaired, scheme_of

__all__ = ["from_sentences", "load_tagging"]

Sentences = tuple[Sequence[Sequence[str]], Sequence[Sequence[str] | None]]


def load_tagging(
    source: str | Path,
    *,
    seed: int = 0,
    val_fraction: float = 0.1,
    test_fraction: float = 0.2,
    text_column: str | None = None,
    label_column: str | None = None,
    strict: bool = False,
    unlabelled: bool = False,
) -> TaggingData:
    """Load sentences with a tag for each token, split, and ready to train on.

    Args:
        source: a CoNLL file (a token a line, its tag in the last column, empty lines between sentences), or a parquet
            or jsonl file with a column of tokens and one of tags, lists both; a folder of them, or the common
            beginning of `…-train.conll` and `…-test.conll`. Tags are BIO or BIOES: B-person, I-person, O.
        seed: of the splits.
        val_fraction, test_fraction: shares held out for the parts that the source lacks.
        text_column, label_column: names in a table. Default: the usual ones.
        strict: make unusable sentences, and tags that break the scheme, an error instead of a counted warning.
        unlabelled: keep a table's sentences without tags (null, or an empty list), in the training part and with the
            labels −100, for objectives that learn from them, such as `rules.SequenceRuleDistillation`.

    Raises:
        LeveretDataError: the source is missing or can't be used; a tag of no scheme; says where.
        LeveretUsageError: an argument out of range.

    Warns:
        LeveretWarning: sentences were skipped, or tags repaired: an I where nothing is to go on begins an entity.
            `data.report` lists them.
    """
    check_fractions(val_fraction, test_fraction)
    path = Path(source)
    files = files_of(path)
    if not files:
        raise LeveretDataError(
            f"there is no {path}: sentences with tags are a CoNLL, parquet or jsonl file, a folder of them, or the "
            "common beginning of …-train.conll and …-test.conll"
        )
    raw = RawSentences(unlabelled=unlabelled)
    for name, paths in files.items():
        if empty := [one for one in paths if one.stat().st_size == 0]:
            raise LeveretDataError(f"{empty[0]} is empty (0 bytes)")
        if paths[0].suffix.lower() in CONLL:
            read = [read_conll(one, raw) for one in paths]
            joined = ([s for part in read for s in getattr(part, key)] for key in ("tokens", "tags", "where"))
            raw.parts[name] = Tagged(*joined)
        else:
            raw.parts[name] = read_tagged_table(paths, text_column, label_column, raw)
    name = path.resolve().name if path.is_dir() else path.stem
    return _assembled(raw, name, str(source), seed, val_fraction, test_fraction, strict)


def from_sentences(
    train: Sentences,
    val: Sentences | None = None,
    test: Sentences | None = None,
    *,
    val_fraction: float = 0.1,
    test_fraction: float = 0.0,
    seed: int = 0,
    name: str = "sentences",
) -> TaggingData:
    """Sentences in memory with their tags, ready to train on.

    Args:
        train: lists of tokens, and of as many tags, or None for a sentence without.
        val, test: the other parts. Default: held out from `train`.
        val_fraction, test_fraction: shares that are held out.
        seed: of that.
        name: short, for titles and messages.

    Raises:
        LeveretDataError: sentences and tags of different numbers, tags of no scheme.
    """
    check_fractions(val_fraction, test_fraction)
    raw = RawSentences(unlabelled=True)
    given = {"train": train, "val": val, "test": test}
    only = val is None and test is None
    for part, pair in given.items():
        if pair is None:
            continue
        tokens, tags = pair
        if len(tokens) != len(tags):
            raise LeveretDataError(f"{name}: {len(tokens)} sentences of {part} with tags for {len(tags)}")
        for i, (sentence, own) in enumerate(zip(tokens, tags, strict=True)):
            if own is not None and len(sentence) != len(own):
                raise LeveretDataError(f"{name}: sentence {i} of {part} has {len(sentence)} tokens and {len(own)} tags")
        where = [f"{part} {i}" for i in range(len(tokens))]
        raw.parts["all" if only else part] = Tagged(list(tokens), list(tags), where)
    return _assembled(raw, name, name, seed, val_fraction, test_fraction, False)


def _assembled(
    raw: RawSentences, name: str, source: str, seed: int, val_fraction: float, test_fraction: float, strict: bool
) -> TaggingData:
    report = LoadReport(
        found=sum(map(len, raw.parts.values())) + len(raw.skipped), skipped=raw.skipped, notes=raw.notes
    )
    for part_name, part in raw.parts.items():
        _drop(part, report, "a sentence without tokens", [len(tokens) == 0 for tokens in part.tokens])
        if part_name in ("val", "test"):
            _drop(part, report, "no tags", [tags is None for tags in part.tags])
    if "all" not in raw.parts and "train" not in raw.parts:
        raise LeveretDataError(f"{source} has no training part; it has {', '.join(raw.parts)}")
    scheme = _check_tags(raw, report, source, strict)
    if strict and report.skipped:
        raise LeveretDataError(f"{source}: {skipped_text(report)} (strict)")
    classes = _ordered({tag for part in raw.parts.values() for tags in part.tags for tag in tags or ()}, raw.names)
    if len(classes) < 2:
        raise LeveretDataError(f"{source} holds no entity: all tags are {', '.join(classes) or 'missing'}")
    splits = _split(raw, classes, seed, val_fraction, test_fraction, report)
    _say_what_is_unseen(splits, report)
    report.notes.append(f"tags are {scheme}")
    for text in [skipped_text(report)] * bool(report.skipped) + report.warnings:
        warnings.warn(LeveretWarning(f"{source}: {text}"), stacklevel=3)
    parts = splits["train"], splits["val"], splits["test"]
    return TaggingData(name, source, "tag", *parts, classes, (0, 0, 0), Normalization((0.0,), (1.0,)), report)


def _drop(part: Tagged, report: LoadReport, why: str, unusable: list[bool]) -> None:
    if any(unusable):
        kept = [i for i, drop in enumerate(unusable) if not drop]
        report.skipped += [Skipped(part.where[i], why) for i, drop in enumerate(unusable) if drop]
        part.tokens, part.tags = [part.tokens[i] for i in kept], [part.tags[i] for i in kept]
        part.where = [part.where[i] for i in kept]


def _check_tags(raw: RawSentences, report: LoadReport, source: str, strict: bool) -> TagScheme:
    """The scheme of all tags, which those that break it are brought into.

    Raises:
        LeveretDataError: a tag of no scheme; with `strict`, one that breaks it.
    """
    for part in raw.parts.values():
        for tags, where in zip(part.tags, part.where, strict=True):
            try:
                scheme_of(tags or ())
            except LeveretDataError as error:
                raise LeveretDataError(f"{where}: {error}") from None
    scheme = scheme_of(tag for part in raw.parts.values() for tags in part.tags for tag in tags or ())
    changed = sentences = 0
    first = ""
    for part in raw.parts.values():
        for i, tags in enumerate(part.tags):
            if tags is None:
                continue
            fixed, count = repaired(tags, scheme)
            if count:
                part.tags[i] = fixed
                changed, sentences, first = changed + count, sentences + 1, first or part.where[i]
    if changed:
        text = (
            f"{changed} tags in {sentences} sentences break {scheme}, the first in {first}: an I that goes on from "
            "nothing was taken to begin an entity"
        )
        if strict:
            raise LeveretDataError(f"{source}: {text} (strict)")
        report.warnings.append(text)
    return scheme


def _ordered(tags: Iterable[str], names: tuple[str, ...]) -> tuple[str, ...]:
    """As the source orders them, else O first, then type by type."""
    found = set(tags)
    if names and found <= set(names):
        return names
    return tuple(sorted(found, key=lambda tag: (tag != "O", tag.partition("-")[2], "BIES".find(tag[0]))))


def _split(
    raw: RawSentences,
    classes: tuple[str, ...],
    seed: int,
    val_fraction: float,
    test_fraction: float,
    report: LoadReport,
) -> dict[str, TagSplit]:
    number = {name: i for i, name in enumerate(classes)}
    parts = list(raw.parts.values())
    source = SentenceSource(
        [tokens for part in parts for tokens in part.tokens],
        [
            [UNLABELLED] * len(tokens) if tags is None else [number[tag] for tag in tags]
            for part in parts
            for tokens, tags in zip(part.tokens, part.tags, strict=True)
        ],
        [where for part in parts for where in part.where],
    )
    ends = np.cumsum([0, *map(len, parts)])
    places: dict[str, NDArray[np.int64]] = {
        "train" if name == "all" else name: np.arange(ends[i], ends[i + 1]) for i, name in enumerate(raw.parts)
    }
    generator = np.random.default_rng(seed)
    for name, fraction in (("test", test_fraction), ("val", val_fraction)):
        if name in places:
            continue
        if name == "val" and "all" in raw.parts:
            fraction = fraction / (1 - test_fraction)  # a share of all, as for the test part
        train = places["train"]
        known = np.array([0 if tagged else UNLABELLED for tagged in TagSplit("train", source, train, classes).labelled])
        keep, held = (train[chosen] for chosen in hold_out(known, fraction, generator))
        places["train"], places[name] = keep, held
        if len(held):
            report.notes.append(f"{len(held)} sentences were held out as the {name} part (seed {seed})")
    splits = {name: TagSplit(name, source, places[name], classes) for name in ("train", "val", "test")}
    if without := int((~splits["train"].labelled).sum()):
        report.notes.append(f"{without} training sentences have no tags")
    return splits


def _say_what_is_unseen(splits: dict[str, TagSplit], report: LoadReport) -> None:
    train = splits["train"]
    if not len(train):
        raise LeveretDataError("the training part holds no sentence")
    unseen = [kind for kind, count in train.entity_counts().items() if not count]
    if unseen:
        report.warnings.append(
            f"no training sentence holds {', '.join(map(repr, unseen[:5]))}{', …' if len(unseen) > 5 else ''}: a net "
            "can't learn it"
        )
