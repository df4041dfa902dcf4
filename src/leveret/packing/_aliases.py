"""Writes in place that reach further than the trace shows.

`torch.export` follows a value that is overwritten, but not its other views: after `z = y[:, :2]; z += 1` the trace goes
on with the old `y`. Lowered as it stands, such a net would give other numbers than PyTorch's.
"""

from __future__ import annotations

from typing import Any

__all__ = ["unseen_writes"]

# in eval mode these hand on their input, though their signatures don't say so
_SAME = ("aten::alpha_dropout", "aten::dropout", "aten::feature_alpha_dropout", "aten::feature_dropout")


def unseen_writes(graph: Any) -> set[Any]:
    """Nodes that write into memory which a later node reads by way of an earlier view of it."""
    place = {node: i for i, node in enumerate(graph.nodes)}
    owner: dict[Any, Any] = {}
    writes = []
    for node in graph.nodes:
        shared = _shared(node)
        owner[node] = node if shared is None else owner[shared]
        if shared is not None and _writes(node):
            writes.append(node)
    family: dict[Any, list[Any]] = {}
    for node, root in owner.items():
        family.setdefault(root, []).append(node)
    return {
        node
        for node in writes
        for other in family[owner[node]]
        if place[other] < place[node] and any(place[user] > place[node] for user in other.users)
    }


def _shared(node: Any) -> Any:
    """The argument whose memory a node's result is, or None."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        # of several values one is taken; they may be parts of one memory
        return (
            node.args[0] if node.op == "call_function" and getattr(node.target, "__name__", "") == "getitem" else None
        )
    given = dict(zip((argument.name for argument in schema.arguments), node.args, strict=False)) | node.kwargs
    for argument in schema.arguments:
        value = given.get(argument.name)
        if (argument.alias_info is not None or schema.name in _SAME) and hasattr(value, "users"):
            return value
    return None


def _writes(node: Any) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and any(a.alias_info is not None and a.alias_info.is_write for a in schema.arguments)
