"""What a growth will do, before anything is trained: which node takes up which classes, flat or by branching, why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from leveret.data import Data
from leveret.errors import LeveretUsageError
from leveret.grow._node import ROOT, Node, Path, path_name
from leveret.grow._partition import Partition, partition, random_partition
from leveret.grow._preview import Preview, preview
from leveret.grow._rule import BranchRule, error_within
from leveret.grow._tree import ClassTree

__all__ = ["NodePlan", "Shape", "applied", "plan"]

Shape = Literal["error", "random", "flat"]
Confusion = Callable[[Node], NDArray[np.float64]]


@dataclass(frozen=True)
class NodePlan:
    """What happens to one node.

    Attributes:
        path: of the node.
        action: "flat" (new outputs), "branch" (a leaf becomes a branch) or "route" (a branch hands the classes on).
        new: the classes that come to it; none where a group branches further by what it has.
        why: in a sentence.
        groups: of a branch: names of each child's classes.
        preview: the new classes as the node's net took them.
        children: what happens below.
    """

    path: Path
    action: str
    new: tuple[str, ...]
    why: str
    groups: tuple[tuple[str, ...], ...] = ()
    preview: Preview | None = None
    children: tuple[NodePlan, ...] = ()

    def walk(self) -> Iterator[NodePlan]:
        """This and all below, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def name(self) -> str:
        """The node's name, by its place in the tree."""
        return path_name(self.path)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "path": list(self.path),
            "action": self.action,
            "new": list(self.new),
            "why": self.why,
            "groups": [list(group) for group in self.groups],
            "preview": None if self.preview is None else self.preview.as_dict(),
            "children": [child.as_dict() for child in self.children],
        }

    @staticmethod
    def from_dict(values: dict[str, Any]) -> NodePlan:
        """What `as_dict` gave."""
        return NodePlan(
            tuple(values["path"]),
            values["action"],
            tuple(values["new"]),
            values["why"],
            tuple(tuple(group) for group in values["groups"]),
            None if values["preview"] is None else Preview.from_dict(values["preview"]),
            tuple(NodePlan.from_dict(child) for child in values["children"]),
        )


def plan(
    tree: ClassTree,
    data: Data,
    new: Sequence[str],
    confusion: Confusion,
    *,
    rule: BranchRule | None = None,
    groups: int | Literal["auto"] = "auto",
    shape: Shape = "error",
    seed: int = 0,
) -> NodePlan:
    """Where new classes will go.

    Args:
        tree: grown so far.
        data: normalised as the tree wants it, with the new classes among its own.
        new: their names.
        confusion: gives, of a node, the confusion matrix of the classes that it knows.
        rule: when a leaf branches.
        groups: of a leaf that branches, see `partition`.
        shape: "error": as the paper has it; "random": groups by chance, and new classes to children by chance; "flat":
            never branch.
        seed: of samples that are previewed, and of what is drawn.

    Raises:
        LeveretUsageError: an argument out of range, or no new class.
    """
    if shape not in ("error", "random", "flat"):
        raise LeveretUsageError(f"shape must be 'error', 'random' or 'flat', got {shape!r}")
    if not new:
        raise LeveretUsageError("there is no new class to grow by")
    settings = _Settings(data, confusion, rule or BranchRule(), groups, shape, seed)
    return _planned(tree.root, ROOT, tuple(new), settings)


@dataclass(frozen=True)
class _Settings:
    data: Data
    confusion: Confusion
    rule: BranchRule
    groups: int | Literal["auto"]
    shape: Shape
    seed: int


def _planned(node: Node, path: Path, new: tuple[str, ...], settings: _Settings) -> NodePlan:
    seen = None
    if node.net is not None:
        seen = preview(node.net, node.classes, settings.data, new, seed=settings.seed)
    if not node.is_leaf:
        return _routed(node, path, new, seen, settings)
    if seen is None or settings.shape == "flat":
        why = "it told no classes apart before" if seen is None else "it is to grow flat"
        return NodePlan(path, "flat", new, why, preview=seen)
    found = settings.confusion(node)
    error = error_within(found)
    return _leaf(path, node.classes, new, found, seen, settings, error) or NodePlan(
        path, "flat", new, settings.rule.why_not(len(node.classes) + len(new), error), preview=seen
    )


