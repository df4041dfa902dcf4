"""The runtime: packed nets on numpy and our kernels alone; nothing above them is imported."""

from leveret.runtime._packed import InputContract, LayerInfo, Packed, load
from leveret.runtime._profile import StepTime

__all__ = ["InputContract", "LayerInfo", "Packed", "StepTime", "load"]
