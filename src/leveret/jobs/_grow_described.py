"""A growth in plain values: the command that goes on with it, its `config.json`, its `metrics.json`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leveret.data._identity import data_identity
from leveret.jobs._resumable import resume_command

if TYPE_CHECKING:
    from leveret.data import Data
    from leveret.grow import ClassTree, Growth
    from leveret.jobs._grow_model import GrowModel
    from leveret.jobs._grow_recipe import GrowSettings

__all__ = ["config_of", "metrics_of", "resume_words"]


def resume_words(
    model: Any, source: Any, out: Path, asked: Mapping[str, Any], old: Any, also: Mapping[str, Any]
) -> str:
    """The command, or the words, that go on with a growth that was stopped."""
    if not isinstance(model, str | os.PathLike) or not isinstance(source, str | os.PathLike):
        return "the same call with resume=True"
    options = {key: value for key, value in asked.items() if value not in (None, [], _DEFAULTS.get(key))}
    if "names" in options:
        options["names"] = ",".join(options["names"])
    if "beams" in asked and asked["beams"] is None:
        options["beams"] = "all"
    command = resume_command("grow", str(model), out, {**options, **also}, _DEFAULTS).replace(
        f" {shlex.quote(str(model))} -o ", f" {shlex.join([str(model), str(source)])} -o ", 1
    )
    more = "".join(f" --old {shlex.quote(str(one))}" for one in (old if isinstance(old, Sequence) else ()))
    return command.replace(" --resume", f"{more} --resume") if more else command


_DEFAULTS: dict[str, Any] = {
    "policy": "all",
    "budget": 2000,
    "exemplars": "herding",
    "known": "refuse",
    "shape": "error",
    "groups": "auto",
    "max_classes": 6,
    "max_error": 0.25,
    "beams": 1,
    "start": "branch",
    "balance": "auto",
    "new_rate": 2.0,
    "prune": False,
    "distill_back": False,
    "seed": 0,
    "quick": False,
}


def config_of(
    model: GrowModel, settings: GrowSettings, asked: dict[str, Any], entry: dict[str, Any], old: Data | None
) -> dict[str, Any]:
    from leveret import __version__

    return {
        "leveret": __version__,
        "source": entry["source"],
        # from which, with the tree's file, its nets are made anew, and its data is found again
        "model": model.described,
        "grown": {"sources": [*model.sources, entry]},
        # what a resumed run must have in common
        "run": {
            "data": entry["identity"],
            "old": None if old is None else data_identity(old),
            "classes": list(model.tree.classes),
            "tree": model.tree.outline(),
            "recipe": settings.recipe.describe(),
            **asked,
        },
    }


def metrics_of(
    growth: Growth,
    tree: ClassTree,
    model: GrowModel,
    data: Data,
    figures: dict[str, Any],
    tried: list[dict[str, Any]],
    settings: GrowSettings,
) -> dict[str, Any]:
    anew = 3 * growth.operations * settings.anew_epochs * len(growth.seen.train)
    spent = sum(growth.compute.values())
    return {
        "data": {
            "name": data.name,
            "classes": list(data.classes),
            "test_samples": len(growth.seen.test),
            "train_counts": [int(n) for n in growth.seen.train.class_counts()],
        },
        "old_classes": list(model.tree.classes),
        "classes": list(tree.classes),
        "figures": figures,
        "plan": growth.plan.as_dict(),
        "outline": tree.outline(),
        "pruned": tried,
        "nodes": growth.nodes,
        "compute": {**growth.compute, "anew": anew, "ratio": spent / max(anew, 1)},
        "anew_epochs": settings.anew_epochs,
        "recipe": settings.recipe.describe(),
        "history": tree.history,
        "memory": None if growth.memory is None else {"samples": len(growth.memory), "budget": growth.memory.budget},
        "notes": [note for node in growth.nodes.values() for note in node.get("notes", [])],
    }
