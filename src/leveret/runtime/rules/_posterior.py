"""The teacher q: what a net says, moved as little as the rules allow.

Posterior regularisation asks for the distribution that is nearest to the net's p and breaks the rules least,

    min over q, ξ ≥ 0:   KL(q ‖ p) + C Σ ξ     with   λ (1 − E_q[r]) ≤ ξ   for every rule,

and for rules of one label it has a closed form:

    q(y) ∝ p(y) exp(−Σ C λ (1 − r(y)))

A hard rule has λ = ∞: what breaks it gets no probability at all, exactly.

Source: Hu et al., ACL 2016, section 3.3, eq. 3 and 4.
"""

from __future__ import annotations

from typing import Any

from leveret.runtime.rules._arrays import library_of, log_sum_exp

__all__ = ["log_posterior"]


def log_posterior(scores: Any, penalties: Any, forbidden: Any) -> Any:
    """log q, `(n, classes)`, of arrays or tensors.

    Args:
        scores: `(n, classes)`: logits, or logarithms of p.
        penalties: `(n, classes)`: Σ C λ (1 − r).
        forbidden: `(n, classes)` bool: by hard rules. Where they forbid all classes of an example they contradict each
            other, and are left out of account there.
    """
    lib = library_of(scores)
    contradictory = forbidden.all(1)[:, None]
    kept = scores - penalties
    never = 0 * lib.ones_like(kept) - float("inf")
    kept = lib.where(forbidden & ~contradictory, never, kept)
    return kept - log_sum_exp(kept, 1)[:, None]
