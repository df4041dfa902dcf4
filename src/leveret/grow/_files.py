"""A tree's file: weights of all nodes in a safetensors file, whose metadata say how they hang together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import nn

from leveret._files import replacing
from leveret.data import Normalization
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.grow._node import Node
from leveret.grow._rows import with_outputs
from leveret.grow._tree import ClassTree

__all__ = ["load_tree", "save_tree"]

_KEY = "leveret.tree"


def save_tree(tree: ClassTree, path: Path) -> None:
    """Write the file, whole or not at all."""
    from safetensors.torch import save_file

    normalization = tree.normalization
    described = {
        "root": tree.root.described(),
        "beams": tree.beams,
        "blend": tree.blend,
        "normalization": normalization and {"mean": list(normalization.mean), "std": list(normalization.std)},
        "input_shape": tree.input_shape and list(tree.input_shape),
        "history": tree.history,
    }
    # clones: nodes never share memory, but what a user's net gives twice is kept twice
    weights = {name: value.detach().clone().contiguous() for name, value in tree.root.state_dict().items()}
    with replacing(path) as temporary:
        save_file(weights, temporary, {_KEY: json.dumps(described)})


def load_tree(path: Path, net: nn.Module) -> ClassTree:
    """Read it; see `ClassTree.load`."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise LeveretDataError(f"there is no {path}")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise LeveretDataError(f"{path} is damaged or no tree of Leveret: {error}") from error
    if text is None:
        raise LeveretDataError(f"{path} is a safetensors file, but holds no tree of leveret.grow")
    try:
        described = json.loads(text)
        root = _node(described["root"], net)
        root.load_state_dict(weights)
        tree = ClassTree.__new__(ClassTree)
        nn.Module.__init__(tree)
        tree.root = root
        norm, shape = described["normalization"], described["input_shape"]
        tree.normalization = norm and Normalization(tuple(norm["mean"]), tuple(norm["std"]))
        tree.input_shape = shape and tuple(shape)
        tree.history = described["history"]
        return tree.set_inference(beams=described["beams"], blend=described["blend"]).eval()
    except (ValueError, KeyError, TypeError, AttributeError, LeveretUsageError) as error:
        raise LeveretDataError(f"{path} is damaged ({error!r})") from error
    except RuntimeError as error:
        raise LeveretDataError(
            f"{path} doesn't hold weights of {type(net).__name__}; give a net of the make that the tree grew from: "
            f"{error}"
        ) from error


def _node(described: dict[str, Any], net: nn.Module) -> Node:
    from leveret.nets import final_linear

    classes = tuple(described["classes"])
    own = None
    if described["net"]:
        _, layer = final_linear(net)
        own = with_outputs(net, [f"\0{i}" for i in range(layer.out_features)], classes)
    children = [_node(child, net) for child in described.get("children", [])]
    return Node(own, classes, children, described.get("confusion"))
