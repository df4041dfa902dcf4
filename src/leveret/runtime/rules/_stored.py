"""Rules in a `.lvr` file: plain values, from which nothing is taken on trust, and no code is ever run.

A file's regular expressions are compiled by Python's `re`, and only when someone asks for the rules' answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from leveret.errors import LeveretFormatError
from leveret.runtime.rules._evidence import (
    COMPARISONS,
    Compare,
    Evidence,
    Group,
    Is,
    Known,
    Matches,
    Says,
    Truth,
    Words,
)
from leveret.runtime.rules._logic import LOGICS
from leveret.runtime.rules._program import Rule, RuleProgram
from leveret.runtime.rules._tree import checked_tree, leaves_of
from leveret.runtime.rules._words import Side

__all__ = ["program_of", "stored"]

_VERSION = 1
_MOST = 4096  # rules, evidence, words of a list
_LONGEST = 4096  # of a text


def stored(program: RuleProgram) -> dict[str, Any]:
    """Rules as plain values, for JSON; the classes are the file's own."""
    return {
        "version": _VERSION,
        "logic": program.logic,
        "strength": program.strength,
        "tags": program.tags,
        "evidence": [_plain(found) for found in program.evidence],
        "rules": [
            {"name": rule.name, "weight": rule.weight, "formula": rule.formula, "agree": rule.agree}
            for rule in program.rules
        ],
    }


def program_of(value: Any, classes: Sequence[str]) -> RuleProgram:
    """The rules of a file.

    Args:
        value: as JSON gave it.
        classes: of the file.

    Raises:
        LeveretFormatError: says what is wrong, and where.
    """
    try:
        return _program(value, tuple(classes))
    except LeveretFormatError as error:
        raise LeveretFormatError(f"rules: {error}") from None


def _program(value: Any, classes: tuple[str, ...]) -> RuleProgram:
    _check(isinstance(value, dict), "must be an object")
    if value.get("version") != _VERSION:
        raise LeveretFormatError(f"are of version {value.get('version')!r:.40}; this Leveret knows {_VERSION}")
    logic, strength, tags = value.get("logic"), value.get("strength"), value.get("tags")
    _check(isinstance(logic, str) and logic in LOGICS, f"logic must be one of {', '.join(LOGICS)}")
    _check(_is_number(strength) and strength > 0, "strength must be a number above 0")
    _check(isinstance(tags, bool), "tags must be true or false")
    _check(bool(classes), "the file has rules and names no classes")
    evidence = tuple(
        _evidence(found, i, len(classes), tags) for i, found in enumerate(_rows(value.get("evidence"), "evidence"))
    )
    rules = tuple(
        _rule(found, i, classes, evidence, tags) for i, found in enumerate(_rows(value.get("rules"), "rules"))
    )
    _check(bool(rules), "there must be at least one")
    return RuleProgram(classes, evidence, rules, logic, tags, float(strength))


def _rule(value: Any, i: int, classes: tuple[str, ...], evidence: tuple[Evidence, ...], tags: bool) -> Rule:
    where = f"rule {i}: "
    _check(isinstance(value, dict), where + "must be an object")
    name, weight, agree = value.get("name"), value.get("weight"), value.get("agree", False)
    _check(_is_text(name), where + "name must be a text")
    _check(weight is None or (_is_number(weight) and weight >= 0), where + "weight must be a number from 0 on, or null")
    _check(
        isinstance(agree, bool) and not (agree and (not tags or weight is None)),
        where + "agree is of soft rules of tags",
    )
    try:
        formula = checked_tree(value.get("formula"), len(classes), len(evidence), tags=tags)
    except LeveretFormatError as error:
        raise LeveretFormatError(where + str(error)) from None
    for leaf in leaves_of(formula):
        grouped = leaf[0] in ("atom", "follows") and isinstance(evidence[leaf[1]], Group)
        _check(leaf[0] != "atom" or not grouped, where + "asks a group of columns for a truth")
        if leaf[0] == "follows":
            found = evidence[leaf[1]]
            fits = isinstance(found, Group) and len(found.groups) == len(leaf[2])
            _check(fits, where + "must follow as many groups as its evidence names")
    return Rule(name, None if weight is None else float(weight), formula, False, agree)


