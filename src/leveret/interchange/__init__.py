"""Packed nets for other engines: `export_onnx` writes one as a float net in ONNX that gives the same logits."""

from leveret.interchange._export import export_onnx

__all__ = ["export_onnx"]
