"""From an exported torch program to a draft: one ATen node after the other."""

from __future__ import annotations

import operator
import re
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leveret.errors import LeveretPackError
from leveret.packing._aliases import unseen_writes
from leveret.packing._draft import Draft, Turned
from leveret.packing._ref import INDICES, MEMORY, UNKNOWN_SIZE, Absent, Ref
from leveret.packing._registry import RULES, supported
from leveret.packing._suggestions import MODULES, suggestion
from leveret.runtime._graph import INPUT

__all__ = ["Lowering", "lower"]

# what may stand between token ids and their embedding
_OF_IDS = frozenset({"alias", "clone", "contiguous", "detach", "embedding", "to"})
# what may be given the batch's size: its rule goes by the shape that torch found
_BY_SHAPE = frozenset({"_unsafe_view", "expand", "narrow", "reshape", "slice", "unflatten", "view"})
_LONGEST_NAME = 150  # a file allows 200; ends such as ".sign:12" follow
_T = TypeVar("_T")


class Lowering:
    """The state of one lowering: the draft so far, and where in the net we are.

    Attributes:
        draft: the steps so far.
        vocabulary: how many token ids every embedding of the input knows; None before there is one.
        narrow: of values that repeat one place over all: what they repeat.
    """

    def __init__(self) -> None:
        self.draft = Draft()
        self.vocabulary: int | None = None
        self.narrow: dict[Ref, Ref] = {}
        self._bits: dict[str, str] = {}
        self._moved: dict[tuple[str, str], str] = {}
        self._ordered: dict[Ref, Ref] = {}
        self._node: Any = None
        self._batch = ""
        self._unseen: set[Any] = set()

    @property
    def path(self) -> str:
        """The dotted name of the module that the current node comes from."""
        stack = self._node.meta.get("nn_module_stack") or {}
        paths = [path for path, _ in stack.values()]
        # export writes "L['self'].a.b" or "a.b"
        path = re.sub(r"^L\['self'\]\.?", "", str(paths[-1])) if paths else ""
        return path.strip("._") or str(self._node.name)

    @property
    def step(self) -> str:
        """That name as the file takes it: of few letters, and not long."""
        return re.sub(r"[^\w.]+", "_", self.path, flags=re.ASCII)[:_LONGEST_NAME]

    @property
    def operator(self) -> str:
        """The current node's operator, by the name of its rule."""
        return _name(self._node.target)

    @property
    def out_shape(self) -> tuple[int, ...]:
        """What torch says that the current node gives (of several values, the first), without the batch."""
        value = self._value
        if not value.dim() or str(value.shape[0]) != self._batch:
            raise self.error("that moves, cuts or mixes the samples of a batch")
        return tuple(int(n) for n in value.shape[1:])

    @property
    def _value(self) -> Any:
        """What torch says that the current node gives; of several values, the first."""
        value = self._node.meta["val"]
        return value[0] if isinstance(value, tuple | list) else value

    def emit(
        self,
        op: str,
        inputs: list[Ref],
        attributes: dict[str, Any] | None = None,
        arrays: dict[str, NDArray[Any]] | None = None,
        *,
        shape: tuple[int, ...] | None = None,
        layout: str = "",
        order: tuple[tuple[int, ...], str] | None = None,
        turned: Turned | None = None,
    ) -> Ref:
        """Add a step for the current node, of the shape that torch says and the usual layout if none is given."""
        names = [ref.name for ref in inputs]
        name = self.draft.add(
            self.step, op, names, attributes, arrays, layer=self.path, turned=turned, operator=self.operator
        )
        double = getattr(self._value, "dtype", None) == torch.float64
        return Ref(name, self.out_shape if shape is None else shape, layout, order, double)

    def each(
        self,
        op: str,
        ref: Ref,
        attributes: dict[str, Any] | None = None,
        arrays: dict[str, NDArray[Any]] | None = None,
    ) -> Ref:
        """Add a step that leaves shape and layout as they are."""
        return self.emit(op, [ref], attributes, arrays, shape=ref.shape, layout=ref.layout, order=ref.order)

    def bits(self, ref: Ref) -> Ref:
        """The signs of a value; the same value's are taken once."""
        if ref.name not in self._bits:
            self._bits[ref.name] = self.draft.add(f"{self.step}.sign", "bits", [ref.name])
        return replace(ref, name=self._bits[ref.name])

    def as_layout(self, ref: Ref, layout: str) -> Ref:
        """The same value with its axes elsewhere in memory; a value is moved the same way once."""
        if ref.layout == layout or ref.is_row:
            return ref
        source = {axis: ref.layout[i] for i, axis in enumerate(layout)}
        left = [axis for axis in MEMORY if axis not in ref.layout]  # of length 1
        axes = "".join(source.get(axis) or left.pop(0) for axis in MEMORY)
        if (ref.name, axes) not in self._moved:
            self._moved[ref.name, axes] = self.draft.add(f"{self.step}.axes", "transpose", [ref.name], {"axes": axes})
        return replace(ref, name=self._moved[ref.name, axes], layout=layout)

    def channels_at(self, ref: Ref, axis: int) -> Ref:
        """The same value, laid out so that torch's `axis` (of a sample) is the runtime's channels."""
        letter = ref.layout[axis]
        swapped = {letter: "c", "c": letter}
        return self.as_layout(ref, "".join(swapped.get(other, other) for other in ref.layout))

    def in_order(self, ref: Ref) -> Ref:
        """The same features in torch's order in memory, where they are those of a flattened image; moved once."""
        if ref.order is None:
            return ref
        if ref not in self._ordered:
            shape, layout = ref.order
            size = [Ref(ref.name, shape, layout).side(axis) for axis in "hw"]
            image = self.emit("reshape", [ref], {"size": size}, shape=shape, layout=layout)
            self._ordered[ref] = self.emit("flatten", [self.as_layout(image, MEMORY[-len(shape) :])], shape=ref.shape)
        return self._ordered[ref]

    def image(self, ref: Any) -> Ref:
        """A value as an image, `(channels, height, width)`, or as a text, `(channels, length)`.

        Raises:
            LeveretPackError: it is a row.
        """
        if not isinstance(ref, Ref) or ref.is_row:
            raise self.error(f"over a value of shape {getattr(ref, 'shape', None)}")
        return self.as_layout(ref, "chw" if len(ref.shape) == 3 else "cw")

    def per_channel(self, value: Tensor | float, ref: Ref) -> NDArray[np.float32]:
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
        if tuple(whole.shape) != shape:
            raise self.error(f"with a constant of shape {tuple(tensor.shape)} beside a value of shape {ref.shape}")
        own = (1,) * (len(shape) - tensor.dim()) + tuple(tensor.shape)
        if any(n > 1 and axis != "c" for n, axis in zip(own[1:], ref.layout, strict=True)):
            raise self.error(f"with a constant of shape {tuple(tensor.shape)} that differs from place to place")
        index: list[Any] = [slice(None) if axis == "c" else 0 for axis in ref.layout]
        values = np.ascontiguousarray(whole[0][tuple(index)].detach().numpy().reshape(-1), dtype=np.float32)
        return ref.features(values)

    def error(self, what: str) -> LeveretPackError:
        """An error that names the layer and the operator, and what would work instead."""
        instead = suggestion(self.operator, self._kind)
        if instead and ": " in what:  # its own advice would be of the small step
            what = what.partition(": ")[0]
        return LeveretPackError(f"{self._where}: the runtime has no {self.operator} {what}{instead}")

    @property
    def _kind(self) -> str:
        """The type of the outermost module around the current node that is one of `MODULES`; empty if none is."""
        stack = self._node.meta.get("nn_module_stack") or {}
        kinds = (f"{kind.__module__}.{kind.__name__}" if isinstance(kind, type) else kind for _, kind in stack.values())
        torchs = (kind.rpartition(".")[2] for kind in kinds if kind.startswith("torch.nn."))
        return next((kind for kind in torchs if kind in MODULES), "")

    @property
    def _where(self) -> str:
        return f"layer {self.path!r}, {self._kind}" if self._kind else f"layer {self.path!r}"

    def run(self, program: Any) -> Ref:
        """Lower all nodes of an exported program; gives the reference of its output."""
        values: dict[Any, Any] = {}
        self._unseen = unseen_writes(program.graph)
        names = program.graph_signature
        constants = {**program.state_dict, **program.constants}
        sources = {**names.inputs_to_parameters, **names.inputs_to_buffers, **names.inputs_to_lifted_tensor_constants}
        for node in program.graph.nodes:
            self._node = node
            if node.op == "placeholder":
                if node.name in sources:
                    values[node] = constants[sources[node.name]].detach()
                else:
                    value = node.meta["val"]
                    self._batch = str(value.shape[0])
                    ids = not value.is_floating_point()
                    values[node] = Ref(INPUT, self.out_shape, "w" if ids else "", ids=ids)
            elif node.op == "output":
                self._node = _last_call(program.graph)
                return self._result(torch.fx.node.map_arg(node.args[0], values.__getitem__))
            else:
                values[node] = self._call(node, values)
        raise LeveretPackError("the exported net has no output")

    def _call(self, node: Any, values: dict[Any, Any]) -> Any:
        args = torch.fx.node.map_arg(node.args, values.__getitem__)
        kwargs = torch.fx.node.map_arg(node.kwargs, values.__getitem__)
        if node.target is operator.getitem:
            return args[0][args[1]]
        refs = _all_of(Ref, (args, kwargs))
        absent = _all_of(Absent, (args, kwargs))
        if INDICES in absent:
            raise self.error(f"of {INDICES.what}")
        if not refs:
            return UNKNOWN_SIZE if absent else node.target(*args, **kwargs)
        if not hasattr(node.target, "_schema"):
            raise LeveretPackError(f"layer {self.path!r}: the runtime can't follow {node.target}")
        name = _name(node.target)
        if name.startswith(("sym_", "_assert")):
            return UNKNOWN_SIZE
        if name not in RULES:
            raise LeveretPackError(
                f"{self._where}: the runtime has no {name}{suggestion(name, self._kind)}; it has "
                f"{', '.join(supported())}"
            )
        if node in self._unseen:
            raise LeveretPackError(
                f"layer {self.path!r}: {name}_ writes in place into memory that another view reads later; write it "
                f"without, as y = {name}(y, …), and join the parts with cat"
            )
        if absent and name not in _BY_SHAPE:
            raise self.error(f"by {UNKNOWN_SIZE.what}, which a packed net doesn't know")
        if name not in _OF_IDS and any(ref.ids for ref in refs):
            raise self.error("of token ids: an Embedding must come first")
        return RULES[name].lower(self, _arguments(node.target, args, kwargs))

    def _result(self, outputs: Any) -> Ref:
        if isinstance(outputs, tuple | list):
            if len(outputs) != 1:
                raise LeveretPackError(f"a packed net gives logits alone; this one gives {len(outputs)} values")
            outputs = outputs[0]
        if isinstance(outputs, Absent):
            raise LeveretPackError(f"a packed net gives logits, not {outputs.what}")
        if not isinstance(outputs, Ref):
            raise LeveretPackError("the net's output doesn't depend on its input")
        if len(outputs.shape) not in (1, 3) or outputs.ids:
            raise LeveretPackError(
                f"a packed net gives logits (n, classes), or maps of them (n, classes, height, width); this one gives "
                f"{'ids ' if outputs.ids else ''}(n, {', '.join(map(str, outputs.shape))})"
            )
        return self.as_layout(outputs, "chw") if len(outputs.shape) == 3 else self.in_order(outputs)


def lower(program: Any) -> tuple[Draft, int | None]:
    """The draft of an exported program, and the vocabulary of its input if that is token ids.

    Raises:
        LeveretPackError: names the layer and the operator that the runtime lacks.
    """
    state = Lowering()
    result = state.run(program)
    if not state.draft.steps or state.draft.steps[-1].name != result.name:
        state.draft.add("logits", "affine", [result.name])
    state.draft.remove_unused()
    return state.draft, state.vocabulary


def _last_call(graph: Any) -> Any:
    """The node that names the steps which bring the output into its order."""
    return [node for node in graph.nodes if node.op != "output"][-1]


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


def _all_of(kind: type[_T], value: Any) -> list[_T]:
    """All that are of a kind in nested arguments."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        return [found for item in value for found in _all_of(kind, item)]
    return [value] if isinstance(value, kind) else []
