"""`SequenceRuleDistillation`: a tagger learns from tags and from the teacher q of whole tag sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.rules._check_tags import contradictory_sentences, never_fire
from leveret.rules._likelihood import likelihoods
from leveret.rules._ruleset import RuleSet, facts_of
from leveret.rules._teacher import Contradictory, RuleTeacher
from leveret.runtime.rules._chain_costs import pads_of
from leveret.runtime.rules._chain_posterior import ChainPosterior, chain_posterior
from leveret.runtime.rules._facts import Facts
from leveret.runtime.rules._heeded_tags import tags_by
from leveret.runtime.rules._lists import lists_of
from leveret.training import Batch
from leveret.training._batch import UNLABELLED

__all__ = ["SequenceRuleDistillation", "Tagger", "chain_of", "tag_by_rules"]


_AT_ONCE = 64


class Chain(Protocol):
    """Scores of tags that follow each other, as a linear-chain CRF has them."""

    def scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Start `(K,)`, transitions `(K, K)`, end `(K,)`."""
        ...

    def log_partition(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """log Z, `(batch,)`, with a gradient."""
        ...


class Tagger(Protocol):
    """A net of sequences, such as `leveret.nets.SequenceTagger`.

    Attributes:
        crf: scores of neighbours.
    """

    crf: Chain

    def __call__(self, x: Any, /) -> Tensor:
        """Emissions `(batch, longest, K)` of sentences."""
        ...

    def lengths(self, x: Any, /) -> Tensor:
        """How many tokens each sentence has, `(batch,)`."""
        ...


class SequenceRuleDistillation(RuleTeacher):
    """What `RuleDistillation` is for one label, for the tags of sequences.

        loss = (1 − π) CE(y, p) + π CE(q, p)

    p is the tagger's distribution over whole sequences, q the nearest one that heeds the rules, by dynamic programming:
    rules of a tag and its words, of neighbouring tags (hard ones exactly), and of enumerated lists. Both parts are of
    whole sequences, `CE(q, p) = log Z − E_q[s(y)]`, the mean over the batch's sentences divided by no length. A
    sentence of which any token has no tag (−100) learns from q alone.

    Learned weights (`rule NAME learned:`) maximise the likelihood of the tags under q, as for one label, by the loss
    "weights": `∂ log q(y) / ∂λ = C (E_q[Σ (1 − r)] − Σ (1 − r(y)))`, summed over a sentence's groundings.

    Source: Hu et al., ACL 2016, section 4.2 and Algorithm 1. Where we deviate: the tagger has a chain of its own (there
    the tags of a BLSTM were independent of each other), and the list rule is exact (there it was sampled).

    Args:
        rules: of tags, for the data's tags.
        data: sentences with tags, of kind "tag".
        pi, alpha: as for `RuleDistillation`.
        contradictory: where hard rules leave a sentence no tags: "refuse" or "drop".

    Raises:
        LeveretUsageError: an argument out of range, or rules for other tags or of one label; when called, a net
            without a `crf`.
        LeveretDataError: contradictory hard rules.

    Warns:
        LeveretWarning: a rule that never fires; dropped contradictions.
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
        if not rules.program.tags or tuple(data.classes) != rules.program.classes:
            raise LeveretUsageError("the rules must be of tags, and of the data's tags")
        facts = facts_of(data)
        self.evidence = rules.token_evidence(facts)
        self.lists = lists_of(rules.program, facts.tokens or ())
        found = contradictory_sentences(rules.program, self.evidence)
        self._answer(
            found, contradictory, f"hard rules leave {len(found):,} of {len(facts):,} sentences no tags", "sentence"
        )
        self._tell_silent(never_fire(rules.program, self.evidence, self.lists))

    def forward(self, net: Any, batch: Batch) -> dict[str, Tensor]:
        if not hasattr(net, "crf"):
            raise LeveretUsageError(
                f"rules of tags teach a net with a chain of tags, its crf, as SequenceTagger has one; a "
                f"{type(net).__name__} has none"
            )
        emissions = net(batch.inputs)
        batch.logits = emissions.transpose(1, 2)
        lengths = net.lengths(batch.inputs)
        log_z = net.crf.log_partition(emissions, lengths)
        labels, share = _padded(batch.labels, emissions.shape[1]), self.schedule.share
        there = torch.arange(emissions.shape[1])[None] < lengths[:, None]
        known = ((labels != UNLABELLED) | ~there).all(1)
        unary, pair = chain_of(net, emissions, lengths)
        of_labels = (log_z - _score(labels.clamp(min=0), there, unary, pair))[known]
        losses = {"labels": (1 - share) * (of_labels.mean() if len(of_labels) else 0 * log_z.sum())}
        losses["teacher"] = 0 * log_z.sum()
        if not share and self.free is None:
            return losses
        given = self._asked(unary, pair, lengths, batch.indices)
        q = chain_posterior(self.rules.program, **given)
        losses["teacher"] = share * (log_z - _expected(q, unary, pair)).mean()
        if self.free is not None:
            losses["weights"] = self._likelihood(q, given, labels.numpy(), known.numpy())
        return losses

    def _asked(self, unary: Tensor, pair: Tensor, lengths: Tensor, indices: Tensor) -> dict[str, Any]:
        """What `chain_posterior` takes of a batch."""
        chosen = indices.tolist()
        evidence = pads_of([self.evidence[i] for i in chosen], len(self.rules.program.evidence))
        return {
            "unary": unary.detach().numpy(),
            "pair": pair.detach().numpy(),
            "lengths": lengths.numpy(),
            "evidence": evidence[:, : unary.shape[1]],
            "lists": [self.lists[i] for i in chosen],
            "weights": self.weights.detach().numpy(),
        }

    def _likelihood(
        self, q: ChainPosterior, given: dict[str, Any], labels: NDArray[np.int64], known: NDArray[np.bool_]
    ) -> Tensor:
        """−log q(y), the mean over those sentences with tags that no hard rule forbids; with a gradient to weights."""
        weights = self.weights
        found, gradient = likelihoods(self.rules.program, q, labels=labels, **given)
        allowed = known & np.isfinite(found)
        if not allowed.any():
            return 0 * weights.sum()
        slope = -(weights * torch.from_numpy(gradient[allowed].mean(0)).to(weights)).sum()
        return slope - slope.detach() - float(found[allowed].mean())


def chain_of(net: Any, emissions: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """A tagger's scores as one chain: `(batch, longest, K)` with start and end, and pairs `(1, 1, K, K)`."""
    start, transitions, end = net.crf.scores()
    places = torch.arange(emissions.shape[1])[None]
    first, last = (places == 0)[:, :, None], (places == lengths[:, None] - 1)[:, :, None]
    return emissions + first * start + last * end, transitions[None, None]


def tag_by_rules(
    net: Any,
    rules: RuleSet,
    sentences: Sequence[Sequence[str]],
    columns: Mapping[str, Sequence[Any]] | None = None,
) -> list[NDArray[np.int64]]:
    """q's best tags of sentences, `(tokens,)` each: no hard rule is ever broken.

    Args:
        net: a `Tagger`, put in eval mode meanwhile.
        rules: of its tags.
        sentences: lists of tokens.
        columns: what else is known of them, a value a sentence.
    """
    evidence = rules.token_evidence(Facts(len(sentences), None, sentences, dict(columns or {})))
    was_training = net.training
    net.eval()
    emissions: list[NDArray[np.float32]] = []
    try:
        with torch.no_grad():
            for start in range(0, len(sentences), _AT_ONCE):
                part = sentences[start : start + _AT_ONCE]
                pairs = zip(net(part).numpy(), net.lengths(part).tolist(), strict=True)
                emissions += [own[:n] for own, n in pairs]
            first, between, last = (part.detach().numpy() for part in net.crf.scores())
    finally:
        net.train(was_training)
    return tags_by(rules.program, emissions, (first, between, last), evidence, lists_of(rules.program, sentences))


def _score(labels: Tensor, there: Tensor, unary: Tensor, pair: Tensor) -> Tensor:
    """The score of each sequence of tags, `(batch,)`."""
    places = (unary.gather(2, labels[:, :, None])[:, :, 0] * there).sum(1)
    return places + (pair[0, 0][labels[:, :-1], labels[:, 1:]] * there[:, 1:]).sum(1)


def _expected(q: ChainPosterior, unary: Tensor, pair: Tensor) -> Tensor:
    """The expected score of each sequence under q, `(batch,)`."""
    # a forbidden transition of the net's own has a finite score, so that 0 times it is 0
    tags, pairs = (torch.from_numpy(part).to(unary) for part in (q.tags, q.pairs.sum(1)))
    return (tags * unary).sum((1, 2)) + (pairs * pair[0]).sum((1, 2))


def _padded(labels: Tensor, longest: int) -> Tensor:
    short = longest - labels.shape[1]
    return labels[:, :longest] if short <= 0 else nn.functional.pad(labels, (0, short), value=UNLABELLED)
