"""Whether a packed net gives places the scores that PyTorch gives them, as far as float32 tells.

Scores have no size of their own, so they are compared relative to their largest. That fails where the coarse prediction
is sure of all images: there the gradient `−o_l (log o_l + H)` of the entropy is a difference of near numbers, and what
is left of it is rounding. How much that can be follows from the top: a rounding by δ of the logits, and of `log o`, H
and 1 that are subtracted, moves the gradient at logit l by at most `o_l (1 + |log o_l + H|) δ`, and hence the score of
a place by that times the norm of logit l's own gradient there, summed over l. Differences below are rounding.

A score that drowns in rounding says nothing about the packing. So such a net is compared on fainter features too, which
it isn't sure of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leveret.packing._compare import TOLERANCE, compare
from leveret.runtime.routes import PackedCapacity
from leveret.shrink.binary import by_floats_alone

if TYPE_CHECKING:
    from leveret.capacity import DynamicCapacityNet, Look

__all__ = ["check_scores", "rounding"]

Floor = Callable[[], "NDArray[np.float32] | np.float32"]

# roundings of a logit or of its softmax, in sums of many terms, in units of the last place of the largest
_ROUNDINGS = 8
_FAINTEST = 2.0**-24


def check_scores(net: DynamicCapacityNet, packed: PackedCapacity, example: Tensor, look: Look) -> None:
    """Compare the scores of places of an example.

    Raises:
        LeveretPackError: they differ by more than rounding.
    """
    from leveret.capacity import CoarseConfidence, EntropyGradient
    from leveret.capacity._glance import Glance

    part, title = packed.parts["saliency"], type(net).__name__
    places = packed.grid[0] * packed.grid[1]

    def compared(expected: Tensor, asked: Tensor, floor: Floor) -> bool:
        """Whether the scores are more than rounding."""
        scores = expected.detach().flatten(1).numpy()
        found = part.results(np.ascontiguousarray(asked.detach().numpy()), 0)[:, -places:]
        size = max(float(np.abs(scores).max()), 1e-30)
        if np.abs(found - scores).max() <= TOLERANCE * size:
            return True
        explained = floor()
        rest = found - np.clip(found - scores, -explained, explained)
        compare(scores / size, rest / size, part.graph.steps, title, "scores of places", level=7)
        return False

    if type(net.selector) not in (CoarseConfidence, EntropyGradient):
        compared(look.saliency, example if packed.asks_images else _last(look.coarse), lambda: np.float32(0))
        return
    weighted = type(net.selector) is CoarseConfidence
    features = look.coarse.detach()
    if not compared(look.saliency, _last(features), lambda: rounding(net.top, features, weighted=weighted)):
        fainter = _faint(net.top, features)
        with by_floats_alone():
            scores = net.selector(Glance(example, fainter, net.top, net.geometry))
        compared(scores, _last(fainter), lambda: rounding(net.top, fainter, weighted=weighted))


def _last(features: Tensor) -> Tensor:
    """Channels last, as the runtime has them."""
    return features.permute(0, 2, 3, 1)


def rounding(top: nn.Module, features: Tensor, *, weighted: bool) -> NDArray[np.float32]:
    """How far rounding may move each place's score, `(batch, places)`.

    Args:
        top: in eval mode.
        features: `(batch, D, rows, columns)`.
        weighted: whether a score is the gradient times the features rather than its norm.
    """
    with torch.enable_grad(), by_floats_alone():
        features = features.detach().clone().requires_grad_()
        logits = top(features).float()
        log_o = logits.detach().double().log_softmax(1)
        o = log_o.exp()
        entropy = -(o * log_o).sum(1, keepdim=True)
        unit = _ROUNDINGS * torch.finfo(torch.float32).eps * (1 + logits.detach().abs().amax(1, keepdim=True))
        moved = o * (1 + (log_o + entropy).abs()) * unit
        total = torch.zeros_like(features[:, 0])
        for label in range(logits.shape[1]):
            (one,) = torch.autograd.grad(logits[:, label].sum(), features, retain_graph=True)
            size = (one * features.detach()).abs().sum(1) if weighted else torch.linalg.vector_norm(one, dim=1)
            total += size * moved[:, label, None, None].float()
    return total.detach().flatten(1).numpy()


def _faint(top: Callable[[Tensor], Tensor], features: Tensor) -> Tensor:
    """The features, halved until the top is as good as undecided about each image between at least two classes."""
    scale = 1.0
    with torch.no_grad(), by_floats_alone():
        while scale > _FAINTEST:
            # halving is exact, so that equal features stay equal, and the largest the largest
            scale /= 2
            if float(top(features * scale).float().softmax(1).amax()) < 0.75:
                break
    return features * scale
