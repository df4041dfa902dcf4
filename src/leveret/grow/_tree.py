"""`ClassTree`: a classifier that takes up new classes, by growing outputs or by branching where they are confused."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path as FilePath
from typing import Any

from torch import Tensor, nn

from leveret.data import Data, Normalization
from leveret.errors import LeveretUsageError
from leveret.grow._infer import log_confidences
from leveret.grow._node import ROOT, Node, Path, path_name
from leveret.grow._rows import check_outputs, with_outputs

__all__ = ["ClassTree"]


class ClassTree(nn.Module):
    """Nets in a tree: leaves tell classes apart, branches pick among groups of classes that are easily confused.

    It begins as one leaf, the net itself. `flat` gives a leaf more outputs; `branch` clones a leaf into a branch and a
    leaf for each group of its classes. All parameters are copied then, but for rows of the last layer whose class is
    new. Both give another tree and leave this one as it was; `leveret.grow.grow` does either by a rule, and trains.

    Args:
        net: any classifier whose logits come from a linear layer; it is copied.
        classes: names, in the order of its outputs.
        normalization: of its inputs, which all further data get.
        input_shape: of one sample, without which shapes aren't checked before they reach a net.
        beams: children run at most, for a sample, at each branch; 1 in the paper, None for all.
        blend: in [0, 1): how much a branch's own say counts within a group, beside the leaf's; 0 in the paper.

    Attributes:
        root: the `Node` at the top, whose classes are the tree's.
        history: a dict a growth: which classes came, how they were taken up, accuracies then.

    Shapes: as the net; outputs are log probabilities `(batch, num_classes)` float32, in the order of `classes`, which
    is the order in which they came.

    Source: Xiao, Zhang, Yang, Peng & Zhang, "Error-Driven Incremental Learning in Deep Convolutional Neural Network
    for Large-Scale Image Classification", ACM MM 2014, section 3. Deviation: a branch's net keeps an output for each
    class, rather than one a group, and its groups' confidences are their sums in training too. So a class can be
    added to a branch as to a leaf, a branch can become a leaf again, and what it learns of classes isn't lost.

    Raises:
        LeveretUsageError: a net without such a layer, names that aren't as many as its outputs or come twice, or an
            argument out of range.
    """

    def __init__(
        self,
        net: nn.Module,
        classes: Sequence[str],
        *,
        normalization: Normalization | None = None,
        input_shape: Sequence[int] | None = None,
        beams: int | None = 1,
        blend: float = 0.0,
    ) -> None:
        names = tuple(str(name) for name in classes)
        if len(set(names)) < len(names):
            raise LeveretUsageError(f"classes must have names of their own, got {', '.join(names)}")
        check_outputs(net, names)
        super().__init__()
        self.root = Node(copy.deepcopy(net), names)
        self.normalization = normalization
        self.input_shape = None if input_shape is None else tuple(int(n) for n in input_shape)
        self.history: list[dict[str, Any]] = []
        self.set_inference(beams=beams, blend=blend)

    @classmethod
    def of(cls, net: nn.Module, data: Data, **options: Any) -> ClassTree:
        """A tree of one leaf: a net that was trained on `data`, whose classes, normalisation and shape it has."""
        return cls(
            net, data.classes, normalization=data.normalization, input_shape=data.input_shape, **options
        )  # fmt: skip

    def set_inference(self, *, beams: int | None = 1, blend: float = 0.0) -> ClassTree:
        """Set how it answers, see `beams` and `blend`; gives the tree back."""
        if beams is not None and (isinstance(beams, bool) or not isinstance(beams, int) or beams < 1):
            raise LeveretUsageError(f"beams must be a whole number of at least 1, or None for all, got {beams!r}")
        if not 0 <= blend < 1:
            raise LeveretUsageError(f"blend must be in [0, 1), got {blend}")
        self.beams = beams
        self.blend = float(blend)
        return self

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of all classes, in the order of the outputs."""
        return self.root.classes

    @property
    def leaves(self) -> dict[Path, Node]:
        """By path, such as `(0, 1)`: the second child of the first child."""
        return {path: node for path, node in self.root.walk() if node.is_leaf}

    @property
    def branches(self) -> dict[Path, Node]:
        """By path; `()` is the root."""
        return {path: node for path, node in self.root.walk() if not node.is_leaf}

    def node(self, path: Path) -> Node:
        """The node of a path; raises `LeveretUsageError` where there is none."""
        return self.root.at(path)

    def leaf_of(self, name: str) -> Path:
        """The path of the leaf that tells a class; raises `LeveretUsageError` for a class that it doesn't know."""
        for path, leaf in self.leaves.items():
            if name in leaf.classes:
                return path
        raise LeveretUsageError(f"the tree knows no class {name!r}; it knows {', '.join(self.classes)}")

    def forward(self, x: Any) -> Tensor:
        return log_confidences(self.root, x, self.beams, self.blend)

    def outline(self) -> list[str]:
        """The tree in words, a line a node."""
        return [
            f"{'  ' * len(path)}{path_name(path)}: "
            + (", ".join(node.classes) if node.is_leaf else f"{len(node.children_)} groups of {len(node.classes)}")
            for path, node in self.root.walk()
        ]

    def flat(self, names: Sequence[str], path: Path = ROOT, *, seed: int = 0) -> ClassTree:
        """A tree in which a leaf, and every branch above it, has new outputs; their rows are random until trained.

        Args:
            names: new classes.
            path: of the leaf that takes them up.
            seed: of the rows.

        Raises:
            LeveretUsageError: a class that is known already, no new class, or no leaf there.
        """
        if known := [name for name in names if name in self.classes]:
            raise LeveretUsageError(f"class {known[0]!r} is known already")
        if not names or len(set(names)) < len(names):
            raise LeveretUsageError(f"new classes must be named, each once, got {', '.join(names) or 'none'}")
        if not self.node(path).is_leaf:
            raise LeveretUsageError(f"{path_name(path)} is a branch; name the leaf that takes up the classes")
        return self._with_root(_added(self.root, tuple(names), path, None, seed))

    def branch(self, groups: Sequence[Sequence[str]], path: Path = ROOT) -> ClassTree:
        """A tree in which a leaf has become a branch, with a clone of it for each group of its classes.

        Args:
            groups: two or more, which have each of the leaf's classes once.
            path: of the leaf.

        Raises:
            LeveretUsageError: other groups than these, or no leaf there.
        """
        leaf = self.node(path)
        if not leaf.is_leaf:
            raise LeveretUsageError(f"{path_name(path)} is a branch already")
        if leaf.net is None or len(groups) < 2 or sorted(n for g in groups for n in g) != sorted(leaf.classes):
            raise LeveretUsageError(
                f"two or more groups must have each of {', '.join(leaf.classes)} once, got "
                f"{'; '.join(', '.join(group) for group in groups)}"
            )
        children = [
            Node(with_outputs(leaf.net, leaf.classes, group) if len(group) > 1 else None, tuple(group))
            for group in groups
        ]
        made = Node(copy.deepcopy(leaf.net), leaf.classes, children, leaf.confusion)
        return self._with_root(_replaced(self.root, path, made))

    def collapsed(self, path: Path) -> ClassTree:
        """A tree in which a branch is a leaf again: its own net, which knows all classes below it, answers alone.

        Raises:
            LeveretUsageError: no branch there.
        """
        node = self.node(path)
        if node.is_leaf:
            raise LeveretUsageError(f"{path_name(path)} is a leaf; there is nothing below it to prune")
        return self._with_root(_replaced(self.root, path, Node(node.net, node.classes, (), node.confusion)))

    def without(self, names: Iterable[str]) -> ClassTree:
        """A tree that no longer knows some classes: their rows are gone, and with them what had no other class.

        Raises:
            LeveretUsageError: a class that it doesn't know, or fewer than two that are left.
        """
        gone = {names} if isinstance(names, str) else set(names)
        if unknown := sorted(gone - set(self.classes)):
            raise LeveretUsageError(f"the tree knows no class {unknown[0]!r}; it knows {', '.join(self.classes)}")
        if len(self.classes) - len(gone) < 2:
            raise LeveretUsageError("at least two classes must be left")
        root = _without(self.root, gone)
        assert root is not None
        return self._with_root(root)

    def save(self, path: str | FilePath) -> None:
        """Write a `.safetensors` file, whole or not at all; see `load`."""
        from leveret.grow._files import save_tree

        save_tree(self, FilePath(path))

    @staticmethod
    def load(path: str | FilePath, net: nn.Module) -> ClassTree:
        """Read a tree.

        Args:
            path: that `save` wrote.
            net: of the make that the tree grew from, with any number of outputs; its weights don't matter.

        Raises:
            LeveretDataError: missing, damaged, or of nets of another make.
        """
        from leveret.grow._files import load_tree

        return load_tree(FilePath(path), net)

    def _with_root(self, root: Node) -> ClassTree:
        made = copy.copy(self)
        # its own parameters' registry, so that this tree keeps its root
        made._modules = dict(self._modules)
        made.root = copy.deepcopy(root)
        made.history = copy.deepcopy(self.history)
        return made


