"""`RuleDistillation`: learn from labels and from a teacher that is the net itself, made to heed the rules."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.rules._asking import OwnOpinions
from leveret.rules._check import never_fire
from leveret.rules._contradictions import contradictions
from leveret.rules._ruleset import RuleSet, facts_of
from leveret.rules._teacher import Contradictory, RuleTeacher
from leveret.runtime.rules._posterior import log_posterior
from leveret.training import Batch
from leveret.training._batch import UNLABELLED

__all__ = ["RuleDistillation"]


class RuleDistillation(RuleTeacher):
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
        contradictory: Contradictory = "refuse",
    ) -> None:
        super().__init__(rules, pi=pi, alpha=alpha, contradictory=contradictory)
        if tuple(data.classes) != rules.program.classes:
            raise LeveretUsageError(f"the rules are for the classes {rules.program.classes}, not {tuple(data.classes)}")
        facts = facts_of(data)
        evidence = rules.evidence(facts, data.train.fetch)
        found = contradictions(rules.program, evidence)
        told = f"{len(found):,} of {len(facts):,} training samples break some hard rule whatever their class"
        self._answer(found, contradictory, told, "sample")
        self._tell_silent(never_fire(rules.program, evidence))
        self.opinions = OwnOpinions(rules.program, facts)
        self.register_buffer("evidence", torch.from_numpy(evidence), persistent=False)

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


def _likelihood(log_q: Tensor, labels: Tensor) -> Tensor:
    """−log q(y), the mean over those labels that no hard rule forbids."""
    if not len(labels):
        return 0 * log_q.sum()
    said = log_q.gather(1, labels[:, None])[:, 0]
    allowed = said.isfinite()
    return -said[allowed].mean() if bool(allowed.any()) else 0 * said[:0].sum()
