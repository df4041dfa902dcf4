"""The forward pass: from coarse features through the levels of closer looks, of several sources at once.

A source is a batch of images of one size. Images of several sizes are as many sources: each has its own grid, features
and scores, while the patches of all go through a level's fine layers in one call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch import cat as concatenated

from leveret.capacity._amounts import Budget, UntilSure, bought
from leveret.capacity._geometry import Geometry
from leveret.capacity._glance import Glance, entropy, predicted
from leveret.capacity._levels import Level
from leveret.capacity._look import Look
from leveret.capacity._refining import Refining
from leveret.capacity._selectors import Selector
from leveret.capacity._sources import Source
from leveret.errors import LeveretUsageError

__all__ = ["look_closer"]


def look_closer(
    sources: Sequence[Source],
    coarse: Sequence[Tensor],
    levels: Sequence[Level],
    top: nn.Module,
    selector: Selector,
    *,
    view: Geometry | None,
    training: bool,
) -> list[Look]:
    """The first level's look at each source, the finer ones behind it.

    Args:
        sources: of one size each; where there are several, their patches are of one size.
        coarse: their coarse features `(batch, D, rows, columns)`.
        levels: at least one.
        top, selector: the net's.
        view: the coarse layers' geometry on what they see, where that is scaled down; else None.
        training: whether the net is being trained.
    """
    features: Sequence[Tensor] = coarse
    among: Sequence[Tensor | None] = [None] * len(sources)
    steps: list[_Step] = []
    logits: Sequence[Tensor] | None = None
    for level in levels:
        refinings = []
        for source, before, allowed in zip(sources, features, among, strict=True):
            glance = Glance(source.view, before.detach(), top, view or level.geometry, training)
            refinings.append(Refining(glance, before, _scores(selector, glance), allowed))
        step = _Step(level, sources, refinings)
        steps.append(step)
        if isinstance(level.k, UntilSure) and not training:
            logits = step.until_sure(level.k, top)
        else:
            step.take(step.counts())
            logits = None
        features = [refining.map() for refining in refinings]
        among = [refining.chosen() for refining in refinings] if level is not levels[-1] else among
    if logits is None:
        logits = [predicted(top, refined) for refined in features]
    return [_told(steps, i, answer) for i, answer in enumerate(logits)]


@dataclass
class _Step:
    """One level's closer look at all sources."""

    level: Level
    sources: Sequence[Source]
    refinings: Sequence[Refining]

    def take(self, counts: Sequence[Tensor]) -> None:
        """Compute fine vectors, all in one call, until each image has so many of them."""
        wanted = [refining.wanted(n) for refining, n in zip(self.refinings, counts, strict=True)]
        fine, patches = self.level.fine, self.level.patches
        lengths = [len(sample) for sample, _ in wanted]
        whole = False
        if not any(lengths):
            vectors = self.refinings[0].coarse.new_zeros(0)
        elif len(self.sources) == 1 and self.sources[0].images is not None:
            vectors, whole = patches.at(fine, self.sources[0].images, *wanted[0])
        else:
            given = zip(self.sources, wanted, lengths, strict=True)
            vectors = patches.across(fine, [(source, *places) for source, places, n in given if n])
        parts = vectors.split(lengths)
        for refining, n, places, part in zip(self.refinings, counts, wanted, parts, strict=True):
            refining.give(n, *places, part, whole)

    def counts(self) -> list[Tensor]:
        """How many places of each image are refined at once."""
        amount = self.level.k
        if isinstance(amount, Budget):
            return self._bought(amount)
        wanted = amount.at_most if isinstance(amount, UntilSure) else amount
        for source, refining in zip(self.sources, self.refinings, strict=True):
            rows, columns = refining.scores.shape[1:]
            if isinstance(amount, int) and wanted > rows * columns:
                raise LeveretUsageError(
                    f"k is {wanted}, and images of {source.shape[2]}x{source.shape[3]} have a grid of {rows}x"
                    f"{columns}, {rows * columns} places"
                )
        return [refining.most.clamp(max=wanted) for refining in self.refinings]

    def _bought(self, budget: Budget) -> list[Tensor]:
        batches = [len(refining.most) for refining in self.refinings]
        scores, images = [], []
        for i, refining in enumerate(self.refinings):
            of_source, image = refining.candidates()
            scores.append(of_source)
            images.append(image + sum(batches[:i]))
        patches, source = self.level.patches, self.sources[0]
        costs: tuple[float, float] = patches.costs(self.level.fine, *source.shape[1:])
        if len(self.sources) > 1 or source.images is None:
            costs = (costs[0], math.inf)  # by patches alone
        elif patches.borders == "crop":
            costs = (costs[0], costs[0] * self.refinings[0].order.shape[1])
        counts = bought(budget, concatenated(scores), concatenated(images), sum(batches), costs)
        return list(counts.split(batches))

    def until_sure(self, rule: UntilSure, top: nn.Module) -> list[Tensor]:
        """Refine in rounds, each for those images that aren't sure yet; the logits of each source."""
        logits = [refining.glance.logits for refining in self.refinings]
        before = [entropy(answer) for answer in logits]
        most = [refining.most.clamp(max=rule.at_most) for refining in self.refinings]
        going = [((h > rule.sure) & (m > 0)).nonzero()[:, 0] for h, m in zip(before, most, strict=True)]
        while any(map(len, going)):
            counts = [refining.counts.clone() for refining in self.refinings]
            for n, some, m in zip(counts, going, most, strict=True):
                n[some] = (n[some] + rule.step).minimum(m[some])
            self.take(counts)
            for i, some in enumerate(going):
                if not len(some):
                    continue
                anew = top(self.refinings[i].map()[some])
                logits[i] = logits[i].index_copy(0, some, anew.to(logits[i].dtype))
                after = entropy(anew.detach().float())
                fell = before[i][some] - after > rule.fall
                before[i] = before[i].index_copy(0, some, after.to(before[i].dtype))
                going[i] = some[fell & (after > rule.sure) & (counts[i][some] < most[i][some])]
        return logits


def _scores(selector: Selector, glance: Glance) -> Tensor:
    scores = selector(glance).detach()
    batch, _, rows, columns = glance.coarse.shape
    if scores.shape != (batch, rows, columns):
        raise LeveretUsageError(
            f"a selector must give scores (batch, rows, columns), {(batch, rows, columns)} here; "
            f"{type(selector).__name__} gave {tuple(scores.shape)}"
        )
    return scores


def _told(steps: Sequence[_Step], source: int, logits: Tensor) -> Look:
    finer: Look | None = None
    for step in reversed(steps):
        finer = step.refinings[source].told(logits, step.level.patches, finer)
    assert finer is not None
    return finer
