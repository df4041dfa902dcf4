"""Formulas as plain values, which a file can hold: lists of an operator and what it is of.

    ["implies", ["atom", 0], ["label", [1, 4]]]      if atom 0 holds, the label is class 1 or 4

Leaves are

    ["atom", key]          a truth that is looked up by `key`: a number in files, a name in Python
    ["label", [c, …]]      whether the class is one of these, for every class that it may be
    ["follows", key, [[c, …], …]]   whether the class is in the group that the atom numbers
    ["previous", [c, …]]   whether the tag before is one of these; of sequences, where "label" is the tag here
    ["start"]              whether there is no tag before

and operators

    ["not", f]  ["and", f, …]  ["or", f, …]  ["implies", f, g]  ["same", f, g]  ["average", f, …]
    ["exclusive", f, …]    no two of them hold: the conjunction of ¬(f ∧ g) over all pairs
    ["forall", f, axis]  ["exists", f, axis]   over an axis of groundings, counted from the last, −1
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from leveret.errors import LeveretFormatError
from leveret.runtime.rules._logic import Logic

__all__ = ["Tree", "atoms_of", "checked_tree", "evaluate", "leaves_of"]

Tree = list[Any]

_NARY = ("and", "or", "average", "exclusive")
_BINARY = ("implies", "same")
_OVER = ("forall", "exists")
_DEEPEST = 64
_MOST_NODES = 4096


def evaluate(tree: Tree, leaf: Callable[[Tree], Any], logic: Logic) -> Any:
    """The formula's truth.

    Args:
        tree: the formula.
        leaf: gives a leaf's truths in [0, 1], an array or tensor; all must broadcast with each other.
        logic: what the operators mean.
    """
    operator, *rest = tree
    if operator in _OVER:
        inner = evaluate(rest[0], leaf, logic)
        return logic.for_all(inner, rest[1]) if operator == "forall" else logic.exists(inner, rest[1])
    if operator != "not" and operator not in _NARY and operator not in _BINARY:
        return leaf(tree)
    parts = [evaluate(part, leaf, logic) for part in rest]
    if operator == "not":
        return 1 - parts[0]
    if operator == "and":
        return logic.conjunction(parts)
    if operator == "or":
        return logic.disjunction(parts)
    if operator == "implies":
        return logic.implication(*parts)
    if operator == "same":
        return logic.equivalence(*parts)
    if operator == "average":
        return sum(parts[1:], start=parts[0]) / len(parts)
    pairs = [1 - logic.conjunction([one, other]) for i, one in enumerate(parts) for other in parts[i + 1 :]]
    return logic.conjunction(pairs)


def leaves_of(tree: Tree) -> Iterator[Tree]:
    """All leaves, in order."""
    operator, *rest = tree
    if operator in _OVER:
        yield from leaves_of(rest[0])
    elif operator == "not" or operator in _NARY or operator in _BINARY:
        for part in rest:
            yield from leaves_of(part)
    else:
        yield tree


def atoms_of(tree: Tree) -> tuple[Any, ...]:
    """The keys of the atoms that a formula looks up, each once, in order."""
    return tuple(dict.fromkeys(leaf[1] for leaf in leaves_of(tree) if leaf[0] in ("atom", "follows")))


def checked_tree(tree: Any, classes: int, atoms: int, *, tags: bool) -> Tree:
    """A formula that came from a file.

    Args:
        tree: as JSON gave it.
        classes, atoms: how many there are.
        tags: whether it is of sequences.

    Raises:
        LeveretFormatError: it is no formula, or of what there isn't; or deeper or longer than any rule needs to be.
    """
    _check(tree, classes, atoms, tags, 0, [0])
    return tree


def _check(tree: Any, classes: int, atoms: int, tags: bool, depth: int, count: list[int]) -> None:
    count[0] += 1
    if depth > _DEEPEST or count[0] > _MOST_NODES:
        raise LeveretFormatError(f"a formula is deeper than {_DEEPEST} or has more than {_MOST_NODES} parts")
    if not isinstance(tree, list) or not tree or not isinstance(tree[0], str):
        raise LeveretFormatError(f"a formula must be a list of an operator and its parts, got {tree!r:.80}")
    operator, *rest = tree
    numbers = {"not": (1, 1), "and": (1, 256), "or": (1, 256), "average": (1, 256), "exclusive": (2, 64)}
    numbers |= {"implies": (2, 2), "same": (2, 2)}
    if operator in numbers:
        least, most = numbers[operator]
        if not least <= len(rest) <= most:
            raise LeveretFormatError(f"{operator!r} must have {least} to {most} parts, got {len(rest)}")
        for part in rest:
            _check(part, classes, atoms, tags, depth + 1, count)
        return
    if operator == "atom" and len(rest) == 1 and _below(rest[0], atoms):
        return
    if operator == "label" and len(rest) == 1 and _set(rest[0], classes):
        return
    if operator == "follows" and not tags and len(rest) == 2 and _below(rest[0], atoms) and _sets(rest[1], classes):
        return
    if operator == "previous" and tags and len(rest) == 1 and _set(rest[0], classes):
        return
    if operator == "start" and tags and not rest:
        return
    raise LeveretFormatError(f"a formula holds {tree!r:.80}, of which there is no meaning here")


def _below(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < most


def _set(value: Any, classes: int) -> bool:
    return isinstance(value, list) and all(_below(c, classes) for c in value)


def _sets(value: Any, classes: int) -> bool:
    return isinstance(value, list) and bool(value) and all(_set(group, classes) for group in value)
