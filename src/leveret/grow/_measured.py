"""How good a tree is before and after a growth: on all classes, on the old ones, on the new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from leveret.data import Data, of_classes
from leveret.metrics import Evaluation
from leveret.training import evaluate

__all__ = ["accuracies", "tested"]


def tested(net: nn.Module, classes: Sequence[str], data: Data) -> Evaluation | None:
    """The net on the test samples of its classes; None where there is none.

    Args:
        net: an output for each of `classes`.
        data: any sources joined; samples of other classes are left out.
    """
    own = of_classes(data, classes, absent=True)
    return evaluate(net, own, "test") if len(own.test) else None


def accuracies(after: Evaluation | None, before: Evaluation | None, old: Sequence[str]) -> dict[str, Any]:
    """Figures of a growth, as fractions; None where there were no test samples.

    Args:
        after, before: the grown tree on all classes, and the one before on its own.
        old: the classes that were known before.

    Returns:
        `accuracy` (all classes), `before` (old classes, told among themselves by the tree before), `old` and `new`
        (those classes' samples, told among all), `old_alone` (old samples told among the old classes alone: what is
        lost of it was forgotten, while the rest is that there are more classes to be mistaken for), `forgotten`
        (`before` − `old`).
    """
    found: dict[str, Any] = dict.fromkeys(("accuracy", "before", "old", "new", "old_alone", "forgotten"))
    if before is not None:
        found["before"] = before.accuracy
    if after is None:
        return found
    known = np.array([name in set(old) for name in after.classes])
    is_old = known[after.labels]
    right = after.predictions == after.labels
    found["accuracy"] = after.accuracy
    if is_old.any():
        columns = np.flatnonzero(known)
        alone = columns[after.logits[:, columns].argmax(1)]
        found["old"] = float(right[is_old].mean())
        found["old_alone"] = float((alone == after.labels)[is_old].mean())
    if (~is_old).any():
        found["new"] = float(right[~is_old].mean())
    if found["before"] is not None and found["old"] is not None:
        found["forgotten"] = found["before"] - found["old"]
    return found
