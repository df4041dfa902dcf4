"""`RuleDistillation`: learn from labels and from a teacher that is the net itself, made to heed the rules."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning
from leveret.rules._asking import OwnOpinions
from leveret.rules._check import never_fire
from leveret.rules._contradictions import Contradiction, contradictions
from leveret.rules._ruleset import RuleSet, facts_of
from leveret.rules._schedule import Schedule
from leveret.runtime.rules._posterior import log_posterior
from leveret.training import Batch
from leveret.training._batch import UNLABELLED

__all__ = ["RuleDistillation"]

_NAMED = 3


class RuleDistillation(nn.Module):
    """Cross-entropy with the labels and with q, the net's own p as the rules would have it.

        loss = (1 − π) CE(y, p) + π CE(q, p)        q(y) ∝ p(y) exp(−Σ C λ (1 − r(y)))

    In epoch t, from 0, π = min(pi, 1 − alpha^t): at first labels teach, then more and more the rules. q is made anew
    from each batch's p, and is no gradient's way. Samples without a label (−100) learn from q alone.

    Both are there in the end: the net gives p, which is small and packs as any net; `leveret.rules.posterior` gives
    both on a part of the data. q heeds every hard rule exactly.

    The losses are "labels", the mean over the batch's labelled samples times 1 − π, and "teacher", the mean over all
    times π; and "weights" where λ is learned.

    Learned weights (`rule NAME learned:`) maximise the likelihood of the labels under q, with the net's p held fixed:
    `∂ log q(y) / ∂λ = C (E_q[1 − r] − (1 − r(y)))`.

    Source: Hu et al., ACL 2016, Algorithm 1, eq. 2 and 4; learned weights after Hu, Yang, Salakhutdinov & Xing, "Deep
    neural networks with massive learned knowledge", EMNLP 2016, section 3.2. Where we deviate: t counts epochs rather
    than steps, so that a resumed run is the same; and the rules' truths that the net gives are asked in eval mode.

    Args:
        rules: for the data's classes.
        data: what is trained on; the rules are asked of its training part, once.
        pi: the largest share of the teacher, in [0, 1].
        alpha: how fast it grows, in [0, 1); 0 for `pi` from the second epoch on.
        contradictory: where hard rules leave an example no class: "refuse", an error before any training, or "drop",
            a warning, and the hard rules are left out of account on these examples.

    Raises:
        LeveretUsageError: an argument out of range, or rules for other classes.
        LeveretDataError: contradictory hard rules; a column or function that gives something else than a rule asks.

    Warns:
        LeveretWarning: a rule that never fires; dropped contradictions.

    Example:
        >>> rules = read_rules("expert.rules", data)
        >>> result = leveret.fit(net, data, objective=RuleDistillation(rules, data))
        >>> both = posterior(net, rules, data)
        >>> both.p.accuracy, both.q.accuracy
    """

    def __init__(
        self,
        rules: RuleSet,
        data: Any,
        *,
        pi: float = 0.9,
        alpha: float = 0.8,
        contradictory: Literal["refuse", "drop"] = "refuse",
    ) -> None:
        super().__init__()
        self.schedule = Schedule(pi, alpha)
        if contradictory not in ("refuse", "drop"):
            raise LeveretUsageError(f"contradictory must be 'refuse' or 'drop', got {contradictory!r}")
        if tuple(data.classes) != rules.program.classes:
            raise LeveretUsageError(f"the rules are for the classes {rules.program.classes}, not {tuple(data.classes)}")
        self.rules = rules
        facts = facts_of(data)
        evidence = rules.evidence(facts, data.train.fetch)
        self.contradictions = contradictions(rules.program, evidence)
        if self.contradictions:
            self._contradictory(contradictory, len(facts))
        for name in never_fire(rules.program, evidence):
            warnings.warn(LeveretWarning(f"rule {name!r} never fires on the training part"), stacklevel=2)
        self.opinions = OwnOpinions(rules.program, facts)
        self.register_buffer("evidence", torch.from_numpy(evidence), persistent=False)
        learned = [rule.learned for rule in rules.program.rules]
        self.register_buffer("learned", torch.tensor(learned), persistent=False)
        # softplus keeps weights above 0
        start = [math.log(math.expm1(max(rule.weight or 0.0, 1e-3))) for rule in rules.program.rules]
        self.free = nn.Parameter(torch.tensor(start)) if any(learned) else None

    @property
    def share(self) -> float:
        """π of this epoch."""
        return self.schedule.share

    @property
    def weights(self) -> Tensor:
        """λ of each rule, `(rules,)`: what was learned, or as given; 0 for hard ones."""
        given = torch.from_numpy(self.rules.program.weights).float()
        if self.free is None:
            return given
        return torch.where(self.learned, F.softplus(self.free), given.to(self.free.device))  # type: ignore[arg-type]

    def taught(self) -> RuleSet:
        """The rules with the weights that were learned."""
        return self.rules.with_weights([float(weight) for weight in self.weights.detach()])

    def outcome(self) -> dict[str, Any]:
        """What a finished training leaves of it, as plain values."""
        return {"weights": [float(w) for w in self.weights.detach()], "dropped": len(self.contradictions)}

    def set_epoch(self, epoch: int, epochs: int) -> None:
        """Called by `fit` at the start of each epoch, from 0."""
        self.schedule.epoch = epoch

    def forward(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        batch.logits = net(batch.inputs)
        logits = batch.logits if batch.logits.dtype == torch.float64 else batch.logits.float()
        log_p = logits.log_softmax(1)
        known = batch.labels != UNLABELLED
        labels = F.nll_loss(log_p[known], batch.labels[known]) if bool(known.any()) else 0 * log_p.sum()
        losses = {"labels": (1 - self.share) * labels, "teacher": 0 * labels}
        if not self.share and self.free is None:
            return losses
        log_q, with_weights = self._teacher(net, batch, log_p.detach())
        losses["teacher"] = -self.share * (log_q.exp() * log_p).sum(1).mean()
        if self.free is not None:
            losses["weights"] = _likelihood(with_weights[known], batch.labels[known])
        return losses

    def _teacher(self, net: nn.Module, batch: Batch, log_p: Tensor) -> tuple[Tensor, Tensor]:
        """log q of the batch, `(n, classes)`: without a gradient, and with one to the weights."""
        evidence = self.evidence[batch.indices]  # type: ignore[index]
        truths = self.rules.program.truths(self.opinions.fill(evidence, net, log_p, batch.indices))
        log_q = log_posterior(log_p, *self.rules.program.penalties(truths, self.weights))
        return log_q.detach(), log_q

    def _contradictory(self, what: str, samples: int) -> None:
        told = f"{len(self.contradictions):,} of {samples:,} training samples break some hard rule whatever their class"
        told += ": " + "; ".join(map(_in_words, self.contradictions[:_NAMED]))
        told += f"; and {len(self.contradictions) - _NAMED:,} more" if len(self.contradictions) > _NAMED else ""
        if what == "refuse":
            raise LeveretDataError(
                f"{told}. Make one of them soft or narrower, or leave hard rules out of account there: "
                "contradictory='drop' (--contradictory drop)"
            )
        warnings.warn(LeveretWarning(f"{told}. Hard rules are left out of account there"), stacklevel=3)

    def __repr__(self) -> str:
        return f"RuleDistillation({self.rules!r}, {self.schedule})"


def _in_words(found: Contradiction) -> str:
    return f"sample {found.example} (from 0) by {' and '.join(map(repr, found.rules))}"


def _likelihood(log_q: Tensor, labels: Tensor) -> Tensor:
    """−log q(y), the mean over those labels that no hard rule forbids."""
    if not len(labels):
        return 0 * log_q.sum()
    said = log_q.gather(1, labels[:, None])[:, 0]
    allowed = said.isfinite()
    return -said[allowed].mean() if bool(allowed.any()) else 0 * said[:0].sum()
