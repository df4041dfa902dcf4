"""`PackedBag`: a bag of hashed words, packed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.runtime.routes._sequence import check_steps, starts_of
from leveret.runtime.routes._texts import _TOKENS, PackedTexts, Sentences
from leveret.text import HashedWords

__all__ = ["PackedBag"]


class PackedBag(PackedTexts):
    """A packed `leveret.nets.BagOfWords`. Parts: `words`, from a hash to a vector; `top`, from their mean to logits."""

    route = "bag_of_words"
    part_names: ClassVar[tuple[str, ...]] = ("words", "top")

    def _set_up(self, settings: Mapping[str, Any]) -> None:
        self._take(settings, "hashed")
        self.encoder = HashedWords.from_dict(settings["hashed"])
        self._vocabulary("words", self.encoder.buckets)
        check_steps("words", self.parts["words"], "embedding")
        channels = self.parts["words"].output_shape[0]
        if self._given["top"].shape != (channels, 1, 1) or not self._given["top"].features:
            raise LeveretFormatError(f"part 'top' must take features ({channels}, 1, 1)")
        if len(self.parts["top"].output_shape) != 1:
            raise LeveretFormatError("part 'top' must give logits")

    def _settings(self) -> dict[str, Any]:
        return {"hashed": self.encoder.as_dict()}

    def encoded(self, texts: Sequence[Any]) -> Sentences:
        for i, text in enumerate(texts):
            if not isinstance(text, str):
                raise LeveretUsageError(f"this net takes a list of texts; item {i} is {type(text).__name__}")
        return Sentences(*self.encoder.encode(texts))

    def results(self, batch: Sentences, threads: int) -> NDArray[np.float32]:  # type: ignore[override]
        vectors = self.parts["words"].along(batch.ids, threads)  # type: ignore[attr-defined]
        means = np.zeros((len(batch), vectors.shape[1]), np.float32)
        there = batch.lengths > 0
        if there.any():
            sums = np.add.reduceat(vectors, starts_of(batch.lengths)[there], axis=0, dtype=np.float64)
            means[there] = sums / batch.lengths[there, None]
        return self.parts["top"].results(means[:, None, None], threads)

    def runs(self) -> dict[str, float]:
        return {"words": float(_TOKENS * self.encoder.ngrams), "top": 1.0}

    def described(self) -> dict[str, Any]:
        return self.encoder.as_dict()

    def _known_words(self) -> list[str]:
        return [f"word{i}" for i in range(5000)]
