"""Nets for texts: their layers one by one as the parts of a route, since no graph of fixed sizes takes any length."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leveret.errors import LeveretFormatError, LeveretPackError, LeveretUsageError, LeveretWarning
from leveret.nets import BagOfWords, SequenceTagger, TextConvNet
from leveret.packing._compare import compare
from leveret.runtime import InputContract, PackedBag, PackedTagger, PackedTextConv, PackedTexts
from leveret.runtime._graph import Graph, Step
from leveret.runtime.routes import Part

__all__ = ["is_text_net", "pack_texts"]

_NETS = (TextConvNet, SequenceTagger, BagOfWords)


def is_text_net(net: nn.Module) -> bool:
    """Whether it is one of the nets for texts that have a route."""
    return isinstance(net, _NETS)


def pack_texts(
    net: Any, example: Sequence[Any], classes: Sequence[str], provenance: Mapping[str, Any] | None
) -> PackedTexts:
    """As `leveret.pack`; the net is a copy in eval mode, the example texts, or lists of tokens.

    Raises:
        LeveretPackError: a layer that isn't the net's own any more, such as one that was made small.
        LeveretUsageError: the example doesn't hold texts.
    """
    if isinstance(example, str) or not isinstance(example, Sequence) or not len(example):
        raise LeveretUsageError(f"example must be a list of texts for a {type(net).__name__}, got {example!r:.60}")
    builder = _Parts(type(net).__name__)
    tagger = isinstance(net, SequenceTagger)
    route: Any = PackedTagger if tagger else PackedTextConv if isinstance(net, TextConvNet) else PackedBag
    add: Any = _tagger if tagger else _text_conv if isinstance(net, TextConvNet) else _bag
    names = tuple(classes) or (net.tags if tagger else ())
    with torch.no_grad():
        settings = add(builder, net)
        ids = builder.parts["words"].ids
        contract = InputContract((1,), vocabulary=ids)
        try:
            packed = route(builder.parts, settings, builder.tensors, contract, names, provenance)
        except LeveretFormatError as error:
            raise LeveretPackError(f"{type(net).__name__} can't be packed: {error}") from error
        expected = net(list(example)).numpy()
    found = packed(example)
    if tagger:
        _compare_tags(net, packed, expected, found, example)
    else:
        compare(expected, found, packed.graph.steps, type(net).__name__, level=5)
    return packed


class _Parts:
    """Parts of one step each, and their tensors."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.parts: dict[str, Part] = {}
        self.tensors: dict[str, NDArray[Any]] = {}

    def table(self, name: str, weight: torch.Tensor) -> None:
        """From ids to vectors."""
        step = self._step(f"{name}.table", "embedding", {"weight": weight})
        self.parts[name] = Part(Graph([step]), (1, 1, 1), ids=len(weight))

    def along(
        self, name: str, weight: torch.Tensor, bias: torch.Tensor | None, *, relu: bool = False, last: str = "conv"
    ) -> None:
        """From windows of k places to rows; `weight` is `(out, in, 1, k)`, or `(out, in)` of one place."""
        weight = weight if weight.dim() == 4 else weight[:, :, None, None]
        tensors = {"weight": weight.permute(0, 2, 3, 1)}
        if bias is not None:
            tensors["shift"] = bias
        if relu:
            tensors["slope"] = torch.zeros(len(weight))
        step = self._step(f"{name}.{last}", "conv2d", tensors)
        self.parts[name] = Part(Graph([step]), (weight.shape[1], 1, weight.shape[3]), features=True)

    def top(self, layer: nn.Module) -> None:
        """From a row to logits."""
        own = self.plain(layer, nn.Linear, "classifier")
        tensors = {"weight": own.weight} | ({"shift": own.bias} if own.bias is not None else {})
        linear = self._step("top.classifier", "linear", tensors, ["top.flatten"])
        steps = [Step("top.flatten", "flatten", ["input"]), linear]
        self.parts["top"] = Part(Graph(steps), (own.in_features, 1, 1), features=True)

    def lstm(self, name: str, layer: nn.LSTM) -> None:
        """From what enters to gates, and from the state to them."""
        bias = layer.get_parameter("bias_ih_l0") + layer.get_parameter("bias_hh_l0")
        self.along(name, layer.get_parameter("weight_ih_l0"), bias, last="gates")
        self.along(f"{name}_step", layer.get_parameter("weight_hh_l0"), None, last="gates")

    def plain(self, layer: nn.Module, kind: type[nn.Module], name: str) -> Any:
        """The layer, if it computes as its kind does.

        Raises:
            LeveretPackError: it was replaced by one of another kind.
        """
        if not isinstance(layer, kind) or type(layer).forward is not kind.forward:
            raise LeveretPackError(
                f"layer {name!r} of this {self.title} is a {type(layer).__name__}: texts pack with the layers that the "
                f"net was made with, here {kind.__name__}"
            )
        return layer

    def _step(self, name: str, op: str, tensors: Mapping[str, torch.Tensor], inputs: Sequence[str] = ()) -> Step:
        names = {}
        for role, value in tensors.items():
            names[role] = f"{name}.{role}"
            self.tensors[names[role]] = np.ascontiguousarray(value.detach().float().numpy())
        return Step(name, op, list(inputs) or ["input"], {}, names)


