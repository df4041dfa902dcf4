"""Rules for what moves values about: axes, views, slices, padding, concatenation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from leveret.packing._lower import Lowering
from leveret.packing._ref import MEMORY, Ref
from leveret.packing._registry import Row, lowers

_SECTION = "shapes"
_END = 1 << 62


def viewed(state: Lowering, ref: Ref, shape: tuple[int, ...]) -> Ref:
    """The same values under another shape, in torch's order; gives steps only where memory or kind change."""
    if shape == ref.shape:
        return ref
    if not 1 <= len(shape) <= 3:
        raise state.error(
            f"from {ref.shape} to {shape}: a sample has one to three axes; take channels apart with chunk, or slices, "
            "and join them with cat"
        )
    long = [(n, axis) for n, axis in zip(ref.shape, ref.layout, strict=True) if n > 1]
    if [n for n, _ in long] == [n for n in shape if n > 1]:
        return _relabelled(state, ref, shape, [axis for _, axis in long])
    ref = state.in_order(ref)
    if len(shape) == 1:
        order = None if ref.in_memory_order else (ref.shape, ref.layout)
        return state.emit("flatten", [ref], shape=shape, order=order)
    at = ref.layout.find("hw")
    if len(ref.shape) == 3 and len(shape) == 2 and at >= 0 and shape[at] == ref.shape[at] * ref.shape[at + 1]:
        return state.emit("reshape", [ref], {"size": [1, shape[at]]}, shape=shape, layout=ref.layout.replace("hw", "w"))
    if not ref.in_memory_order:
        ref = state.as_layout(ref, MEMORY[-len(ref.shape) :])
    size = [1, *shape[:-1]][-2:]
    return state.emit("reshape", [ref], {"size": size}, shape=shape, layout=MEMORY[-len(shape) :])


def _relabelled(state: Lowering, ref: Ref, shape: tuple[int, ...], letters: list[str]) -> Ref:
    """Axes of length 1 come and go: only rows and images differ in the runtime."""
    if len(shape) == 1:
        return state.emit("flatten", [ref], shape=shape)
    ref = state.in_order(ref)
    waiting = list(letters)
    layout = [waiting.pop(0) if n > 1 else "" for n in shape]
    # width before height, so that a text is an image of height 1; then as images have them
    left = [axis for axis in "cwh" if axis not in letters][: layout.count("")]
    free = [axis for axis in "chw" if axis in left]
    named = "".join(axis or free.pop(0) for axis in layout)
    if ref.is_row:
        return state.emit("reshape", [ref], {"size": [1, 1]}, shape=shape, layout=named)
    return replace(ref, shape=shape, layout=named)


def part(state: Lowering, ref: Ref, axis: int, start: int, stop: int, step: int = 1) -> Ref:
    """A slice along an axis of a sample; −1 is the batch."""
    if axis < 0:
        raise state.error("of the batch")
    side = ref.shape[axis]
    start, stop, step = slice(start, stop, step).indices(side)
    if (start, stop, step) == (0, side, 1):
        return ref
    if not 0 <= start < stop:
        raise state.error("that leaves nothing")
    ref = state.in_order(ref)
    shape = (*ref.shape[:axis], len(range(start, stop, step)), *ref.shape[axis + 1 :])
    place = MEMORY.index(ref.layout[axis])
    made = state.draft.producer(ref.name)
    if (start, step) == (0, 1) and place < 2 and made is not None and made.op == "resize":
        # the first places of an image of another size: what follows need not be made
        size = [stop if i == place else n for i, n in enumerate(made.attributes["size"])]
        source = replace(ref, name=made.inputs[0])
        return state.emit("resize", [source], {**made.attributes, "size": size}, shape=shape, layout=ref.layout)
    attributes = {
        "start": [start if i == place else 0 for i in range(3)],
        "stop": [stop if i == place else ref.side(letter) for i, letter in enumerate(MEMORY)],
        "step": [step if i == place else 1 for i in range(3)],
    }
    return state.emit("slice", [ref], attributes, shape=shape, layout=ref.layout)


