"""A tree made smaller again: branches that don't pay, or the whole tree taught to one net."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from leveret.data import Data, of_classes
from leveret.errors import LeveretUsageError
from leveret.grow._node import Path
from leveret.grow._tree import ClassTree
from leveret.training import Distillation, FitResult, evaluate, fit

__all__ = ["distill_back", "pruned"]


def pruned(tree: ClassTree, data: Data, *, tolerance: float = 0.0) -> tuple[ClassTree, list[dict[str, Any]]]:
    """The tree without the branches that don't make it better: reduced-error pruning (Quinlan, 1987), from below.

    A branch becomes a leaf again, whose own net answers alone, where the whole tree is then as often right on the
    validation part, but for `tolerance`.

    Args:
        tree: stays as it is.
        data: with validation samples of the tree's classes; others are left out.
        tolerance: accuracy that may be lost at each branch, in 0..1.

    Returns:
        The tree, and for each branch that was tried, from below: `path`, `with_branch` and `without` (accuracies), and
        whether it was `pruned`.

    Raises:
        LeveretUsageError: no validation samples, or a tolerance out of range.
    """
    if not 0 <= tolerance <= 1:
        raise LeveretUsageError(f"tolerance must be in 0..1, got {tolerance}")
    own = of_classes(data, tree.classes, absent=True)
    if not len(own.val):
        raise LeveretUsageError(f"{data.name} has no validation samples of the tree's classes to prune by")
    tried = []
    best = evaluate(tree, own, "val").accuracy
    for path in _from_below(tree.branches):
        smaller = tree.collapsed(path)
        without = evaluate(smaller, own, "val").accuracy
        gone = without >= best - tolerance
        tried.append({"path": list(path), "with_branch": best, "without": without, "pruned": gone})
        if gone:
            tree, best = smaller, without
    return tree, tried


def _from_below(paths: Any) -> list[Path]:
    return sorted(paths, key=lambda path: (-len(path), path))


def distill_back(
    tree: ClassTree,
    data: Data,
    net: nn.Module | None = None,
    *,
    epochs: int = 5,
    temperature: float = 2.0,
    hard_weight: float = 0.3,
    **options: Any,
) -> FitResult:
    """Teach one net what the tree knows, so that it answers in one pass and can begin another tree.

    Args:
        tree: the teacher, all of whose leaves are asked.
        data: to show it; labelled samples of its classes.
        net: the student, with an output for each class; default: a copy of the root's own, which knows them already.
        epochs, options: as for `leveret.fit`.
        temperature, hard_weight: as for `Distillation`.

    Returns:
        `fit`'s result; its `net` has an output for each of `tree.classes`, in their order.

    Raises:
        LeveretUsageError: what `fit` and `Distillation` refuse.

    Source: Hinton, Vinyals & Dean, "Distilling the knowledge in a neural network", 2015, section 2.
    """
    student = copy.deepcopy(tree.root.net) if net is None else net
    assert student is not None
    teacher = copy.deepcopy(tree).set_inference(beams=None, blend=tree.blend)
    own = of_classes(data, tree.classes, absent=True)
    objective = Distillation(teacher, temperature=temperature, hard_weight=hard_weight)
    return fit(student, own, objective=objective, epochs=epochs, **options)
