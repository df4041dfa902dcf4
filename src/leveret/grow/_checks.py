"""What a growth refuses before anything is trained or written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from leveret.data import Data
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.grow._memory import Kind, Memory
from leveret.grow._plan import Shape
from leveret.grow._tree import ClassTree

__all__ = ["Known", "Policy", "checked_growth"]

Policy = Literal["all", "memory", "none"]
Known = Literal["refuse", "merge"]


def checked_growth(
    tree: ClassTree,
    data: Data,
    old: Data | None,
    *,
    policy: str = "all",
    memory: Memory | None = None,
    budget: int = 2000,
    exemplars: str = "herding",
    known: str = "refuse",
    groups: int | str = "auto",
    shape: str = "error",
) -> tuple[str, ...]:
    """The new classes; arguments as of `grow`.

    Raises:
        LeveretUsageError: an argument out of range or combination; no new class, or one that is known already.
        LeveretDataError: samples of another shape, or none of a class that is to be trained on.
    """
    if not isinstance(tree, ClassTree):
        raise LeveretUsageError(
            f"tree must be a ClassTree, got {type(tree).__name__}; ClassTree.of(net, data) makes one of a trained net"
        )
    for name, value, choices in (("policy", policy, Policy), ("known", known, Known), ("shape", shape, Shape)):
        if value not in get_args(choices):
            raise LeveretUsageError(f"{name} must be {_words(get_args(choices))}, got {value!r}")
    if exemplars not in get_args(Kind):
        raise LeveretUsageError(f"exemplars must be {_words(get_args(Kind))}, got {exemplars!r}")
    if groups != "auto" and (isinstance(groups, str) or groups < 2):
        raise LeveretUsageError(f"groups must be 'auto', or a number of at least 2, got {groups!r}")
    for given in (data, *(() if old is None else (old,))):
        if not isinstance(given, Data):
            raise LeveretUsageError(f"samples must be a Data, as leveret.load gives it; got {type(given).__name__}")
        if tree.input_shape is not None and given.input_shape != tree.input_shape:
            raise LeveretDataError(
                f"the tree takes samples of shape {tree.input_shape}, {given.name} has them of shape "
                f"{given.input_shape}; load it with size and channels as the tree has them"
            )
    if policy == "all" and old is None:
        raise LeveretUsageError("policy 'all' trains on the old data: give old, or take policy 'memory' or 'none'")
    if policy == "memory" and memory is None:
        if old is None:
            raise LeveretUsageError("there is no memory yet: give old, from which it is made, or take policy 'none'")
        _check_budget(budget, exemplars, len(tree.classes))
    new = _new_classes(tree, data, known)
    if old is not None:
        _check_old(tree, old, new, policy)
    if policy == "none" and len(data.train) < 2:
        raise LeveretDataError(f"{data.name} has {len(data.train)} training sample; there must be at least 2")
    return new


def _new_classes(tree: ClassTree, data: Data, known: str) -> tuple[str, ...]:
    here = _with_samples(data)
    again = [name for name in here if name in tree.classes]
    if again and known == "refuse":
        raise LeveretUsageError(
            f"{data.name} has samples of {', '.join(again)}, which the tree knows already; take known='merge' to train "
            "on them too, or give them names of their own if they are other classes"
        )
    new = tuple(name for name in here if name not in tree.classes)
    if not new:
        raise LeveretUsageError(f"{data.name} has no class that the tree doesn't know; to train on more samples, fit")
    return new


def _check_old(tree: ClassTree, old: Data, new: Sequence[str], policy: str) -> None:
    there = _with_samples(old)
    if both := [name for name in new if name in there]:
        raise LeveretUsageError(f"class {both[0]!r} is new to the tree, and yet the old data has samples of it")
    if policy == "all" and (gone := [name for name in tree.classes if name not in there]):
        raise LeveretDataError(
            f"the old data has no training sample of {', '.join(gone)}, which the tree knows; give data that has, keep "
            "a memory or none of the old data (policy), or take the class off the tree by without()"
        )


def _check_budget(budget: int, exemplars: str, classes: int) -> None:
    if budget < 1:
        raise LeveretUsageError(f"the memory's budget must be at least 1 sample, got {budget}")
    if exemplars == "herding" and budget < classes:
        raise LeveretUsageError(
            f"a memory of {budget} samples can't hold one of each of {classes} classes; give it a larger budget"
        )


def _with_samples(data: Data) -> list[str]:
    return [name for name, count in zip(data.classes, data.train.class_counts(), strict=True) if count]


def _words(names: Sequence[str]) -> str:
    *most, last = map(repr, names)
    return f"{', '.join(most)} or {last}"
