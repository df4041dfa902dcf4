"""Fusing before real layers: a scale per channel becomes part of the weights that its products would meet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leveret.packing._draft import Draft

__all__ = ["scales_into_weights"]


def scales_into_weights(draft: Draft) -> None:
    """`W (γ ∘ x)` is `(W ∘ γ) x`: the scale of an `L2Norm` that layers alone take needs no pass of its own.

    Zeros that the layer pads with are zeros at any scale. Where weights are few values, or mostly zeros, the step
    stays: the file stores such weights as what they are.
    """
    for step in draft.steps:
        plain = step.op in ("conv2d", "linear") and step.attributes.get("groups", 1) == 1
        if not plain or step.attributes.get("exact", False):
            continue
        scaled = draft.producer(step.inputs[0])
        if scaled is None or scaled.op != "affine" or set(scaled.arrays) != {"scale"} or len(scaled.inputs) > 1:
            continue
        if _many(step.arrays["weight"]):
            step.arrays["weight"] = step.arrays["weight"] * scaled.arrays["scale"]
            step.inputs = [scaled.inputs[0], *step.inputs[1:]]
    draft.remove_unused()


def _many(weight: NDArray[np.float32]) -> bool:
    """Whether most of the weights are values of their own."""
    return 2 * len(np.unique(weight)) > weight.size
