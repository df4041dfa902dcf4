"""XNOR layers on the bit kernels of packed nets, in evaluation and in training.

What an XNOR layer adds up is whole numbers, sums of ±1, so the kernels give exactly what a float convolution of the
signs gives; only a scale α, which comes after the sum here and before it there, may round otherwise. Backward nothing
changes: the gradients are those of the float convolution, computed by the same operators from the same signs.

`use_bit_kernels` says when a layer does so. "auto", the default:

==================  ======================  ===========================================
                    without grad            with grad
==================  ======================  ===========================================
plain signs         what is faster          what is faster
with α              the kernels             floats, so that runs repeat to the last bit
==================  ======================  ===========================================

What is faster is measured, once for each kind of layer and input. Where nothing was compiled, on other devices, other
dtypes than float32 and bfloat16, and under `torch.export` and `torch.compile`, floats compute as before.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["BitKernels", "by_floats_alone", "conv_sums", "linear_sums"]

BitKernels = Literal["auto"] | bool

_DTYPES = (torch.float32, torch.bfloat16)
_TURNS = 3
# whether all layers compute by floats for now, whatever was chosen; of this thread or task
_floats_alone: ContextVar[bool] = ContextVar("floats_alone", default=False)
# whether the kernels were faster, by what is computed
_faster: dict[tuple[Any, ...], bool] = {}


@contextmanager
def by_floats_alone() -> Iterator[None]:
    """Let all XNOR layers compute by floats meanwhile: where PyTorch is to be an oracle for the kernels."""
    before = _floats_alone.set(True)
    try:
        yield
    finally:
        _floats_alone.reset(before)


def conv_sums(layer: Any, x: Tensor) -> Tensor:
    """`conv2d(sign(x), effective weight)` of an `XnorConv2d`, by bits or by floats."""
    window = layer.stride, layer.padding, layer.dilation, layer.groups
    if _traced():
        return F.conv2d(layer._sign(x), layer.effective_weight(), None, *window)

    def by_floats() -> Tensor:
        return F.conv2d(layer._sign(x), layer.effective_weight(), None, *window)

    def by_bits() -> Tensor:
        dtype, weight = _computed_in(x), layer.effective_weight()
        if not torch.is_grad_enabled():
            return _conv(x, weight.to(dtype), window)
        return _BitConv.apply(x.detach(), layer._sign(x).to(dtype), weight.to(dtype), window)

    added = layer.in_channels // layer.groups, layer.kernel_size[0] * layer.kernel_size[1]
    fits = x.dim() == 4 and x.shape[1] == layer.in_channels and _window_fits(layer, x)
    return _chosen(layer, x, fits, added, by_bits, by_floats)


def linear_sums(layer: Any, x: Tensor) -> Tensor:
    """`linear(sign(x), effective weight)` of an `XnorLinear`, by bits or by floats."""
    if _traced():
        return F.linear(layer._sign(x), layer.effective_weight())

    def by_floats() -> Tensor:
        return F.linear(layer._sign(x), layer.effective_weight())

    def by_bits() -> Tensor:
        dtype, weight = _computed_in(x), layer.effective_weight()
        if not torch.is_grad_enabled():
            return _product(x, weight.to(dtype))
        return _BitProduct.apply(x.detach(), layer._sign(x).to(dtype), weight.to(dtype))

    fits = x.dim() == 2 and x.shape[1] == layer.in_features
    return _chosen(layer, x, fits, (layer.in_features, 1), by_bits, by_floats)


class _BitConv(torch.autograd.Function):
    """Forward by bits, backward as `F.conv2d(signs, weight)`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, signs: Tensor, weight: Tensor, window: Any) -> Tensor:
        ctx.save_for_backward(signs, weight)
        ctx.window = window
        return _conv(x, weight, window)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        signs, weight = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.window
        wanted = [ctx.needs_input_grad[1], ctx.needs_input_grad[2], False]
        of_signs, of_weight, _ = torch.ops.aten.convolution_backward(
            grads[0], signs, weight, None, stride, padding, dilation, False, [0, 0], groups, wanted
        )
        return None, of_signs, of_weight, None


class _BitProduct(torch.autograd.Function):
    """Forward by bits, backward as `F.linear(signs, weight)`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, signs: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(signs, weight)
        return _product(x, weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        signs, weight = ctx.saved_tensors
        of_signs = grads[0].mm(weight) if ctx.needs_input_grad[1] else None
        of_weight = grads[0].t().mm(signs) if ctx.needs_input_grad[2] else None
        return None, of_signs, of_weight


def _conv(x: Tensor, weight: Tensor, window: Any) -> Tensor:
    """Sums of the signs under the window, times α, in the weight's dtype and in the layout that `F.conv2d` gives."""
    stride, padding, dilation, groups = window
    kernels, threads = _kernels(), torch.get_num_threads()
    bits = kernels.pack_bits(_array(x.permute(0, 2, 3, 1)), threads=threads)
    filters = kernels.pack_bits(_array(weight.permute(0, 2, 3, 1)), threads=threads)
    layer = kernels.BitConv2d(filters, x.shape[1], stride, padding, dilation, groups)
    sums = torch.from_numpy(layer.real(bits, _scale(weight), threads=threads)).permute(0, 3, 1, 2)
    return _laid_out(sums.to(weight.dtype), _channels_last(x) or _channels_last(weight))


