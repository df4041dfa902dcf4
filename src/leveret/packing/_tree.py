"""A tree of classes: a part for each node's net, and how they hang together."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from leveret.errors import LeveretFormatError, LeveretPackError, LeveretUsageError
from leveret.packing._compare import compare
from leveret.packing._contract import contract_of
from leveret.packing._parts import Parts, drafted
from leveret.runtime.routes import PackedTree
from leveret.shrink.binary import by_floats_alone

if TYPE_CHECKING:
    from leveret.grow import ClassTree, Node

__all__ = ["class_tree", "pack_tree"]


def class_tree(net: nn.Module) -> ClassTree | None:
    """The net, if it is a tree of classes."""
    # nobody can have made one without this, which takes its time to import
    if "leveret.grow" not in sys.modules:
        return None
    from leveret.grow import ClassTree

    return net if isinstance(net, ClassTree) else None


def pack_tree(
    tree: ClassTree,
    example: Tensor,
    normalization: Any,
    classes: Sequence[str],
    provenance: Mapping[str, Any] | None,
) -> PackedTree:
    """As `leveret.pack`; the tree is a copy in eval mode, whose own classes are taken where none are given.

    Raises:
        LeveretPackError: an operation that the runtime lacks; names the node.
        LeveretUsageError: an example that isn't of images, or names of other classes than the tree's.
    """
    if example.dim() != 4:
        raise LeveretUsageError(f"a {type(tree).__name__} packs for images; example holds token ids")
    if classes and tuple(classes) != tree.classes:
        raise LeveretUsageError(f"the tree has classes of its own: {', '.join(tree.classes)}; leave out classes")
    parts = Parts()
    shape = tuple(int(n) for n in example.shape[1:])

    def described(node: Node, name: str) -> dict[str, Any]:
        outputs = [tree.classes.index(each) for each in node.classes]
        if node.net is None:
            return {"part": "", "outputs": outputs}
        parts.add(name, node.net, drafted(name, node.net, example), shape)
        children = [described(child, f"{name}-{i}") for i, child in enumerate(node.nodes)]
        found: dict[str, Any] = {"part": name, "outputs": outputs}
        return {**found, "children": children} if children else found

    settings = {"tree": described(tree.root, "root"), "beams": tree.beams, "blend": tree.blend}
    try:
        packed = PackedTree(
            parts.parts,
            settings,
            parts.tensors,
            contract_of(example, normalization or tree.normalization),
            tree.classes,
            provenance,
            codings=parts.codings,
        )
    except LeveretFormatError as error:
        raise LeveretPackError(f"{type(tree).__name__} can't be packed: {error}") from error
    _compare(tree, packed, example)
    return packed


def _compare(tree: ClassTree, packed: PackedTree, example: Tensor) -> None:
    """Each part with PyTorch's, then the whole with all leaves asked, so that no rounding picks another one."""
    title, images = type(tree).__name__, example.numpy()
    names = {node.part: node for node in packed._root.walk() if node.part}
    with torch.no_grad(), by_floats_alone():
        for name in names:
            path = tuple(int(i) for i in name.split("-")[1:])
            net = tree.node(path).net
            assert net is not None
            expected = net(example).numpy()
            part = packed.parts[name]
            compare(expected, part.results(images, 0), part.graph.steps, title, f"logits of {name}", level=5)
        beams, packed.beams = packed.beams, None
        tree.beams = None
        expected = np.asarray(tree(example))
        compare(expected, packed(images), packed.graph.steps, title, "log probabilities", level=5)
        packed.beams = beams
