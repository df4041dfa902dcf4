"""One layer of Expectation Backpropagation, forward and backward.

Every weight is +1 or −1, independently, with the mean `⟨W⟩ = tanh(h)`. The sum of many such is nearly normal, with mean
μ and variance σ², and the mean of its sign is `2Φ(μ/σ) − 1`.

Rows are samples: arrays are `(n, in)` and `(n, out)` float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

__all__ = ["Sums", "backward", "evidence", "forward", "mean_signs"]

Floats = NDArray[np.float64]
# so that a layer that sees nothing but zeros divides by something
_LEAST = 1e-12


@dataclass
class Sums:
    """What a layer adds up: the mean and the deviation of `W v / √K`, both `(n, out)`."""

    mean: Floats
    deviation: Floats


def forward(inputs: Floats, means: Floats, *, signs: bool) -> Sums:
    """The sums of one layer.

    Args:
        inputs: `(n, in)`: what enters, or the means of signs that do.
        means: `(out, in)`, ⟨W⟩.
        signs: whether `inputs` are means of signs, which are uncertain too; else they are what they are.
    """
    squares = inputs**2
    # the variance of a product: ⟨W²⟩⟨v²⟩ − ⟨W⟩²⟨v⟩², where ⟨W²⟩ is 1, and ⟨v²⟩ too if v is a sign
    total = float(inputs.shape[1]) if signs else squares.sum(1, keepdims=True)
    variance = (total - squares @ (means**2).T) / inputs.shape[1]
    mean = inputs @ means.T / np.sqrt(inputs.shape[1])
    return Sums(mean, np.sqrt(np.maximum(variance, _LEAST)))


def mean_signs(sums: Sums) -> Floats:
    """The mean of each sum's sign, `2Φ(μ/σ) − 1`."""
    return 2 * ndtr(sums.mean / sums.deviation) - 1


def evidence(sums: Sums, targets: Floats) -> Floats:
    """`∂ log P(sign = target) / ∂μ = y N(0; μ, σ²) / Φ(y μ/σ)`, for targets of ±1."""
    z = sums.mean / sums.deviation
    log_density = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
    return targets * np.exp(log_density - log_ndtr(targets * z)) / sums.deviation


def backward(above: Floats, means: Floats, sums: Sums) -> Floats:
    """The evidence for a layer's sums from that for the layer above: `∂⟨v⟩/∂μ = 2 N(0; μ, σ²)` times what it takes.

    Args:
        above: `(n, out above)`.
        means: of the layer above, `(out above, out + 1)`, the last column of the input that is always 1.
        sums: of the layer below.
    """
    z = sums.mean / sums.deviation
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) / sums.deviation
    return 2 / np.sqrt(means.shape[1]) * density * (above @ means[:, :-1])
