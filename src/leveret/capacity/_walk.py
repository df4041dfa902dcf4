"""Derive a net's geometry by walking along its layers, in the graph that `torch.fx` traces."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from leveret.capacity._geometry import Geometry
from leveret.errors import LeveretUsageError
from leveret.nets._convolutions import is_conv2d

__all__ = ["derive"]

_POINTWISE_MODULES = (
    nn.BatchNorm2d,
    nn.Identity,
    nn.ChannelShuffle,
    nn.LocalResponseNorm,
    nn.modules.dropout._DropoutNd,
    nn.Softmax2d,
)
# of torch's activations, those that mix what lies along an axis
_MIXING = (nn.GLU, nn.LogSoftmax, nn.MultiheadAttention, nn.Softmax, nn.Softmin)
_POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.LPPool2d)
_PADS = (nn.ZeroPad2d, nn.ConstantPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d)
# names of functions and methods
_POINTWISE = frozenset(
    """
    abs add add_ batch_norm clamp clamp_ clip clone contiguous detach div dropout dropout2d double elu exp float gelu
    hardsigmoid hardswish hardtanh iadd imul isub leaky_relu maximum minimum mul mul_ neg prelu relu relu6 relu_ selu
    sigmoid sign silu softplus sqrt square sub sub_ tanh truediv type_as
    """.split()  # noqa: SIM905 - as a list it would be forty lines
)


def derive(net: nn.Module, name: str) -> Geometry:
    """The geometry of a net from `(batch, channels, height, width)` to features of the same form.

    Its layers may branch and meet again in sums and concatenations.

    Args:
        net: any module; nothing is run.
        name: what errors call it.

    Raises:
        LeveretUsageError: its code can't be traced; an operation of it isn't local, such as a pool over the whole
            image or a linear layer, or is none that is known; with the operation's name.
    """
    around = nn.Sequential()
    around.add_module("0", net)
    try:
        graph = _Tracer(filter(is_conv2d, net.modules())).trace(around)
    except Exception as error:  # whatever a user's code does when it meets a stand-in for its input
        raise LeveretUsageError(
            f"the geometry of {name}, a {type(net).__name__}, can't be derived, as its code can't be traced: {error}"
        ) from error
    walk = _Walk(around, name)
    for node in graph.nodes:
        walk.step(node)
    if walk.result is None:
        raise LeveretUsageError(f"the output of {name} doesn't depend on the image")
    return walk.result


class _Tracer(fx.Tracer):
    """Goes into all modules but torch's own and convolutions, found before, as asking for weights leaves a trace."""

    def __init__(self, convolutions: Iterable[nn.Module]) -> None:
        super().__init__()
        self._convolutions = set(convolutions)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        # layers that are made of a convolution, as binary ones, are local just as it is
        return m in self._convolutions or super().is_leaf_module(m, module_qualified_name)


