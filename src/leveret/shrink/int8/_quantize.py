"""`quantize`: the transform that gives a trained net weights and activations of 8 bits."""

from __future__ import annotations

import copy
import fnmatch
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.shrink._calibrate import calibrate, checked
from leveret.shrink._choose import leave, replaced
from leveret.shrink._range import METHODS, Method, ValueRange
from leveret.shrink._windows import padding_of, pads_unevenly
from leveret.shrink.int8._layers import Int8Conv1d, Int8Conv2d, Int8Layer, Int8Linear
from leveret.shrink.int8._norms import factor_and_shift, followers
from leveret.shrink.int8._weights import whole_weights

__all__ = ["quantize"]

Skipped = str | type[nn.Module] | Iterable[str | type[nn.Module]]

_KINDS: dict[type, type[Int8Layer]] = {nn.Conv1d: Int8Conv1d, nn.Conv2d: Int8Conv2d, nn.Linear: Int8Linear}
# what a file's `quantize` step allows
_LEAST, _MOST = 1e-30, 1e30


def quantize(
    net: nn.Module,
    batches: Iterable[Any],
    *,
    method: Method = "mse",
    percentile: float = 99.99,
    skip: Skipped = (),
    depthwise: bool = False,
    skip_unfit: bool = False,
) -> nn.Module:
    """Give back `net` in eval mode with its Conv2d, Conv1d and Linear layers computing on bytes; `net` stays as it is.

    Post-training quantisation: nothing is trained. A few hundred samples of the training data, in `batches`, say which
    values each layer takes. Weights are −127..127 with a step per filter. Values are 0..255 where none was negative,
    as after ReLU, else −128..127, with one step for all; 0 is 0 in both.

    A BatchNorm that alone takes what a layer gives is folded into the layer's scale and bias and becomes an
    `nn.Identity`. As every filter has a step of its own, that changes no whole number, and spares packed nets a
    rounding and a pass over memory. Other BatchNorms stay, such as those behind a pool.

    The first layer sees few inputs, and the last gives the logits: of a net that loses accuracy, these may be left
    real with `skip`. They are converted otherwise, since 8 bits are mostly enough for them. The top of a
    `DynamicCapacityNet` always stays real, since its saliency is a derivative, which whole numbers don't have, and so
    does a selector that learns.

    Args:
        net: any trained module. Layers are found by type, exactly `nn.Conv2d`, `nn.Conv1d` and `nn.Linear`, with
            groups and any padding mode; transposed convolutions stay real.
        batches: tensors as `net` takes them, images normalised; or pairs of those and labels, which are not looked at.
        method: how a layer's step is chosen: "mse", the least squared error of the values seen; "percentile", so that
            `percentile` percent of them aren't cut; "max", so that none is. The default, as a rare large value then
            costs no other its precision, while where there is none it comes near "max" (Nagel et al., section 3.1).
        percentile: of the sizes of all values, above 50 and up to 100.
        skip: which layers stay real: names or glob patterns as in `net.named_modules()`, of a layer ("classifier",
            "blocks.*.0") or of what it stands in ("stem"); or kinds (`nn.Linear`).
        depthwise: convert convolutions whose filters see one channel each, too. They hold few weights, and the
            packed net's real kernel for them is many times faster than the one of bytes; as ONNX, for an engine that
            has a fast one, they may be worth it.
        skip_unfit: leave layers that don't fit as they are, with a warning that names them, rather than raise.

    Raises:
        LeveretDataError: a batch holds NaN or infinite values.
        LeveretUsageError: no batches, or one that doesn't fit the net; an argument out of range; a net without a layer
            to convert, a `skip` that fits none or all; or a layer, named, that was never reached, took only zeros, took
            or holds NaN, or pads unevenly.

    Source: Nagel et al., "A White Paper on Neural Network Quantization", 2021, arXiv 2106.08295, section 3, without
    equalisation and bias correction, which steps per filter leave little to do; Jacob et al., CVPR 2018, section 2.

    Example:
        >>> images = data.normalization.apply(data.train.fetch(np.arange(256)))
        >>> small = quantize(net, [torch.from_numpy(images)])
        >>> packed = leveret.pack(small, example)
    """
    if method not in METHODS:
        raise LeveretUsageError(f"method must be one of {', '.join(map(repr, METHODS))}, got {method!r}")
    if not 50 < percentile <= 100:
        raise LeveretUsageError(f"percentile must be above 50 and at most 100, got {percentile}")
    result = copy.deepcopy(net).eval()
    layers = _chosen(result, skip, depthwise)
    for name, layer in layers.items():
        _check(name, layer)
    layers = dict(leave(list(layers.items()), _uneven(layers), skip_unfit))
    norms, inputs = _followed(result, layers, checked(batches, result))
    ranges = calibrate(result, layers, inputs, counted=method != "max")
    steps = {name: ranges[name].step(method, percentile) for name in layers}
    made: dict[nn.Module, nn.Module] = {}
    for name, layer in leave(list(layers.items()), _stepless(steps, ranges), skip_unfit):
        norm = norms.get(layer)
        if norm is not None:
            made[norm] = nn.Identity()
        made[layer] = _int8_like(layer, norm, steps[name], ranges[name].levels)
    return replaced(result, made).eval()


