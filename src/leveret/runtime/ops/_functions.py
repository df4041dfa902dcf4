"""A function of each value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from leveret.runtime._values import Value
from leveret.runtime.ops._base import Array, Choice, Op, real_values

__all__ = ["FUNCTIONS", "Function"]


def _sigmoid(x: Array) -> Array:
    return (0.5 * (np.tanh(0.5 * x) + 1)).astype(np.float32)


def _gelu_tanh(x: Array) -> Array:
    """Hendrycks & Gimpel, 2016, section 2: the tanh approximation."""
    inner = np.float32(0.7978845608) * (x + np.float32(0.044715) * x * x * x)
    return np.float32(0.5) * x * (1 + np.tanh(inner))


def _gelu(x: Array) -> Array:
    """x Φ(x), with erf to 1.5e-7 as Abramowitz & Stegun, 1964, formula 7.1.26."""
    z = np.abs(x)
    z *= np.float32(0.7071067811865476)
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = np.full_like(t, 1.061405429)
    for term in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series *= t
        series += np.float32(term)
    series *= t
    z *= z
    series *= np.exp(np.negative(z, out=z), out=z)
    series *= np.float32(0.5)  # 1 − Φ(|x|)
    return x * np.where(x > 0, 1 - series, series)


def _hardsigmoid(x: Array) -> Array:
    y = x + np.float32(3)
    np.clip(y, 0, 6, out=y)
    y /= np.float32(6)
    return y


def _hardswish(x: Array) -> Array:
    y = _hardsigmoid(x)
    y *= x
    return y


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _softplus(x: Array) -> Array:
    return np.logaddexp(x, np.float32(0))


FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "abs": np.abs,
    "elu": _elu,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "hardsigmoid": _hardsigmoid,
    "hardswish": _hardswish,
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "sigmoid": _sigmoid,
    "silu": lambda x: x * _sigmoid(x),
    "softplus": _softplus,
    "tanh": np.tanh,
}


class Function(Op):
    """A function of each value."""

    name = "function"
    attributes: ClassVar = {"function": Choice(tuple(FUNCTIONS))}

    def infer(self) -> Value:
        return real_values(self)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return FUNCTIONS[self.values["function"]](inputs[0])

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.function(inputs[0], self.values["function"])
