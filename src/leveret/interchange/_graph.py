"""An ONNX graph while it is being written."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["OnnxGraph"]


class OnnxGraph:
    """Nodes and constants, each named after the packed net's step that it comes from.

    Images are `(n, channels, height, width)` here, rows `(n, channels)`; both float32. Signs are floats of ±1;
    quantised values are uint8, those that may be negative with 128 for 0.

    Attributes:
        nodes, constants: as ONNX has them.
        step: the name of the step whose nodes come next.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.step = "input"
        self._used: dict[str, int] = {}

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of one output; gives the output's name. Attributes that are None are left out."""
        from onnx import helper

        name = self._name(kind)
        given = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **given))
        return name

    def constant(self, role: str, value: Any, dtype: Any = np.float32) -> str:
        """Add an array; gives its name."""
        from onnx import numpy_helper

        name = self._name(role)
        array: NDArray[Any] = np.array(value, dtype, order="C")
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def per_channel(self, role: str, values: Any, dims: int) -> str:
        """Add a value for each channel, shaped to meet an image (dims 2) or a row (dims 0)."""
        return self.constant(role, np.reshape(values, (-1, *[1] * dims)))

    def whole(self, role: str, *numbers: int) -> str:
        """Add a list of whole numbers, as shapes and axes are given."""
        return self.constant(role, numbers, np.int64)

    def _name(self, role: str) -> str:
        base = f"{self.step}/{role}"
        count = self._used[base] = self._used.get(base, 0) + 1
        return base if count == 1 else f"{base}_{count}"
