"""`Level`: fine layers, what they look at, and at how many places; and the amounts that levels may have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from leveret.capacity._amounts import Budget, UntilSure
from leveret.capacity._geometry import Geometry
from leveret.capacity._patches import Patches
from leveret.errors import LeveretUsageError

__all__ = ["Amount", "Level", "checked_amounts"]

Amount = int | UntilSure | Budget


@dataclass(frozen=True)
class Level:
    """One level of a dynamic capacity net's closer looks.

    Attributes:
        fine: its layers.
        patches: what runs them at places.
        k: at how many.
        name: what errors call it: "fine", or "fine[1]" where there are several.
    """

    fine: nn.Module
    patches: Patches
    k: Amount
    name: str

    @property
    def geometry(self) -> Geometry:
        """Where the coarse features lie in what the level looks at."""
        return self.patches.geometry


def checked_amounts(k: Amount | Sequence[Amount], levels: int) -> tuple[Amount, ...]:
    """One amount for each level.

    Raises:
        LeveretUsageError: another number of them, none that is known, or a level with more places than the one before.
    """
    amounts = tuple(k) if isinstance(k, (list, tuple)) else (k,)
    if len(amounts) != levels:
        raise LeveretUsageError(
            f"k must have an amount for each level of fine layers, {levels} in all, got {k!r}"
            if levels > 1
            else f"k must be one amount, as there is one level of fine layers, got {k!r}"
        )
    for amount in amounts:
        whole = isinstance(amount, int) and not isinstance(amount, bool) and amount >= 0
        if not whole and not isinstance(amount, (UntilSure, Budget)):
            raise LeveretUsageError(f"k must be a whole number of at least 0, UntilSure or Budget, got {amount!r}")
    most = [_most(amount) for amount in amounts]
    for level, (before, after) in enumerate(pairwise(most), start=1):
        if before is not None and after is not None and after > before:
            raise LeveretUsageError(
                f"k gives level {level + 1} {after} places and level {level} {before}; each level chooses among the "
                "places of the one before"
            )
    return amounts


def _most(amount: Amount) -> int | None:
    """Of an image; None where that depends on the batch."""
    if isinstance(amount, Budget):
        return None
    return amount.at_most if isinstance(amount, UntilSure) else amount
