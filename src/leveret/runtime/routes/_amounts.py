"""How many places of each image get a fine look: as many as an image needs, or as a budget allows."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError, LeveretUsageError

__all__ = ["Amount", "Budget", "UntilSure", "amount_from_json", "amount_to_json", "bought", "checked_amount"]


@dataclass(frozen=True)
class UntilSure:
    """For each image, patches until its prediction is sure enough, or gets no surer.

    After every `step` patches the top layers predict anew. An image stops where the entropy of its prediction is at
    most `sure`, where it fell by no more than `fall`, or at `at_most` patches; one whose coarse prediction is sure has
    none at all. The patches that brought no fall are kept: they are paid for. In training each image has `at_most`.

    Attributes:
        at_most: patches of an image.
        sure: entropy in nats, at least 0.
        step: patches between two predictions; each costs a pass through the top layers.
        fall: in nats; at least 0.

    Raises:
        LeveretUsageError: an argument out of range.
    """

    at_most: int
    sure: float = 0.05
    step: int = 1
    fall: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("at_most", self.at_most), ("step", self.step)):
            if not _is_whole(value) or value < 1:
                raise LeveretUsageError(f"{name} must be a whole number of at least 1, got {value!r}")
        for name, entropy in (("sure", self.sure), ("fall", self.fall)):
            if not _is_real(entropy) or not 0 <= entropy < math.inf:
                raise LeveretUsageError(f"{name} must be an entropy in nats of at least 0, got {entropy}")


@dataclass(frozen=True)
class Budget:
    """So many patches, or operations, for a whole batch, spent on the places with the highest scores of all images.

    Both are means over the batch's images, so that a budget means the same for any batch; a batch never takes more.
    Scores must mean the same from image to image, as those of all selectors here do except `LearnedAttention`'s.

    Attributes:
        patches: per image on average, at least 0; or
        operations: multiply-accumulates of the fine layers per image on average, at least 0.

    Raises:
        LeveretUsageError: none or both of them, or one out of range.
    """

    patches: float | None = None
    operations: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.patches, self.operations) if value is not None]
        if len(given) != 1 or not _is_real(given[0]) or not 0 <= given[0] < math.inf:
            raise LeveretUsageError(
                f"a budget is patches or operations per image, one of them, at least 0; got patches={self.patches}, "
                f"operations={self.operations}"
            )

    def places(self, images: int, places: int, costs: tuple[float, float]) -> int:
        """How many places it buys, of all images together.

        Args:
            images: how many there are.
            places: of all of them, that may be chosen.
            costs: operations of a patch and of a whole image.
        """
        of_patch, of_image = costs
        if self.patches is not None:
            each = self.patches
        else:
            assert self.operations is not None
            each = places if self.operations >= of_image else self.operations / of_patch
        return min(places, math.floor(images * min(each, places) + 1e-9))


Amount = int | UntilSure | Budget


def bought(budget: Budget, scores: NDArray[np.float32], costs: tuple[int, int]) -> NDArray[np.int64]:
    """How many places of each image a budget buys, `(batch,)`; scores `(batch, places)`, costs as of `places`."""
    batch, places = scores.shape
    best = np.argsort(-scores, axis=None, kind="stable")[: budget.places(batch, scores.size, costs)]
    return np.bincount(best // places, minlength=batch)


def checked_amount(amount: Any) -> Amount:
    """A valid amount; raises `LeveretUsageError` for anything else."""
    if not (_is_whole(amount) and amount >= 0) and not isinstance(amount, UntilSure | Budget):
        raise LeveretUsageError(f"k must be a whole number of at least 0, UntilSure or Budget, got {amount!r}")
    return amount


def amount_to_json(amount: Amount) -> Any:
    if isinstance(amount, int):
        return amount
    key = "until_sure" if isinstance(amount, UntilSure) else "budget"
    return {key: {name: value for name, value in asdict(amount).items() if value is not None}}


def amount_from_json(value: Any) -> Amount:
    """The amount of a file; raises `LeveretFormatError` where it makes no sense."""
    kinds: dict[str, type[UntilSure | Budget]] = {"until_sure": UntilSure, "budget": Budget}
    try:
        if not isinstance(value, dict):
            return checked_amount(value)
        if len(value) != 1 or not kinds.keys() >= value.keys():
            raise LeveretUsageError(f"k must be a whole number, or one of {', '.join(kinds)}, got {_shown(value)}")
        key, given = next(iter(value.items()))
        return kinds[key](**given)
    except (LeveretUsageError, TypeError) as error:
        raise LeveretFormatError(_shown(error)) from None


def _shown(value: Any) -> str:
    return str(value)[:200]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_real(value: Any) -> bool:
    return _is_whole(value) or isinstance(value, float)
