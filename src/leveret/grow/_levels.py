"""The trainings of a growth in their order: level by level, all nodes of a level at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from leveret.data import Data, of_classes
from leveret.errors import LeveretTrainingError
from leveret.grow._node import Node, Path, path_name
from leveret.grow._preview import confidences_of
from leveret.grow._recipe import GrowRecipe
from leveret.grow._rows import with_outputs
from leveret.grow._task import NodeTask
from leveret.grow._tree import ClassTree
from leveret.training import parallel

__all__ = ["Done", "Levels"]

Done = Callable[[NodeTask, dict[str, Any]], None]


@dataclass(frozen=True)
class Levels:
    """Trains nodes of a grown tree, in place.

    With `recipe.start` "old", every node begins with the rows and weights that it was cloned with, and all of them are
    trained at once, as in the paper. With "branch", what lies below a branch that is trained waits for it and begins as
    its clone. A leaf then has only to specialise; one whose classes the branch tells apart already, with an error of at
    most `recipe.settled`, is left alone, and so is a branch below, which has learned its groups by then.

    Attributes:
        before, grown: the tree as it was, and as it is to be.
        data: to train on, of all classes.
        folder: each node has a folder of its own in it.
        recipe, seed, workers, threads: as for `grow`.
        done: is told of each node that was trained.
    """

    before: ClassTree
    grown: ClassTree
    data: Data
    folder: FilePath
    recipe: GrowRecipe
    seed: int
    workers: int | None
    threads: int | None
    done: Done | None

    def run(self, changed: Sequence[Path]) -> dict[str, dict[str, Any]]:
        """Results by the nodes' names; of those that were left alone a dict with `settled`, a leaf's error.

        Raises:
            LeveretTrainingError: a training failed; the others are kept.
        """
        found: dict[str, dict[str, Any]] = {}
        for level in self._levels(changed):
            tasks = []
            for path in level:
                clone = self.recipe.start == "branch" and bool(path) and path[:-1] in changed
                if clone:
                    settled = self._begin(path)
                    if settled is not None:
                        found[path_name(path)] = settled
                        continue
                if (task := self._task(path, len(level), clone)) is not None:
                    tasks.append(task)
            found |= self._trained(tasks)
        return found

    def _levels(self, changed: Sequence[Path]) -> list[list[Path]]:
        if self.recipe.start == "old":
            return [list(changed)]
        depths = sorted({len(path) for path in changed})
        return [[path for path in changed if len(path) == depth] for depth in depths]

    def _begin(self, path: Path) -> dict[str, Any] | None:
        """Let a node begin as a clone of its branch; a result if that will do."""
        branch, node = self.grown.node(path[:-1]), self.grown.node(path)
        assert branch.net is not None
        node.net = with_outputs(branch.net, branch.classes, node.classes)
        node.confusion = _restricted(branch, node)
        left_alone: dict[str, Any] = {"classes": list(node.classes), "compute": 0, "history": []}
        if not node.is_leaf:
            return {**left_alone, "settled": None}
        own = of_classes(self.data, node.classes)
        if not len(own.val) or (own.val.class_counts() == 0).any():
            return None
        confidences = confidences_of(node.net, own.val, own.normalization)
        error = float((confidences.argmax(1) != own.val.labels).mean())
        return {**left_alone, "settled": error} if error <= self.recipe.settled else None

    def _task(self, path: Path, beside: int, clone: bool) -> NodeTask | None:
        """None where there is nothing to learn from, and the node stays as it is.

        Args:
            beside: nodes of its level.
            clone: it begins as a clone of its branch, which was trained just before.
        """
        from leveret._threads import default_threads
        from leveret.training._parallel import how_many_workers
        from leveret.training._threads import threads_for

        node = self.grown.node(path)
        assert node.net is not None
        counts = of_classes(self.data, node.classes).train.class_counts()
        new = any(name not in self.before.classes for name in node.classes)
        if counts.sum() < 2 or not (new or (counts > 0).sum() > 1):
            return None
        epochs = self.recipe.leaf_epochs if node.is_leaf else self.recipe.branch_epochs
        if self.grown.root.is_leaf:
            epochs += self.recipe.branch_epochs
        recipe = self.recipe
        gentle = recipe.lr / 5 if recipe.leaf_lr is None else recipe.leaf_lr
        most = max(1, default_threads() // how_many_workers(self.workers, beside))
        return NodeTask(
            key=path_name(path),
            folder=self.folder / path_name(path),
            threads=self.threads or threads_for(node.net, self.data, self.recipe.batch_size, most),
            path=path,
            epochs=epochs,
            lr=gentle if clone else recipe.lr,
            recipe=recipe,
            seed=self.seed,
            clone=clone,
        )

    def _trained(self, tasks: Sequence[NodeTask]) -> dict[str, dict[str, Any]]:
        """Results by name, those of an earlier run among them; the nodes have their weights."""
        results = {task.key: found for task in tasks if (found := task.finished()) is not None}
        # the largest first, so that none is left to run alone at the end
        left = sorted((task for task in tasks if task.key not in results), key=lambda task: -self._work(task))
        shared = (self.before, self.grown, self.data)
        for task, result in zip(left, parallel(left, *shared, workers=self.workers, done=self.done), strict=True):
            results[task.key] = result
        for task in tasks:
            result = results[task.key]
            if result["status"] != "ok":
                raise LeveretTrainingError(f"the training of {task.key} failed: {result['why']}")
            node = self.grown.node(task.path)
            task.load_into(node)
            node.confusion = result["confusion"]
        return results

    def _work(self, task: NodeTask) -> int:
        classes = self.grown.node(task.path).classes
        known = np.isin(self.data.train.labels, [self.data.classes.index(name) for name in classes])
        return int(known.sum()) * task.epochs


def _restricted(branch: Node, node: Node) -> list[list[float]] | None:
    """A branch's confusion matrix among the classes of a node below, whose rows sum to 1 again."""
    if branch.confusion is None or len(branch.confusion) < len(branch.classes):
        return None
    places = [branch.classes.index(name) for name in node.classes]
    found = np.asarray(branch.confusion)[np.ix_(places, places)]
    return (found / np.maximum(found.sum(1, keepdims=True), 1e-12)).round(6).tolist()
