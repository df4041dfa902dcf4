"""`PackedTree`: a tree of classes, packed; of each image only the branch and the leaf that it picked are evaluated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.runtime._packed import check_work
from leveret.runtime.routes._part import Part
from leveret.runtime.routes._routed import Routed

__all__ = ["PackedTree"]

MARGIN = 1e-3  # as in leveret.grow: a class that wasn't looked into stays below the best that was
_BELOW = math.exp(-MARGIN)
_LEAST = -300.0  # nats below a part's likeliest class, from where on all are alike
_TINY = 1e-300
_FIRST = np.zeros(1, np.int64)
_DEEPEST = 32


@dataclass(frozen=True)
class _Node:
    """A place of the tree.

    Attributes:
        part: that runs there; "" of a leaf of one class, where nothing runs.
        outputs: the class of each of the part's outputs.
        children: of a branch.
        columns: of each child, which outputs its classes are, in its order.
        members: `(outputs, children)`, 1 where a class belongs to a child, by which confidences sum to the groups'.
    """

    part: str
    outputs: tuple[int, ...]
    children: tuple[_Node, ...]
    columns: tuple[NDArray[np.int64], ...]
    members: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        members = np.zeros((len(self.outputs), len(self.children)))
        for g, columns in enumerate(self.columns):
            members[columns, g] = 1
        object.__setattr__(self, "members", members)

    def walk(self) -> Iterator[_Node]:
        yield self
        for child in self.children:
            yield from child.walk()

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"part": self.part, "outputs": list(self.outputs)}
        return {**found, "children": [child.to_json() for child in self.children]} if self.children else found


class PackedTree(Routed):
    """A packed `leveret.grow.ClassTree`. Make one with `leveret.pack` or `leveret.runtime.load`.

    Parts: one for each node with a net, from images to logits of the node's classes, named by its path: `root`,
    `root-0`, `root-0-1`. The root's has an output for each class, in order. The answer is the logarithm of each class's
    probability:

        p(c) = p_B(g) · p_g(c)        c in group g;  p_B(g) = Σ p_B(c')  over the group's classes c'

    Of each image, the `beams` children that a branch is surest of are run; a class elsewhere keeps the branch's own
    confidence, but never one above the best of those. Source: Xiao et al., "Error-Driven Incremental Learning in Deep
    Convolutional Neural Network for Large-Scale Image Classification", ACM MM 2014, section 3.

    Attributes:
        beams: may be set anew at any time, None for all; raises `LeveretUsageError` below 1.
        blend: how much a branch's own say counts within a group, in [0, 1).
    """

    route = "class_tree"
    part_names = ("root",)

    def _order(self, parts: Mapping[str, Part]) -> list[str]:
        if "root" not in parts:
            raise LeveretFormatError(f"route {self.route!r}: part 'root' is missing")
        return ["root", *sorted(name for name in parts if name != "root")]

    def _set_up(self, settings: Mapping[str, Any]) -> None:
        if wrong := settings.keys() ^ {"tree", "beams", "blend"}:
            key = sorted(wrong)[0]
            raise LeveretFormatError(f"setting {key!r} is {'not known' if key in settings else 'missing'}")
        beams, blend = settings["beams"], settings["blend"]
        if type(blend) not in (int, float) or not 0 <= blend < 1:
            raise LeveretFormatError(f"blend must be a number in [0, 1), got {str(blend)[:100]}")
        self.blend = float(blend)
        for name, part in self._given.items():
            if part.features or part.shape != self.input.shape:
                raise LeveretFormatError(f"part {name!r} must take images of {self.input.shape}, it takes {part.shape}")
        self._root = _read(settings["tree"], 0)
        self._check_tree()
        try:
            self.beams = beams
        except LeveretUsageError as error:
            raise LeveretFormatError(str(error)) from None
        check_work(sum(op.work for op in self._ops))

    def _check_tree(self) -> None:
        """That the nodes have each part once, and as many outputs as it gives."""
        if self._root.outputs != tuple(range(len(self._root.outputs))):
            raise LeveretFormatError("the root's outputs must be the classes in their order")
        named = [node.part for node in self._root.walk() if node.part]
        if self._root.part != "root" or sorted(named) != sorted(self.parts):
            raise LeveretFormatError(
                f"the tree must have each part once, 'root' first; it has {', '.join(named)[:200]}"
            )
        for node in self._root.walk():
            if node.part and self.parts[node.part].output_shape != (len(node.outputs),):
                raise LeveretFormatError(
                    f"part {node.part!r} gives {self.parts[node.part].output_shape}, its node has "
                    f"{len(node.outputs)} classes"
                )

    @property
    def beams(self) -> int | None:
        """Leaves asked at most for a sample; None: all."""
        return self._beams

    @beams.setter
    def beams(self, number: int | None) -> None:
        if number is not None and (type(number) is not int or number < 1):
            raise LeveretUsageError(
                f"beams must be a whole number of at least 1, or None for all, got {str(number)[:100]}"
            )
        self._beams = number

    def _settings(self) -> dict[str, Any]:
        return {"tree": self._root.to_json(), "beams": self.beams, "blend": self.blend}

    def results(self, batch: NDArray[Any], threads: int) -> NDArray[np.float32]:
        # probabilities all the way and one logarithm: of a single image numpy's calls cost as much as a small net
        found = np.log(np.maximum(self._answer(self._root, batch, threads, []), _TINY))
        return found.astype(np.float32)

    def stages(self, batch: NDArray[Any], threads: int) -> list[tuple[str, NDArray[Any]]]:
        given: list[tuple[str, NDArray[Any]]] = []
        self._answer(self._root, batch, threads, given)
        return given

    def runs(self) -> dict[str, float]:
        """As often as if images were of all classes alike, and each were taken where its class is."""
        found: dict[str, float] = {}

        def add(node: _Node, often: float) -> None:
            if node.part:
                found[node.part] = often
            number = len(node.children)
            more = 0 if number < 2 else (min(self.beams or number, number) - 1) / (number - 1)
            for child in node.children:
                own = len(child.outputs) / len(node.outputs)
                # of the children that are asked besides, each alike often
                add(child, often * (own + (1 - own) * more))

        add(self._root, 1.0)
        return found

    def described(self) -> dict[str, Any]:
        leaves = [node for node in self._root.walk() if not node.children]
        return {"leaves": len(leaves), "beams": self.beams or "all", "blend": self.blend}

    @property
    def _last(self) -> Any:
        return self.parts["root"].ops[-1]

    def _answer(
        self, node: _Node, batch: NDArray[Any], threads: int, given: list[tuple[str, NDArray[Any]]]
    ) -> NDArray[np.float64]:
        """Probabilities `(n, outputs)`; adds to `given` what was run, and on what."""
        if not node.part:
            return np.ones((len(batch), 1))
        given.append((node.part, batch))
        found = _softmax(self.parts[node.part].results(batch, threads))
        if not node.children or not len(batch):
            return found
        groups = found @ node.members
        number = len(node.children)
        most = number if self.beams is None else min(self.beams, number)
        explored = np.zeros(found.shape, bool)
        for g, rows in _picked(groups, most):
            child, columns = node.children[g], node.columns[g]
            # of all of them no copy
            everywhere = len(rows) == len(batch)
            within = self._answer(child, batch if everywhere else batch[rows], threads, given)
            places = (slice(None), columns) if everywhere else (rows[:, None], columns)
            sure = groups[rows, g, None]
            if self.blend:
                # a geometric mean with what the branch itself says within the group
                within = within ** (1 - self.blend) * (found[places] / sure) ** self.blend
                within /= np.add.reduce(within, 1, keepdims=True)
            found[places] = sure * within
            explored[places] = True
        if most < number:
            best = np.maximum.reduce(found * explored, 1, keepdims=True)
            np.minimum(found, best * _BELOW, out=found, where=~explored)
            found /= np.add.reduce(found, 1, keepdims=True)
        return found


def _picked(groups: NDArray[np.float64], most: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Each child that is picked, and the rows that pick it."""
    if len(groups) == 1 and most == 1:
        yield int(groups.argmax()), _FIRST
        return
    chosen = np.zeros(groups.shape, bool)
    np.put_along_axis(chosen, np.argsort(-groups, 1, kind="stable")[:, :most], True, 1)
    for g, rows in enumerate(chosen.T):
        if rows.any():
            yield g, np.flatnonzero(rows)


def _softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    # ufuncs' own reductions, at half of the time of an array's methods
    away = logits.astype(np.float64)
    away -= np.maximum.reduce(away, 1, keepdims=True)
    # no probability of a part is 0; a product of three levels may be, and is held at _TINY
    found = np.exp(np.maximum(away, _LEAST, out=away), out=away)
    found /= np.add.reduce(found, 1, keepdims=True)
    return found


def _read(value: Any, depth: int) -> _Node:
    """A node of the settings; raises `LeveretFormatError` where it makes no sense by itself."""
    if depth > _DEEPEST:
        raise LeveretFormatError(f"the tree is deeper than {_DEEPEST} nodes")
    if not isinstance(value, dict) or value.keys() - {"part", "outputs", "children"}:
        raise LeveretFormatError("a node must have a part, outputs and perhaps children")
    part, outputs, below = value.get("part"), value.get("outputs"), value.get("children", [])
    if not isinstance(part, str) or not isinstance(below, list) or len(below) == 1:
        raise LeveretFormatError("a node must have a part's name, and no child or several")
    if not isinstance(outputs, list) or not outputs or not all(type(n) is int and n >= 0 for n in outputs):
        raise LeveretFormatError("a node's outputs must be classes, counted from 0")
    if len(set(outputs)) < len(outputs) or (not part and (len(outputs) > 1 or below)):
        raise LeveretFormatError("a node's outputs must be different, and only a leaf of one class has no part")
    children = tuple(_read(child, depth + 1) for child in below)
    if children and sorted(n for child in children for n in child.outputs) != sorted(outputs):
        raise LeveretFormatError("a branch's children must have each of its classes once")
    place = {output: i for i, output in enumerate(outputs)}
    columns = tuple(np.array([place[n] for n in child.outputs], np.int64) for child in children)
    return _Node(part, tuple(outputs), children, columns)
