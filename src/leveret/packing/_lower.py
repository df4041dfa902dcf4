"""From an exported torch program to a draft: one ATen node after the other."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leveret.errors import LeveretPackError
from leveret.packing._draft import Draft
from leveret.runtime._graph import INPUT

__all__ = ["Lowering", "Ref", "lower", "lowers", "supported"]

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Ref:
    """A value of the running net.

    Attributes:
        name: of the step that gives it.
        shape: of a sample in torch's order, `(channels, height, width)` or `(features,)`.
        order: `(channels, height, width)` of the image that was flattened into these features; the runtime holds
            them channels last, torch channels first.
        double: torch computes it in float64.
    """

    name: str
    shape: tuple[int, ...]
    order: tuple[int, int, int] | None = None
    double: bool = False

    @property
    def is_image(self) -> bool:
        return len(self.shape) == 3

    def features(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values along the last axis, one per feature, from torch's order to the runtime's."""
        if self.order is None:
            return values
        channels, height, width = self.order
        split = values.reshape(*values.shape[:-1], channels, height, width)
        return np.moveaxis(split, -3, -1).reshape(values.shape)


Lower = Callable[["Lowering", dict[str, Any]], Any]
_RULES: dict[str, Lower] = {}


def lowers(*names: str) -> Callable[[Lower], Lower]:
    """Register a rule for ATen operators, by their names without `aten::` and the trailing `_` of in-place ones."""

    def register(rule: Lower) -> Lower:
        for name in names:
            _RULES[name] = rule
        return rule

    return register


def supported() -> list[str]:
    """Names of all operators with a rule."""
    return sorted(_RULES)