def _text_conv(parts: _Parts, net: TextConvNet) -> dict[str, Any]:
    parts.table("words", net.words.rows())
    for i, layer in enumerate(net.convs):
        conv = parts.plain(layer, nn.Conv2d, f"convs.{i}")
        parts.along(f"filters{i}", conv.weight, conv.bias, relu=True)
    parts.top(net.classifier)
    return {"text": net.encoder.as_dict()}


def _bag(parts: _Parts, net: BagOfWords) -> dict[str, Any]:
    parts.table("words", parts.plain(net.embedding, nn.EmbeddingBag, "embedding").weight)
    parts.top(net.classifier)
    return {"hashed": net.encoder.as_dict()}


def _tagger(parts: _Parts, net: SequenceTagger) -> dict[str, Any]:
    parts.table("words", net.words.rows())
    if net.letters is not None:
        parts.table("letters", net.letters.table.weight)
        if net.letters.conv is not None:
            conv = parts.plain(net.letters.conv, nn.Conv2d, "letters.conv")
            parts.along("spell", conv.weight, conv.bias, relu=True)
        else:
            for way, layer in (("ahead", net.letters.forwards), ("behind", net.letters.backwards)):
                parts.lstm(f"spell_{way}", parts.plain(layer, nn.LSTM, f"letters.{way}"))  # type: ignore[arg-type]
    parts.lstm("ahead", parts.plain(net.forwards, nn.LSTM, "forwards"))
    parts.lstm("behind", parts.plain(net.backwards, nn.LSTM, "backwards"))
    final = parts.plain(net.classifier, nn.Linear, "classifier")
    parts.along("emissions", final.weight, final.bias, last="classifier")
    encoder = net.encoder.as_dict()
    if net.letters is None:
        encoder.pop("characters", None)
    chain = (part.tolist() for part in net.crf.scores())
    return {"text": encoder, **dict(zip(("start", "transitions", "end"), chain, strict=True))}


def _compare_tags(net: Any, packed: Any, expected: NDArray[Any], found: list[Any], example: Sequence[Any]) -> None:
    title, steps = type(net).__name__, packed.graph.steps
    for own, theirs in zip(found, expected, strict=True):
        compare(theirs[: len(own)], own, steps, title, "emissions", level=6)
    pairs = zip(net.decode(list(example)), packed.predict(example), strict=True)
    if any(not np.array_equal(a, b) for a, b in pairs):
        warnings.warn(
            LeveretWarning(
                "PyTorch and the packed net say other tags of the example, whose scores differ by no more than a "
                "rounding. Compare them on your test data"
            ),
            stacklevel=5,
        )
