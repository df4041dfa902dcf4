"""What was begun in a folder, so that another growth doesn't take its plan and nets for its own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from leveret._differences import named_differences
from leveret._files import write_json
from leveret.data import Data
from leveret.data._identity import data_identity
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.grow._recipe import GrowRecipe
from leveret.grow._rule import BranchRule
from leveret.grow._tree import ClassTree

__all__ = ["begin"]


def begin(folder: Path, tree: ClassTree, data: Data, recipe: GrowRecipe, rule: BranchRule, **asked: Any) -> None:
    """Write down what is grown here, or hold it against what was.

    Args:
        folder: of the growth.
        tree: as it was before.
        data: what is trained on.
        recipe, rule: of the growth.
        asked: its further options, plain values.

    Raises:
        LeveretUsageError: another growth was begun here; says in what it differs.
        LeveretDataError: what was written down is damaged.
    """
    kept = folder / "growth.json"
    now = {
        "tree": tree.outline(),
        "weights": _digest(tree),
        "data": {**data_identity(data), "counts": data.train.class_counts().tolist()},
        "recipe": recipe.describe(),
        "rule": asdict(rule),
        **asked,
    }
    # as it will be read again; what JSON doesn't know goes by its kind
    now = json.loads(json.dumps(now, default=lambda value: type(value).__qualname__))
    if not kept.exists():
        write_json(kept, now)
        return
    try:
        then = json.loads(kept.read_text(encoding="utf-8"))
        found = named_differences(then, now)
    except (ValueError, AttributeError) as error:
        raise LeveretDataError(f"{kept} is damaged ({error}); name another folder") from error
    if found:
        raise LeveretUsageError(
            f"{folder} holds another growth than this: {found}. Go on with that one, or name another folder"
        )


def _digest(tree: ClassTree) -> str:
    """Of all weights."""
    found = hashlib.sha256()
    for name, value in sorted(tree.state_dict().items()):
        found.update(name.encode())
        found.update(value.detach().contiguous().numpy().tobytes())
    return found.hexdigest()[:16]
