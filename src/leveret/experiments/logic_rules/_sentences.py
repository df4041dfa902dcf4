"""SST-2's sentences, the rule of "but", and one training of Kim's CNN on them, with the rule or without.

The rule (Hu et al., ACL 2016, section 4.1): of a sentence "A but B" the sentiment is that of B. With σ the probability
that the net itself gives to B's being positive, its truth is (1 + σ) / 2 for a positive label and (2 − σ) / 2 for a
negative one; it is silent elsewhere.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import leveret
from leveret.data import Data, few_labels, from_arrays
from leveret.nets import TextConvNet, encoder_for
from leveret.rules import RuleDistillation, RuleSet, Schema, posterior
from leveret.rules._compile import compile_rules
from leveret.runtime.rules._words import Side, clause, words_of
from leveret.text import Vectors, read_vectors
from leveret.training import LabelledSampler, Task, fit

__all__ = [
    "FIT",
    "Sentences",
    "TextTraining",
    "accuracies",
    "but_rule",
    "net_of",
    "sentences",
    "with_clauses",
    "with_word",
]

CLASSES = ("negative", "positive")
_RULE = """rule but: average(label is positive => net says positive after "but",
                  net says positive after "but" => label is positive)"""
_ALL_SENTENCES = ("unlabelled", "control")
_AFTER = Side("after", "but")
_DEVIATION = 0.15  # of word2vec's vectors, see docs/text.md
# Kim's, but for the rate's fall
FIT: dict[str, Any] = {"optimizer": "adadelta", "lr": 1.0, "schedule": "cosine", "warmup": 0.0, "weight_decay": 0.0}


@dataclass(frozen=True)
class Sentences:
    """What trainings share.

    Attributes:
        data: SST-2, whole sentences.
        vectors: of words.
    """

    data: Data
    vectors: Vectors


def sentences(source: Path, vectors: Path) -> Sentences:
    """SST-2 with named classes, and GloVe's vectors brought to the size of word2vec's."""
    found = leveret.load(source)
    train, val, test = (
        (part.fetch(np.arange(len(part))), part.labels) for part in (found.train, found.val, found.test)
    )
    data = from_arrays(
        train[0], train[1], x_val=val[0], y_val=val[1], x_test=test[0], y_test=test[1], classes=CLASSES, name="sst2",
    )  # fmt: skip
    return Sentences(data, read_vectors(vectors).scaled(_DEVIATION))


def but_rule() -> RuleSet:
    """The rule as a file has it, with C = 6."""
    schema = Schema(CLASSES, texts=True)
    return RuleSet(compile_rules(_RULE, "but.rules", schema, logic="lukasiewicz", strength=6.0), name="but.rules")


def with_word(texts: Sequence[str], word: str = "but") -> NDArray[np.bool_]:
    """Which texts have the word, `(n,)`."""
    return np.array([any(one.text == word for one in words_of(text)) for text in texts])


def with_clauses(data: Data) -> Data:
    """The same source, and the clause after "but" of each training sentence that has one, with the sentence's label."""
    texts, labels = list(data.train.fetch(np.arange(len(data.train)))), data.train.labels.tolist()
    for text, label in list(zip(texts, labels, strict=True)):
        if (part := clause(text, words_of(text), _AFTER)) is not None:
            texts.append(part)
            labels.append(label)
    parts = {"val": data.val, "test": data.test}
    rest = {f"x_{name}": part.fetch(np.arange(len(part))) for name, part in parts.items()}
    rest |= {f"y_{name}": part.labels for name, part in parts.items()}
    return from_arrays(texts, labels, **rest, classes=CLASSES, name=data.name)


def net_of(data: Data, vectors: Vectors) -> nn.Module:
    """Kim's CNN, for the words of the training part and those with a vector."""
    return TextConvNet(data.num_classes, encoder_for(data.train, vectors), vectors)


def accuracies(
    said: Mapping[str, NDArray[np.int64]], labels: NDArray[np.int64], but: NDArray[np.bool_]
) -> dict[str, float]:
    """Of all, by the name of who said it, and with "but_" before it of those with "but"."""
    right = {name: one == labels for name, one in said.items()}
    of_all = {name: float(ok.mean()) for name, ok in right.items()}
    return of_all | {f"but_{name}": float(ok[but].mean()) for name, ok in right.items()}


@dataclass(frozen=True)
class TextTraining(Task):
    """One net, tested with the rule and without it, on all sentences and on those with "but".

    Attributes:
        method: "plain"; "clauses", with but-clauses as further examples; "rules"; "unlabelled", with the rule on the
            sentences without a label, too; "control", the same with a rule of weight 0, so that the teacher is the net.
        fraction: of the labels, 1 for all; the others' sentences are left out but of "unlabelled" and "control".
        epochs, pi, alpha, share: passes, the teacher's part, and of those two the share of labelled in a batch.
        seed: of the net, the order and the labels that are kept.
    """

    method: str
    fraction: float
    epochs: int
    pi: float
    alpha: float
    share: float
    seed: int

    def tidy(self) -> None:
        shutil.rmtree(self.folder / "training", ignore_errors=True)

    def work(self, *shared: Any) -> dict[str, Any]:
        given: Sentences = shared[0]
        data, rules = self.data_of(given.data), but_rule()
        torch.manual_seed(self.seed)
        net, objective, sampler = net_of(data, given.vectors), None, None
        if self.method in ("rules", *_ALL_SENTENCES):
            taught = rules.with_weights([0.0]) if self.method == "control" else rules
            objective = RuleDistillation(taught, data, pi=self.pi, alpha=self.alpha)
        if self.method in _ALL_SENTENCES:
            sampler = LabelledSampler(data.train.labels, self.share, seed=self.seed)
        result = fit(net, data, objective=objective, sampler=sampler, epochs=self.epochs, batch_size=50,
                     seed=self.seed, out=self.folder / "training", progress=False, **FIT)  # fmt: skip
        if result.interrupted:
            raise KeyboardInterrupt
        found = posterior(net, rules, data)
        but = with_word(data.test.fetch(np.arange(len(data.test))))
        said = {"p": found.p.predictions, "q": found.q.predictions}
        return {
            "history": result.history,
            "best_epoch": result.best_epoch,
            "train": len(data.train),
            "but": int(but.sum()),
            "fires": found.labels[0].fires,
            "changed": int((found.p.predictions != found.q.predictions).sum()),
            **accuracies(said, data.test.labels, but),
        }

    def data_of(self, data: Data) -> Data:
        """What this method trains on."""
        if self.fraction < 1:
            few = few_labels(data, share=self.fraction, seed=self.seed)
            data = few if self.method in _ALL_SENTENCES else replace(few, train=few.train.subset(few.train.labels >= 0))
        return with_clauses(data) if self.method == "clauses" else data
