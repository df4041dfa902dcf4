"""Checks of arguments that several jobs share."""

from __future__ import annotations

from leveret.errors import LeveretUsageError

__all__ = ["check_training"]


def check_training(*, epochs: int | None, batch_size: int | None, lr: float | None) -> None:
    """Of those that are given.

    Raises:
        LeveretUsageError: `epochs` below 1, `batch_size` below 2, which BatchNorm can't take, or `lr` not above 0.
    """
    for key, value, least in (("epochs", epochs, 1), ("batch_size", batch_size, 2)):
        if value is not None and value < least:
            raise LeveretUsageError(f"{key} must be at least {least}, got {value}")
    if lr is not None and not lr > 0:
        raise LeveretUsageError(f"lr must be above 0, got {lr}")