def _laid_out(sums: Tensor, last: bool) -> Tensor:
    """`(n, c, h, w)` in a layout, with its strides also along axes of one place, where others would do as well."""
    _, c, h, w = sums.shape
    strides = (c * h * w, 1, w * c, c) if last else (c * h * w, h * w, w, 1)
    laid = sums.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    return laid.as_strided(laid.shape, strides)


def _channels_last(x: Tensor) -> bool:
    """Whether torch takes `(n, c, h, w)` for channels last, which for axes of one place only its strides tell."""
    least = 0
    for axis in (1, 3, 2, 0):
        size, stride = x.shape[axis], x.stride(axis)
        if size == 0 or stride < max(least, 1) or (axis == 0 and least == x.stride(1)):
            return False
        least = stride * max(size, 1)
    return True


def _product(x: Tensor, weight: Tensor) -> Tensor:
    kernels, threads = _kernels(), torch.get_num_threads()
    bits, filters = (kernels.pack_bits(_array(t), threads=threads) for t in (x, weight))
    sums = kernels.BitLinear(filters, x.shape[1]).real(bits, _scale(weight), threads=threads)
    return torch.from_numpy(np.ascontiguousarray(sums)).to(weight.dtype)


def _scale(weight: Tensor) -> Any:
    """α of each filter, which all its weights have in common but for their signs; None where all are 1."""
    alpha = weight.detach().flatten(1)[:, 0].float().abs()
    return None if bool((alpha == 1).all()) else alpha.numpy()


def _array(x: Tensor) -> Any:
    """As the kernels take it: no copy of float32 whose last axis lies last in memory already."""
    return x.detach().float().contiguous().numpy()


def _chosen(
    layer: Any,
    x: Tensor,
    fits: bool,
    added: tuple[int, int],
    by_bits: Callable[[], Tensor],
    by_floats: Callable[[], Tensor],
) -> Tensor:
    """By bits or by floats; `added`: the channels and taps that a sum runs over."""
    mode = layer.bit_kernels
    if (
        mode is False
        or _floats_alone.get()
        or layer.real_weights
        or not fits
        or not _ordinary(x, layer.weight)
        or not _compiled()
        or not _kernels().sums_fit(*added)
    ):
        return by_floats()
    if mode == "auto":
        with_grad = torch.is_grad_enabled()
        if layer.weight_scale:
            return by_floats() if with_grad else by_bits()
        key = _kind(layer, x, with_grad)
        if key not in _faster:
            # what is measured is no part of the net: no hook, as of activation checkpointing, may see it, and signs
            # drawn at random are drawn as if it hadn't been
            unseen = torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t)
            with unseen, torch.random.fork_rng(devices=[]):
                _faster[key] = _seconds(by_bits) < _seconds(by_floats)
        if not _faster[key]:
            return by_floats()
    return by_bits()


def _kind(layer: Any, x: Tensor, with_grad: bool) -> tuple[Any, ...]:
    """All that the times depend on; of how much there is to compute only the power of two, so that inputs of many
    sizes are not all measured."""
    window = [getattr(layer, name, None) for name in ("stride", "padding", "dilation", "groups")]
    places = (x.numel() // x.shape[1]).bit_length()
    return (
        *(places, x.dim() == 4 and _channels_last(x), x.dtype, tuple(layer.weight.shape), *window, _computed_in(x)),
        *(with_grad, layer.input_gradient, torch.get_num_threads(), _kernels().isa()),
    )


def _seconds(function: Callable[[], Tensor]) -> float:
    """The fastest of some turns; backward both take the same time."""
    function()
    times = []
    for _ in range(_TURNS):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def _computed_in(x: Tensor) -> torch.dtype:
    """The dtype that `F.conv2d` would compute in and give."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


def _traced() -> bool:
    """Whether the layer is not run but written down."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def _ordinary(x: Tensor, weight: Tensor) -> bool:
    """Whether these are real numbers in this machine's memory, not stand-ins."""
    return (
        type(x) in (Tensor, nn.Parameter)
        and x.device.type == weight.device.type == "cpu"
        and x.dtype in _DTYPES
        and weight.dtype in _DTYPES
        and (x.dtype == weight.dtype or torch.is_autocast_enabled("cpu"))
        and _computed_in(x) in _DTYPES
        and x.numel() > 0
    )


def _window_fits(layer: Any, x: Tensor) -> bool:
    """Whether the window lies in the padded image: where it doesn't, torch says what is wrong."""
    return all(
        side + 2 * p > d * (k - 1)
        for side, p, d, k in zip(x.shape[2:], layer.padding, layer.dilation, layer.kernel_size, strict=True)
    )


def _compiled() -> bool:
    return bool(_kernels().isa() != "reference")


def _kernels() -> Any:
    """Loaded when first needed: layers in floats need none."""
    return importlib.import_module("leveret.runtime.kernels")
