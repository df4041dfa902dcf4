"""`LinearChainCRF`: scores of whole tag sequences, whose neighbours depend on each other.

A sequence y of tags has the score

    s(y) = a_{y_1} + Σ_t e_{t,y_t} + Σ_t A_{y_t,y_{t+1}} + b_{y_n}

of emissions e, which a net gives for each place, and learned transitions A, start a and end b. Its probability is
exp(s(y) − log Z), where Z sums over all K^n sequences; the forward recursion does so in n K² steps, and Viterbi's finds
the best one as quickly.

Source: Lafferty, McCallum and Pereira, "Conditional Random Fields", ICML 2001, section 3; Rabiner, "A Tutorial on
Hidden Markov Models", 1989, sections III.A and III.B.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.nets._checks import positive
from leveret.nets._padded import inside
from leveret.text._schemes import Transitions

__all__ = ["LinearChainCRF"]

FORBIDDEN = -1e4


class LinearChainCRF(nn.Module):
    """Transitions between tags, and what follows from them and from emissions: log Z, likelihoods, the best sequence.

    All methods take `emissions` `(batch, longest, num_tags)` float and `lengths` `(batch,)` int64, 0 to `longest`;
    what stands behind a sequence's end is not looked at. A sequence of no place has log Z = 0.

    Args:
        num_tags: K.
        allowed: which tags may begin, follow each other and end, see `text.allowed_transitions`; what it forbids
            scores −10,000 whatever is learned. None allows all.

    Attributes:
        start, end: `(K,)`; learned.
        transitions: `(K, K)`: of row i, column j: from tag i to tag j; learned.

    Raises:
        LeveretUsageError: an argument out of range; when called, shapes that don't fit.
    """

    def __init__(self, num_tags: int, allowed: Transitions | None = None) -> None:
        super().__init__()
        positive(num_tags=num_tags)
        self.num_tags = num_tags
        self.start = nn.Parameter(torch.zeros(num_tags))
        self.transitions = nn.Parameter(torch.empty(num_tags, num_tags).uniform_(-0.1, 0.1))
        self.end = nn.Parameter(torch.zeros(num_tags))
        self.constrained = allowed is not None
        if allowed is not None:
            for name, part, shape in zip(
                ("start", "between", "end"), allowed, (self.start, self.transitions, self.end), strict=True
            ):
                if part.shape != shape.shape:
                    raise LeveretUsageError(f"allowed.{name} must be {tuple(shape.shape)}, got {part.shape}")
                self.register_buffer(f"_{name}", torch.from_numpy(part))

    def scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Start `(K,)`, transitions `(K, K)` and end `(K,)`, with what is forbidden."""
        if not self.constrained:
            return self.start, self.transitions, self.end
        forbidden = torch.tensor(FORBIDDEN, device=self.start.device)
        pairs = ((self._start, self.start), (self._between, self.transitions), (self._end, self.end))
        first, between, last = (torch.where(allowed, score, forbidden) for allowed, score in pairs)  # type: ignore[arg-type]
        return first, between, last

    def log_partition(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """log Z of each sequence, `(batch,)`, by the forward recursion."""
        self._check(emissions, lengths)
        start, transitions, end = self.scores()
        if not emissions.shape[1]:
            return emissions.new_zeros(len(emissions))
        alpha = start + emissions[:, 0]
        # a place at which all sequences still run needs no choice
        shortest = int(lengths.min())
        for t in range(1, emissions.shape[1]):
            after = torch.logsumexp(alpha.unsqueeze(2) + transitions, 1) + emissions[:, t]
            alpha = after if t < shortest else torch.where((lengths > t).unsqueeze(1), after, alpha)
        total = torch.logsumexp(alpha + end, 1)
        return total if shortest else torch.where(lengths > 0, total, 0.0)

    def score(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """s(y) of each sequence of tags `(batch, longest)` int64, `(batch,)`."""
        self._check(emissions, lengths)
        if tags.shape != emissions.shape[:2]:
            raise LeveretUsageError(f"tags must be {tuple(emissions.shape[:2])}, got {tuple(tags.shape)}")
        start, transitions, end = self.scores()
        if not emissions.shape[1]:
            return emissions.new_zeros(len(emissions))
        there = inside(lengths, tags.shape[1])
        tags = tags.clamp(min=0)
        places = (emissions.gather(2, tags.unsqueeze(2)).squeeze(2) * there).sum(1)
        pairs = (transitions[tags[:, :-1], tags[:, 1:]] * there[:, 1:]).sum(1)
        last = tags.gather(1, (lengths - 1).clamp(min=0).unsqueeze(1)).squeeze(1)
        return places + pairs + (start[tags[:, 0]] + end[last]) * there[:, 0]

    def negative_log_likelihood(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """log Z − s(y), `(batch,)`: in nats a sequence."""
        return self.log_partition(emissions, lengths) - self.score(emissions, tags, lengths)

    def marginals(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """The probability of each tag at each place, `(batch, longest, K)`, 0 behind the end; without gradient.

        They are the gradient of log Z by the emissions, which is what forward and backward recursions compute.
        """
        with torch.enable_grad():
            leaf = emissions.detach().requires_grad_(True)
            total = self.log_partition(leaf, lengths).sum()
            return torch.autograd.grad(total, leaf)[0] if total.requires_grad else torch.zeros_like(leaf)

    @torch.no_grad()
    def decode(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """The best sequence of each, `(batch, longest)` int64, −100 behind its end (Viterbi; of equals the first)."""
        self._check(emissions, lengths)
        start, transitions, end = self.scores()
        batch, longest, _ = emissions.shape
        paths = torch.full((batch, longest), -100, dtype=torch.int64, device=emissions.device)
        if not longest:
            return paths
        best = start + emissions[:, 0]
        back = torch.empty(longest, batch, self.num_tags, dtype=torch.int64, device=emissions.device)
        for t in range(1, longest):
            value, back[t] = (best.unsqueeze(2) + transitions).max(1)
            best = torch.where((lengths > t).unsqueeze(1), value + emissions[:, t], best)
        tag = (best + end).argmax(1)
        for t in range(longest - 1, -1, -1):
            runs = lengths > t
            if t + 1 < longest:
                before = back[t + 1].gather(1, tag.unsqueeze(1)).squeeze(1)
                tag = torch.where(lengths > t + 1, before, tag)
            paths[:, t] = torch.where(runs, tag, -100)
        return paths

    def extra_repr(self) -> str:
        return f"{self.num_tags} tags" + (", constrained" if self.constrained else "")

    def _check(self, emissions: Tensor, lengths: Tensor) -> None:
        if emissions.dim() != 3 or emissions.shape[2] != self.num_tags:
            raise LeveretUsageError(
                f"emissions must be (batch, longest, {self.num_tags}), got {tuple(emissions.shape)}"
            )
        if lengths.shape != emissions.shape[:1]:
            raise LeveretUsageError(f"lengths must be ({len(emissions)},), got {tuple(lengths.shape)}")
