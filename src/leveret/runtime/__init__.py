"""The runtime: packed nets on numpy and our kernels alone; nothing above them is imported.

Nets of several parts are loaded with the first that is needed, so that the others start sooner.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from leveret.runtime._load import load
from leveret.runtime._packed import InputContract, LayerInfo, Packed
from leveret.runtime._profile import StepTime

if TYPE_CHECKING:
    from leveret.runtime.routes import Budget as Budget
    from leveret.runtime.routes import CapacityLook as CapacityLook
    from leveret.runtime.routes import PackedBag as PackedBag
    from leveret.runtime.routes import PackedCapacity as PackedCapacity
    from leveret.runtime.routes import PackedTagger as PackedTagger
    from leveret.runtime.routes import PackedTextConv as PackedTextConv
    from leveret.runtime.routes import PackedTexts as PackedTexts
    from leveret.runtime.routes import PackedTree as PackedTree
    from leveret.runtime.routes import Routed as Routed
    from leveret.runtime.routes import TaggedSentence as TaggedSentence
    from leveret.runtime.routes import UntilSure as UntilSure

# its name where it stands beside `leveret.load`, which is of data
load_model = load

__all__ = [
    "Budget",
    "CapacityLook",
    "InputContract",
    "LayerInfo",
    "Packed",
    "PackedBag",
    "PackedCapacity",
    "PackedTagger",
    "PackedTextConv",
    "PackedTexts",
    "PackedTree",
    "Routed",
    "StepTime",
    "TaggedSentence",
    "UntilSure",
    "load",
    "load_model",
]


if not TYPE_CHECKING:  # type checkers know the names above alone, and tell of others

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(importlib.import_module("leveret.runtime.routes"), name)
        return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
