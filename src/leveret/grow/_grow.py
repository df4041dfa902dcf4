"""`grow`: new classes taken up by a tree: previewed, planned, trained as independent jobs, put together, measured."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from leveret._files import write_json
from leveret.data import Data, joined, of_classes
from leveret.errors import LeveretDataError
from leveret.grow._begun import begin
from leveret.grow._checks import Known, Policy, checked_growth
from leveret.grow._levels import Done, Levels
from leveret.grow._measured import accuracies, tested
from leveret.grow._memory import Kind, Memory
from leveret.grow._node import Node
from leveret.grow._plan import NodePlan, Shape, applied, plan
from leveret.grow._preview import confidences_of, mean_confidences
from leveret.grow._recipe import GrowRecipe
from leveret.grow._rule import BranchRule
from leveret.grow._task import operations_of
from leveret.grow._tree import ClassTree
from leveret.training import features_of

__all__ = ["Growth", "grow"]


@dataclass(frozen=True)
class Growth:
    """What a growth left.

    Attributes:
        tree: grown, in eval mode; its history has a step more.
        plan: what was done with which classes, and why.
        nodes: a dict for each node that was trained, by its name: samples seen, operations, history, ….
        figures: see `accuracies`; of the test parts.
        compute: multiply-accumulates spent: `training` and `preview`.
        memory: of the policy "memory", after this growth; else None.
        seen: all samples that were given, in the tree's order of classes.
        trained_on: those of them that the policy let train.
        operations: multiply-accumulates of a pass forward of one node's net, the root's.
        seconds: that it took here.
    """

    tree: ClassTree
    plan: NodePlan
    nodes: dict[str, dict[str, Any]]
    figures: dict[str, Any]
    compute: dict[str, int]
    memory: Memory | None
    seen: Data
    trained_on: Data
    operations: int
    seconds: float


def grow(
    tree: ClassTree,
    data: Data,
    *,
    old: Data | None = None,
    policy: Policy = "all",
    memory: Memory | None = None,
    budget: int = 2000,
    exemplars: Kind = "herding",
    known: Known = "refuse",
    recipe: GrowRecipe | None = None,
    rule: BranchRule | None = None,
    groups: int | Literal["auto"] = "auto",
    shape: Shape = "error",
    seed: int = 0,
    out: str | FilePath | None = None,
    workers: int | None = None,
    threads: int | None = None,
    say: Callable[[str], None] | None = None,
    done: Done | None = None,
) -> Growth:
    """Take up the classes of `data` that the tree doesn't know.

    Args:
        tree: stays as it is.
        data: samples of new classes. Its normalisation gives way to the tree's.
        old: samples of the classes known so far. Their test part is measured on, whatever the policy.
        policy: what is trained on of the old classes: "all" of `old`, a "memory" of some of them, or "none", where the
            new samples alone must do, with distillation of what the tree said of them before.
        memory: of the growth before; default: made from `old`.
        budget, exemplars: of a memory that is made.
        known: what becomes of samples of classes that the tree knows already: an error, or they are trained on too.
        recipe: of all trainings; default `GrowRecipe()`.
        rule: when a leaf branches; default `BranchRule()`.
        groups: of a leaf that branches, see `partition`.
        shape: "error", or "random" partitions, or always "flat".
        seed: of everything random.
        out: folder for the plan and the nodes' trainings, from which the same growth goes on if it is stopped.
        workers, threads: nodes trained at once, see `leveret.training.parallel`; and torch's threads in each.
        say: is told what goes on.
        done: is told of each node that was trained.

    Raises:
        LeveretUsageError: an argument out of range or combination; no new class, or one that is known already; `out`
            holds another growth.
        LeveretDataError: samples of another kind or shape; a class without training samples.
        LeveretTrainingError: a node's training failed; the others are kept in `out`.
        KeyboardInterrupt: Ctrl-C; what was finished is kept in `out`.
    """
    started = time.perf_counter()
    new = checked_growth(
        tree, data, old, policy=policy, memory=memory, budget=budget, exemplars=exemplars, known=known, groups=groups,
        shape=shape,
    )  # fmt: skip
    recipe, rule = (recipe or GrowRecipe()).for_policy(policy), rule or BranchRule()
    names = (*tree.classes, *new)
    data = _prepared(tree, data, names)
    old = None if old is None else _prepared(tree, old, names)
    if policy == "memory" and memory is None:
        assert old is not None
        memory = _remembering(Memory.empty(budget, exemplars), tree, of_classes(old, tree.classes), seed)
    sources = [data]
    if policy == "all" and old is not None:
        sources = [old, data]
    elif policy == "memory" and memory is not None:
        sources = [of_classes(memory.data(data), names, absent=True), data]
    trained_on = joined(sources, name=data.name)
    with ExitStack() as stack:
        folder = FilePath(out or stack.enter_context(tempfile.TemporaryDirectory(prefix="leveret-")))
        begin(folder, tree, trained_on, recipe, rule, policy=policy, groups=groups, shape=shape, seed=seed)
        planned = _plan(folder, tree, trained_on, new, rule, groups, shape, seed)
        if say is not None:
            for step in planned.walk():
                say(f"{step.name}: {step.action}, {step.why}")
        grown, changed = applied(tree, planned, seed=seed)
        levels = Levels(tree, grown, trained_on, folder / "nodes", recipe, seed, workers, threads, done)
        nodes = levels.run(changed)
    grown.eval()
    everything = joined([old, data]) if old is not None else data
    before = None if old is None else tested(tree, tree.classes, old)
    figures = accuracies(tested(grown, names, everything), before, tree.classes)
    compute = {
        "training": sum(found["compute"] for found in nodes.values()),
        "preview": _preview_compute(tree, planned, trained_on),
    }
    grown.history.append(_step(planned, new, policy, data, figures, compute))
    if policy == "memory" and memory is not None:
        memory = _remembering(memory, grown, of_classes(data, new), seed)
    assert grown.root.net is not None
    operations = operations_of(grown.root.net, data)
    seconds = time.perf_counter() - started
    return Growth(grown, planned, nodes, figures, compute, memory, everything, trained_on, operations, seconds)


def _prepared(tree: ClassTree, data: Data, names: Sequence[str]) -> Data:
    """In the tree's order of classes, and normalised as the tree wants it."""
    found = of_classes(data, names, absent=True)
    return found if tree.normalization is None else replace(found, normalization=tree.normalization)


