"""Measures that people have words for, of images and of texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["WordDifference", "image_measures", "text_measures", "word_differences"]

_AT_ONCE = 256
_WORD = re.compile(r"\w+")
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_RARE = 5  # times that a word must occur to be counted as a difference


def image_measures(images: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Of images `(n, channels, height, width)`, `(n,)` each.

    brightness: the mean, 0..1; contrast: the standard deviation of the brightness; detail: the mean step between
    neighbouring pixels, which blurring lowers and noise raises; centre x, y: where the deviation from the border's
    brightness lies, 0 left or top, 1 right or bottom; of colours red, green and blue less the brightness.
    """
    blocks = [_measured(images[start : start + _AT_ONCE]) for start in range(0, len(images), _AT_ONCE)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _measured(images: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    pixels = images.astype(np.float32) / 255
    grey = pixels[:, 0] if pixels.shape[1] == 1 else np.tensordot(pixels, _LUMA, axes=(1, 0))
    brightness = grey.mean((1, 2))
    steps = [np.abs(np.diff(grey, axis=axis)) for axis in (1, 2)]
    counted = max(sum(step[0].size for step in steps), 1)
    found = {
        "brightness": brightness,
        "contrast": grey.std((1, 2)),
        "detail": sum(step.sum((1, 2)) for step in steps) / counted,
    }
    edge = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], axis=1)
    weight = np.abs(grey - np.median(edge, axis=1)[:, None, None]) + 1e-6
    for name, axis, length in (("centre x", 2, grey.shape[2]), ("centre y", 1, grey.shape[1])):
        profile = weight.sum(3 - axis)
        found[name] = (profile * np.linspace(0, 1, length)).sum(1) / profile.sum(1)
    if pixels.shape[1] == 3:
        for channel, name in enumerate(("red", "green", "blue")):
            found[name] = pixels[:, channel].mean((1, 2)) - brightness
    return {name: np.asarray(values, np.float64) for name, values in found.items()}


def text_measures(texts: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Of n texts, `(n,)` each: length in words, length of a word, shares of different words, of capitals, of digits
    and of signs that are neither letters, digits nor space."""
    rows = [_of_text(text) for text in texts]
    return {name: np.array([row[name] for row in rows], np.float64) for name in rows[0]}


def _of_text(text: str) -> dict[str, float]:
    words = _WORD.findall(text)
    signs = max(len(text), 1)
    return {
        "words": len(words),
        "letters a word": sum(map(len, words)) / max(len(words), 1),
        "different words": len({word.lower() for word in words}) / max(len(words), 1),
        "capitals": sum(sign.isupper() for sign in text) / signs,
        "digits": sum(sign.isdigit() for sign in text) / signs,
        "punctuation": sum(not (sign.isalnum() or sign.isspace()) for sign in text) / signs,
    }


@dataclass(frozen=True)
class WordDifference:
    """A word or two that one side uses more.

    Attributes:
        words: one, or two that follow each other.
        a, b: occurrences.
        z: how many standard deviations B's log-odds are above A's; below 0 where A uses it more.
    """

    words: str
    a: int
    b: int
    z: float

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def word_differences(a: Sequence[str], b: Sequence[str], most: int = 10) -> tuple[WordDifference, ...]:
    """Words and pairs of words by how differently often the sides use them, at most so many of each side.

    Log-odds with a prior of all texts' counts, over their standard deviation: rare words don't stand out by chance.
    Source: Monroe, Colaresi & Quinn, "Fightin' Words", Political Analysis 2008, section 3.4, with one pseudo-count
    a hundred words of the whole.
    """
    counts = Counter(_phrases(a)), Counter(_phrases(b))
    totals = counts[0].total(), counts[1].total()
    whole = counts[0] + counts[1]
    prior = {word: number / 100 for word, number in whole.items() if number >= _RARE}
    strength = max(sum(prior.values()), 1e-9)
    found = []
    for word, alpha in prior.items():
        odds = [
            np.log(count[word] + alpha) - np.log(max(total + strength - count[word] - alpha, 1e-9))
            for count, total in zip(counts, totals, strict=True)
        ]
        spread = np.sqrt(sum(1 / (count[word] + alpha) for count in counts))
        found.append(WordDifference(word, counts[0][word], counts[1][word], float((odds[1] - odds[0]) / spread)))
    found.sort(key=lambda each: (each.z, each.words))
    of_a = [each for each in found[:most] if each.z < 0]
    of_b = [each for each in found[::-1][:most] if each.z > 0]
    return (*of_a, *of_b)


def _phrases(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        words = _WORD.findall(text.lower())
        yield from words
        yield from (f"{one} {other}" for one, other in pairwise(words))
