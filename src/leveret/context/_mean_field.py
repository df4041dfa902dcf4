"""`mean_field`: the updates that turn each pixel's own opinion into one that fits the others'."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from leveret.context._filters import Filter

__all__ = ["mean_field"]


def mean_field(
    unary: Tensor,
    messages: Sequence[Filter],
    weights: Sequence[Tensor],
    compatibility: Tensor,
    iterations: int,
) -> Tensor:
    """The logarithms of the marginals Q of one image's pixels after some updates of all at once.

    `Q_i(l) ∝ exp(−ψ_i(l) − Σ_l' μ(l, l') Σ_m w_m(l') Σ_{j≠i} k_m(i, j) Q_j(l'))` (Krähenbühl and Koltun, algorithm 1);
    at first Q is the unary potentials' own.

    Args:
        unary: `(classes, height, width)`, −ψ: logits or their logarithms of softmax.
        messages: of each kernel, from `message_of`.
        weights: of each kernel, one number or one a class `(classes,)`.
        compatibility: μ, `(classes, classes)`.
        iterations: updates, at least 1.
    """
    log_q = F.log_softmax(unary, 0)
    for _ in range(iterations):
        q = log_q.exp()
        heard = sum(weight.view(-1, 1, 1) * message(q) for weight, message in zip(weights, messages, strict=True))
        assert isinstance(heard, Tensor)
        pairwise = (compatibility @ heard.flatten(1)).view_as(unary)
        log_q = F.log_softmax(unary - pairwise, 0)
    return log_q
