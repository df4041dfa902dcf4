"""The runtime: packed nets on numpy and our kernels alone; nothing above them is imported."""

from leveret.runtime._load import load
from leveret.runtime._packed import InputContract, LayerInfo, Packed
from leveret.runtime._profile import StepTime
from leveret.runtime.routes import (
    Budget,
    CapacityLook,
    PackedBag,
    PackedCapacity,
    PackedTagger,
    PackedTextConv,
    PackedTexts,
    PackedTree,
    Routed,
    TaggedSentence,
    UntilSure,
)

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
