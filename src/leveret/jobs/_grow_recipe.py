"""How `leveret grow` trains: as `leveret fit` would train such a net anew, for a share of its epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from leveret.errors import LeveretUsageError
from leveret.grow import ClassTree, GrowRecipe
from leveret.jobs._fit_recipe import fit_recipe

__all__ = ["GrowSettings", "grow_recipe"]

# of the epochs that training anew would take
_BRANCH, _LEAF = 0.3, 0.08
_GENTLER = 0.5  # the highest learning rate, of nets that know most already


@dataclass(frozen=True)
class GrowSettings:
    """A recipe, and what training anew would take.

    Attributes:
        recipe: of the growth.
        anew_epochs: that `leveret fit` would train such a net for, on all the data.
    """

    recipe: GrowRecipe
    anew_epochs: int


def grow_recipe(
    tree: ClassTree,
    data: Any,
    name: str | None,
    *,
    policy: str,
    epochs: int | None,
    leaf_epochs: int | None,
    balance: str,
    distillation: float | None,
    new_rate: float,
    start: str,
    flip: bool | None,
    quick: bool,
    seed: int,
) -> GrowSettings:
    """The recipe for a growth by `data`, which is all that will be trained on.

    Args:
        name: of the net, where it has one.
        others: as for `leveret.jobs.grow.run`.

    Raises:
        LeveretUsageError: a number out of range.
    """
    for what, value in (("epochs", epochs), ("leaf_epochs", leaf_epochs)):
        if value is not None and value < 1:
            raise LeveretUsageError(f"{what} must be at least 1, got {value}")
    usual = fit_recipe(data, net=name or tree.root.net, flip=flip, quick=quick, seed=seed)
    branch = epochs or max(1, round(_BRANCH * usual.epochs))
    leaf = leaf_epochs or max(1, round(branch * _LEAF / _BRANCH))
    given: Any = start
    recipe = GrowRecipe(
        branch_epochs=branch,
        leaf_epochs=leaf,
        batch_size=usual.batch_size,
        lr=_GENTLER * usual.lr,
        augment=usual.augment,
        balance=balance,
        distillation=(0.0 if policy == "all" else 1.0) if distillation is None else distillation,
        new_rate=new_rate,
        start=given,
        options=usual.options,
    )
    return GrowSettings(recipe, usual.epochs)
