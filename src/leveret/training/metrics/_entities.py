"""Figures of tags: how many entities were found whole, and how many of those said are.

An entity counts as found where its type, its first and its last token are right (Tjong Kim Sang and De Meulder, CoNLL
2003, section 2.4, as conlleval and seqeval in its default mode count):

    precision = right / said,   recall = right / true,   F1 = 2 precision · recall / (precision + recall)

over all entities of all sentences ("micro"); "macro" is the mean of the types' F1. Where nothing is said, precision
is 0, and where there is nothing, recall is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError
from leveret.metrics import wilson_interval
from leveret.text import allowed_transitions, spans
from leveret.text._schemes import Transitions

__all__ = ["EntityMeter", "TagEvaluation", "entity_f1"]


@dataclass(frozen=True)
class TagEvaluation:
    """What tags are worth.

    Attributes:
        types: of entities.
        right, said, true: `(types,)` int64, entities found whole, all that were said, all that there are.
        tokens, right_tokens: how many, and how many have the right tag.
        sentence_f1: `(n,)`: F1 of each sentence by itself; NaN where it has no entity, true or said.
        broken: transitions that the tags' scheme forbids, in what was said.
        loss: nats a token, of the net's own loss; NaN where only tags were given.
    """

    types: tuple[str, ...]
    right: NDArray[np.int64]
    said: NDArray[np.int64]
    true: NDArray[np.int64]
    tokens: int
    right_tokens: int
    sentence_f1: NDArray[np.float64]
    broken: int
    loss: float = float("nan")

    @property
    def precision(self) -> float:
        """Of the entities that were said, the share that is right."""
        return _ratio(self.right.sum(), self.said.sum())

    @property
    def recall(self) -> float:
        """Of the entities that there are, the share that was found."""
        return _ratio(self.right.sum(), self.true.sum())

    @property
    def f1(self) -> float:
        """Their harmonic mean, over all entities."""
        return _ratio(2 * self.right.sum(), self.said.sum() + self.true.sum())

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the types that are true or said somewhere; 0 without any."""
        there = self.true + self.said > 0
        return float(self.type_f1[there].mean()) if there.any() else 0.0

    @property
    def type_f1(self) -> NDArray[np.float64]:
        """F1 of each type, `(types,)`; 0 for one that is neither true nor said."""
        whole = self.said + self.true
        return np.divide(2 * self.right, whole, out=np.zeros(len(whole)), where=whole > 0)

    @property
    def accuracy(self) -> float:
        """Share of the tokens with the right tag."""
        return _ratio(self.right_tokens, self.tokens)

    @property
    def recall_interval(self) -> tuple[float, float]:
        """The recall's 95 % interval (Wilson)."""
        return wilson_interval(int(self.right.sum()), int(self.true.sum()))

    def as_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        rows = zip(self.types, self.right, self.said, self.true, self.type_f1, strict=True)
        return {
            "sentences": len(self.sentence_f1),
            "tokens": self.tokens,
            "entities": int(self.true.sum()),
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "macro_f1": self.macro_f1,
            "accuracy": self.accuracy,
            "broken_transitions": self.broken,
            "loss": None if np.isnan(self.loss) else self.loss,
            "per_type": [
                {
                    "type": kind,
                    "precision": _ratio(right, said),
                    "recall": _ratio(right, true),
                    "f1": float(f1),
                    "entities": int(true),
                    "said": int(said),
                }
                for kind, right, said, true, f1 in rows
            ],
        }


@dataclass
class EntityMeter:
    """Counts, sentence by sentence.

    Args:
        classes: the tags' names, in the order of their numbers.

    Example:
        >>> meter = EntityMeter(data.classes)
        >>> meter.update(net.decode(data.test.fetch(range(50))), data.test.labels[:50])
        >>> meter.compute().f1
    """

    classes: Sequence[str]
    _counts: dict[str, Counter[str]] = field(default_factory=lambda: {k: Counter() for k in ("right", "said", "true")})
    _f1: list[float] = field(default_factory=list)
    _tokens: int = 0
    _right_tokens: int = 0
    _broken: int = 0
    _loss: float = 0.0
    _with_loss: int = 0

    def __post_init__(self) -> None:
        self.types = tuple(dict.fromkeys(name.partition("-")[2] for name in self.classes if name != "O"))
        self._allowed: Transitions = allowed_transitions(self.classes)

    def update(self, said: Sequence[Any], true: Sequence[Any], loss: float | None = None) -> None:
        """Count some sentences.

        Args:
            said, true: of each sentence the tags' numbers, `(tokens,)`; of both as many.
            loss: of all of these sentences together, in nats.

        Raises:
            LeveretUsageError: sentences or tags of different numbers, or numbers without a name.
        """
        if len(said) != len(true):
            raise LeveretUsageError(f"{len(said)} sentences were said and {len(true)} are true")
        for own, gold in zip(said, true, strict=True):
            self._add(np.asarray(own, np.int64), np.asarray(gold, np.int64))
        if loss is not None:
            self._loss += loss
            self._with_loss += sum(map(len, true))

    def compute(self) -> TagEvaluation:
        """The figures of all that was counted so far."""
        right, said, true = (
            np.array([self._counts[key][kind] for kind in self.types], np.int64) for key in ("right", "said", "true")
        )
        return TagEvaluation(
            self.types,
            right,
            said,
            true,
            self._tokens,
            self._right_tokens,
            np.array(self._f1, np.float64),
            self._broken,
            self._loss / self._with_loss if self._with_loss else float("nan"),
        )

    def _add(self, said: NDArray[np.int64], true: NDArray[np.int64]) -> None:
        if said.shape != true.shape:
            raise LeveretUsageError(f"a sentence has {len(true)} tags and {len(said)} were said")
        for tags in (said, true):
            if len(tags) and not 0 <= tags.min() <= tags.max() < len(self.classes):
                raise LeveretUsageError(f"tags must be in 0..{len(self.classes) - 1}, got {tags.tolist()}")
        own = set(spans([self.classes[tag] for tag in said]))
        gold = set(spans([self.classes[tag] for tag in true]))
        for key, found in (("right", own & gold), ("said", own), ("true", gold)):
            self._counts[key].update(span.type for span in found)
        self._f1.append(2 * len(own & gold) / (len(own) + len(gold)) if own or gold else float("nan"))
        self._tokens += len(true)
        self._right_tokens += int((said == true).sum())
        if len(said):
            start, between, end = self._allowed
            self._broken += int(not start[said[0]]) + int(not end[said[-1]])
            self._broken += int((~between[said[:-1], said[1:]]).sum())


def entity_f1(said: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> float:
    """F1 over all entities, of tags by their names."""
    classes = sorted({tag for sentences in (said, true) for tags in sentences for tag in tags})
    number = {name: i for i, name in enumerate(classes)}
    meter = EntityMeter(classes)
    own, gold = ([[number[tag] for tag in tags] for tags in sentences] for sentences in (said, true))
    meter.update(own, gold)
    return meter.compute().f1


def _ratio(part: Any, whole: Any) -> float:
    return float(part / whole) if whole else 0.0