class _Walk:
    """The geometry at each node of a graph; None for what doesn't depend on the image."""

    def __init__(self, root: nn.Module, name: str) -> None:
        self.root = root
        self.name = name
        self.known: dict[fx.Node, Geometry | None] = {}
        self.result: Geometry | None = None

    def step(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            self.known[node] = Geometry()
        elif node.op == "output":
            if not isinstance(node.args[0], fx.Node):
                raise self.refused("it gives more than one tensor")
            self.result = self.known[node.args[0]]
        elif node.op == "get_attr":
            self.known[node] = None
            self.check_constant(node)
        else:
            inputs = [self.known[n] for n in node.all_input_nodes]
            images = [geometry for geometry in inputs if geometry is not None]
            self.known[node] = self.applied(node, images) if images else None

    def check_constant(self, node: fx.Node) -> None:
        value: Any = self.root
        for part in str(node.target).split("."):
            value = getattr(value, part)
        if isinstance(value, Tensor) and value.dim() in (2, 3) and min(value.shape[-2:]) > 1:
            raise self.refused(f"{self.short(node)!r} differs from place to place")

    def applied(self, node: fx.Node, images: list[Geometry]) -> Geometry:
        if node.op == "call_module":
            return self.module(node, self.root.get_submodule(str(node.target)), images[0])
        target = node.target
        if target in _WINDOWS:
            return self.windowed(node, _WINDOWS[target], images[0])
        name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
        if target in (torch.cat, torch.concat) and _argument(node, 1, "dim", 0) in (1, -3):
            return self.meeting(node, images)
        if name in _POINTWISE and (isinstance(target, str) or _is_torchs(target)):
            return self.meeting(node, images)
        raise self.refused(f"{name!r} isn't known to be local")

    def meeting(self, node: fx.Node, images: list[Geometry]) -> Geometry:
        met = images[0]
        for other in images[1:]:
            if other.stride != met.stride:
                raise self.refused(f"branches of strides {met.stride} and {other.stride} meet at {self.short(node)!r}")
            met = met.merged(other)
        return met

    def module(self, node: fx.Node, layer: nn.Module, into: Geometry) -> Geometry:
        where = f"layer {self.short(node)!r}, {type(layer).__name__}"
        if is_conv2d(layer):
            if layer.padding_mode == "circular":
                raise self.refused(f"{where}, pads in a circle, from the other end of the image")
            before, after = _conv_padding(layer.padding, layer.kernel_size, layer.dilation)
            return into.then(_pair(layer.kernel_size), _pair(layer.stride), before, after, _pair(layer.dilation))
        if isinstance(layer, _POOLS):
            self.check_floor(layer.ceil_mode, where)
            padding = _pair(getattr(layer, "padding", 0))
            stride = layer.stride if layer.stride is not None else layer.kernel_size
            dilation = _pair(getattr(layer, "dilation", 1))
            return into.then(_pair(layer.kernel_size), _pair(stride), padding, padding, dilation)
        if isinstance(layer, _PADS):
            return self.padding(layer.padding, where, into)
        pointwise = isinstance(layer, _POINTWISE_MODULES) or (
            type(layer).__module__ == "torch.nn.modules.activation" and not isinstance(layer, _MIXING)
        )
        if pointwise:
            return into
        raise self.refused(f"{where}, isn't local, or not known to be")

    def windowed(self, node: fx.Node, names: tuple[str, ...], into: Geometry) -> Geometry:
        values = {name: _argument(node, i, name, None) for i, name in enumerate(names)}
        where = self.short(node)
        self.check_floor(bool(values.get("ceil_mode")), where)
        if "pad" in values:
            if values.get("mode") == "circular":
                raise self.refused(f"{where!r} pads in a circle, from the other end of the image")
            return self.padding(values["pad"], where, into)
        kernel = values.get("kernel_size")
        if kernel is None:
            kernel = self.weight_of(values["weight"])
        stride = values["stride"] or (kernel if "weight" not in values else 1)
        dilation = values.get("dilation") or 1
        if not all(_is_whole(value) for value in (kernel, stride, dilation)):
            raise self.refused(f"{where!r} has a window that depends on the image")
        before, after = _conv_padding(values.get("padding") or 0, kernel, dilation)
        return into.then(_pair(kernel), _pair(stride), before, after, _pair(dilation))

    def weight_of(self, node: Any) -> tuple[int, int]:
        value: Any = self.root
        if not isinstance(node, fx.Node) or node.op != "get_attr":
            raise self.refused("a convolution's weight is computed; let a module of its own, an nn.Conv2d, hold it")
        for part in str(node.target).split("."):
            value = getattr(value, part)
        return tuple(value.shape[-2:])

    def padding(self, amounts: Any, where: str, into: Geometry) -> Geometry:
        if not isinstance(amounts, (tuple, list)) or len(amounts) not in (2, 4) or not _is_whole(amounts):
            raise self.refused(f"{where} pads by {amounts!r}; pads of rows and columns by whole numbers are known")
        left, right, top, bottom = (*amounts, 0, 0)[:4]
        if min(amounts) < 0:
            raise self.refused(f"{where} crops; pads of at least 0 are known")
        return into.then((1, 1), (1, 1), (top, left), (bottom, right))

    def check_floor(self, ceil_mode: bool, where: str) -> None:
        if ceil_mode:
            raise self.refused(f"{where}, has ceil_mode=True, so that its last field is cut; use ceil_mode=False")

    def short(self, node: fx.Node) -> str:
        name = str(node.target) if node.op in ("call_module", "get_attr") else node.name
        return name.removeprefix("0.") if name != "0" else "the net itself"

    def refused(self, why: str) -> LeveretUsageError:
        return LeveretUsageError(
            f"the geometry of {self.name} can't be derived: {why}. It must be local: convolutions, pools of a fixed "
            "window, norms over the batch and activations, with sums and concatenations of such"
        )


def _is_torchs(target: Callable[..., Any]) -> bool:
    return (getattr(target, "__module__", None) or "torch").split(".")[0] in ("torch", "_operator", "operator")


def _argument(node: fx.Node, index: int, name: str, default: Any) -> Any:
    return node.args[index] if len(node.args) > index else node.kwargs.get(name, default)


def _is_whole(value: Any) -> bool:
    return all(isinstance(v, int) for v in (value if isinstance(value, (tuple, list)) else (value,)))


def _pair(value: Any) -> tuple[int, int]:
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    return (values[0], values[-1])


def _conv_padding(padding: Any, kernel: Any, dilation: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """What is added before and after, of rows and columns."""
    if padding == "valid":
        padding = 0
    if padding == "same":
        whole = [d * (k - 1) for d, k in zip(_pair(dilation), _pair(kernel), strict=True)]
        # torch adds the odd one behind
        return (whole[0] // 2, whole[1] // 2), (whole[0] - whole[0] // 2, whole[1] - whole[1] // 2)
    return _pair(padding), _pair(padding)


_POOL = ("input", "kernel_size", "stride", "padding")
_WINDOWS: dict[Any, tuple[str, ...]] = {
    F.conv2d: ("input", "weight", "bias", "stride", "padding", "dilation"),
    F.max_pool2d: (*_POOL, "dilation", "ceil_mode"),
    torch.max_pool2d: (*_POOL, "dilation", "ceil_mode"),
    F.avg_pool2d: (*_POOL, "ceil_mode"),
    F.pad: ("input", "pad", "mode"),
}
