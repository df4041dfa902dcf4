"""`SequenceRuleDistillation`: a tagger learns from tags and from the teacher q of whole tag sequences."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning
from leveret.rules._check_tags import contradictory_sentences
from leveret.rules._ruleset import RuleSet, facts_of
from leveret.rules._schedule import Schedule
from leveret.runtime.rules._chain import Marginals
from leveret.runtime.rules._chain_costs import pads_of
from leveret.runtime.rules._chain_posterior import chain_best, chain_posterior
from leveret.runtime.rules._lists import enumerations
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


class SequenceRuleDistillation(nn.Module):
    """What `RuleDistillation` is for one label, for the tags of sequences.

        loss = (1 − π) CE(y, p) + π CE(q, p)

    p is the tagger's distribution over whole sequences, q the nearest one that heeds the rules, by dynamic programming:
    rules of a tag and its words, of neighbouring tags (hard ones exactly), and of enumerated lists. Both parts are of
    whole sequences, `CE(q, p) = log Z − E_q[s(y)]`, the mean over the batch's sentences divided by no length. A
    sentence of which any token has no tag (−100) learns from q alone.

    Source: Hu et al., ACL 2016, section 4.2 and Algorithm 1. Where we deviate: the tagger has a chain of its own (there
    the tags of a BLSTM were independent of each other), and the list rule is exact (there it was sampled).

    Args:
        rules: of tags, for the data's tags.
        data: sentences with tags, of kind "tag".
        pi, alpha: as for `RuleDistillation`.
        contradictory: where hard rules leave a sentence no tags: "refuse" or "drop".

    Raises:
        LeveretUsageError: an argument out of range, or rules for other tags or of one label.
        LeveretDataError: contradictory hard rules.
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
        if not rules.program.tags or tuple(data.classes) != rules.program.classes:
            raise LeveretUsageError("the rules must be of tags, and of the data's tags")
        if any(rule.learned for rule in rules.program.rules):
            raise LeveretUsageError("weights of rules of tags can't be learned yet: give them by weight …")
        self.rules = rules
        facts = facts_of(data)
        self.evidence = rules.token_evidence(facts)
        self.lists = _lists(rules, facts.tokens or ())
        self.contradictions = contradictory_sentences(rules.program, self.evidence)
        if self.contradictions:
            told = f"hard rules leave {len(self.contradictions):,} of {len(facts):,} sentences no tags"
            first = self.contradictions[0]
            told += f", the first is sentence {first.example} (from 0) by {' and '.join(map(repr, first.rules))}"
            if contradictory == "refuse":
                raise LeveretDataError(f"{told}. Make one soft or narrower, or drop them there: contradictory='drop'")
            warnings.warn(LeveretWarning(f"{told}; they are left out of account there"), stacklevel=2)

    def set_epoch(self, epoch: int, epochs: int) -> None:
        """Called by `fit` at the start of each epoch, from 0."""
        self.schedule.epoch = epoch

    def forward(self, net: Any, batch: Batch) -> dict[str, Tensor]:
        emissions = net(batch.inputs)
        batch.logits = emissions.transpose(1, 2)
        lengths = net.lengths(batch.inputs)
        log_z = net.crf.log_partition(emissions, lengths)
        labels, share = _padded(batch.labels, emissions.shape[1]), self.schedule.share
        there = torch.arange(emissions.shape[1])[None] < lengths[:, None]
        known = ((labels != UNLABELLED) | ~there).all(1)
        truth = nn.functional.one_hot(labels.clamp(min=0), emissions.shape[2]) * there[:, :, None]
        unary, pair = chain_of(net, emissions, lengths)
        pairs = truth[:, :-1, :, None] * truth[:, 1:, None, :]
        of_labels = (log_z - _expected(truth, pairs, unary, pair))[known]
        losses = {"labels": (1 - share) * (of_labels.mean() if len(of_labels) else 0 * log_z.sum())}
        losses["teacher"] = 0 * log_z.sum()
        if share:
            q = self._teacher(unary.detach(), pair.detach(), lengths, batch.indices)
            losses["teacher"] = share * (log_z - _expected(q.tags, q.pairs, unary, pair)).mean()
        return losses

    def _teacher(self, unary: Tensor, pair: Tensor, lengths: Tensor, indices: Tensor) -> Marginals:
        chosen = indices.tolist()
        evidence = torch.from_numpy(pads_of([self.evidence[i] for i in chosen], len(self.rules.program.evidence)))
        lists = [self.lists[i] for i in chosen]
        with torch.no_grad():
            evidence = evidence[:, : unary.shape[1]]
            return chain_posterior(self.rules.program, unary.double(), pair.double(), lengths, evidence, lists)

    def __repr__(self) -> str:
        return f"SequenceRuleDistillation({self.rules!r}, {self.schedule})"


def chain_of(net: Any, emissions: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """A tagger's scores as one chain: `(batch, longest, K)` with start and end, and pairs `(1, 1, K, K)`."""
    start, transitions, end = net.crf.scores()
    places = torch.arange(emissions.shape[1])[None]
    first, last = (places == 0)[:, :, None], (places == lengths[:, None] - 1)[:, :, None]
    return emissions + first * start + last * end, transitions[None, None]


def tag_by_rules(net: Any, rules: RuleSet, sentences: Sequence[Sequence[str]]) -> list[NDArray[np.int64]]:
    """q's best tags of sentences, `(tokens,)` each: no hard rule is ever broken.

    Args:
        net: a `Tagger`, put in eval mode meanwhile.
        rules: of its tags.
        sentences: lists of tokens.
    """
    from leveret.runtime.rules import Facts

    was_training = net.training
    net.eval()
    found: list[NDArray[np.int64]] = []
    try:
        # pairs of tags at each place of all sentences at once would fill the memory
        for start in range(0, len(sentences), _AT_ONCE):
            part = sentences[start : start + _AT_ONCE]
            evidence = rules.token_evidence(Facts(len(part), None, part))
            with torch.no_grad():
                emissions, lengths = net(part), net.lengths(part)
                unary, pair = (scores.detach().numpy() for scores in chain_of(net, emissions, lengths))
            padded = pads_of(evidence, len(rules.program.evidence))[:, : emissions.shape[1]]
            paths = chain_best(rules.program, unary, pair, lengths.numpy(), padded, _lists(rules, part))
            found += [path[:n] for path, n in zip(paths, lengths.tolist(), strict=True)]
    finally:
        net.train(was_training)
    return found


def _lists(rules: RuleSet, sentences: Sequence[Sequence[str]]) -> list[list[list[int]]]:
    asked = any(rule.agree for rule in rules.program.rules)
    return [enumerations(tokens) if asked else [] for tokens in sentences]


def _expected(tags: Tensor, pairs: Tensor, unary: Tensor, pair: Tensor) -> Tensor:
    """The expected score of each sequence, `(batch,)`, under probabilities of tags and pairs."""
    # a forbidden transition of the net's own has a finite score, so that 0 times it is 0
    return (tags * unary).sum((1, 2)).to(unary) + (pairs * pair).sum((1, 2, 3)).to(unary)


def _padded(labels: Tensor, longest: int) -> Tensor:
    short = longest - labels.shape[1]
    return labels[:, :longest] if short <= 0 else nn.functional.pad(labels, (0, short), value=UNLABELLED)
