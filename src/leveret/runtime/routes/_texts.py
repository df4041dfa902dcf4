"""`PackedTexts`: what all packed nets for texts share: they split texts as in training, and run over any lengths."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.runtime._packed import Packed, thread_count
from leveret.runtime._profile import StepTime
from leveret.runtime.routes._routed import Routed
from leveret.runtime.routes._sequence import SequencePart

__all__ = ["PackedTexts", "Sentences"]

_TOKENS = 20  # of a text by which costs are counted
_AT_ONCE = 256


@dataclass(frozen=True)
class Sentences:
    """A batch of texts.

    Attributes:
        ids: of all tokens, one text after the other.
        lengths: `(n,)`.
        tokens: as they stand, where the net reads their letters; else None.
    """

    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]
    tokens: list[list[str]] | None = None

    def __len__(self) -> int:
        return len(self.lengths)


class PackedTexts(Routed):
    """A packed net for texts of any length.

    Attributes:
        encoder: splits texts and numbers their tokens, as in training.
    """

    takes_ids: ClassVar[bool] = True
    _part_type: ClassVar[type[Packed]] = SequencePart

    encoder: Any

    def __call__(self, texts: Any, *, threads: int | None = None) -> Any:
        """Logits `(n, num_classes)` float32.

        Args:
            texts: a list of texts, or of lists of tokens.
            threads: of the kernels; default `LEVERET_THREADS`, or every core.

        Raises:
            LeveretUsageError: something else.
        """
        count = thread_count(threads)
        given = self._listed(texts)
        starts = range(0, max(len(given), 1), _AT_ONCE)
        found = [self.results(self.encoded(given[i : i + _AT_ONCE]), count) for i in starts]  # type: ignore[arg-type]
        return self._joined(found)

    def encoded(self, texts: Sequence[Any]) -> Sentences:
        """Texts, or lists of tokens, as the parts take them."""
        return Sentences(*self.encoder.encode(texts))

    def example(self, count: int) -> NDArray[Any]:
        """So many texts of 20 known words, `(count,)`, to time the net by."""
        rng = np.random.default_rng(0)
        words = self._known_words()
        return np.array([" ".join(rng.choice(words, _TOKENS)) for _ in range(count)], object)

    def profile(self, images: Any, *, threads: int | None = None, repeats: int = 20) -> list[StepTime]:
        """How long each step takes on a batch of texts, in order; see `Packed.profile`.

        Args:
            images: texts, at least one.
            threads, repeats: as for `Packed.profile`.

        Raises:
            LeveretUsageError: no texts, or fewer than one repeat.
        """
        if repeats < 1:
            raise LeveretUsageError(f"repeats must be at least 1, got {repeats}")
        if not len(images):
            raise LeveretUsageError("texts must be at least one")
        return self._profile(self._listed(images), thread_count(threads), repeats)

    def stages(self, batch: Any, threads: int) -> list[tuple[str, NDArray[Any]]]:
        return []

    def _joined(self, found: list[Any]) -> Any:
        """The results of batches as one."""
        return np.concatenate(found)

    @abstractmethod
    def _known_words(self) -> list[str]:
        """Words that it knows."""

    def _listed(self, texts: Any) -> list[Any]:
        if isinstance(texts, np.ndarray) and texts.ndim == 1 and texts.dtype.kind in "OUT":
            texts = texts.tolist()
        if isinstance(texts, str) or not isinstance(texts, Sequence):
            raise LeveretUsageError(
                f"this net takes a list of texts, or of lists of tokens; got {type(texts).__name__}"
            )
        return list(texts)

    def _profile(self, batch: Any, threads: int, repeats: int) -> list[StepTime]:
        taken: dict[str, list[float]] = {}
        whole: list[float] = []
        for turn in range(repeats + 1):
            laps: dict[str, float] = {}
            with _timed(self.parts, laps):
                start = time.perf_counter()
                given = self.encoded(batch)
                encoding = time.perf_counter() - start
                self.results(given, threads)  # type: ignore[arg-type]
                total = time.perf_counter() - start
            if turn:
                whole.append(total - encoding - sum(laps.values()))
                for name, seconds in ({"input": encoding} | laps).items():
                    taken.setdefault(name, []).append(seconds)
        layers = {layer.name: layer for layer in self.layers()}
        steps = [StepTime("input", "tokenize", median(taken["input"]), min(taken["input"]), 0, 0)]
        for name, part in self.parts.items():
            own = [layers[step.name] for step in part.graph.steps]
            laps_of = taken[name]
            macs = sum(layer.macs for layer in own) * len(batch)
            steps.append(StepTime(own[-1].name, own[-1].op, median(laps_of), min(laps_of), macs, 0))
        return [*steps, StepTime(self.route, "route", max(0.0, median(whole)), max(0.0, min(whole)), 0, 0)]

    def _take(self, settings: Mapping[str, Any], *keys: str) -> None:
        """That the settings are these."""
        if wrong := settings.keys() ^ set(keys):
            key = sorted(wrong)[0]
            raise LeveretFormatError(f"setting {key!r} is {'not known' if key in settings else 'missing'}")

    def _vocabulary(self, part: str, expected: int) -> None:
        """That a part knows as many ids as the encoder gives."""
        if self._given[part].ids != expected:
            raise LeveretFormatError(f"part {part!r} knows {self._given[part].ids} ids, and the encoder has {expected}")


class _timed:
    """Adds up, meanwhile, the seconds of each part's runs."""

    def __init__(self, parts: Mapping[str, Any], laps: dict[str, float]) -> None:
        self._parts, self._laps = parts, laps

    def __enter__(self) -> None:
        for name, part in self._parts.items():
            self._laps[name] = 0.0
            for method in ("along", "results"):
                setattr(part, method, self._wrapped(name, getattr(part, method)))

    def __exit__(self, *_: object) -> None:
        for part in self._parts.values():
            for method in ("along", "results"):
                delattr(part, method)

    def _wrapped(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            start = time.perf_counter()
            found = call(*args)
            self._laps[name] += time.perf_counter() - start
            return found

        return run
