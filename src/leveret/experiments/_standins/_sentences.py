"""Sentences by a small grammar: opinions for SST-2, some with a turn at "but"; names for WNUT-2017; and vectors.

Words' vectors are random, but for a direction that good words share and bad ones oppose, as those of real text have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from leveret.experiments._standins._files import write_npz, write_parquet

__all__ = ["write_sentences"]

_GOOD = ["warm", "clever", "moving", "fresh", "graceful", "funny", "bright", "honest", "rich", "stirring"]
_BAD = ["dull", "clumsy", "hollow", "stale", "tedious", "bleak", "shallow", "noisy", "lifeless", "forced"]
_THINGS = ["film", "story", "cast", "script", "score", "ending", "plot", "dialogue", "camera", "pace"]
_ADVERBS = ["quite", "rather", "truly", "often", "deeply", "oddly"]
_FRAMES = (
    "the {thing} is {adverb} {word}",
    "a {word} {thing}",
    "{adverb} {word} , this {thing}",
    "its {thing} feels {word}",
)
_OPINIONS = {"train": 400, "dev": 80, "test": 160}

_KINDS = {
    "person": ("Ada Okoro", "Ben Lund", "Carla", "Dana Weiss", "Emil", "Farah Amin"),
    "location": ("Narvik", "Lake Tarn", "Oldfield", "Port Ellen", "Quito"),
    "corporation": ("Hearst Motors", "Nordlys", "Acme", "Bluefin Labs"),
    "group": ("The Herons", "Northern Choir", "Union FC"),
    "product": ("Kestrel 3", "Pico", "Lumen Lamp"),
    "creative-work": ("Winter Road", "The Long Field"),
}
_TALK = (
    "met {} at noon", "so happy for {} today !", "{} and {} again ?", "{} , {} and {} are coming", "who knows {} ?",
    "nothing to see here", "reading of {} near {}", "thanks {} :)",
)  # fmt: skip
_TALKS = {"train": 200, "dev": 50, "test": 60}
_SIDE = 100


def write_sentences(folder: Path) -> None:
    """`sst2-*.parquet`, `wnut17-*.parquet` and `glove100_subset.npz`."""
    draw = np.random.default_rng(4)
    words: set[str] = set()
    for part, number in _OPINIONS.items():
        found = [_opinion(draw) for _ in range(number)]
        texts, labels = [text for text, _ in found], [label for _, label in found]
        words.update(word for text in texts for word in text.split())
        write_parquet(folder / f"sst2-{part}.parquet", {"text": texts, "label": labels})
    for part, number in _TALKS.items():
        talks = [_talk(draw) for _ in range(number)]
        tokens, tags = [each for each, _ in talks], [each for _, each in talks]
        words.update(word.lower() for each in tokens for word in each)
        write_parquet(folder / f"wnut17-{part}.parquet", {"tokens": tokens, "tags": tags})
    _write_vectors(folder, sorted(words), draw)


def _opinion(draw: np.random.Generator) -> tuple[str, int]:
    """A text and 1 where it is positive; a quarter turn at "but", and a tenth is said of the wrong one."""
    label = int(draw.integers(2))
    text = _clause(draw, label)
    if draw.random() < 0.25:
        text = f"{_clause(draw, 1 - label)} , but {text}"
    return text + " .", label if draw.random() < 0.9 else 1 - label


def _clause(draw: np.random.Generator, label: int) -> str:
    words = {"word": _GOOD if label else _BAD, "thing": _THINGS, "adverb": _ADVERBS}
    return _one(draw, _FRAMES).format(**{name: _one(draw, choices) for name, choices in words.items()})


def _talk(draw: np.random.Generator) -> tuple[list[str], list[str]]:
    """Words and BIO tags; names that are listed together are of one kind."""
    kind = _one(draw, list(_KINDS))
    tokens: list[str] = []
    tags: list[str] = []
    for word in _one(draw, _TALK).split():
        if word == "{}":
            name = _one(draw, _KINDS[kind]).split()
            tokens += name
            tags += [f"{'B' if i == 0 else 'I'}-{kind}" for i in range(len(name))]
        else:
            tokens.append(word)
            tags.append("O")
    return tokens, tags


def _write_vectors(folder: Path, words: Sequence[str], draw: np.random.Generator) -> None:
    vectors = draw.normal(0, 0.4, (len(words), _SIDE))
    vectors[:, 0] += [1.0 if word in _GOOD else -1.0 if word in _BAD else 0.0 for word in words]
    write_npz(folder / "glove100_subset.npz", words=np.array(words), vectors=vectors.astype(np.float16))


def _one(draw: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(draw.integers(len(choices)))]
