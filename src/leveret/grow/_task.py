"""`NodeTask`: one node's training, an independent job that keeps its weights whole when it is done."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from leveret.balance import FrequencySampler
from leveret.balance.catalogue import METHODS, BalancedTraining, choose_method
from leveret.data import Data, of_classes
from leveret.grow._node import Node, Path
from leveret.grow._objectives import DrawnMore, KeepOld, OldNode
from leveret.grow._preview import confidences_of, mean_confidences
from leveret.grow._recipe import GrowRecipe
from leveret.grow._tree import ClassTree
from leveret.nets import layer_operations
from leveret.training import CrossEntropy, Objective
from leveret.training._loader import to_tensor
from leveret.training._task import Task

__all__ = ["NodeTask", "operations_of"]

_WEIGHTS = "net.safetensors"


@dataclass(frozen=True)
class NodeTask(Task):
    """The training of the node at `path` of a tree whose rows for new classes are still random.

    Attributes:
        path: of the node.
        epochs: passes over the samples of its classes.
        lr: the highest learning rate.
        clone: it begins as a clone of its branch, which was trained just before.
        recipe: all else of the training.
        seed: of order and augmentation.
    """

    path: Path
    epochs: int
    lr: float
    recipe: GrowRecipe
    seed: int
    clone: bool = False

    def whole(self) -> bool:
        return (self.folder / _WEIGHTS).exists()

    def tidy(self) -> None:
        shutil.rmtree(self.folder / "training", ignore_errors=True)

    def load_into(self, node: Node) -> None:
        """Give the node the weights of the finished training."""
        from safetensors.torch import load_file

        assert node.net is not None
        node.net.load_state_dict(load_file(self.folder / _WEIGHTS))
        node.net.eval()

    def work(self, before: ClassTree, grown: ClassTree, data: Data, progress: bool = False) -> dict[str, Any]:
        """Train, and keep the weights.

        Args:
            before: the tree as it was.
            grown: the tree with the node, whose classes are all among the data's.
            data: what may be trained on.
            progress: show a line an epoch.
        """
        from safetensors.torch import save_file

        from leveret._files import replacing

        node = grown.node(self.path)
        assert node.net is not None
        own = of_classes(data, node.classes)
        told = _old_part(before, self.path, node)
        weight = self.recipe.distillation or 0.0
        keeps = weight > 0 and told is not None
        objective: Objective = CrossEntropy()
        if keeps and told is not None:
            # what no sample is of is not to be pushed down on all that come
            learned = np.flatnonzero(own.train.class_counts()).tolist()
            objective = KeepOld(*told, weight, learned=learned)
        balance = _balance(self.recipe.balance, own)
        rates = self._rates(before, own) if balance == "plain" and not keeps else None
        drawn: dict[str, Any] = {}
        if rates is not None:
            objective = DrawnMore(rates.tolist())
            drawn["sampler"] = FrequencySampler(
                own.train.labels, probabilities=own.train.class_counts() * rates, seed=self.seed
            )
        training = BalancedTraining(
            own,
            self.epochs,
            seed=self.seed,
            out=self.folder / "training",
            # a leaf may have few samples; some steps are needed all the same
            batch_size=max(2, min(self.recipe.batch_size, len(own.train) // 8)),
            lr=self.lr,
            augment=self.recipe.augment if own.kind == "image" else None,
            make_net=_Copies(node.net),
            # the rate comes down to nothing at the last epoch, and old classes may have no validation samples
            recipe={"monitor": "accuracy", **self.recipe.options, **drawn, "objective": objective, "keep_best": False},
            threads=self.threads,
            progress=progress,
        )
        net = METHODS[balance].make(training)
        with replacing(self.folder / _WEIGHTS) as path:
            save_file({name: value.contiguous() for name, value in net.state_dict().items()}, path)
        seen = _samples_seen(training.history)
        macs = operations_of(net, own)
        asked = operations_of(told[0], own) if keeps and told is not None else 0
        return {
            "classes": list(node.classes),
            "counts": [int(n) for n in own.train.class_counts()],
            "balance": balance,
            "distilled": keeps,
            "new_rate": 1.0 if rates is None else self.recipe.new_rate,
            "epochs": training.spent,
            "samples_seen": seen,
            "operations": macs,
            # a pass back takes about twice a pass forward
            "compute": seen * (3 * macs + asked),
            "confusion": _confusion(net, own, _known_confusion(before, self.path, node)),
            "diverged": training.diverged,
            "history": training.history,
        }

    def _rates(self, before: ClassTree, own: Data) -> NDArray[np.float64] | None:
        """How often each class's samples are drawn; None where all are alike.

        A clone of a branch that was just trained knows all classes alike.
        """
        new = np.array([name not in before.classes for name in own.classes])
        there = new[own.train.class_counts() > 0]
        if self.clone or self.recipe.new_rate == 1 or there.all() or not there.any():
            return None
        return np.where(new, self.recipe.new_rate, 1.0)


class _Copies:
    """Gives copies of a net; goes to other processes, as a lambda would not."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net

    def __call__(self) -> nn.Module:
        return copy.deepcopy(self.net)


def operations_of(net: nn.Module, data: Data) -> int:
    """Multiply-accumulates of a pass forward of one sample."""
    return sum(macs for _, macs in layer_operations(net, _example(data)))


def _example(data: Data) -> Any:
    """Two samples as a net takes them."""
    values = data.train.fetch(np.arange(min(2, len(data.train))))
    return to_tensor(values, data.normalization) if isinstance(values, np.ndarray) else values


def _old_node(before: ClassTree, path: Path) -> Node:
    """The node that stood there, or the leaf that has become a branch above."""
    node = before.root
    for i in path:
        if node.is_leaf:
            break
        node = node.nodes[i]
    return node


def _old_part(before: ClassTree, path: Path, node: Node) -> tuple[nn.Module, list[int]] | None:
    """What told the node's old classes before, and which of its outputs those are; None of fewer than two."""
    old = _old_node(before, path)
    names = [name for name in node.classes if name in old.classes]
    if len(names) < 2:
        return None
    return OldNode(copy.deepcopy(old), names), [node.classes.index(name) for name in names]


def _balance(balance: str, own: Data) -> str:
    """The method's key; "auto" asks the counts of those classes that have samples."""
    if balance != "auto":
        return balance
    counts = own.train.class_counts()
    counts = counts[counts > 0]
    even = len(counts) < 2 or choose_method(counts).key == "plain"
    return "plain" if even else "frequency-sampling"


def _samples_seen(history: list[dict[str, Any]]) -> int:
    last = {row["stage"]: row["samples_seen"] for row in history}
    return int(sum(last.values()))


def _known_confusion(before: ClassTree, path: Path, node: Node) -> Callable[[str, str], float]:
    """What was measured before of two classes of the node."""
    old = _old_node(before, path)
    measured = old.confusion or []
    place = {name: i for i, name in enumerate(old.classes[: len(measured)])}

    def found(true: str, said: str) -> float:
        return measured[place[true]][place[said]] if true in place and said in place else 0.0

    return found


def _confusion(net: nn.Module, own: Data, before: Callable[[str, str], float]) -> list[list[float]]:
    """Mean confidences on the validation part; of classes without samples there, as they were before."""
    size = own.num_classes
    found = np.zeros((size, size))
    if len(own.val):
        found = mean_confidences(confidences_of(net, own.val, own.normalization), own.val.labels, size)
    for i, true in enumerate(own.classes):
        if not found[i].any():
            found[i] = [before(true, said) for said in own.classes]
    return [[round(float(value), 6) for value in row] for row in found]
