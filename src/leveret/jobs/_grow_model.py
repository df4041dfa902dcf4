"""What `leveret grow` grows from: a finished run of `leveret fit` or `leveret grow`, and its data."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from leveret._differences import named_differences
from leveret.data._identity import data_identity
from leveret.errors import LeveretDataError, LeveretError, LeveretUsageError, LeveretWarning

if TYPE_CHECKING:
    from leveret.data import Data
    from leveret.grow import ClassTree, Memory

__all__ = ["MEMORY", "TREE", "GrowModel", "load_growable", "old_data"]

TREE = "tree.safetensors"
MEMORY = "memory.npz"


@dataclass(frozen=True)
class GrowModel:
    """A tree, and where it comes from.

    Attributes:
        tree: grown so far; of a run of `leveret fit` a single leaf.
        described: from which its nets can be made anew; None of a tree that a caller gave.
        sources: a dict for each source that it learned from, in order: `source`, `seed`, `options`, `identity`.
        memory: of a growth that kept one.
    """

    tree: ClassTree
    described: dict[str, Any] | None
    sources: list[dict[str, Any]]
    memory: Memory | None


def load_growable(model: Any) -> GrowModel:
    """What a folder, or a tree, holds to grow from.

    Raises:
        LeveretUsageError: no such run, one that isn't finished, or one whose net can't be made anew.
        LeveretDataError: its files are damaged.
    """
    from leveret.grow import ClassTree

    if isinstance(model, ClassTree):
        return GrowModel(model, None, [], None)
    folder = Path(model)
    if folder.suffix == ".lvr" and folder.is_file():
        raise LeveretUsageError(
            f"{folder} is a packed model, whose weights can't be trained further; name the folder of a run of leveret "
            "fit or leveret grow"
        )
    config = _config(folder)
    if "grown" in config:
        return _grown(folder, config)
    if "model" in config and not config["model"]:
        raise LeveretUsageError(
            f"{folder} holds a net that can't be made anew from its name, as of texts, tables, or your own make; "
            "leveret grow takes nets of images, and in Python leveret.grow.grow any: see docs/grow.md"
        )
    from leveret.jobs._trained import load_run

    found = load_run(folder)
    tree = ClassTree(found.net, found.classes, input_shape=found.shape, normalization=found.normalization)
    run = config.get("run", {})
    source = {
        "source": config.get("source", ""),
        "seed": run.get("seed", 0),
        "options": {},
        "identity": run.get("data", {}),
    }
    return GrowModel(tree, config["model"], [source], None)


def old_data(model: GrowModel, given: Sequence[str], options: Mapping[str, Any], progress: bool) -> Data | None:
    """The samples of the classes known so far: those of the sources that are given, else of those that the run names.

    Args:
        model: with its sources.
        given: as for `leveret.load`; may be empty.
        options: of loading what is given.
        progress: show a bar.

    Returns:
        None where the run's own sources are no longer there; a warning says which.

    Raises:
        LeveretDataError: what is given is missing, or can't be used.
    """
    from leveret.data import joined, load

    shape = model.tree.input_shape
    sides: dict[str, Any] = {"size": shape[1:], "channels": shape[0]} if shape is not None and len(shape) == 3 else {}
    if given:
        return joined([load(s, one_class=True, progress=progress, **{**sides, **options}) for s in given])
    found = []
    for known in model.sources:
        try:
            data = load(
                known["source"],
                seed=known["seed"],
                one_class=True,
                progress=progress,
                **{**sides, **_tuples(known["options"])},
            )
        except LeveretError as error:
            _warn(f"the data that the model learned from can't be read again ({error})")
            return None
        renamed = known.get("names")
        if renamed:
            data = named_anew(data, renamed)
        if known["identity"] and (differs := named_differences(known["identity"], data_identity(data))):
            _warn(f"{known['source']} isn't as it was when the model learned from it: {differs}")
        found.append(data)
    return joined(found) if found else None


def named_anew(data: Data, names: Sequence[str]) -> Data:
    """The same data whose classes have other names, in the order of the labels.

    Raises:
        LeveretUsageError: not as many names as classes, or one that comes twice.
    """
    from dataclasses import replace

    if len(names) != data.num_classes or len(set(names)) < len(names):
        raise LeveretUsageError(
            f"names must be {data.num_classes} different ones, for the classes {', '.join(data.classes)}; got "
            f"{', '.join(names)}"
        )
    return replace(data, classes=tuple(names))


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise LeveretUsageError(
            f"{folder} holds no run of leveret fit or leveret grow; name such a folder, whose net is to take up new "
            "classes"
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        _ = found["run"]
    except (ValueError, KeyError, TypeError) as error:
        raise LeveretDataError(f"{path} is damaged ({error!r})") from error
    return dict(found)


def _grown(folder: Path, config: dict[str, Any]) -> GrowModel:
    from leveret.grow import ClassTree, Memory
    from leveret.jobs._named_net import named_net

    described = config.get("model")
    if not described:
        raise LeveretUsageError(
            f"{folder} holds a tree of nets that can't be made anew from a name; load it by "
            f"leveret.grow.ClassTree.load({TREE!r}, net) and grow it from Python"
        )
    if not (folder / TREE).is_file():
        raise LeveretUsageError(
            f"{folder} holds a growth that isn't finished; go on with it by leveret grow … --resume"
        )
    try:
        shape = tuple(described["image_shape"])
        like: Any = SimpleNamespace(
            kind="image", image_shape=shape, num_classes=len(described["classes"]), source=str(folder)
        )
        net = named_net(like, described["net"], described["patches"])
        sources = list(config["grown"]["sources"])
    except (KeyError, TypeError) as error:
        raise LeveretDataError(f"{folder / 'config.json'} is damaged ({error!r})") from error
    memory = Memory.load(folder / MEMORY) if (folder / MEMORY).is_file() else None
    return GrowModel(ClassTree.load(folder / TREE, net), described, sources, memory)


def _tuples(options: Mapping[str, Any]) -> dict[str, Any]:
    """As they were before JSON."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}


def _warn(text: str) -> None:
    warnings.warn(LeveretWarning(text), stacklevel=3)
