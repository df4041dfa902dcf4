"""The runtime: packed nets on numpy and our kernels alone; nothing above them is imported."""

from leveret.runtime._load import load
from leveret.runtime._packed import InputContract, LayerInfo, Packed
from leveret.runtime._profile import StepTime
from leveret.runtime.routes import Budget, CapacityLook, PackedCapacity, PackedTree, Routed, UntilSure

__all__ = [
    "Budget",
    "CapacityLook",
    "InputContract",
    "LayerInfo",
    "Packed",
    "PackedCapacity",
    "PackedTree",
    "Routed",
    "StepTime",
    "UntilSure",
    "load",
]