def spread(state: Lowering, ref: Ref, shape: tuple[int, ...]) -> Ref:
    """A value of one place, or one channel, repeated over all."""
    if tuple(shape) == ref.shape:
        return ref
    wide = replace(ref, shape=tuple(shape))
    grown = {axis for axis, a, b in zip(ref.layout, ref.shape, shape, strict=True) if a != b}
    channels = ref
    if "c" in grown:
        ones = np.ones((wide.side("c"), 1) if ref.is_row else (wide.side("c"), 1, 1, 1), np.float32)
        at = ref.layout.index("c")
        more = (*ref.shape[:at], wide.side("c"), *ref.shape[at + 1 :])
        op = "linear" if ref.is_row else "conv2d"
        channels = state.emit(op, [ref], {}, {"weight": ones}, shape=more, layout=ref.layout)
    if grown == {"c"}:
        result = channels
    else:
        size, step = [wide.side(axis) for axis in "hw"], [0.0 if axis in grown else 1.0 for axis in "hw"]
        attributes = {"size": size, "step": step, "mode": "nearest"}
        result = state.emit("resize", [channels], attributes, shape=wide.shape, layout=ref.layout)
    state.narrow[result] = ref
    return result


@lowers(
    "view",
    "reshape",
    "flatten",
    "unflatten",
    "squeeze",
    "unsqueeze",
    "_unsafe_view",
    "view_as",
    row=Row(
        "`Flatten`, `Unflatten`, `view`, `reshape`, `squeeze`, `unsqueeze`",
        "nothing, `flatten` or `reshape`",
        "up to three axes besides the batch's; the weights behind a flattened image are put in channels-last order",
        _SECTION,
    ),
)
def view(state: Lowering, a: dict[str, Any]) -> Ref:
    if "dtype" in a:
        raise state.error("as another dtype")
    return viewed(state, a["self"] if "self" in a else a["input"], state.out_shape)


def _permuted(state: Lowering, ref: Ref, order: list[int]) -> Ref:
    if order[0] != 0:
        raise state.error("of the batch's axis")
    if ref.is_row:
        return ref
    axes = [i - 1 for i in order[1:]]
    return replace(ref, shape=tuple(ref.shape[i] for i in axes), layout="".join(ref.layout[i] for i in axes))


_ORDER = Row("`permute`, `transpose`, `mT`", "nothing, or `transpose`", "axes move where a layer needs it", _SECTION)


@lowers("permute", row=_ORDER)
def permute(state: Lowering, a: dict[str, Any]) -> Ref:
    ref: Ref = a["self"]
    return _permuted(state, ref, [ref.axis(dim) + 1 for dim in a["dims"]])


@lowers("transpose", "mT", "swapaxes", "swapdims", row=_ORDER)
def transpose(state: Lowering, a: dict[str, Any]) -> Ref:
    ref: Ref = a["self"]
    dims = len(ref.shape) + 1
    first, second = (
        int(a.get(key, a.get(other, default))) % dims
        for key, other, default in (("dim0", "axis0", -2), ("dim1", "axis1", -1))
    )
    order = list(range(dims))
    order[first], order[second] = order[second], order[first]
    return _permuted(state, ref, order)


@lowers(
    "slice",
    "narrow",
    "select",
    row=Row(
        "`x[:, 2:9]`, `x[:, :, ::2, ::2]`, `narrow`, `select`",
        "`slice`",
        "not of the batch; of a resized image the first places are all that `resize` makes",
        _SECTION,
    ),
)
def slice_(state: Lowering, a: dict[str, Any]) -> Ref:
    ref: Ref = a["self"]
    axis = ref.axis(a["dim"])
    if state.operator == "slice":
        if axis < 0 and state.out_shape == ref.shape:
            return ref  # torch finds that all of the batch are left
        start, stop = (default if a[key] is None else int(a[key]) for key, default in (("start", 0), ("end", _END)))
        return part(state, ref, axis, start, stop, int(a["step"]))
    if state.operator == "narrow":
        start = int(a["start"]) % max(ref.shape[axis], 1)
        return part(state, ref, axis, start, start + int(a["length"]))
    index = int(a["index"]) % ref.shape[axis]
    one = part(state, ref, axis, index, index + 1)
    return viewed(state, one, (*one.shape[:axis], *one.shape[axis + 1 :]))


