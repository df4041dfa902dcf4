"""`Node`: a place of a class tree, a leaf that tells its classes apart, or a branch that picks one of its children."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

from leveret.errors import LeveretUsageError

__all__ = ["ROOT", "Node", "Path", "path_name"]

Path = tuple[int, ...]
ROOT: Path = ()


class Node(nn.Module):
    """A net over some classes, and, of a branch, the children that tell each group of them apart.

    Every node's net has an output for each class below it. A leaf answers with them. A branch sums the confidences of
    each child's classes, and that is how sure it is of the child; so its groups need no outputs of their own, and it
    begins with the sums that the net before it would have given, as the paper has it. A leaf of a single class has
    nothing to tell apart, and no net.

    Attributes:
        net: logits `(batch, len(classes))`; None of a leaf of one class.
        classes: names, in the order of the outputs.
        children_: of a branch, a node for each group; their classes together are these.
        confusion: `confusion[i][j]`, the mean confidence in class j on validation samples of class i, as measured
            after the last training; None where nothing was measured.
    """

    def __init__(
        self,
        net: nn.Module | None,
        classes: Sequence[str],
        children: Sequence[Node] = (),
        confusion: list[list[float]] | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.classes = tuple(classes)
        self.children_ = nn.ModuleList(children)
        self.confusion = confusion
        if net is None and (len(self.classes) != 1 or len(children)):
            raise LeveretUsageError("only a leaf of one class needs no net")
        below = sorted(name for child in children for name in child.classes)
        if children and (below != sorted(self.classes) or len(children) < 2):
            raise LeveretUsageError("a branch needs two or more children, who have each of its classes once")

    @property
    def is_leaf(self) -> bool:
        """Whether no node stands below it."""
        return len(self.children_) == 0

    @property
    def nodes(self) -> list[Node]:
        """The children."""
        return list(self.children_)  # type: ignore[arg-type]

    def columns(self, child: int) -> list[int]:
        """The outputs of this node's net that are the child's classes, in the child's order."""
        place = {name: i for i, name in enumerate(self.classes)}
        return [place[name] for name in self.nodes[child].classes]

    def walk(self, path: Path = ROOT) -> Iterator[tuple[Path, Node]]:
        """This node and all below, each with its path, parents first."""
        yield path, self
        for i, child in enumerate(self.nodes):
            yield from child.walk((*path, i))

    def at(self, path: Path) -> Node:
        """The node of a path; raises `LeveretUsageError` where there is none."""
        node = self
        for i in path:
            if not 0 <= i < len(node.children_):
                raise LeveretUsageError(f"the tree has no node {path_name(path)!r}")
            node = node.nodes[i]
        return node

    def extra_repr(self) -> str:
        return f"classes={self.classes}"

    def described(self) -> dict[str, Any]:
        """Its shape as plain values."""
        found: dict[str, Any] = {"classes": list(self.classes), "net": self.net is not None}
        if self.confusion is not None:
            found["confusion"] = self.confusion
        if not self.is_leaf:
            found["children"] = [child.described() for child in self.nodes]
        return found


def path_name(path: Path) -> str:
    """ "root", "root-0", "root-0-1"."""
    return "-".join(["root", *map(str, path)])
