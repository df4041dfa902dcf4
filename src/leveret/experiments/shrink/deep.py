"""Deep Compression on MNIST: prune, share, fine-tune, pack; measured on the bytes of the file.

The dense net learns from images shifted by up to a pixel. It is then pruned gradually, over all layers together, while
it learns from the dense net's outputs; its weights are shared, and the tables tuned in the same way. Of several
sparsities and sizes of table the smallest file is taken whose validation error leaves a margin to the bound asked for;
the test part is looked at once, with the packed file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from leveret.experiments.shrink._coding import entropy_bytes
from leveret.experiments.shrink._measure import error_of, saved
from leveret.experiments.shrink._nets import lenet5, lenet300
from leveret.experiments.shrink._stages import Stage, trained
from leveret.nets import parameter_count
from leveret.runtime import load
from leveret.shrink import prune, share
from leveret.shrink.pruned import GradualPruning, pruned_layers
from leveret.training import Augment, Distillation

__all__ = ["PAPER", "RECIPES", "Recipe", "deep"]


@dataclass(frozen=True)
class Recipe:
    """How one net is made small.

    Attributes:
        net: makes it, from a seed.
        largest_error: what may be wrong on the test part, a fraction.
        margin: by which the validation error must stay below.
        dense_epochs, pruning_epochs, tuning_epochs: of the three trainings.
        sparsities: tried.
        bits: of the tables, tried.
        lr: of the first two trainings; the tables learn at a tenth.
    """

    net: Callable[[int], nn.Module]
    largest_error: float
    margin: float
    dense_epochs: int
    pruning_epochs: int
    tuning_epochs: int
    sparsities: tuple[float, ...]
    bits: tuple[int, ...]
    lr: float = 2e-3


RECIPES = {
    "lenet300": Recipe(lenet300, 0.016, 0.002, 30, 40, 6, (0.95, 0.96, 0.97), (3, 4)),
    "lenet5": Recipe(lenet5, 0.008, 0.0, 12, 16, 3, (0.95,), (3, 4)),
}

# by the paper's tables: times smaller, error
PAPER: dict[str, tuple[int, float]] = {"lenet300": (40, 0.0158), "lenet5": (39, 0.0074)}


def deep(data: Any, runs: Path, recipes: Mapping[str, Recipe] = RECIPES) -> dict[str, Any]:
    """All nets: for each what was tried, what was chosen, and its file."""
    return {name: _one(name, recipe, data, runs / name) for name, recipe in recipes.items()}


def _one(name: str, recipe: Recipe, data: Any, folder: Path) -> dict[str, Any]:
    dense = trained(
        recipe.net(0),
        data,
        folder / "dense",
        epochs=recipe.dense_epochs,
        augment=Augment(shift=1),
        lr=recipe.lr,
    )
    tried = [row for sparsity in recipe.sparsities for row in _sparse(recipe, dense, sparsity, data, folder)]
    bound = recipe.largest_error - recipe.margin
    chosen = _choice(tried, bound)
    packed = load(folder / chosen["file"])
    return {
        "parameters": parameter_count(recipe.net(0)),
        "paper": PAPER[name],
        "bound": bound,
        "dense_error": error_of(dense.net, data),
        "tried": tried,
        "chosen": chosen["file"],
        "bytes": chosen["bytes"],
        "error": error_of(packed, data),
        "layers": [
            {"name": layer.name, "op": layer.op, "bytes": layer.bytes} for layer in packed.layers() if layer.parameters
        ],
    }


def _sparse(recipe: Recipe, dense: Stage, sparsity: float, data: Any, folder: Path) -> list[dict[str, Any]]:
    """The net pruned to one sparsity, with each size of table."""
    learning: dict[str, Any] = {
        "augment": Augment(shift=1),
        "objective": Distillation(dense.net, temperature=2.0, hard_weight=0.3),
        "weight_decay": 0.0,
    }
    pruned = trained(
        prune(dense.net, 0.0),
        data,
        folder / f"pruned-{sparsity:g}",
        epochs=recipe.pruning_epochs,
        lr=recipe.lr,
        keep_best=False,
        trainer_args={"callbacks": [GradualPruning(sparsity, end=0.6, every=20)]},
        **learning,
    )
    kept = {name: 1 - layer.sparsity for name, layer in pruned_layers(pruned.net)}
    rows = []
    for bits in recipe.bits:
        name = f"shared-{sparsity:g}-{bits}"
        shared = trained(
            share(pruned.net, bits), data, folder / name, epochs=recipe.tuning_epochs, lr=recipe.lr / 10, **learning
        )
        packed, size = saved(shared.net, data, folder / f"{name}.lvr")
        rows.append(
            {
                "sparsity": sparsity,
                "bits": bits,
                "kept": kept,
                "pruned_val_error": pruned.val_error,
                "val_error": error_of(packed, data, "val"),
                "bytes": size,
                "entropy_bytes": entropy_bytes(shared.net),
                "file": f"{name}.lvr",
            }
        )
    return rows


def _choice(tried: list[dict[str, Any]], bound: float) -> dict[str, Any]:
    """The smallest file below the bound, or the least error where none is."""
    good = [row for row in tried if row["val_error"] <= bound]
    return min(good, key=lambda row: row["bytes"]) if good else min(tried, key=lambda row: row["val_error"])
