"""`pack`: a trained PyTorch net as one that runs on numpy and our kernels alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from leveret.errors import LeveretFormatError, LeveretPackError, LeveretUsageError
from leveret.packing import (  # noqa: F401  (they register themselves)
    _rules_int8,
    _rules_layers,
    _rules_norms,
    _rules_pools,
    _rules_shapes,
    _rules_values,
)
from leveret.packing._capacity import capacity_net, pack_capacity
from leveret.packing._compare import compare, only
from leveret.packing._contract import contract_of
from leveret.packing._fuse import fuse
from leveret.packing._lower import lower
from leveret.packing._rules_carried import carried_rules
from leveret.packing._storage import known_codings
from leveret.packing._texts import is_text_net, pack_texts
from leveret.packing._trace import copied, exported
from leveret.packing._tree import class_tree, pack_tree
from leveret.runtime import Packed
from leveret.shrink.binary import by_floats_alone

__all__ = ["pack"]


def pack(
    net: nn.Module,
    example: Tensor | Sequence[Any],
    *,
    normalization: Any = None,
    classes: Sequence[str] = (),
    provenance: Mapping[str, Any] | None = None,
    rules: Any = None,
) -> Packed:
    """Trace `net` with torch.export and give the same net as a `Packed`.

    Binary layers become bit kernels, BatchNorm and learned shifts before a sign become its threshold, and what follows
    a convolution becomes its epilogue. The result is run on `example` and compared with PyTorch. A
    `leveret.capacity.DynamicCapacityNet` becomes a `leveret.runtime.PackedCapacity`, a `leveret.grow.ClassTree` a
    `leveret.runtime.PackedTree`, each of several graphs and a route; a
    `TextConvNet`, a `SequenceTagger` and a `BagOfWords` become a `PackedTextConv`, a `PackedTagger` and a `PackedBag`,
    which split texts as these do and take them at any length.

    Args:
        net: maps images `(n, channels, height, width)` float32, or token ids `(n, length)` int64, to logits
            `(n, num_classes)` or maps of them `(n, num_classes, height, width)`, also as the one value of a tuple or
            dict; packed as in eval mode, itself left as it is.
        example: a few inputs, images normalised; other inputs must have their size. Of nets for texts a list of texts,
            or of lists of tokens.
        normalization: `mean` and `std` per channel of pixels in 0..1, so that the packed net takes uint8 pixels.
        classes: names, in the order of the logits.
        provenance: anything worth keeping in the file, as plain values.
        rules: a `leveret.rules.RuleSet` for these classes, which the file then carries: `packed(images)` gives p, and
            `leveret.runtime.rules.heeded(packed.rules, packed(images), facts)` gives q.

    Raises:
        LeveretPackError: an operation that the runtime lacks; names the layer, and what would work instead. Or logits
            that are not PyTorch's, of a net without signs. Or rules that call functions or ask other nets.
        LeveretUsageError: `example` isn't a batch of images or token ids, or doesn't fit `net`; `net` can't be copied.

    Warns:
        LeveretWarning: PyTorch and the packed net differ on the example by more than 1e-3.
    """
    if is_text_net(net):
        if normalization is not None:
            raise LeveretUsageError(f"normalization is of pixels; a {type(net).__name__} takes texts")
        carried = None if rules is None else carried_rules(rules, classes)
        texts = pack_texts(copied(net), example, classes, provenance)  # type: ignore[arg-type]
        texts.rules = carried
        return texts
    if _holds_texts(example):
        raise LeveretPackError(
            f"{type(net).__name__} takes texts; nets for those that pack are TextConvNet, SequenceTagger and BagOfWords"
        )
    kinds = {(4, torch.float32): "images", (2, torch.int64): "ids"}
    kind = kinds.get((example.dim(), example.dtype)) if isinstance(example, Tensor) and len(example) else None
    if kind is None:
        got = f"{tuple(example.shape)} {example.dtype}" if isinstance(example, Tensor) else type(example).__name__
        raise LeveretUsageError(
            f"example must be float32 images (n, channels, height, width) or int64 token ids (n, length), got {got}"
        )
    if kind == "ids" and normalization is not None:
        raise LeveretUsageError("normalization is of pixels; example holds token ids")
    carried = None if rules is None else carried_rules(rules, classes)
    assert isinstance(example, Tensor)
    example = example.detach().cpu()
    trained = copied(net)
    if capacity := capacity_net(trained):
        routed = pack_capacity(capacity, example, normalization, classes, provenance)
        routed.rules = carried
        return routed
    if tree := class_tree(trained):
        grown = pack_tree(tree, example, normalization, classes, provenance)
        grown.rules = carried
        return grown
    draft, vocabulary = lower(exported(trained, example))
    fuse(draft)
    codings = known_codings(trained, draft)
    graph, tensors = draft.finished()
    contract = contract_of(example, normalization, vocabulary)
    try:
        packed = Packed(graph, tensors, contract, classes, provenance, codings=codings)
    except LeveretFormatError as error:
        raise LeveretPackError(f"{type(net).__name__} can't be packed: {error}") from error
    # by floats: a check of the kernels by themselves would be none
    with torch.no_grad(), by_floats_alone():
        expected = only(trained(example)).numpy()
    compare(expected, packed(example.numpy()), packed.graph.steps, type(net).__name__, level=3)
    packed.rules = carried
    return packed


def _holds_texts(example: Any) -> bool:
    """Whether it is a list of texts, or of lists of tokens."""
    if not isinstance(example, list | tuple) or not example:
        return False
    first = example[0]
    return isinstance(first, str) or (isinstance(first, list | tuple) and any(isinstance(one, str) for one in first))