def _added(node: Node, names: tuple[str, ...], path: Path, parent: Node | None, seed: int) -> Node:
    """The node with the names added to it and to the leaf at `path` below it."""
    classes = node.classes + names
    if node.net is not None:
        net = with_outputs(node.net, node.classes, classes, seed=seed)
    else:  # a leaf of one class begins with what its branch knows
        assert parent is not None
        assert parent.net is not None
        net = with_outputs(parent.net, parent.classes, classes, seed=seed)
    made = Node(net, classes, (), node.confusion)
    if not node.is_leaf:
        children = node.nodes
        children[path[0]] = _added(children[path[0]], names, path[1:], made, seed)
        made = Node(net, classes, children, node.confusion)
    # measured of the old classes alone
    return made


def _replaced(node: Node, path: Path, by: Node) -> Node:
    if not path:
        return by
    children = node.nodes
    children[path[0]] = _replaced(children[path[0]], path[1:], by)
    return Node(node.net, node.classes, children, node.confusion)


def _without(node: Node, gone: set[str]) -> Node | None:
    left = tuple(name for name in node.classes if name not in gone)
    if not left:
        return None
    confusion = node.confusion
    if confusion is not None:
        kept = [i for i, name in enumerate(node.classes[: len(confusion)]) if name not in gone]
        confusion = [[confusion[i][j] for j in kept] for i in kept]
    children = [child for one in node.nodes if (child := _without(one, gone)) is not None]
    if len(children) == 1:
        return children[0]
    if len(left) == 1:
        return Node(None, left)
    assert node.net is not None
    return Node(with_outputs(node.net, node.classes, left), left, children, confusion)
