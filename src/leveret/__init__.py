"""Leveret: train, balance, shrink, grow and run small deep networks on an ordinary CPU.

The public names are gathered here and loaded on first use, so that `import leveret` stays cheap and
running a packed model never imports torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

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
    "LeveretDataError": "leveret.errors",
    "LeveretError": "leveret.errors",
    "LeveretFormatError": "leveret.errors",
    "LeveretFutureWarning": "leveret.errors",
    "LeveretPackError": "leveret.errors",
    "LeveretTrainingError": "leveret.errors",
    "LeveretUsageError": "leveret.errors",
    "LeveretWarning": "leveret.errors",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'leveret' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))


if TYPE_CHECKING:
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
