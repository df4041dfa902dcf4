"""Fusing around quantised values: bounds that values are held within anyway."""

from __future__ import annotations

import numpy as np

from leveret.packing._draft import Draft
from leveret.runtime import reference

__all__ = ["clips_into_levels"]


def clips_into_levels(draft: Draft) -> None:
    """Values held between two bounds, as by ReLU6, and then quantised are held by the lowest and highest level alone.

    Dividing, rounding and holding all keep the order of values: the levels of the bounds bound the levels, exactly.
    """
    for step in draft.steps:
        clip = draft.producer(step.inputs[0]) if step.op == "quantize" else None
        if clip is None or clip.op != "clip":
            continue
        bounds = np.array([clip.attributes["low"], clip.attributes["high"]], np.float32)
        low, high = (int(level) for level in reference.quantize(bounds, **step.attributes))
        if low <= 0 <= high and low < high:
            step.attributes |= {"low": low, "high": high}
            step.inputs = list(clip.inputs)
    draft.remove_unused()
