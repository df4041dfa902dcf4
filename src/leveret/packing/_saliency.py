"""The part of a dynamic capacity net that gives places their scores, for each selector that packs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor, nn

from leveret.errors import LeveretPackError
from leveret.packing import _gradient_rules  # noqa: F401  (they register themselves)
from leveret.packing._gradient import Tape
from leveret.packing._image_scores import EdgeScores, VarianceScores
from leveret.packing._parts import Parts, drafted
from leveret.runtime._graph import INPUT
from leveret.runtime._values import Value

if TYPE_CHECKING:
    from leveret.capacity import DynamicCapacityNet

__all__ = ["add_saliency"]


def add_saliency(parts: Parts, net: DynamicCapacityNet, example: Tensor, features: Tensor) -> None:
    """Add the part `saliency`.

    Args:
        example: images.
        features: their coarse features.

    Raises:
        LeveretPackError: a selector that can't be packed, or a top without derivatives for one that needs them.
    """
    from leveret.capacity import CoarseConfidence, Edges, EntropyGradient, LearnedAttention, LocalVariance

    selector = net.selector
    shape = tuple(int(n) for n in features.shape[1:])
    if type(selector) in (EntropyGradient, CoarseConfidence):
        measure = "entropy" if type(selector) is EntropyGradient else "confidence"
        draft = drafted("top", net.top, features)
        _go_back(Tape(draft, Value((shape[1], shape[2]), shape[0]), "top"), measure)
        parts.add("saliency", net.top, draft, shape, features=True)
    elif type(selector) is LearnedAttention:
        scores: nn.Module = nn.Sequential(selector.hidden, nn.Tanh(), selector.score, nn.Flatten())
        parts.add("saliency", scores, drafted("selector", scores, features), shape, features=True)
    elif type(selector) in (Edges, LocalVariance) and net.scale == 1:
        image = tuple(int(n) for n in example.shape[1:])
        of_image = EdgeScores if type(selector) is Edges else VarianceScores
        scores = of_image(net.geometry, *image).eval()
        parts.add("saliency", scores, drafted("selector", scores, example), image)
    else:
        scaled = net.scale > 1
        raise LeveretPackError(
            f"the selector {type(selector).__name__} doesn't pack{' with a scale' if scaled else ''}: set net.selector "
            f"to EntropyGradient(), CoarseConfidence(){'' if scaled else ', LocalVariance(), Edges()'} or a "
            "LearnedAttention"
        )


def _go_back(tape: Tape, measure: str) -> None:
    """From the logits back to the features, and from there to the scores; the result is the logits, then scores."""
    logits = tape.draft.steps[-1]
    seed = tape.emit(logits, "logits_gradient", [logits.name], {"measure": measure})
    gradient = tape.gradient(seed)
    if measure == "entropy":
        scores = tape.emit(logits, "channel_norm", [gradient])
    else:
        product = tape.emit(logits, "multiply", [gradient, INPUT])
        mean = tape.emit(logits, "channel_mean", [product])
        number = np.full(1, tape.values[INPUT].channels, np.float32)
        scores = tape.emit(logits, "affine", [mean], {}, {"scale": number})
    row = tape.emit(logits, "flatten", [scores])
    tape.emit(logits, "concat", [logits.name, row])
