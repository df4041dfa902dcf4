"""How a tree answers: a branch picks children by their summed confidences, and they tell the class.

    p(c) = p_B(g) · p_g(c)        c in group g;  p_B(g) = Σ p_B(c')  over the group's classes c'

With `beams` = b only the b children that a branch is surest of are run for a sample, one in the paper. A class of any
other group keeps the branch's own confidence, but never one above the best of those that were run, so that the answer
comes from a child that was picked.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from leveret.errors import LeveretUsageError
from leveret.grow._node import Node

__all__ = ["MARGIN", "log_confidences"]

# by how much, in nats, a class that was not looked into stays below the best that was; more than a rounding
MARGIN = 1e-3


def log_confidences(node: Node, x: Any, beams: int | None, blend: float) -> Tensor:
    """The logarithm of each class's probability, `(batch, len(node.classes))` float32, in the node's order.

    Args:
        node: of a tree.
        x: a batch as the nets take it, a tensor or a list of texts.
        beams: children run at most, for a sample, at each branch; None runs all.
        blend: β in [0, 1): a child's log probabilities within its group count 1 − β, the branch's own β.
    """
    if node.net is None:
        return torch.zeros(len(x), 1)
    own = torch.log_softmax(_logits(node, x).float(), 1)
    if node.is_leaf:
        return own
    number = len(node.children_)
    groups = torch.stack([own[:, node.columns(g)].logsumexp(1) for g in range(number)], 1)
    most = number if beams is None else min(beams, number)
    chosen = torch.zeros_like(groups, dtype=torch.bool).scatter_(1, groups.topk(most, 1).indices, True)
    explored = torch.zeros_like(own, dtype=torch.bool)
    found = own
    for g, child in enumerate(node.nodes):
        rows = chosen[:, g].nonzero()[:, 0]
        if not len(rows):
            continue
        columns = torch.tensor(node.columns(g))
        sure = groups[rows, g, None]
        within = log_confidences(child, _taken(x, rows), beams, blend)
        if blend:
            # the geometric mean of both, made to sum to 1 again
            within = torch.log_softmax((1 - blend) * within + blend * (own[rows][:, columns] - sure), 1)
        places = (rows[:, None], columns[None, :])
        found = found.index_put(places, sure + within)
        explored[places] = True
    if most == number:
        return found
    best = found.masked_fill(~explored, -torch.inf).amax(1, keepdim=True)
    return torch.log_softmax(torch.where(explored, found, found.minimum(best - MARGIN)), 1)


def _logits(node: Node, x: Any) -> Tensor:
    assert node.net is not None
    logits = node.net(x)
    if logits.dim() != 2 or logits.shape[1] != len(node.classes):
        raise LeveretUsageError(
            f"a node of {len(node.classes)} classes must have a net with as many logits, it gives {tuple(logits.shape)}"
        )
    return logits


def _taken(x: Any, rows: Tensor) -> Any:
    return x[rows] if isinstance(x, Tensor) else [x[i] for i in rows.tolist()]
