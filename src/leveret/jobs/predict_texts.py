"""`predict` with a packed model of texts: the class of each, or the entities in each, in bounded memory."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from leveret.errors import LeveretUsageError
from leveret.jobs._text_inputs import TextItem, text_inputs
from leveret.jobs.predict import Prediction, ranked
from leveret.runtime.rules import Facts

__all__ = ["EntityPrediction", "run"]

_AT_ONCE = 256


@dataclass(frozen=True)
class EntityPrediction:
    """What a tagger says of one sentence.

    Attributes:
        source: the file and line.
        tokens, tags: as many of both; empty if it could not be read.
        entities: type, words, first token, and the one behind the last.
        error: why it could not be read, or None.
    """

    source: str
    tokens: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    entities: tuple[tuple[str, str, int, int], ...] = ()
    error: str | None = None

    def words(self, most: int) -> list[str]:
        """The sentence's place, then its entities, for a line."""
        return [self.source, *(f"{words}\t{kind}" for kind, words, _, _ in self.entities)]

    def as_dict(self) -> dict[str, Any]:
        """For JSON; of what could not be read, the error."""
        if self.error is not None:
            return {"path": self.source, "error": self.error}
        entities = [{"type": kind, "text": words, "start": a, "end": b} for kind, words, a, b in self.entities]
        return {"path": self.source, "tokens": list(self.tokens), "tags": list(self.tags), "entities": entities}


def run(
    packed: Any,
    paths: Iterable[str | os.PathLike[str]],
    *,
    top: int = 1,
    threads: int | None = None,
    stdin: Iterable[str] = (),
    heed: bool = False,
) -> Iterator[Prediction | EntityPrediction]:
    """Say the class of each text, or the entities in it, in the order of `paths`.

    Args:
        packed: a `leveret.runtime.PackedTexts`.
        paths: files of texts, see `text_inputs`; taken one by one, so that an endless list is fine.
        top: how many classes to name.
        threads: of the kernels.
        stdin: lines that "-" stands for.
        heed: answer by q, with the rules that the model carries.

    Yields:
        A `Prediction` a text, or of a tagger an `EntityPrediction`; one with `error` set for each that can't be read.

    Raises:
        LeveretUsageError: `top` above 1 with a tagger, or `heed` of a model without rules. Raised at once.
    """
    from leveret.runtime import PackedTagger

    tagger = isinstance(packed, PackedTagger)
    if tagger and top > 1:
        raise LeveretUsageError("--top is of nets that say a class; a tagger names the one best sequence of tags")
    if heed and getattr(packed, "rules", None) is None:
        raise LeveretUsageError("heed is for models that carry rules, from leveret fit --rules; this one has none")
    answer = functools.partial(_tagged if tagger else _classified, heed=heed)
    return _predictions(packed, text_inputs(paths, stdin), answer, top, threads)


def _predictions(packed: Any, items: Iterable[TextItem], answer: Any, top: int, threads: int | None) -> Iterator[Any]:
    waiting: list[TextItem] = []
    for item in items:
        waiting.append(item)
        # what comes from a terminal or a pipe is answered line by line
        if len(waiting) == _AT_ONCE or item.source.startswith("stdin:"):
            yield from answer(packed, waiting, top, threads)
            waiting = []
    yield from answer(packed, waiting, top, threads)


def _classified(
    packed: Any, items: list[TextItem], top: int, threads: int | None, heed: bool = False
) -> Iterator[Prediction]:
    hashed = not hasattr(packed.encoder, "vocabulary")
    texts = [" ".join(t.text) if hashed and isinstance(t.text, list) else t.text for t in items if t.error is None]

    def asked(given: list[Any]) -> Any:
        # rules read a text; of tokens its words with spaces between
        whole = [text if isinstance(text, str) else " ".join(text) for text in given]
        facts = Facts(len(given), texts=whole) if heed else None
        return ranked(packed, packed(given, threads=threads), top, facts)

    answers = iter(_alike(packed, texts, asked))
    for item in items:
        yield Prediction(item.source, error=item.error) if item.error else Prediction(item.source, next(answers))


def _tagged(
    packed: Any, items: list[TextItem], top: int, threads: int | None, heed: bool = False
) -> Iterator[EntityPrediction]:
    texts = [item.text for item in items if item.error is None]
    answers = iter(_alike(packed, texts, lambda given: packed.tag(given, threads=threads, heed=heed)))
    for item in items:
        if item.error is not None:
            yield EntityPrediction(item.source, error=item.error)
            continue
        found = next(answers)
        entities = tuple((k, " ".join(found.tokens[a:b]), a, b) for k, a, b in found.entities)
        yield EntityPrediction(item.source, found.tokens, found.tags, entities)


def _alike(packed: Any, texts: list[Any], call: Any) -> list[Any]:
    """Answers to texts and lists of tokens, of which a net takes one kind at a time."""
    answers: list[Any] = [None] * len(texts)
    for kind in (str, list):
        own = [i for i, text in enumerate(texts) if isinstance(text, kind)]
        if own:
            for i, answer in zip(own, call([texts[i] for i in own]), strict=True):
                answers[i] = answer
    return answers
