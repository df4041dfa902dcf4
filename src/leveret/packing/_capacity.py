"""A dynamic capacity net: its parts, the pass back through its top, and where its patches lie."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from leveret.errors import LeveretFormatError, LeveretPackError, LeveretUsageError, LeveretWarning
from leveret.packing._compare import compare
from leveret.packing._contract import contract_of
from leveret.packing._parts import Parts, drafted
from leveret.packing._saliency import add_saliency
from leveret.packing._score_check import check_scores
from leveret.runtime.routes import PackedCapacity
from leveret.runtime.routes._amounts import amount_to_json
from leveret.runtime.routes._windows import Axis
from leveret.shrink.binary import by_floats_alone

if TYPE_CHECKING:
    from leveret.capacity import DynamicCapacityNet, Look

__all__ = ["capacity_net", "pack_capacity"]


def capacity_net(net: nn.Module) -> DynamicCapacityNet | None:
    """The net, if it is a dynamic capacity net."""
    # nobody can have made one without this, which takes its time to import
    if "leveret.capacity" not in sys.modules:
        return None
    from leveret.capacity import DynamicCapacityNet

    return net if isinstance(net, DynamicCapacityNet) else None


def pack_capacity(
    net: DynamicCapacityNet,
    example: Tensor,
    normalization: Any,
    classes: Sequence[str],
    provenance: Mapping[str, Any] | None,
) -> PackedCapacity:
    """As `leveret.pack`; the net is a copy in eval mode.

    Raises:
        LeveretPackError: an operation that the runtime lacks, or without a derivative in the top; a selector that
            can't be packed.
        LeveretUsageError: an example that isn't of images, or doesn't fit the net.
    """
    if example.dim() != 4:
        raise LeveretUsageError(f"a {type(net).__name__} takes images; example holds token ids")
    _check_levels(net, example)
    with torch.no_grad(), by_floats_alone():
        look = net.look(example)
    if look.logits.dim() != 2:
        raise LeveretPackError(f"top must give logits (n, classes), it gives {tuple(look.logits.shape)}")
    parts = _parts(net, example, look)
    try:
        packed = PackedCapacity(
            parts.parts,
            _settings(net, example),
            parts.tensors,
            contract_of(example, normalization),
            classes,
            provenance,
            codings=parts.codings,
        )
    except LeveretFormatError as error:
        raise LeveretPackError(f"{type(net).__name__} can't be packed: {error}") from error
    _compare(net, packed, example, look)
    return packed


def _check_levels(net: DynamicCapacityNet, example: Tensor) -> None:
    """Raise for what `PackedCapacity` doesn't do."""
    if (levels := len(net.levels)) > 1:
        raise LeveretPackError(
            f"a {type(net).__name__} of {levels} levels doesn't pack; one of a single level does: give it one of the "
            "fine modules, and one k"
        )
    height, width = (int(n) for n in example.shape[2:])
    if net.scale > 1 and (extent := net.extent(height, width)) != (height, width):
        raise LeveretUsageError(
            f"of images of {height}x{width} a {type(net).__name__} with a scale of {net.scale} looks at "
            f"{extent[0]}x{extent[1]} pixels; give an example of that size"
        )


def _parts(net: DynamicCapacityNet, example: Tensor, look: Look) -> Parts:
    channels, height, width = (int(n) for n in example.shape[1:])
    features = look.coarse.detach()
    shape = tuple(int(n) for n in features.shape[1:])
    parts = Parts()
    # what scales the image down for them is a layer as any other
    coarse = net.coarse if net.scale == 1 else nn.Sequential(nn.AvgPool2d(net.scale), net.coarse).eval()
    parts.add("coarse", coarse, drafted("coarse", coarse, example), (channels, height, width))
    add_saliency(parts, net, example, features)
    fine, size = net.patches.alone(net.fine), net.patches.size(height, width)
    parts.add("fine", fine, drafted("fine", fine, torch.zeros(2, channels, *size)), (channels, *size))
    if net.patches.borders != "crop":
        size = net.patches.whole_size(height, width)
        parts.add("whole", fine, drafted("fine", fine, torch.zeros(2, channels, *size)), (channels, *size))
    parts.add("top", net.top, drafted("top", net.top, features), shape, features=True)
    return parts


def _settings(net: DynamicCapacityNet, example: Tensor) -> dict[str, Any]:
    channels, *sides = (int(n) for n in example.shape[1:])
    axes = (
        _axis(net, i, axis, pixels)
        for i, (axis, pixels) in enumerate(zip((net.geometry.rows, net.geometry.columns), sides, strict=True))
    )
    rows, columns = (axis.to_json() for axis in axes)
    costs = list(net.patches.costs(net.fine, channels, *sides))
    return {"rows": rows, "columns": columns, "costs": costs, "k": amount_to_json(net.levels[0].k)}


def _axis(net: DynamicCapacityNet, i: int, axis: Any, pixels: int) -> Axis:
    """Where windows begin along an axis, as `Patches` has it."""
    patches = net.patches
    shown = {"start": patches.first[i], "size": patches.extent[i]}
    if patches.borders == "crop":
        before, _, middle = axis.crops(pixels, patches.patch_size[i])
        return Axis(axis.stride, -before, middle, held=False, whole=0, **shown)
    if patches.borders == "zeros":
        return Axis(axis.stride, axis.start, 0, held=False, whole=axis.start, **shown)
    if not axis.padded:
        return Axis(axis.stride, axis.start, 0, held=False, whole=0, **shown)
    strides = axis.start // axis.stride
    return Axis(axis.stride, strides * axis.stride, -strides, held=True, whole=0, **shown)


def _compare(net: DynamicCapacityNet, packed: PackedCapacity, example: Tensor, look: Look) -> None:
    """Each part with PyTorch's on the same inputs; then the whole, in which near scores may have changed places."""
    title, images = type(net).__name__, example.numpy()

    def check(part: str, expected: Tensor, found: Any, what: str) -> None:
        compare(expected.detach().numpy(), found, packed.parts[part].graph.steps, title, what, level=6)

    run = packed.parts
    check("coarse", look.coarse.permute(0, 2, 3, 1), run["coarse"].results(images, 0), "coarse features")
    check_scores(net, packed, example, look)
    with torch.no_grad(), by_floats_alone():
        refined = look.refined.detach()
        top = run["top"].results(np.ascontiguousarray(refined.numpy().transpose(0, 2, 3, 1)), 0)
        check("top", net.top(refined), top, "logits")
        count = packed.grid[0] * packed.grid[1]
        places = torch.tensor(sorted({0, count // 2, count - 1}))
        sample = torch.zeros_like(places)
        vectors, whole = net.patches.at(net.fine, example[:1], sample, places)
    part = "whole" if whole else "fine"
    check(part, vectors, packed.vectors(images[:1], sample.numpy(), places.numpy(), part), "fine vectors")
    found = packed.look(images)
    chosen = [sorted(map(tuple, places.tolist())) for places in look.chosen]
    if chosen != [sorted(map(tuple, places.tolist())) for places in found.chosen]:
        warnings.warn(
            LeveretWarning(
                "PyTorch and the packed net look closer at different places of the example, whose scores, or "
                "entropies, differ by no more than a rounding. Compare them on your test data"
            ),
            stacklevel=4,
        )
        return
    steps = packed.graph.steps
    compare(look.logits.detach().numpy(), found.logits, steps, title, level=5)
