"""Derivatives: what a pass backward multiplies gradients by, and where it sends them. All arrays are channels last."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from leveret.runtime._geometry import Window
from leveret.runtime.reference.floatconv import windows

__all__ = ["DERIVATIVES", "MEASURES", "clip_gradient", "leaky_gradient", "max_pool_gradient"]

Floats = NDArray[np.float32]
_ROOT_HALF_PI = np.float32(0.7978845608)  # of 2 / π


def _shares(x: Floats) -> Floats:
    shares = np.exp(x)
    shares /= shares.sum(-1, keepdims=True)
    return shares


def _of_entropy(logits: Floats) -> Floats:
    """`∂H/∂z_j = −o_j (log o_j + H) = o_j (Σ o_l z_l − z_j)` of `H = −Σ o_l log o_l` and `o = softmax(z)`."""
    x = logits - logits.max(-1, keepdims=True)
    shares = _shares(x)
    x -= (shares * x).sum(-1, keepdims=True)
    x *= shares
    return np.negative(x, out=x)


def _of_confidence(logits: Floats) -> Floats:
    """`∂ log o_m / ∂z_j = [j = m] − o_j` of the likeliest class m, the first of equals."""
    gradient = -_shares(logits - logits.max(-1, keepdims=True))
    gradient[np.arange(len(logits)), logits.argmax(-1)] += 1
    return gradient


MEASURES: dict[str, Callable[[Floats], Floats]] = {"entropy": _of_entropy, "confidence": _of_confidence}


def leaky_gradient(gradient: Floats, value: Floats, slope: Floats) -> Floats:
    """Through `v > 0 ? v : v · slope`, a slope per channel."""
    if not slope.any():
        return gradient * (value > 0)
    return np.where(value > 0, gradient, gradient * slope)


def clip_gradient(gradient: Floats, value: Floats, low: float, high: float, bounds: str = "within") -> Floats:
    """Where the value lies between the bounds; `bounds` says whether the bounds themselves do."""
    above, below = np.float32(low), np.float32(high)
    if bounds == "within":
        return gradient * ((value >= above) & (value <= below))
    return gradient * ((value > above) & (value < below))


def max_pool_gradient(gradient: Floats, x: Floats, window: Window, *, shared: bool = False) -> Floats:
    """To the places of the largest values of `(n, h, w, c)` under each window.

    Of equals it goes to the first in reading order, or to all in equal shares.
    """
    (n, height, width, channels), (out_h, out_w) = x.shape, gradient.shape[1:3]
    down, across = window.kernel
    if (down, across) == (height, width) and window.padding == (0, 0):
        return _to_largest(gradient, x, shared)
    seen = windows(x, window, fill=-np.inf).reshape(n, out_h, out_w, down * across, channels)
    if shared:
        parts = (seen == seen.max(3, keepdims=True)).astype(np.float32)
        parts /= parts.sum(3, keepdims=True)
    else:
        first = seen.argmax(3)[:, :, :, None]
        parts = (np.arange(down * across)[:, None] == first).astype(np.float32)
    parts *= gradient[:, :, :, None]
    (sy, sx), (dy, dx), (py, px) = window.stride, window.dilation, window.padding
    # what windows reach beyond the image is cut off in the end
    reach = [max(p + side, (o - 1) * s + (k - 1) * d + 1) for p, side, o, s, k, d in (
        (py, height, out_h, sy, down, dy), (px, width, out_w, sx, across, dx))]  # fmt: skip
    whole = np.zeros((n, *reach, channels), np.float32)
    for tap in range(down * across):
        y, x0 = tap // across * dy, tap % across * dx
        whole[:, y : y + (out_h - 1) * sy + 1 : sy, x0 : x0 + (out_w - 1) * sx + 1 : sx] += parts[:, :, :, tap]
    return np.ascontiguousarray(whole[:, py : py + height, px : px + width])


def _to_largest(gradient: Floats, x: Floats, shared: bool) -> Floats:
    """Of a window that is the whole image."""
    n, height, width, channels = x.shape
    flat, row = x.reshape(n, height * width, channels), gradient.reshape(n, 1, channels)
    if shared:
        parts = (flat == flat.max(1, keepdims=True)).astype(np.float32)
        parts *= row / parts.sum(1, keepdims=True)
    else:
        parts = np.zeros_like(flat)
        parts[np.arange(n)[:, None], flat.argmax(1), np.arange(channels)] = row[:, 0]
    return parts.reshape(x.shape)


def _sigmoid(x: Floats) -> Floats:
    return (0.5 * (np.tanh(0.5 * x) + 1)).astype(np.float32)


def _of_sigmoid(x: Floats) -> Floats:
    share = _sigmoid(x)
    return share * (1 - share)


def _of_tanh(x: Floats) -> Floats:
    return 1 - np.square(np.tanh(x))


def _of_silu(x: Floats) -> Floats:
    share = _sigmoid(x)
    return share * (1 + x * (1 - share))


def _of_mish(x: Floats) -> Floats:
    inner = np.tanh(np.logaddexp(x, np.float32(0)))
    return inner + x * (1 - inner * inner) * _sigmoid(x)


def _of_gelu_tanh(x: Floats) -> Floats:
    inner = np.tanh(_ROOT_HALF_PI * (x + np.float32(0.044715) * x * x * x))
    slope = _ROOT_HALF_PI * (1 + np.float32(3 * 0.044715) * x * x)
    return np.float32(0.5) * (1 + inner + x * (1 - inner * inner) * slope)


def _of_gelu(x: Floats) -> Floats:
    """Φ(x) + x φ(x), with erf to 1.5e-7 as Abramowitz & Stegun, 1964, formula 7.1.26."""
    z = np.abs(x) * np.float32(0.7071067811865476)
    t = 1 / (1 + np.float32(0.3275911) * z)
    bell = np.exp(-z * z)
    series = np.full_like(t, 1.061405429)
    for term in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = series * t + np.float32(term)
    beyond = np.float32(0.5) * series * t * bell  # 1 − Φ(|x|)
    return np.where(x > 0, 1 - beyond, beyond) + x * bell * np.float32(0.3989422804)


def _of_hardsigmoid(x: Floats) -> Floats:
    return ((x > -3) & (x < 3)) * np.float32(1 / 6)


def _of_hardswish(x: Floats) -> Floats:
    return np.where(x <= -3, 0, np.where(x < 3, x / np.float32(3) + np.float32(0.5), 1)).astype(np.float32)


def _of_elu(x: Floats) -> Floats:
    return np.where(x > 0, 1, np.exp(np.minimum(x, 0))).astype(np.float32)


DERIVATIVES: dict[str, Callable[[Floats], Floats]] = {
    "abs": np.sign,
    "elu": _of_elu,
    "gelu": _of_gelu,
    "gelu_tanh": _of_gelu_tanh,
    "hardsigmoid": _of_hardsigmoid,
    "hardswish": _of_hardswish,
    "mish": _of_mish,
    "sigmoid": _of_sigmoid,
    "silu": _of_silu,
    "softplus": _sigmoid,
    "tanh": _of_tanh,
}
