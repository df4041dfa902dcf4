"""What the taught net itself says, where rules ask it: of examples as they are, or of a clause of their texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from leveret.runtime.rules._evidence import Says
from leveret.runtime.rules._facts import Facts
from leveret.runtime.rules._program import RuleProgram
from leveret.runtime.rules._words import Side

__all__ = ["OwnOpinions"]


class OwnOpinions:
    """Fills in the evidence that the net under training gives.

    No gradient goes through it: σ(B) of Hu et al. (2016, section 3.3) is a constant of the rule. The net speaks in eval
    mode: a rule's truth should not hang on a dropped unit, and the few clauses of a batch should not move a norm's
    statistics.

    Args:
        program: of the rules.
        facts: of all examples; nets that are asked of a clause take a list of texts.
    """

    def __init__(self, program: RuleProgram, facts: Facts) -> None:
        self.asked: list[tuple[int, Says]] = [(i, program.evidence[i]) for i in program.own]  # type: ignore[misc]
        self.clauses: dict[Side, Sequence[str | None]] = {
            asked.side: asked.clauses(facts) for _, asked in self.asked if asked.side is not None
        }

    def fill(self, evidence: Tensor, net: nn.Module, logits: Tensor, indices: Tensor) -> Tensor:
        """The evidence `(n, evidence)` of a batch with the net's own in its place.

        Args:
            evidence: of the batch; unchanged where nothing is asked.
            net: the one that is taught.
            logits: of the batch, `(n, classes)`.
            indices: the batch's places among all examples, `(n,)`.
        """
        if not self.asked:
            return evidence
        filled = evidence.clone()
        with torch.no_grad():
            whole = logits.detach().float().softmax(1)
            parts = {side: self._of_clauses(net, clauses, indices) for side, clauses in self.clauses.items()}
        for number, asked in self.asked:
            if asked.side is None:
                filled[:, number] = asked.heard(whole[:, asked.place])
                continue
            rows, said = parts[asked.side]
            filled[:, number] = torch.nan
            filled[rows, number] = asked.heard(said[:, asked.place])
        return filled

    def _of_clauses(self, net: nn.Module, clauses: Sequence[str | None], indices: Tensor) -> tuple[Tensor, Tensor]:
        """Which of the batch have the clause, and what the net says of it."""
        found = [(row, clauses[i]) for row, i in enumerate(indices.tolist())]
        rows = [row for row, text in found if text is not None]
        texts = [text for _, text in found if text is not None]
        if not texts:
            return torch.empty(0, dtype=torch.int64), torch.empty(0, 1 + max(asked.place for _, asked in self.asked))
        was_training = net.training
        net.eval()
        try:
            said = net(texts)
        finally:
            net.train(was_training)
        return torch.from_numpy(np.array(rows)), said.float().softmax(1)