class Lowering:
    """The state of one lowering: the draft so far, and where in the net we are."""

    def __init__(self) -> None:
        self.draft = Draft()
        self._bits: dict[str, str] = {}
        self._node: Any = None

    @property
    def path(self) -> str:
        """The dotted name of the module that the current node comes from."""
        stack = self._node.meta.get("nn_module_stack") or {}
        paths = [path for path, _ in stack.values()]
        # export writes "L['self'].a.b" or "a.b"
        path = re.sub(r"^L\['self'\]\.?", "", str(paths[-1])) if paths else ""
        return re.sub(r"[^\w.]+", "_", path).strip("._") or str(self._node.name)

    @property
    def operator(self) -> str:
        """The current node's operator, by the name of its rule."""
        return _name(self._node.target)

    @property
    def out_shape(self) -> tuple[int, ...]:
        """What torch says that the current node gives, without the batch."""
        return tuple(int(n) for n in self._node.meta["val"].shape[1:])

    def emit(
        self,
        op: str,
        inputs: list[Ref],
        attributes: dict[str, Any] | None = None,
        arrays: dict[str, NDArray[Any]] | None = None,
        *,
        order: tuple[int, int, int] | None = None,
    ) -> Ref:
        """Add a step for the current node."""
        name = self.draft.add(self.path, op, [ref.name for ref in inputs], attributes, arrays)
        return Ref(name, self.out_shape, order)

    def bits(self, ref: Ref) -> Ref:
        """The signs of a value; the same value's are taken once."""
        if ref.name not in self._bits:
            self._bits[ref.name] = self.draft.add(f"{self.path}.sign", "bits", [ref.name])
        return replace(ref, name=self._bits[ref.name])

    def per_channel(self, value: Tensor | float, ref: Ref) -> Floats:
        """A constant as one value per channel of `ref`, in the runtime's order.

        Raises:
            LeveretPackError: it differs from place to place.
        """
        tensor = torch.as_tensor(value, dtype=torch.float32)
        shape = (1, *ref.shape)
        try:
            whole = tensor.expand(torch.broadcast_shapes(tensor.shape, shape))
        except RuntimeError:
            whole = tensor
        if whole.dim() != len(shape) or tuple(whole.shape) != shape:
            raise self.error(f"with a constant of shape {tuple(tensor.shape)} beside a value of shape {ref.shape}")
        if ref.is_image:
            if tensor.dim() >= 1 and any(n > 1 for n in tensor.shape[-2:]):
                raise self.error(f"with a constant of shape {tuple(tensor.shape)} that differs from place to place")
            whole = whole[..., 0, 0]
        values = np.ascontiguousarray(whole[0].detach().numpy(), dtype=np.float32)
        return ref.features(values)

    def error(self, what: str) -> LeveretPackError:
        """An error that names the layer and the operator."""
        return LeveretPackError(f"layer {self.path!r}: the runtime has no {self.operator} {what}")

    def run(self, program: Any) -> Ref:
        """Lower all nodes of an exported program; gives the reference of its output."""
        values: dict[Any, Any] = {}
        names = program.graph_signature
        constants = {**program.state_dict, **program.constants}
        sources = {**names.inputs_to_parameters, **names.inputs_to_buffers, **names.inputs_to_lifted_tensor_constants}
        for node in program.graph.nodes:
            self._node = node
            if node.op == "placeholder":
                if node.name in sources:
                    values[node] = constants[sources[node.name]].detach()
                else:
                    values[node] = Ref(INPUT, self.out_shape)
            elif node.op == "output":
                return self._result(torch.fx.node.map_arg(node.args[0], values.__getitem__))
            else:
                values[node] = self._call(node, values)
        raise LeveretPackError("the exported net has no output")

    def _call(self, node: Any, values: dict[Any, Any]) -> Any:
        args = torch.fx.node.map_arg(node.args, values.__getitem__)
        kwargs = torch.fx.node.map_arg(node.kwargs, values.__getitem__)
        if not _holds_ref((args, kwargs)):
            if _is_size((args, kwargs)):
                return None
            return node.target(*args, **kwargs)
        if node.target in (operator.getitem,) or not hasattr(node.target, "_schema"):
            raise LeveretPackError(f"layer {self.path!r}: the runtime can't follow {node.target}")
        name = _name(node.target)
        if name.startswith(("sym_", "_assert")):
            return None  # the batch's size, which only reshapes use; they go by the shape that torch found
        if name not in _RULES:
            raise LeveretPackError(f"layer {self.path!r}: the runtime has no {name}; it has {', '.join(supported())}")
        return _RULES[name](self, _arguments(node.target, args, kwargs))

    def _result(self, outputs: Any) -> Ref:
        if isinstance(outputs, tuple | list):
            if len(outputs) != 1:
                raise LeveretPackError(f"a packed net gives logits alone; this one gives {len(outputs)} values")
            outputs = outputs[0]
        if not isinstance(outputs, Ref):
            raise LeveretPackError("the net's output doesn't depend on its input")
        if outputs.is_image or outputs.order is not None:
            raise LeveretPackError(f"a packed net gives logits (n, classes); this one gives (n, {outputs.shape})")
        return outputs


def lower(program: Any) -> Draft:
    """The draft of an exported program.

    Raises:
        LeveretPackError: names the layer and the operator that the runtime lacks.
    """
    state = Lowering()
    result = state.run(program)
    if not state.draft.steps or state.draft.steps[-1].name != result.name:
        state.draft.add("logits", "affine", [result.name])
    state.draft.remove_unused()
    return state.draft


def _name(target: Any) -> str:
    schema = getattr(target, "_schema", None)
    if schema is None:
        return str(target)
    return str(schema.name).removeprefix("aten::").removesuffix("_").replace("leveret::", "")


def _arguments(target: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """All arguments by their names, defaults included."""
    values = {}
    for i, argument in enumerate(target._schema.arguments):
        if i < len(args):
            values[argument.name] = args[i]
        else:
            values[argument.name] = kwargs.get(argument.name, argument.default_value)
    return values


def _holds_ref(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return any(_holds_ref(item) for item in value)
    if isinstance(value, dict):
        return any(_holds_ref(item) for item in value.values())
    return isinstance(value, Ref)


def _is_size(value: Any) -> bool:
    """Arithmetic on the batch's size, of which nothing is known."""
    if isinstance(value, tuple | list):
        return any(_is_size(item) for item in value)
    if isinstance(value, dict):
        return any(_is_size(item) for item in value.values())
    return value is None
