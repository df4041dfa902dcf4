"""How the nodes of a growth train: short, since all of them begin with what was learned before."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from leveret.errors import LeveretUsageError
from leveret.training import Augment
from leveret.training._augment import Augmentation

__all__ = ["BALANCES", "GrowRecipe"]

# ways of `leveret.balance` that leave a net as it is made; "auto" chooses by the counts
BALANCES = (
    "plain",
    "frequency-sampling",
    "square-root-sampling",
    "hard-mining",
    "class-weights",
    "class-balanced",
    "focal",
    "logit-adjusted",
    "classifier-retraining",
)


@dataclass(frozen=True)
class GrowRecipe:
    """Settings of the trainings of a growth.

    Attributes:
        branch_epochs: passes of a branch's net over the samples of all classes below it.
        leaf_epochs: of a leaf's over those of its own classes. A tree that is a single leaf has both together.
        batch_size, lr, augment: as for `leveret.fit`.
        leaf_lr: of a leaf that begins as a clone of its branch, which has only little to change; None: a fifth of `lr`.
        balance: how unequal classes are dealt with: a key of `BALANCES`, or "auto", by the counts of each node: plainly
            where `leveret.balance.catalogue.choose_method` finds them even, else by frequency sampling, which goes with
            any objective and takes no epoch more.
        new_rate: how often a sample of a new class is drawn for each time that an old one is, by a node that hasn't
            learned the new ones yet; its epochs stay as long. Old classes were learned before and need fewer samples.
            `DrawnMore` keeps the net from saying new names too often for it. Only where classes are dealt with plainly
            and nothing is distilled: with few old samples or none, those that there are can't be spared.
        distillation: λ of `KeepOld`, what the tree said before of the old classes; 0 for none. None: 1 where the policy
            isn't "all", else 0.
        start: what a node below a branch begins with: "branch", the branch's net as it was trained just before; or
            "old", the net that it was before, as in the paper, by which branches and leaves train at once.
        settled: with "branch": a leaf whose branch makes no larger error within its group isn't trained further.
        options: further options of `fit`.

    Raises:
        LeveretUsageError: an argument out of range; or a balance that brings its own objective, with distillation.
    """

    branch_epochs: int = 4
    leaf_epochs: int = 1
    batch_size: int = 64
    lr: float = 0.05
    leaf_lr: float | None = None
    augment: Augmentation | None = field(default_factory=Augment)
    balance: str = "auto"
    new_rate: float = 2.0
    distillation: float | None = None
    start: Literal["branch", "old"] = "branch"
    settled: float = 0.01
    options: dict[str, Any] = field(
        default_factory=lambda: {"optimizer": "sgd", "schedule": "one-cycle", "warmup": 0.2, "weight_decay": 5e-4}
    )

    def __post_init__(self) -> None:
        for name in ("branch_epochs", "leaf_epochs"):
            if getattr(self, name) < 1:
                raise LeveretUsageError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.balance not in ("auto", *BALANCES):
            raise LeveretUsageError(f"balance must be auto or one of {', '.join(BALANCES)}; got {self.balance!r}")
        if self.start not in ("branch", "old"):
            raise LeveretUsageError(f"start must be 'branch' or 'old', got {self.start!r}")
        if not 0 < self.new_rate < float("inf"):
            raise LeveretUsageError(f"new_rate must be above 0, got {self.new_rate}")
        if not 0 <= self.settled <= 1:
            raise LeveretUsageError(f"settled must be an error in 0..1, got {self.settled}")
        if self.distillation is not None and not 0 <= self.distillation < float("inf"):
            raise LeveretUsageError(f"distillation must be a number from 0 on, got {self.distillation}")
        if self.distillation and self.balance not in ("auto", "plain", "frequency-sampling", "square-root-sampling"):
            raise LeveretUsageError(
                f"balance {self.balance!r} brings its own objective; with distillation take plain, frequency-sampling "
                "or square-root-sampling; or none: distillation 0"
            )

    def for_policy(self, policy: str) -> GrowRecipe:
        """With the distillation that a policy of stored data has by default, where none was named."""
        if self.distillation is not None:
            return self
        return replace(self, distillation=0.0 if policy == "all" else 1.0)

    def describe(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        named = getattr(self.augment, "__qualname__", type(self.augment).__qualname__)
        augment = self.augment.as_dict() if isinstance(self.augment, Augment) else named
        return {
            "branch_epochs": self.branch_epochs,
            "leaf_epochs": self.leaf_epochs,
            "batch_size": self.batch_size,
            "lr": self.lr,
            "leaf_lr": self.leaf_lr,
            "augment": None if self.augment is None else augment,
            "balance": self.balance,
            "new_rate": self.new_rate,
            "distillation": self.distillation,
            "start": self.start,
            "settled": self.settled,
            **self.options,
        }
