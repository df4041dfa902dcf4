"""`export_onnx`: a packed net as an ONNX file."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from leveret._extras import needs
from leveret._files import replacing
from leveret._pixels import of_pixels
from leveret.errors import LeveretUsageError
from leveret.interchange._graph import OnnxGraph
from leveret.interchange._operations import OPERATIONS
from leveret.runtime import Packed, Routed, load
from leveret.runtime._graph import INPUT

__all__ = ["export_onnx"]

# what onnx 1.16 and ONNX Runtime 1.18 read
_OPSET, _IR_VERSION = 20, 9
_MOST_BYTES = 2_000_000_000  # a protobuf holds 2 GiB


def export_onnx(
    net: Any,
    path: str | os.PathLike[str],
    example: Any = None,
    *,
    pixels: bool | None = None,
    normalization: Any = None,
    classes: Sequence[str] = (),
) -> None:
    """Write a packed net's float form as ONNX, for any batch size: it gives the packed net's logits.

    Real layers stay as they are. Binary layers become float convolutions with weights of ±1, after signs that keep the
    thresholds; quantised ones become products of whole numbers. The input is called `images`, or `ids` of a net for
    texts; the output is called `logits`. The names of the classes are in the file's metadata.

    Args:
        net: a `Packed`, the path of a `.lvr` file, or a net of PyTorch, which is packed first.
        path: the file; it appears when it is whole.
        example, normalization, classes: as `leveret.pack` takes them; of a net of PyTorch only.
        pixels: take uint8 pixels and normalise them inside; False: take normalised float32 images. By default pixels,
            where the net has a normalisation.

    Raises:
        LeveretMissingError: onnx isn't installed.
        LeveretUsageError: the path is the net's own; pixels without a normalisation; a step that
            has no ONNX form, named; a net of more than 2 GB.
        LeveretFormatError: a damaged `.lvr` file.
        LeveretPackError: a net of PyTorch that can't be packed.
        LeveretError: the file can't be written.
    """
    needs("leveret.export_onnx", "onnx")
    if isinstance(net, str | os.PathLike) and os.path.exists(path) and os.path.samefile(net, path):
        raise LeveretUsageError(f"{os.fspath(path)} is the packed net itself: give the ONNX file another name")
    model = _model(_packed(net, example, normalization, classes), pixels)
    with replacing(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def _packed(net: Any, example: Any, normalization: Any, classes: Sequence[str]) -> Packed:
    is_packed = isinstance(net, Packed | str | os.PathLike)
    if is_packed and (example is not None or normalization is not None or classes):
        raise LeveretUsageError("example, normalization and classes are for nets of PyTorch; a packed net has its own")
    if isinstance(net, Packed):
        return net
    if is_packed:
        return load(net)
    if example is None:
        raise LeveretUsageError(
            f"a {type(net).__name__} is packed first, which needs an example: a batch of its inputs"
        )
    from leveret.packing import pack

    return pack(net, example, normalization=normalization, classes=classes)


def _model(packed: Packed, pixels: bool | None) -> Any:
    import onnx
    from onnx import TensorProto, helper

    from leveret import __version__

    if isinstance(packed, Routed):
        raise LeveretUsageError(
            f"a net of several parts, combined by the route {packed.route!r}, has no ONNX form; it runs from Python: "
            "leveret.runtime.load(path)(array)"
        )
    g = OnnxGraph()
    contract = packed.input
    if pixels and contract.mean is None:
        raise LeveretUsageError("this net was packed without a normalisation, so it can't take pixels")
    name, kind = ("ids", TensorProto.INT64) if contract.vocabulary is not None else ("images", TensorProto.FLOAT)
    values = {INPUT: name}
    if contract.mean is not None and pixels is not False:
        kind = TensorProto.UINT8
        values[INPUT] = _normalised(g, name, contract)
    for step, op in zip(packed.graph.steps, packed.ops, strict=True):
        if step.op not in OPERATIONS:
            raise LeveretUsageError(f"step {step.name!r} ({step.op}) has no ONNX form")
        g.step = step.name
        values[step.name] = OPERATIONS[step.op](g, op, [values[i] for i in step.inputs])
    g.nodes.append(helper.make_node("Identity", [values[step.name]], ["logits"], name="logits"))
    graph = helper.make_graph(
        g.nodes,
        "leveret",
        [helper.make_tensor_value_info(name, kind, ["batch", *contract.shape])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", *packed.output_shape])],
        g.constants,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="leveret",
        producer_version=__version__,
    )
    helper.set_model_props(model, {"classes": json.dumps(list(packed.classes), ensure_ascii=False)})
    if (size := model.ByteSize()) > _MOST_BYTES:
        raise LeveretUsageError(f"as ONNX this net has {size / 1e9:.1f} GB, and such a file holds at most 2")
    onnx.checker.check_model(model, full_check=True)
    return model


def _normalised(g: OnnxGraph, name: str, contract: Any) -> str:
    """uint8 pixels as the input contract normalises them, in the same operations."""
    mean, std = (of_pixels(row) for row in (contract.mean, contract.std))
    x = g.node("Cast", name, to=1)  # TensorProto.FLOAT
    return g.node("Div", g.node("Sub", x, g.per_channel("mean", mean, 2)), g.per_channel("std", std, 2))