@lowers(
    "chunk",
    "split",
    "split_with_sizes",
    "unbind",
    row=Row("`chunk`, `split`, `unbind`", "`slice`", "not of the batch", _SECTION),
)
def split(state: Lowering, a: dict[str, Any]) -> tuple[Ref, ...]:
    ref: Ref = a["self"]
    axis = ref.axis(a["dim"])
    side = ref.shape[axis]
    if state.operator == "split_with_sizes":
        sizes = [int(n) for n in a["split_sizes"]]
    else:
        each = {"chunk": -(-side // int(a.get("chunks", 1))), "unbind": 1}.get(state.operator) or int(a["split_size"])
        sizes = [min(each, side - start) for start in range(0, side, each)]
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    parts = [part(state, ref, axis, start, start + size) for start, size in zip(starts, sizes, strict=True)]
    if state.operator != "unbind":
        return tuple(parts)
    return tuple(viewed(state, one, (*one.shape[:axis], *one.shape[axis + 1 :])) for one in parts)


@lowers(
    "pad",
    "constant_pad_nd",
    row=Row(
        "`F.pad`, `ZeroPad2d` and its kin, `padding_mode=`",
        "`pad`, `slice`",
        "constant, reflect, replicate, circular; negative pads cut",
        _SECTION,
    ),
)
def pad(state: Lowering, a: dict[str, Any]) -> Ref:
    ref = state.in_order(a["self"])
    pads = [int(n) for n in a["pad"]]
    before, after = [0, 0, 0], [0, 0, 0]
    for i in range(len(pads) // 2):
        axis, low, high = len(ref.shape) - 1 - i, pads[2 * i], pads[2 * i + 1]
        if axis < 0:
            raise state.error("of the batch")
        ref = part(state, ref, axis, max(0, -low), ref.shape[axis] + min(0, high))
        place = MEMORY.index(ref.layout[axis])
        before[place], after[place] = max(0, low), max(0, high)
    if not any(before) and not any(after):
        return ref
    attributes = {"before": before, "after": after, "mode": a.get("mode", "constant"), "value": float(a["value"] or 0)}
    return state.emit("pad", [ref], attributes, shape=state.out_shape, layout=ref.layout)


@lowers(
    "cat",
    "stack",
    row=Row("`cat([a, b], dim)`, `stack`", "`concat`", "of up to 64 values; quickest along channels", _SECTION),
)
def cat(state: Lowering, a: dict[str, Any]) -> Ref:
    parts = a["tensors"]
    if not all(isinstance(one, Ref) for one in parts):
        raise state.error("of constants")
    parts = [state.in_order(one) for one in parts]
    shape = state.out_shape
    axis = int(a["dim"]) % (len(shape) + 1) - 1
    if axis < 0:
        raise state.error("along the batch")
    if state.operator == "stack":
        parts = [viewed(state, one, (*one.shape[:axis], 1, *one.shape[axis:])) for one in parts]
    first = state.channels_at(parts[0], axis)
    parts = [first, *(state.as_layout(one, first.layout) for one in parts[1:])]
    return state.emit("concat", parts, shape=shape, layout=first.layout)


@lowers(
    "expand",
    "expand_as",
    row=Row("`expand`, `expand_as`", "`resize` over places, `conv2d` over channels", "none before a product", _SECTION),
)
def expand(state: Lowering, a: dict[str, Any]) -> Ref:
    shape = state.out_shape
    if len(shape) != len(a["self"].shape):
        raise state.error(f"from {a['self'].shape} to {shape}")
    return spread(state, a["self"], shape)


@lowers(
    "pixel_shuffle",
    "pixel_unshuffle",
    row=Row("`PixelShuffle`, `PixelUnshuffle`", "`pixel_shuffle`", "", _SECTION),
)
def pixel_shuffle(state: Lowering, a: dict[str, Any]) -> Ref:
    inverse = state.operator == "pixel_unshuffle"
    factor = int(a["downscale_factor" if inverse else "upscale_factor"])
    return state.emit("pixel_shuffle", [state.image(a["self"])], {"factor": factor, "inverse": inverse})
