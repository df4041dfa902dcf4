"""The texts about which a model was surest and wrong, and which words spoke for its answer.

A word is left out, and the model asked again: how much less likely its answer is then is what the word said for it
(Li, Monroe and Jurafsky, "Understanding Neural Networks through Representation Erasure", 2016, eq. 1).
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.metrics import Evaluation
from leveret.report.texts import WrongText

__all__ = ["said_by_words", "worst_texts"]

_SHOWN = 8
_LONGEST = 120  # words of a text that are shown


def worst_texts(data: Any, test: Evaluation, model: str | os.PathLike[str] | None) -> list[WrongText]:
    """Some test texts that got a wrong class, the surest mistakes first.

    Args:
        data: texts.
        test: of their test part.
        model: a packed model's file, asked about words; None: nothing is known of them.
    """
    packed = None
    if model is not None:
        from leveret import runtime

        packed = runtime.load(model)
    wrong = np.flatnonzero(test.predictions != test.labels)
    sure = test.probabilities[wrong, test.predictions[wrong]]
    found = []
    for index in wrong[np.argsort(-sure, kind="stable")][:_SHOWN]:
        (text,) = data.test.fetch([index])
        said = int(test.predictions[index])
        words = _words(packed, text)[:_LONGEST]
        weights = np.zeros(len(words)) if packed is None else said_by_words(packed, words, said)
        found.append(
            WrongText(
                tuple(words),
                tuple(float(weight) for weight in weights),
                test.classes[int(test.labels[index])],
                test.classes[said],
                float(test.probabilities[index, said]),
            )
        )
    return found


def said_by_words(packed: Any, words: list[str], said: int) -> NDArray[np.float64]:
    """How much each word speaks for a class, `(words,)`: the log-probability that is lost without it."""
    if not words:
        return np.zeros(0)
    without = [words[:i] + words[i + 1 :] for i in range(len(words))]
    asked = [words, *without]
    if not hasattr(packed.encoder, "vocabulary"):  # hashed words are read from texts
        asked = [" ".join(tokens) for tokens in asked]  # type: ignore[misc]
    logits = packed(asked).astype(np.float64)
    top = logits.max(1, keepdims=True)
    logs = (logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True)))[:, said]
    return logs[0] - logs[1:]


def _words(packed: Any, text: str) -> list[str]:
    encoder: Any = getattr(packed, "encoder", None)
    return encoder.tokens([text])[0] if hasattr(encoder, "vocabulary") else text.split()