def _evidence(value: Any, i: int, classes: int, tags: bool) -> Evidence:
    where = f"evidence {i}: "
    _check(isinstance(value, dict), where + "must be an object")
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in _READERS:
        raise LeveretFormatError(f"{where}unknown kind {kind!r:.40}; known are {', '.join(_READERS)}")
    try:
        return _READERS[kind](value, classes, tags)
    except LeveretFormatError as error:
        raise LeveretFormatError(f"{where}{kind}: {error}") from None


def _read_words(value: Mapping[str, Any], classes: int, tags: bool) -> Words:
    return Words(_texts(value, "phrases"), _side(value), _offset(value, tags))


def _read_matches(value: Mapping[str, Any], classes: int, tags: bool) -> Matches:
    pattern = _text(value, "pattern")
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise LeveretFormatError(f"pattern is no regular expression: {error}") from None
    return Matches(pattern, _side(value), _offset(value, tags))


def _read_compare(value: Mapping[str, Any], classes: int, tags: bool) -> Compare:
    comparison, number = value.get("comparison"), value.get("number")
    _check(comparison in COMPARISONS and _is_number(number), "must be a comparison with a number")
    return Compare(_text(value, "column"), str(comparison), float(number))  # type: ignore[arg-type]


def _read_is(value: Mapping[str, Any], classes: int, tags: bool) -> Is:
    return Is(_text(value, "column"), _texts(value, "values"))


def _read_known(value: Mapping[str, Any], classes: int, tags: bool) -> Known:
    return Known(_text(value, "column"))


def _read_truth(value: Mapping[str, Any], classes: int, tags: bool) -> Truth:
    return Truth(_text(value, "column"))


def _read_group(value: Mapping[str, Any], classes: int, tags: bool) -> Group:
    return Group(_text(value, "column"), _texts(value, "groups"))


def _read_says(value: Mapping[str, Any], classes: int, tags: bool) -> Says:
    place, comparison, number = value.get("place"), value.get("comparison"), value.get("number")
    whole = isinstance(place, int) and not isinstance(place, bool) and 0 <= place < classes
    _check(whole and not tags and value.get("net") == "", "must ask the file's own net of one of its classes")
    _check((comparison == "" or comparison in COMPARISONS) and _is_number(number), "must compare with a number")
    return Says("", place, _side(value), comparison, float(number))  # type: ignore[arg-type]


_READERS: dict[str, Callable[[Mapping[str, Any], int, bool], Evidence]] = {
    "words": _read_words,
    "matches": _read_matches,
    "compare": _read_compare,
    "is": _read_is,
    "known": _read_known,
    "truth": _read_truth,
    "group": _read_group,
    "says": _read_says,
}


def _plain(evidence: Evidence) -> dict[str, Any]:
    fields = {name: getattr(evidence, name) for name in evidence.__dataclass_fields__}  # type: ignore[attr-defined]
    return {"kind": evidence.kind, **{n: list(v) if isinstance(v, tuple) else v for n, v in fields.items()}}


def _side(value: Mapping[str, Any]) -> Side | None:
    side = value.get("side")
    if side is None:
        return None
    fits = isinstance(side, list) and len(side) == 2 and side[0] in ("before", "after") and _is_text(side[1])
    _check(fits, "side must be null, or before or after with a phrase")
    return Side(*side)


def _offset(value: Mapping[str, Any], tags: bool) -> int:
    offset = value.get("offset", 0)
    fits = isinstance(offset, int) and not isinstance(offset, bool) and (-1 <= offset <= 1 if tags else offset == 0)
    _check(fits, "offset must be 0, or of tags −1, 0 or 1")
    return offset


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    _check(_is_text(found), f"{key} must be a text")
    return str(found)


def _texts(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = _rows(value.get(key), key)
    _check(bool(found) and all(map(_is_text, found)), f"{key} must be texts, at least one")
    return tuple(found)


def _rows(value: Any, key: str) -> list[Any]:
    _check(isinstance(value, list) and len(value) <= _MOST, f"{key} must be a list of at most {_MOST}")
    return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check(fits: Any, what: str) -> None:
    if not fits:
        raise LeveretFormatError(what)
