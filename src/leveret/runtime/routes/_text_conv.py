"""`PackedTextConv`: a convolutional sentence classifier, packed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError
from leveret.runtime.routes._sequence import check_steps, largest
from leveret.runtime.routes._texts import _TOKENS, PackedTexts, Sentences
from leveret.text import TextEncoder

__all__ = ["PackedTextConv"]


class PackedTextConv(PackedTexts):
    """A packed `leveret.nets.TextConvNet`. Make one with `leveret.pack` or `leveret.runtime.load`.

    Parts: `words`, from a token's id to its vector; `filters0`, `filters1`, …, each from a window of some words to
    answers; `top`, from the largest answers of all to logits. A text has zeros on either side, one fewer than a filter
    is wide. Texts are run end to end, long ones in pieces, so that memory is bounded whatever their length.

    Example:
        >>> net = leveret.runtime.load("model.lvr")
        >>> net(["a fine film ."]).shape
        (1, 2)
    """

    route = "text_conv"
    part_names: ClassVar[tuple[str, ...]] = ("words", "top")

    def _order(self, parts: Mapping[str, Any]) -> list[str]:
        filters = [f"filters{i}" for i in range(len(parts.keys() - {"words", "top"}))]
        expected = ["words", *filters, "top"]
        if not filters or set(parts) != set(expected):
            missing = sorted(set(expected) ^ set(parts)) or ["filters0"]
            raise LeveretFormatError(
                f"route {self.route!r}: its parts must be words, filters0 and so on, and top; look at {missing[0]!r}"
            )
        return expected

    def _set_up(self, settings: Mapping[str, Any]) -> None:
        self._take(settings, "text")
        self.encoder = TextEncoder.from_dict(settings["text"])
        self._vocabulary("words", len(self.encoder.vocabulary))
        words, top = self.parts["words"], self.parts["top"]
        check_steps("words", words, "embedding")
        channels, width = words.output_shape[0], 0
        for name, part in self._filters.items():
            shape = self._given[name].shape
            if not self._given[name].features or shape[:2] != (channels, 1):
                raise LeveretFormatError(f"part {name!r} must take features ({channels}, 1, words), it takes {shape}")
            check_steps(name, part, "conv2d")
            if not _never_below_zero(part.ops[0]):
                raise LeveretFormatError(f"part {name!r} must end in a ReLU: slope 0, and nothing after it")
            width += part.output_shape[0]
        if self._given["top"].shape != (width, 1, 1) or not self._given["top"].features:
            raise LeveretFormatError(f"part 'top' must take features ({width}, 1, 1)")
        if len(top.output_shape) != 1:
            raise LeveretFormatError("part 'top' must give logits")

    def _settings(self) -> dict[str, Any]:
        return {"text": self.encoder.as_dict()}

    def results(self, batch: Sentences, threads: int) -> NDArray[np.float32]:  # type: ignore[override]
        maxima = largest(batch.ids, batch.lengths, self.parts["words"], list(self._filters.values()), threads)  # type: ignore[arg-type]
        return self.parts["top"].results(np.concatenate(maxima, 1)[:, None, None], threads)

    def runs(self) -> dict[str, float]:
        reaches = {name: _TOKENS + part.input.shape[-1] - 1.0 for name, part in self._filters.items()}
        return {"words": float(_TOKENS), **reaches, "top": 1.0}

    def described(self) -> dict[str, Any]:
        widths = ", ".join(str(part.input.shape[-1]) for part in self._filters.values())
        return {"widths": widths, "words": len(self.encoder.vocabulary.words), **self.encoder.tokenizer.as_dict()}

    def _known_words(self) -> list[str]:
        return list(self.encoder.vocabulary.words[:5000]) or ["word"]

    @property
    def _filters(self) -> dict[str, Any]:
        return {name: part for name, part in self.parts.items() if name.startswith("filters")}


def _never_below_zero(op: Any) -> bool:
    """Whether an epilogue ends in a ReLU, so that 0 is the least that a maximum can be."""
    slope = op.array("slope")
    return slope is not None and not slope.any() and op.array("after") is None