def _routed(node: Node, path: Path, new: tuple[str, ...], seen: Preview | None, settings: _Settings) -> NodePlan:
    """A branch hands each class to the child that it activates most."""
    assert seen is not None
    sums = seen.over([child.classes for child in node.nodes])
    chosen = sums.argmax(1)
    if settings.shape == "random":
        chosen = np.random.default_rng((settings.seed, len(path))).integers(0, len(node.children_), len(new))
    told, children = [], []
    for i, child in enumerate(node.nodes):
        own = tuple(name for name, child_of in zip(new, chosen, strict=True) if child_of == i)
        if own:
            how = (
                ""
                if settings.shape == "random"
                else f" ({', '.join(f'{100 * s:.0f} %' for s in sums[chosen == i, i])})"
            )
            told.append(f"{', '.join(own)} to {path_name((*path, i))}{how}")
            children.append(_planned(child, (*path, i), own, settings))
    groups = tuple(child.classes for child in node.nodes)
    by = "by chance" if settings.shape == "random" else "to the group that each activates most"
    return NodePlan(path, "route", new, f"{by}: {'; '.join(told)}", groups, seen, tuple(children))


def _leaf(
    path: Path,
    known: tuple[str, ...],
    new: tuple[str, ...],
    confusion: NDArray[np.float64],
    seen: Preview,
    settings: _Settings,
    error: float | None,
) -> NodePlan | None:
    """How a leaf, or a group that comes of branching, branches; None if it doesn't.

    Args:
        error: of the leaf; None of a group, whose classes are together since they are confused, and whose leaf has yet
            to specialise in them.
    """
    why = settings.rule.why(len(known) + len(new), error)
    if not why or len(known) < 2:
        return None
    found = _partition(known, new, confusion, seen, settings, len(path))
    if max(map(len, found.groups)) == len(known) + len(new):
        return None
    children = []
    for i, group in enumerate(found.groups):
        places = [known.index(name) for name in group if name in known]
        own, old = tuple(n for n in group if n not in known), tuple(known[place] for place in places)
        if len(old) >= 2:
            below = _leaf((*path, i), old, own, confusion[np.ix_(places, places)], seen.only(own, old), settings, None)
            if below is not None:
                children.append(below)
    return NodePlan(path, "branch", new, f"{why}: {found.why}", found.groups, seen, tuple(children))


def _partition(
    known: tuple[str, ...],
    new: tuple[str, ...],
    confusion: NDArray[np.float64],
    seen: Preview,
    settings: _Settings,
    depth: int,
) -> Partition:
    groups = settings.groups if settings.groups == "auto" else min(settings.groups, len(known))
    found = partition(known, confusion, seen, groups, seed=settings.seed)
    if groups != settings.groups:
        asked = f", a class each, where {settings.groups} were asked"
        found = replace(found, why=found.why.replace(", as asked", asked, 1))
    if settings.shape == "random":
        # as many groups as the confusions would have given, so that only their content differs
        return random_partition(known + new, len(found.groups), seed=settings.seed + 1000 * depth)
    return found


def applied(tree: ClassTree, planned: NodePlan, *, seed: int = 0) -> tuple[ClassTree, list[Path]]:
    """The tree as planned, its new rows not yet trained, and the paths of the nodes that are to be trained.

    Those are all whose classes changed, and all that are new; leaves of one class have nothing to learn.
    """
    before = {path: node.classes for path, node in tree.root.walk()}
    for step in planned.walk():
        if step.action == "flat":
            tree = tree.flat(step.new, step.path, seed=seed)
        elif step.action == "branch":
            fresh = tuple(name for name in step.new if name not in tree.classes)
            if fresh:
                tree = tree.flat(fresh, step.path, seed=seed)
            tree = tree.branch(step.groups, step.path)
    changed = [path for path, node in tree.root.walk() if node.net is not None and before.get(path) != node.classes]
    return tree, changed
