"""Texts on a page, with colour where words or entities matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leveret.report.blocks import Block, MarkedPiece, MarkedText, MarkedTexts
from leveret.report.words import share
from leveret.text import Span, spans

__all__ = ["WrongSentence", "WrongText", "wrong_sentences", "wrong_texts"]


@dataclass(frozen=True)
class WrongText:
    """A text that got a wrong class.

    Attributes:
        words, weights: how much each word spoke for what was said; as many of both.
        true, said: classes.
        sure: the probability of what was said.
    """

    words: tuple[str, ...]
    weights: tuple[float, ...]
    true: str
    said: str
    sure: float


@dataclass(frozen=True)
class WrongSentence:
    """A sentence in which entities were missed or made up.

    Attributes:
        tokens, true, said: as many of each; tags by their names.
        where: names it.
    """

    tokens: tuple[str, ...]
    true: tuple[str, ...]
    said: tuple[str, ...]
    where: str


def wrong_texts(texts: Sequence[WrongText]) -> list[Block]:
    """The texts, their words coloured by what they said for the wrong answer."""
    if not texts:
        return []
    shown = []
    for one in texts:
        most = max([abs(weight) for weight in one.weights] + [1e-9])
        pieces = tuple(
            MarkedPiece(word, "bad" if weight > 0 else "good", round(abs(weight) / most, 2) if most > 1e-6 else 0.0)
            for word, weight in zip(one.words, one.weights, strict=True)
        )
        shown.append(MarkedText(f"{one.true} taken for {one.said}, with {share(one.sure)}", pieces or (_NOTHING,)))
    legend = (("bad", "spoke for the wrong answer"), ("good", "spoke against it"))
    return [MarkedTexts("The surest mistakes", tuple(shown), legend)]


def wrong_sentences(sentences: Sequence[WrongSentence]) -> list[Block]:
    """The sentences, their entities coloured: found, missed, or said where there is none."""
    if not sentences:
        return []
    shown = []
    for one in sentences:
        true, said = set(spans(one.true)), set(spans(one.said))
        lines = []
        for title, own, others, tone in (("true", true, said, "missed"), ("said", said, true, "bad")):
            lines.append(_line(one.tokens, title, own, others, tone))
        shown.append(MarkedText(one.where, lines[0], lines[1]))
    legend = (("good", "found whole"), ("missed", "missed"), ("bad", "said, and wrong"))
    return [MarkedTexts("Sentences with the most wrong entities", tuple(shown), legend)]


_NOTHING = MarkedPiece("(no word)", "plain", 0.0)


def _line(tokens: Sequence[str], title: str, own: set[Span], others: set[Span], tone: str) -> tuple[MarkedPiece, ...]:
    """A sentence with its entities as pieces, each with its type behind."""
    pieces = [MarkedPiece(title, "title", 0.0)]
    place = 0
    for span in sorted(own, key=lambda one: one.start):
        kind, start, end = span
        pieces += [MarkedPiece(token, "plain", 0.0) for token in tokens[place:start]]
        right = span in others
        pieces.append(MarkedPiece(" ".join(tokens[start:end]), "good" if right else tone, 0.6, kind))
        place = end
    return (*pieces, *(MarkedPiece(token, "plain", 0.0) for token in tokens[place:]))
