"""The layer of a net that gives its logits: found and replaced.

It is found by following the net's output back to the module that made it, one level of modules after the other, each
traced by `torch.fx` with its children as they are. Where a level can't be traced, as its code asks for values or takes
texts, the last linear layer within it is taken, in the order in which the modules were made.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.nets._cosine import CosineLinear

__all__ = ["final_linear", "replaced_final"]

# what may stand behind the layer: it leaves each sample's logits as they are
_SAME_MODULES = (nn.Identity, nn.Flatten, nn.Unflatten, nn.modules.dropout._DropoutNd)
_SAME_METHODS = frozenset({"clone", "contiguous", "flatten", "float", "reshape", "squeeze", "view"})
_SAME_FUNCTIONS = frozenset({F.dropout, torch.dropout, torch.clone, torch.flatten, torch.reshape, torch.squeeze})


def final_linear(net: nn.Module, *, sure: bool = False) -> tuple[str, nn.Linear | CosineLinear]:
    """Dotted name and module of the linear layer whose output is the net's; the name is "" where it is the net itself.

    Args:
        net: any module.
        sure: whether a net that can't be traced is refused, too, rather than its last linear layer taken.

    Raises:
        LeveretUsageError: the net has no linear layer, ends in something else, as an ensemble in a mean, or uses the
            layer more than once; with `sure`, it can't be traced, or something else sees the logits before they go out.
    """
    name = _found(net, "", net, sure)
    layer = net.get_submodule(name)
    names = [other for other, module in net.named_modules(remove_duplicate=False) if module is layer]
    if len(names) > 1:
        raise LeveretUsageError(
            f"the last linear layer of this {type(net).__name__} stands in it {len(names)} times, as "
            f"{', '.join(map(repr, names))}; it must be used once"
        )
    assert isinstance(layer, (nn.Linear, CosineLinear))
    return name, layer


def replaced_final(net: nn.Module, layer: nn.Module) -> nn.Module:
    """A copy of the net with `layer` in the place of its last linear layer.

    Raises:
        LeveretUsageError: as of `final_linear`.
    """
    name, _ = final_linear(net)
    if not name:
        return layer
    made = copy.deepcopy(net)
    parent, _, own = name.rpartition(".")
    setattr(made.get_submodule(parent), own, layer)
    return made


def _found(net: nn.Module, name: str, module: nn.Module, sure: bool) -> str:
    """The name, within `net`, of the layer that gives the output of `module`, which is called `name` there."""
    if isinstance(module, (nn.Linear, CosineLinear)):
        return name
    path = f"{name}." if name else ""
    linear = [own for own, child in module.named_modules() if isinstance(child, (nn.Linear, CosineLinear))]
    if not linear:
        where = f"its layer {name!r}, a {type(module).__name__}" if name else "it"
        raise LeveretUsageError(
            f"this needs a net whose logits come from a linear layer; {type(net).__name__} ends otherwise: {where} has "
            "none"
        )
    try:
        graph = _Level().trace(module)
    except Exception as error:  # whatever a user's code does when it meets a stand-in for its input
        if sure:
            raise LeveretUsageError(f"{type(module).__name__} can't be traced: {error}") from error
        return path + linear[-1]
    child = _producer(net, module, graph, sure)
    return _found(net, path + child, module.get_submodule(child), sure)


class _Level(fx.Tracer):
    """Follows one module's own code."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def _producer(net: nn.Module, module: nn.Module, graph: fx.Graph, sure: bool) -> str:
    """The child whose output is that of `module`."""
    node: Any = next(node for node in graph.nodes if node.op == "output").args[0]
    while isinstance(node, fx.Node):
        if sure and len(node.users) > 1:
            raise LeveretUsageError(f"{type(module).__name__} does something else with its logits")
        if node.op == "call_module":
            child = module.get_submodule(str(node.target))
            if not isinstance(child, _SAME_MODULES):
                return _once(net, str(node.target), graph)
        elif not (
            (node.op == "call_method" and node.target in _SAME_METHODS)
            or (node.op == "call_function" and node.target in _SAME_FUNCTIONS)
        ):
            break
        node = node.args[0]
    what = getattr(node, "target", None)
    what = getattr(what, "__name__", what) if isinstance(node, fx.Node) else f"a {type(node).__name__}"
    raise LeveretUsageError(
        f"this needs a net whose logits come from a linear layer; {type(net).__name__} ends otherwise: its last "
        f"operation is {what}"
    )


def _once(net: nn.Module, target: str, graph: fx.Graph) -> str:
    calls = sum(node.op == "call_module" and node.target == target for node in graph.nodes)
    if calls > 1:
        raise LeveretUsageError(
            f"layer {target!r}, which ends this {type(net).__name__}, is called {calls} times; it must be used once"
        )
    return target
