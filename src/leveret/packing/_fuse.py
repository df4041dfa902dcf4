"""Fusing: steps that need no pass over memory of their own move into their neighbours.

The kernels' epilogue is `v = fma(sum, scale, shift); v += add; v += before; v = leaky(v, slope); v += after`. A step
joins its producer if it takes a later place there, so that every rounding stays where torch has it; only real
convolutions, whose sums no library repeats to the last bit anyway, also take up a BatchNorm behind their bias.
"""

from __future__ import annotations

import math

import numpy as np

from leveret.packing._draft import Draft, DraftStep
from leveret.packing._fuse_int8 import clips_into_levels
from leveret.packing._fuse_scales import scales_into_weights
from leveret.packing._sparse import keep_what_was_not_pruned
from leveret.packing._thresholds import affine_thresholds, sum_thresholds

__all__ = ["fuse"]

_WITH_EPILOGUE = frozenset(
    {
        "affine",
        "binary_weight_conv2d",
        "binary_weight_linear",
        "bit_conv2d",
        "bit_linear",
        "conv2d",
        "conv_transpose2d",
        "int8_conv2d",
        "int8_linear",
        "linear",
    }
)
_PLACES = {"scale": 0, "shift": 0, "before": 2, "slope": 3, "after": 4}
_ADD = 1


def fuse(draft: Draft) -> None:
    """Fuse what can be, in place."""
    _pads_into_convolutions(draft)
    clips_into_levels(draft)
    _join_epilogues(draft)
    scales_into_weights(draft)
    _fold_into_thresholds(draft)
    draft.remove_unused()
    while _signs_before_pools(draft) or _signs_before_flatten(draft):
        _fold_into_thresholds(draft)
        draft.remove_unused()
    _sums_to_bits(draft)
    draft.remove_unused()
    keep_what_was_not_pruned(draft)


def _pads_into_convolutions(draft: Draft) -> None:
    """Zeros put round an image for a real convolution alone are its own padding; a sign would make +1 of them."""
    for step in list(draft.steps):
        pad = draft.producer(step.inputs[0]) if step.op in ("conv2d", "binary_weight_conv2d") else None
        if pad is None or pad.op != "pad" or len(draft.consumers(pad.name)) != 1 or len(step.inputs) != 1:
            continue
        kind = pad.attributes
        if kind["before"] != kind["after"] or kind["before"][2] or (kind["mode"], kind["value"]) != ("constant", 0):
            continue
        own = step.attributes.get("padding", [0, 0])
        step.attributes["padding"] = [p + q for p, q in zip(own, kind["before"], strict=False)]
        step.inputs = list(pad.inputs)
        draft.steps.remove(pad)


def _join_epilogues(draft: Draft) -> None:
    for step in list(draft.steps):
        if step.op != "affine":
            continue
        for place, name in enumerate(step.inputs):
            producer = draft.producer(name)
            if producer is None or producer.op not in _WITH_EPILOGUE or len(draft.consumers(name)) != 1:
                continue
            if step.inputs.count(name) == 1 and _joined(producer, step, place):
                draft.steps.remove(producer)
                draft.rename(step, producer.name)
                break


def _joined(producer: DraftStep, step: DraftStep, place: int) -> bool:
    """Move the producer into `step`, which keeps its position; False if their order forbids it."""
    arrays = dict(producer.arrays)
    inputs = list(producer.inputs)
    last = _last_place(producer)
    if len(step.inputs) == 2:
        # an addition comes alone: its own later steps have not joined it yet, or could not
        if last >= _ADD or set(step.arrays) & {"scale", "shift"}:
            return False
        inputs.append(step.inputs[1 - place])
        arrays |= step.arrays
    elif "scale" in step.arrays:
        if last >= 0 and not _folds(producer, last):
            return False
        _fold_scale(arrays, step)
        arrays |= {role: a for role, a in step.arrays.items() if role not in ("scale", "shift")}
    elif set(step.arrays) == {"shift"}:
        role = "shift" if last < 0 else "before" if last < 2 else "after" if last == 3 else None
        if role is None:
            return False
        arrays[role] = step.arrays["shift"]
    elif min((_PLACES[role] for role in step.arrays), default=5) > last:
        arrays |= step.arrays
    else:
        return False
    step.op, step.inputs, step.attributes, step.arrays = producer.op, inputs, producer.attributes, arrays
    step.layer, step.turned = producer.layer, producer.turned
    return True


def _last_place(step: DraftStep) -> int:
    """The last place of the epilogue that a step has taken; −1 for none."""
    places = [_PLACES[role] for role in step.arrays if role in _PLACES]
    if len(step.inputs) == 2:
        places.append(_ADD)
    return max(places, default=-1)


