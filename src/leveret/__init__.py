"""Leveret: train, balance, shrink, grow and run small deep networks on an ordinary CPU.

The public names are gathered here and loaded on first use, so that `import leveret` stays cheap and
running a packed model never imports torch. What isn't installed says so then: see `leveret._extras`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# public name -> the room it lives in
_HOMES = {
    "load": "leveret.data",
    "load_segmentation": "leveret.data",
    "load_tagging": "leveret.data",
    "Data": "leveret.data",
    "Split": "leveret.data",
    "ConvNet": "leveret.nets",
    "ResNet": "leveret.nets",
    "ShallowNet": "leveret.nets",
    "LeveretClassifier": "leveret.estimator",
    "fit": "leveret.training",
    "evaluate": "leveret.training",
    "CrossEntropy": "leveret.training",
    "Distillation": "leveret.training",
    "RuleDistillation": "leveret.rules",
    "read_rules": "leveret.rules",
    "binarize": "leveret.shrink",
    "factorize": "leveret.shrink",
    "ClassTree": "leveret.grow",
    "TeacherEnsemble": "leveret.distill",
    "TransferSet": "leveret.distill",
    "best_subset": "leveret.distill",
    "train_student": "leveret.distill",
    "export_onnx": "leveret.interchange",
    "pack": "leveret.packing",
    "hash_weights": "leveret.shrink",
    "prune": "leveret.shrink",
    "prune_channels": "leveret.shrink",
    "quantize": "leveret.shrink",
    "quantize_training": "leveret.shrink",
    "share": "leveret.shrink",
    "ternarize": "leveret.shrink",
    "Packed": "leveret.runtime",
    "load_model": "leveret.runtime",
    "LeveretDataError": "leveret.errors",
    "LeveretError": "leveret.errors",
    "LeveretFormatError": "leveret.errors",
    "LeveretFutureWarning": "leveret.errors",
    "LeveretMissingError": "leveret.errors",
    "LeveretPackError": "leveret.errors",
    "LeveretTrainingError": "leveret.errors",
    "LeveretUsageError": "leveret.errors",
    "LeveretWarning": "leveret.errors",
}

# rooms that can be entered without an import of their own: leveret.zoo.load("digits")
_ROOMS = (
    "balance",
    "budget",
    "capacity",
    "context",
    "data",
    "distill",
    "errors",
    "grow",
    "judge",
    "nets",
    "rules",
    "runtime",
    "shrink",
    "text",
    "training",
    "zoo",
)

__all__ = ["__version__", *sorted(_HOMES)]


__version__: str


if not TYPE_CHECKING:  # type checkers know the names below alone, and tell of others

    def __getattr__(name):
        if name == "__version__":
            value: Any = _version()
        elif name in _HOMES:
            value = getattr(_room(_HOMES[name], name), name)
        elif name in _ROOMS:
            return _room(f"leveret.{name}", name)
        else:
            raise AttributeError(f"module 'leveret' has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__) | set(_ROOMS))


def _room(path: str, name: str) -> Any:
    try:
        return importlib.import_module(path)
    except ImportError as error:
        from leveret._extras import missing

        if (said := missing(f"leveret.{name}", error)) is None:
            raise
        raise said from None


def _version() -> str:
    """Of the installed package: pyproject.toml alone says which it is."""
    import importlib.metadata

    try:
        return importlib.metadata.version("leveret")
    except importlib.metadata.PackageNotFoundError:  # a checkout that was put on the path, and never installed
        return "0+unknown"


if TYPE_CHECKING:
    from leveret import balance as balance
    from leveret import budget as budget
    from leveret import capacity as capacity
    from leveret import context as context
    from leveret import data as data
    from leveret import distill as distill
    from leveret import errors as errors
    from leveret import grow as grow
    from leveret import judge as judge
    from leveret import nets as nets
    from leveret import rules as rules
    from leveret import runtime as runtime
    from leveret import shrink as shrink
    from leveret import text as text
    from leveret import training as training
    from leveret import zoo as zoo
    from leveret.data import Data as Data
    from leveret.data import Split as Split
    from leveret.data import load as load
    from leveret.data import load_segmentation as load_segmentation
    from leveret.data import load_tagging as load_tagging
    from leveret.distill import TeacherEnsemble as TeacherEnsemble
    from leveret.distill import TransferSet as TransferSet
    from leveret.distill import best_subset as best_subset
    from leveret.distill import train_student as train_student
    from leveret.errors import LeveretDataError as LeveretDataError
    from leveret.errors import LeveretError as LeveretError
    from leveret.errors import LeveretFormatError as LeveretFormatError
    from leveret.errors import LeveretFutureWarning as LeveretFutureWarning
    from leveret.errors import LeveretMissingError as LeveretMissingError
    from leveret.errors import LeveretPackError as LeveretPackError
    from leveret.errors import LeveretTrainingError as LeveretTrainingError
    from leveret.errors import LeveretUsageError as LeveretUsageError
    from leveret.errors import LeveretWarning as LeveretWarning
    from leveret.estimator import LeveretClassifier as LeveretClassifier
    from leveret.grow import ClassTree as ClassTree
    from leveret.interchange import export_onnx as export_onnx
    from leveret.nets import ConvNet as ConvNet
    from leveret.nets import ResNet as ResNet
    from leveret.nets import ShallowNet as ShallowNet
    from leveret.packing import pack as pack
    from leveret.rules import RuleDistillation as RuleDistillation
    from leveret.rules import read_rules as read_rules
    from leveret.runtime import Packed as Packed
    from leveret.runtime import load_model as load_model
    from leveret.shrink import binarize as binarize
    from leveret.shrink import factorize as factorize
    from leveret.shrink import hash_weights as hash_weights
    from leveret.shrink import prune as prune
    from leveret.shrink import prune_channels as prune_channels
    from leveret.shrink import quantize as quantize
    from leveret.shrink import quantize_training as quantize_training
    from leveret.shrink import share as share
    from leveret.shrink import ternarize as ternarize
    from leveret.training import CrossEntropy as CrossEntropy
    from leveret.training import Distillation as Distillation
    from leveret.training import evaluate as evaluate
    from leveret.training import fit as fit
