"""Whether what was packed gives what PyTorch gives."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from leveret.errors import LeveretPackError, LeveretWarning
from leveret.runtime._graph import Step

__all__ = ["TOLERANCE", "compare", "only"]

TOLERANCE = 1e-3
# where the last bit of a float may decide a whole step
_TURNING = ("bits", "quantize")


def compare(
    expected: NDArray[Any], found: NDArray[Any], steps: Iterable[Step], net: str, what: str = "logits", level: int = 4
) -> None:
    """Refuse a difference that no sign explains, warn of one that might be.

    Args:
        expected, found: PyTorch's and the packed net's, on the example.
        steps: of the packed net.
        net: its type.
        what: was compared.
        level: of the caller who is to be warned.

    Raises:
        LeveretPackError: they differ, of a net without signs.
    """
    difference = float(np.abs(found - expected).max(initial=0))
    largest = max(1.0, float(np.abs(expected).max(initial=0)))
    if difference <= TOLERANCE * largest or np.array_equal(found, expected, equal_nan=True):
        return
    if not any(step.op in _TURNING for step in steps):
        raise LeveretPackError(
            f"PyTorch's and the packed net's {what} differ by up to {difference:.2g} on the example, which no sign "
            f"or rounding of one value explains: packing {net} went wrong. Please report it with the net"
        )
    warnings.warn(
        LeveretWarning(
            f"PyTorch's and the packed net's {what} differ by up to {difference:.2g} on the example: a value so "
            "near to where its sign or whole number turns that the last bit decides. Compare them on your test data"
        ),
        stacklevel=level,
    )


def only(outputs: Any) -> Tensor:
    """The net's one output, which may stand in a tuple or a dict."""
    while not isinstance(outputs, Tensor):
        outputs = next(iter(outputs.values() if isinstance(outputs, Mapping) else outputs))
    return outputs