def _folds(producer: DraftStep, last: int) -> bool:
    """Whether a scale may be multiplied into the one that is there: where sums aren't repeatable to the last bit."""
    return (
        last == 0
        and producer.op in ("conv2d", "conv_transpose2d", "linear")
        and not producer.attributes.get("exact", False)
    )


def _fold_scale(arrays: dict[str, np.ndarray], step: DraftStep) -> None:
    scale, shift = step.arrays["scale"].astype(np.float64), step.arrays.get("shift")
    old_shift = arrays.get("shift")
    if old_shift is not None:
        shift = (old_shift * scale + (0 if shift is None else shift)).astype(np.float32)
    if "scale" in arrays:
        scale = scale * arrays["scale"]
    arrays["scale"] = scale.astype(np.float32)
    if shift is not None:
        arrays["shift"] = shift


def _fold_into_thresholds(draft: Draft) -> None:
    """A BatchNorm or a learned shift before a sign becomes the sign's threshold."""
    for step in draft.steps:
        if step.op != "bits" or step.arrays:
            continue
        producer = draft.producer(step.inputs[0])
        if producer is None or producer.op != "affine" or len(producer.inputs) != 1:
            continue
        if set(producer.arrays) not in ({"scale", "shift"}, {"shift"}, {"scale"}):
            continue
        scale = producer.arrays.get("scale")
        shift = producer.arrays.get("shift")
        if shift is None:
            assert scale is not None
            shift = np.zeros_like(scale)
        threshold, flip = affine_thresholds(scale, shift)
        step.arrays = {"threshold": threshold, **({"flip": flip} if flip.any() else {})}
        step.inputs = list(producer.inputs)


def _signs_before_pools(draft: Draft) -> bool:
    """The sign of a largest value is taken before the pool, which then works on bits; True if there was one.

    `max(x) >= t` where any `x >= t`, and `max(x) <= t` where all `x <= t`: the same bits, whatever the threshold.
    """
    for step in draft.steps:
        pool = draft.producer(step.inputs[0]) if step.op == "bits" else None
        if pool is None or pool.op != "max_pool2d" or len(draft.consumers(pool.name)) != 1:
            continue
        window = dict(pool.attributes)
        if window.pop("dilation", [1, 1]) != [1, 1]:
            continue  # it may stand beside a small image altogether
        flip = step.arrays.get("flip")
        pool.op, pool.attributes, pool.arrays = "bits", {}, step.arrays
        step.op, step.attributes, step.arrays = "bit_max_pool2d", window, {} if flip is None else {"flip": flip}
        _swap_names(draft, pool, step)
        return True
    return False


def _signs_before_flatten(draft: Draft) -> bool:
    """The signs of a flattened image are taken before it is flattened; True if there was one.

    Only without thresholds: a norm behind the flattening has one per feature, which places don't share.
    """
    for step in draft.steps:
        flat = draft.producer(step.inputs[0]) if step.op == "bits" and not step.arrays else None
        if flat is None or flat.op != "flatten" or len(draft.consumers(flat.name)) != 1:
            continue
        flat.op, step.op = "bits", "bit_flatten"
        _swap_names(draft, flat, step)
        return True
    return False


def _swap_names(draft: Draft, first: DraftStep, second: DraftStep) -> None:
    """Two steps have changed their places: their names follow what they do."""
    names = first.name, second.name
    draft.rename(second, f"{names[1]}:")
    draft.rename(first, names[1])
    draft.rename(second, names[0])


def _sums_to_bits(draft: Draft) -> None:
    """A binary convolution or product whose sums only their signs are taken of gives bits at once."""
    for step in list(draft.steps):
        if step.op != "bits":
            continue
        producer = draft.producer(step.inputs[0])
        if producer is None or producer.op not in ("bit_conv2d", "bit_linear") or len(producer.inputs) != 1:
            continue
        if producer.attributes.get("groups", 1) > 1:
            continue  # the engine compares sums of one group alone; taking signs after it is quicker than leaving it
        if len(draft.consumers(producer.name)) != 1 or not producer.arrays.keys() <= {"weight", "scale", "shift"}:
            continue
        outputs, *sides = producer.arrays["weight"].shape
        found = sum_thresholds(
            math.prod(sides) * 64,
            producer.arrays.get("scale"),
            producer.arrays.get("shift"),
            step.arrays.get("threshold"),
            step.arrays.get("flip"),
            outputs,
        )
        if found is None:
            continue
        step.op, step.inputs, step.attributes = f"{producer.op}_to_bits", producer.inputs, producer.attributes
        step.arrays = {"weight": producer.arrays["weight"], "threshold": found[0], "flip": found[1]}
        draft.steps.remove(producer)
        draft.rename(step, producer.name)
