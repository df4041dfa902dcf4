"""The runtime: packed nets on numpy and our kernels alone; nothing above them is imported."""

from leveret.runtime._packed import InputContract, LayerInfo, Packed, load

__all__ = ["InputContract", "LayerInfo", "Packed", "load"]