def _remembering(memory: Memory, tree: ClassTree, data: Data, seed: int) -> Memory:
    features = None
    if memory.kind == "herding":
        assert tree.root.net is not None
        features = features_of(tree.root.net, data, "train")
    return memory.updated(data, features, seed=seed)


def _plan(
    folder: FilePath,
    tree: ClassTree,
    data: Data,
    new: Sequence[str],
    rule: BranchRule,
    groups: int | Literal["auto"],
    shape: Shape,
    seed: int,
) -> NodePlan:
    """Made, and kept so that a growth which goes on does what it began."""
    kept = folder / "plan.json"
    if kept.exists():
        try:
            return NodePlan.from_dict(json.loads(kept.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError) as error:
            raise LeveretDataError(f"{kept} is damaged ({error}); remove it, and it is made again") from error

    def confusion(node: Node) -> NDArray[np.float64]:
        return _confusion(node, data, new)

    found = plan(tree, data, new, confusion, rule=rule, groups=groups, shape=shape, seed=seed)
    write_json(kept, found.as_dict())
    return found


def _confusion(node: Node, data: Data, new: Sequence[str]) -> NDArray[np.float64]:
    """Of the classes that a leaf knows: as it was measured, else on their validation or training samples, else by
    which of them the new samples activate together."""
    if node.confusion is not None and len(node.confusion) == len(node.classes):
        return np.asarray(node.confusion)
    assert node.net is not None
    own = of_classes(data, node.classes)
    for split in (own.val, own.train):
        if len(split) and (split.class_counts() > 0).all():
            found = confidences_of(node.net, split, data.normalization)
            return mean_confidences(found, split.labels, len(node.classes))
    shown = confidences_of(node.net, of_classes(data, new).train, data.normalization)
    return shown.T @ shown


def _preview_compute(tree: ClassTree, planned: NodePlan, data: Data) -> int:
    total = 0
    for step in planned.walk():
        # what branches further was not shown anything again
        if step.preview is not None and (step.path == () or step.action != "branch"):
            net = tree.root.net
            assert net is not None
            total += sum(step.preview.samples) * operations_of(net, data)
    return total


def _step(
    planned: NodePlan,
    new: Sequence[str],
    policy: str,
    data: Data,
    figures: dict[str, Any],
    compute: dict[str, int],
) -> dict[str, Any]:
    """A row of the history."""
    return {
        "classes": list(new),
        "data": data.name,
        "samples": len(data.train),
        "policy": policy,
        "actions": {step.name: step.action for step in planned.walk()},
        "figures": dict(figures),
        "compute": dict(compute),
    }