def _chosen(net: nn.Module, skip: Skipped, depthwise: bool) -> dict[str, Any]:
    """The layers to convert, by name."""
    layers = {name: module for name, module in net.named_modules() if type(module) in _KINDS}
    if not layers:
        raise LeveretUsageError(f"{type(net).__name__} has no Conv2d, Conv1d or Linear layer to quantize")
    left = set() if depthwise else {name for name, module in layers.items() if _is_depthwise(module)}
    left |= {name for name in layers if any(f"{name}.".startswith(part) for part in _real_parts(net))}
    for choice in [skip] if isinstance(skip, str | type) else list(skip):
        if isinstance(choice, type):
            found = [name for name, module in layers.items() if isinstance(module, choice)]
        else:
            found = [name for name in layers if any(fnmatch.fnmatchcase(name, p) for p in (choice, f"{choice}.*"))]
        if not found:
            called = f"is a {choice.__name__}" if isinstance(choice, type) else f"is called {choice!r}"
            raise LeveretUsageError(f"skip: no Conv2d, Conv1d or Linear layer {called}; there are: {', '.join(layers)}")
        left.update(found)
    if len(left) == len(layers):
        raise LeveretUsageError(
            f"no layer is left to quantize: all of {', '.join(layers)} are in skip, depthwise and stay real without "
            "depthwise=True, or in a part that must stay real"
        )
    return {name: module for name, module in layers.items() if name not in left}


def _real_parts(net: nn.Module) -> list[str]:
    """Beginnings of the names of what must stay differentiable, as the top of a dynamic capacity net."""
    return [
        f"{name}.{part}.".lstrip(".")
        for name, module in net.named_modules()
        for part in getattr(module, "real_parts", ())
    ]


def _is_depthwise(layer: Any) -> bool:
    return not isinstance(layer, nn.Linear) and layer.groups > 1 and layer.groups == layer.in_channels


def _check(name: str, layer: Any) -> None:
    if not layer.weight.isfinite().all() or not (layer.bias is None or layer.bias.isfinite().all()):
        raise LeveretUsageError(f"layer {name!r} holds NaN or infinite weights")


def _uneven(layers: dict[str, Any]) -> dict[str, str]:
    """The layers that pad unevenly, each with what to do."""
    return {
        name: "pads unevenly ('same' with an even kernel); give its padding in numbers, or leave it real: "
        f"skip=[{name!r}]"
        for name, layer in layers.items()
        if not isinstance(layer, nn.Linear) and pads_unevenly(layer)
    }


def _followed(
    net: nn.Module, layers: dict[str, Any], inputs: Iterator[Tensor]
) -> tuple[dict[nn.Module, nn.Module], Iterator[Tensor]]:
    """The BatchNorms to fold, found with one sample of the first batch; and all batches."""
    first = next(inputs)
    try:
        norms = followers(net, layers.values(), first[:1])
    except Exception:
        # where the batch doesn't fit, calibration says so; where the net takes no single sample, nothing is folded
        norms = {}
    return norms, chain([first], inputs)


def _stepless(steps: dict[str, float], ranges: dict[str, ValueRange]) -> dict[str, str]:
    """The layers whose values have no step that a file can hold, each with why."""
    found = {}
    for name, step in steps.items():
        if not _LEAST <= step <= _MOST:
            low, high = ranges[name].low, ranges[name].high
            span = "only zeros" if low == high == 0 else f"values in {low:.4g}..{high:.4g}"
            found[name] = (
                f"took {span} in all batches, for which there is no step: give other batches, or leave it real: "
                f"skip=[{name!r}]"
            )
    return found


def _int8_like(layer: Any, norm: nn.Module | None, step: float, levels: tuple[int, int]) -> nn.Module:
    weight, scale = whole_weights(layer.weight)
    bias = torch.zeros_like(scale) if layer.bias is None else layer.bias.detach().double()
    if norm is not None:
        factor, shift = factor_and_shift(norm)
        scale, bias = scale * factor, bias * factor + shift
    window = {}
    if not isinstance(layer, nn.Linear):
        window = {name: getattr(layer, name) for name in ("stride", "dilation", "groups", "padding_mode")}
        window["padding"] = padding_of(layer)
    return _KINDS[type(layer)](weight, scale.float(), bias.float(), step=step, levels=levels, **window)
