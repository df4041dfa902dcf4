"""`pack`: a trained PyTorch net as one that runs on numpy and our kernels alone."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from leveret.errors import LeveretFormatError, LeveretPackError, LeveretUsageError, LeveretWarning
from leveret.packing import (  # noqa: F401  (they register themselves)
    _rules_int8,
    _rules_layers,
    _rules_norms,
    _rules_pools,
    _rules_shapes,
    _rules_values,
)
from leveret.packing._fuse import fuse
from leveret.packing._lower import lower
from leveret.packing._storage import known_codings
from leveret.runtime import InputContract, Packed
from leveret.shrink.binary import by_floats_alone

__all__ = ["pack"]

_TOLERANCE = 1e-3
# where the last bit of a float may decide a whole step
_TURNING = ("bits", "quantize")


def pack(
    net: nn.Module,
    example: Tensor,
    *,
    normalization: Any = None,
    classes: Sequence[str] = (),
    provenance: Mapping[str, Any] | None = None,
) -> Packed:
    """Trace `net` with torch.export and give the same net as a `Packed`.

    Binary layers become bit kernels, BatchNorm and learned shifts before a sign become its threshold, and what follows
    a convolution becomes its epilogue. The result is run on `example` and compared with PyTorch.

    Args:
        net: maps images `(n, channels, height, width)` float32, or token ids `(n, length)` int64, to logits
            `(n, num_classes)` or maps of them `(n, num_classes, height, width)`, also as the one value of a tuple or
            dict; packed as in eval mode, itself left as it is.
        example: a few inputs, images normalised; other inputs must have their size.
        normalization: `mean` and `std` per channel of pixels in 0..1, so that the packed net takes uint8 pixels.
        classes: names, in the order of the logits.
        provenance: anything worth keeping in the file, as plain values.

    Raises:
        LeveretPackError: an operation that the runtime lacks; names the layer, and what would work instead. Or logits
            that are not PyTorch's, of a net without signs.
        LeveretUsageError: `example` isn't a batch of images or token ids, or doesn't fit `net`; `net` can't be copied.

    Warns:
        LeveretWarning: PyTorch and the packed net differ on the example by more than 1e-3.
    """
    kinds = {(4, torch.float32): "images", (2, torch.int64): "ids"}
    kind = kinds.get((example.dim(), example.dtype)) if isinstance(example, Tensor) and len(example) else None
    if kind is None:
        got = f"{tuple(example.shape)} {example.dtype}" if isinstance(example, Tensor) else type(example).__name__
        raise LeveretUsageError(
            f"example must be float32 images (n, channels, height, width) or int64 token ids (n, length), got {got}"
        )
    if kind == "ids" and normalization is not None:
        raise LeveretUsageError("normalization is of pixels; example holds token ids")
    example = example.detach().cpu()
    trained = _copied(net).cpu().eval()
    draft, vocabulary = lower(_exported(trained, example))
    fuse(draft)
    codings = known_codings(trained, draft)
    graph, tensors = draft.finished()
    contract = InputContract(
        tuple(int(n) for n in example.shape[1:]),
        None if normalization is None else tuple(float(v) for v in normalization.mean),
        None if normalization is None else tuple(float(v) for v in normalization.std),
        vocabulary,
    )
    try:
        packed = Packed(graph, tensors, contract, classes, provenance, codings=codings)
    except LeveretFormatError as error:
        raise LeveretPackError(f"{type(net).__name__} can't be packed: {error}") from error
    _compare(trained, packed, example)
    return packed


def _copied(net: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(net)
    except RuntimeError as error:
        raise LeveretUsageError(
            f"{type(net).__name__} can't be copied: {str(error).splitlines()[0]}. Weights that hooks compute must be "
            "made plain before: torch.nn.utils.prune.remove, torch.nn.utils.remove_weight_norm"
        ) from error


def _exported(net: nn.Module, example: Tensor) -> Any:
    # export takes a batch of one for a constant
    several = example if len(example) > 1 else torch.cat([example, example])
    try:
        return _export(net, several, ({0: torch.export.Dim("batch", min=1)},))
    except Exception as error:
        try:
            with torch.no_grad():
                net(example)
        except Exception as own:
            raise LeveretUsageError(f"example of shape {tuple(example.shape)} doesn't fit the net: {own}") from own
        _name_what_is_missing(net, several)
        reason = str(error).strip().splitlines()[0]
        raise LeveretPackError(
            f"torch.export can't trace {type(net).__name__}: {reason}. Branches that depend on values must go"
        ) from error


def _export(net: nn.Module, example: Tensor, dynamic_shapes: Any = None) -> Any:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        return torch.export.export(net, (example,), dynamic_shapes=dynamic_shapes)


def _name_what_is_missing(net: nn.Module, example: Tensor) -> None:
    """Some operators can't be traced with a free batch: the net with this one may say which the runtime lacks."""
    try:
        program = _export(net, example)
    except Exception:
        return
    lower(program)


def _compare(net: nn.Module, packed: Packed, example: Tensor) -> None:
    # by floats: a check of the kernels by themselves would be none
    with torch.no_grad(), by_floats_alone():
        expected = _only(net(example)).numpy()
    found = packed(example.numpy())
    difference = float(np.abs(found - expected).max())
    largest = max(1.0, float(np.abs(expected).max()))
    if difference <= _TOLERANCE * largest or np.array_equal(found, expected, equal_nan=True):
        return
    if not any(step.op in _TURNING for step in packed.graph.steps):
        raise LeveretPackError(
            f"PyTorch's and the packed net's logits differ by up to {difference:.2g} on the example, which no sign "
            f"or rounding of one value explains: packing {type(net).__name__} went wrong. Please report it with the net"
        )
    warnings.warn(
        LeveretWarning(
            f"PyTorch's and the packed net's logits differ by up to {difference:.2g} on the example: a value so "
            "near to where its sign or whole number turns that the last bit decides. Compare them on your test data"
        ),
        stacklevel=3,
    )


def _only(outputs: Any) -> Tensor:
    """The net's one output, which may stand in a tuple or a dict."""
    while not isinstance(outputs, Tensor):
        outputs = next(iter(outputs.values() if isinstance(outputs, Mapping) else outputs))
    return outputs
