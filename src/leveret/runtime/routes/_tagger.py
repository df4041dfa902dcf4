"""`PackedTagger`: a tagger of sentences, packed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.runtime._packed import thread_count
from leveret.runtime.routes._recurrent import best_paths, last_of, lstm
from leveret.runtime.routes._sequence import SequencePart, check_steps, largest
from leveret.runtime.routes._text_conv import _never_below_zero
from leveret.runtime.routes._texts import _AT_ONCE, _TOKENS, PackedTexts, Sentences
from leveret.runtime.rules import heeded_tags
from leveret.text import Span, TextEncoder, spans

__all__ = ["PackedTagger", "TaggedSentence"]

_DIRECTIONS = ("ahead", "behind")
_MOST_TAGS = 4096
_LETTERS = 5  # of a word by which costs are counted
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TaggedSentence:
    """What a tagger says of a sentence.

    Attributes:
        tokens, tags: as many of both.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...]

    @property
    def entities(self) -> list[Span]:
        """The spans that the tags mark."""
        return spans(self.tags)


class PackedTagger(PackedTexts):
    """A packed `leveret.nets.SequenceTagger`. Make one with `leveret.pack` or `leveret.runtime.load`.

    Parts: `words`, from a token's id to its vector; `letters`, the same of characters; `spell`, from a window of
    characters to answers, or `spell_ahead` and `spell_behind` with their steps, where an LSTM reads them; `ahead` and
    `behind`, from what is known of a word to the gates of the LSTM in that direction, `ahead_step` and `behind_step`
    from its state to them; `emissions`, from both states to a score for each tag. Transitions are the route's settings.

    Attributes:
        start, end: `(K,)` float32.
        transitions: `(K, K)` float32, from the tag of the row to that of the column.

    Example:
        >>> net = leveret.runtime.load("model.lvr")
        >>> net.tag(["Ada Lovelace wrote it ."])[0].entities
        [Span(type='person', start=0, end=2)]
    """

    route = "tagger"
    part_names: ClassVar[tuple[str, ...]] = (
        "words", "letters", "spell", "spell_ahead", "spell_ahead_step", "spell_behind", "spell_behind_step", "ahead",
        "ahead_step", "behind", "behind_step", "emissions",
    )  # fmt: skip
    start: Floats
    transitions: Floats
    end: Floats

    optional: ClassVar[frozenset[str]] = frozenset(name for name in part_names if name.startswith(("letters", "spell")))

    def __call__(self, texts: Any, *, threads: int | None = None) -> list[Floats]:  # type: ignore[override]
        """The emissions of each sentence, `(tokens, K)` float32.

        Args:
            texts: a list of sentences, lists of tokens; or of texts, which are split.
            threads: of the kernels; default `LEVERET_THREADS`, or every core.

        Raises:
            LeveretUsageError: something else.
        """
        count = thread_count(threads)
        given = self._listed(texts)
        found: list[Floats] = []
        for i in range(0, len(given), _AT_ONCE):
            batch = self.encoded(given[i : i + _AT_ONCE])
            found += np.split(self.results(batch, count), np.cumsum(batch.lengths)[:-1])
        return found

    def predict(  # type: ignore[override]
        self, texts: Any, *, threads: int | None = None, heed: bool = False
    ) -> list[NDArray[np.int64]]:
        """The numbers of each sentence's best tags, `(tokens,)`.

        Args:
            texts, threads: as for a call.
            heed: the best by q, which the rules that the file carries make of the net's p.

        Raises:
            LeveretUsageError: as a call, or `heed` where the file carries no rules of tags.
        """
        if heed and (self.rules is None or not self.rules.tags):
            raise LeveretUsageError("heed is for models that carry rules of tags, and this one has none")
        if heed:
            texts = self.encoder.tokens(self._listed(texts))
        emissions = self(texts, threads=threads)
        lengths = np.array([len(one) for one in emissions], np.int64)
        if not len(emissions):
            return []
        if heed:
            assert self.rules is not None
            return heeded_tags(self.rules, emissions, (self.start, self.transitions, self.end), texts)
        return best_paths(np.concatenate(emissions), lengths, self.start, self.transitions, self.end)

    def tag(self, texts: Any, *, threads: int | None = None, heed: bool = False) -> list[TaggedSentence]:
        """The tokens of each sentence with their tags; arguments as for `predict`."""
        sentences = self.encoder.tokens(self._listed(texts))
        names = self.classes or tuple(map(str, range(len(self.start))))
        return [
            TaggedSentence(tuple(tokens), tuple(names[tag] for tag in path))
            for tokens, path in zip(sentences, self.predict(sentences, threads=threads, heed=heed), strict=True)
        ]

    def encoded(self, texts: Sequence[Any]) -> Sentences:
        tokens = self.encoder.tokens(texts)
        ids, lengths = self.encoder.encode(tokens)
        return Sentences(ids, lengths, tokens)

    def results(self, batch: Sentences, threads: int) -> Floats:  # type: ignore[override]
        if not len(batch.ids):  # sentences without a token
            return np.zeros((0, len(self.start)), np.float32)
        known = self._part("words").along(batch.ids, threads)
        if "letters" in self.parts:
            assert batch.tokens is not None
            known = np.concatenate([known, self._spelled(batch.tokens, threads)], 1)
        states = [self._read(way, known, batch.lengths, threads) for way in _DIRECTIONS]
        return self._part("emissions").along(np.concatenate(states, 1), threads)

    def _spelled(self, sentences: list[list[str]], threads: int) -> Floats:
        """Features of each token's letters; each different word is read once."""
        numbers: dict[str, int] = {}
        places = [numbers.setdefault(word, len(numbers)) for word in chain.from_iterable(sentences)]
        ids, lengths = self.encoder.letters(list(numbers))
        table = self._part("letters")
        if "spell" in self.parts:
            (rows,) = largest(ids, lengths, table, [self._part("spell")], threads)
            return rows[places]
        vectors = table.along(ids, threads)
        rows = np.concatenate(
            [
                last_of(self._read(f"spell_{way}", vectors, lengths, threads), lengths, backward=way == "behind")
                for way in _DIRECTIONS
            ],
            1,
        )
        return rows[places]

    def _read(self, name: str, entering: Floats, lengths: NDArray[np.int64], threads: int) -> Floats:
        gates = self._part(name).along(entering, threads)
        return lstm(gates, lengths, self._part(f"{name}_step").weight, backward=name.endswith("behind"))

    def _part(self, name: str) -> SequencePart:
        return self.parts[name]  # type: ignore[return-value]

    def _set_up(self, settings: Mapping[str, Any]) -> None:
        self._take(settings, "text", "start", "transitions", "end")
        self.encoder = TextEncoder.from_dict(settings["text"])
        self._vocabulary("words", len(self.encoder.vocabulary))
        check_steps("words", self.parts["words"], "embedding")
        width = self.parts["words"].output_shape[0] + self._check_letters()
        units = [self._check_lstm(way, width) for way in _DIRECTIONS]
        self._takes("emissions", sum(units))
        check_steps("emissions", self.parts["emissions"], "conv2d")
        self._check_chain(settings, self.parts["emissions"].output_shape[0])

    def _check_letters(self) -> int:
        """How many features of its letters a word has; checks the parts that give them."""
        own = {name for name in self.parts if name.startswith(("letters", "spell"))}
        both = {f"spell_{way}{end}" for way in _DIRECTIONS for end in ("", "_step")}
        if own not in (set(), {"letters", "spell"}, {"letters"} | both):
            raise LeveretFormatError(f"letters are read by letters with spell, or both LSTMs; there are {sorted(own)}")
        if (self.encoder.characters is not None) is not bool(own):
            raise LeveretFormatError("the encoder must number characters just where the net has letters")
        if not own:
            return 0
        self._vocabulary("letters", len(self.encoder.characters))
        check_steps("letters", self.parts["letters"], "embedding")
        channels = self.parts["letters"].output_shape[0]
        if "spell" not in own:
            return sum(self._check_lstm(f"spell_{way}", channels) for way in _DIRECTIONS)
        shape = self._given["spell"].shape
        if not self._given["spell"].features or shape[:2] != (channels, 1):
            raise LeveretFormatError(f"part 'spell' must take features ({channels}, 1, characters), it takes {shape}")
        check_steps("spell", self.parts["spell"], "conv2d")
        if not _never_below_zero(self.parts["spell"].ops[0]):
            raise LeveretFormatError("part 'spell' must end in a ReLU: slope 0, and nothing after it")
        return int(self.parts["spell"].output_shape[0])

    def _check_lstm(self, name: str, width: int) -> int:
        """The units of an LSTM that takes so many features."""
        self._takes(name, width)
        check_steps(name, self.parts[name], "conv2d")
        gates = self.parts[name].output_shape[0]
        step = self._given[f"{name}_step"]
        if gates % 4 or step.shape != (gates // 4, 1, 1) or not step.features:
            raise LeveretFormatError(
                f"part {name!r} gives {gates} gates, four for each unit, and {name}_step takes {step.shape}"
            )
        part = self.parts[f"{name}_step"]
        check_steps(f"{name}_step", part, "conv2d")
        if part.output_shape[0] != gates or part.ops[0].epilogue():
            raise LeveretFormatError(f"part '{name}_step' must give {gates} gates, without anything added")
        return int(gates // 4)

    def _takes(self, name: str, width: int) -> None:
        if self._given[name].shape != (width, 1, 1) or not self._given[name].features:
            raise LeveretFormatError(f"part {name!r} must take features ({width}, 1, 1)")

    def _check_chain(self, settings: Mapping[str, Any], tags: int) -> None:
        if tags > _MOST_TAGS:
            raise LeveretFormatError(f"there are {tags} tags; at most {_MOST_TAGS} are allowed")
        shapes = {"start": (tags,), "transitions": (tags, tags), "end": (tags,)}
        for key, shape in shapes.items():
            try:
                with np.errstate(over="ignore"):
                    values = np.array(settings[key], np.float32)
            except (ValueError, TypeError, OverflowError):
                values = np.empty(0, np.float32)
            if values.shape != shape or not np.isfinite(values).all() or isinstance(settings[key], str):
                raise LeveretFormatError(f"{key} must be numbers of shape {shape}")
            setattr(self, key, values)

    def _settings(self) -> dict[str, Any]:
        chain_ = {key: getattr(self, key).tolist() for key in ("start", "transitions", "end")}
        return {"text": self.encoder.as_dict(), **chain_}

    def runs(self) -> dict[str, float]:
        def often(name: str) -> float:
            return float(_TOKENS * (_LETTERS if name.startswith(("letters", "spell")) else 1))

        return {name: often(name) for name in self.parts}

    def described(self) -> dict[str, Any]:
        letters = "none" if "letters" not in self.parts else "cnn" if "spell" in self.parts else "lstm"
        words = {"words": len(self.encoder.vocabulary.words), "letters": letters}
        return {"tags": len(self.start), **words, **self.encoder.tokenizer.as_dict()}

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (len(self.start),)

    def _known_words(self) -> list[str]:
        return list(self.encoder.vocabulary.words[:5000]) or ["word"]
