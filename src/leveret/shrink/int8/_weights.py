"""Weights as whole numbers of one byte, with a step for each filter."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["HIGHEST", "whole_weights"]

HIGHEST = 127  # −128 is left out, so that a filter and its negative have the same whole numbers (Jacob et al., 3.1)


def whole_weights(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A filter's largest weight becomes ±127: Nagel et al., 2021, section 3.1, min-max, per channel (2.4.2).

    Args:
        weight: real `(out, …)`, finite.

    Returns:
        whole: int8 of its shape, −127..127.
        scale: float64 `(out,)`, what 1 stands for; 1 for a filter of zeros.
    """
    weight = weight.detach().double()
    largest = weight.abs().flatten(1).amax(1)
    largest = torch.where(largest > 0, largest, float(HIGHEST))
    # the product is exact: one rounding before that to whole numbers, so that a half is one
    whole = (weight * HIGHEST / largest.view(-1, *[1] * (weight.dim() - 1))).round()
    return whole.to(torch.int8), largest / HIGHEST
