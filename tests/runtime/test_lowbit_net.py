"""A net of every low-bit operation: loaded and run, natively and step by step; and hostile variants of its file."""

import copy
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lvr_files import signed, small_texts

from leveret import runtime
from leveret.errors import LeveretFormatError
from leveret.runtime import InputContract, Packed, kernels, reference
from leveret.runtime._graph import Graph, Step
from leveret.runtime.ops import OPS

RNG = np.random.default_rng(7)
C = 70


def bits(*shape):
    return reference.pack_bits(RNG.normal(size=shape).astype(np.float32))


def floats(*shape):
    return RNG.normal(size=shape).astype(np.float32) / 8


def pruned(outputs, inputs):
    weight = np.where(RNG.random((outputs, inputs)) < 0.3, floats(outputs, inputs), 0).astype(np.float32)
    return dict(zip(("values", "columns", "starts"), kernels.sparse_rows(weight), strict=True))


def layer(name, op, before, attributes=None, **tensors):
    step = {"step": 0.5, "low": -8, "high": 7} if op == "quantize" else {}
    inputs = [before] if isinstance(before, str) else before
    return name, op, inputs, step | (attributes or {}), tensors


SAME = {"padding": [1, 1]}
LAYERS = [
    layer("stem", "conv2d", "input", SAME, weight=floats(C, 3, 3, 2)),
    layer("q1", "quantize", "stem", {"low": 0, "step": 0.1}),
    layer("plane", "plane_conv2d", ["q1", "stem"], {**SAME, "encoding": "ternary"}, weight=bits(2, C, 3, 3, C)),
    layer("q2", "quantize", "plane", {"low": -128, "high": 127}),
    layer("byte", "byte_conv2d", "q2", SAME, weight=bits(C, 3, 3, C), scale=np.full(C, 0.01, np.float32)),
    layer("q3", "quantize", "byte"),
    layer("int8", "int8_conv2d", "q3", SAME, weight=RNG.integers(-128, 128, (C, 3, 3, C)).astype(np.int8)),
    layer("small", "affine", "int8", scale=np.full(C, 0.001, np.float32)),
    layer("sparse", "sparse_linear", ["small", "stem"], **pruned(C, C)),
    layer("mean", "global_avg_pool", "sparse"),
    layer("q4", "quantize", "mean"),
    layer("planes", "plane_linear", "q4", weight=bits(4, C, C), scale=np.full(C, 0.01, np.float32)),
    layer("q5", "quantize", "planes"),
    layer("bytes", "byte_linear", "q5", weight=bits(C, C)),
    layer("q6", "quantize", "bytes"),
    layer("int8s", "int8_linear", "q6", weight=RNG.integers(-128, 128, (C, C)).astype(np.int8)),
    layer("head", "sparse_linear", "int8s", **pruned(3, C)),
]
TENSORS = {f"{name}.{role}": array for name, _, _, _, tensors in LAYERS for role, array in tensors.items()}
ROWS = [
    {
        "name": name,
        "op": op,
        "inputs": inputs,
        "attributes": attributes,
        "tensors": {role: f"{name}.{role}" for role in tensors},
    }
    for name, op, inputs, attributes, tensors in LAYERS
]


def packed():
    steps = [Step(**row) for row in ROWS]
    return Packed(Graph(steps), TENSORS, InputContract((2, 6, 8), (0.4, 0.5), (0.2, 0.3)), ("a", "b", "c"))


def write(path, rows=None, tensors=None):
    """A rightly signed file of the net with changes, written byte by byte."""
    texts = small_texts(graph=json.dumps({"steps": ROWS if rows is None else rows}))
    path.write_bytes(signed(texts, {**TENSORS, **(tensors or {})}))
    return path


def test_native_and_step_by_step(isa, monkeypatch):
    net = packed()
    assert (net._engine is None) == (isa == "reference")
    monkeypatch.setattr("leveret.runtime._packed.build_engine", lambda *_: None)
    plain = packed()
    pixels = np.random.default_rng(1).integers(0, 256, (9, 2, 6, 8), np.uint8)
    for images in (pixels, pixels[:1], pixels[:0]):
        for threads in (1, 2):
            expected = plain(images, threads=threads)
            np.testing.assert_allclose(net(images, threads=threads), expected, rtol=1e-4, atol=1e-2)
    assert np.abs(expected).max(initial=0) < 1e6


def test_saved_and_loaded_it_is_the_same(tmp_path):
    net, images = packed(), np.random.default_rng(1).integers(0, 256, (3, 2, 6, 8), np.uint8)
    net.save(tmp_path / "net.lvr")
    for path in (tmp_path / "net.lvr", write(tmp_path / "bytes.lvr")):
        np.testing.assert_array_equal(runtime.load(path)(images), net(images))
    layers = {info.name: info for info in net.layers()}
    assert [layers[name].bits for name in ("plane", "byte", "int8", "sparse")] == [2, 1, 8, 32]
    assert net.binary_bytes_ratio > 10


def changed(name, **values):
    rows = copy.deepcopy(ROWS)
    row = next(row for row in rows if row["name"] == name)
    for key, value in values.items():
        row[key] = {**row[key], **value} if isinstance(value, dict) else value
    return rows


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (changed("q1", attributes={"step": 0}), "'step' must be a number in 1e-30..1e+30, got 0"),
        (changed("q1", attributes={"step": -1.5}), "got -1.5"),
        (changed("q1", attributes={"step": "1"}), "'step'"),
        (changed("q1", attributes={"step": 1e300}), "'step'"),
        (changed("q1", attributes={"low": 1}), "'low'"),
        (changed("q1", attributes={"low": -200}), "'low'"),
        (changed("q1", attributes={"high": 256}), "'high'"),
        (changed("q1", attributes={"high": 0}), "hold 0, got 0..0"),
        (changed("q1", attributes={"low": -1, "high": 200}), "got -1..200"),
        (changed("q1", inputs=["q1"]), "no earlier step"),
        (changed("q2", inputs=["q1"]), "takes floats, got bytes"),
        (changed("plane", inputs=["stem"]), "takes bytes, got floats"),
        (changed("plane", inputs=["q1", "q1"]), "adds floats, got bytes"),
        (changed("plane", inputs=["q1", "input"]), "adds an input of shape"),
        (changed("plane", attributes={"encoding": "gray"}), "'encoding' must be one of"),
        (changed("planes", attributes={"encoding": "ternary"}), "2 planes, got (4, 70, 2)"),
        (changed("plane", attributes={"groups": 3}), "3 groups"),
        (changed("planes", inputs=["q3"]), "row of features"),
        (changed("int8", inputs=["stem"]), "takes bytes, got floats"),
        (changed("int8s", inputs=["int8"]), "takes bytes, got floats"),
        (changed("sparse", inputs=["q3"]), "takes floats, got bytes"),
        (changed("sparse", inputs=["input"]), "columns must be below 2"),
        (changed("sparse", tensors={"values": "head.values"}), "values and columns must be"),
        (changed("sparse", tensors={"starts": "sparse.columns"}), "starts must be"),
        (changed("sparse", tensors={"values": "sparse.columns"}), "'values' must be float32, got uint32"),
        (changed("int8", tensors={"weight": "byte.weight"}), "'weight' must be int8, got uint64"),
        (ROWS[:-2], "the last step must give logits"),
    ],
)
def test_graphs_that_make_no_sense(tmp_path, rows, says):
    with pytest.raises(LeveretFormatError) as caught:
        runtime.load(write(tmp_path / "graph.lvr", rows))
    assert says in str(caught.value)


FULL = np.full((C, 3, 3, 2), 2**64 - 1, np.uint64)


@pytest.mark.parametrize(
    ("name", "array", "says"),
    [
        ("plane.weight", np.zeros((2, C, 3, 3, 1), np.uint64), "must end in 2"),
        ("plane.weight", np.zeros((9, C, 3, 3, 2), np.uint64), "1 to 8 planes"),
        ("plane.weight", np.zeros((0, C, 3, 3, 2), np.uint64), "1 to 8 planes"),
        ("plane.weight", np.zeros(2, np.uint64), "kernel_h"),
        ("plane.weight", np.zeros((2, C, 3, 2), np.uint64), "kernel_h"),
        ("plane.weight", np.zeros((2, 0, 3, 3, 2), np.uint64), "kernel_h"),
        ("plane.weight", np.stack([FULL, FULL]), "past channel 69 zero"),
        ("byte.weight", FULL, "past channel 69 zero"),
        ("planes.weight", np.full((4, C, 2), 2**64 - 1, np.uint64), "past channel 69 zero"),
        ("bytes.weight", np.full((C, 2), 2**64 - 1, np.uint64), "past channel 69 zero"),
        ("planes.weight", np.zeros((4, C, 3), np.uint64), "(out, 2)"),
        ("int8.weight", np.zeros((C, 3, 3, 2), np.int8), "must end in 70"),
        ("int8s.weight", np.zeros((C, 2), np.int8), "(out, 70)"),
        ("head.starts", np.array([0], np.uint32), "starts must be (out + 1,)"),
        ("head.starts", np.array([0, 9, 3, len(TENSORS["head.values"])], np.uint32), "must not fall"),
        ("head.starts", np.array([1, 2, 3, len(TENSORS["head.values"])], np.uint32), "from 0"),
        ("head.columns", np.full(len(TENSORS["head.values"]), 70, np.uint32), "below 70, got 70"),
        ("head.columns", np.full(len(TENSORS["head.values"]), 2**32 - 1, np.uint32), "got 4294967295"),
        ("head.columns", np.zeros((2, 2), np.uint32), "values and columns"),
    ],
)
def test_tensors_that_do_not_fit(tmp_path, name, array, says):
    with pytest.raises(LeveretFormatError) as caught:
        runtime.load(write(tmp_path / "tensor.lvr", tensors={name: array}))
    assert says in str(caught.value)


json_values = st.none() | st.booleans() | st.integers(-300, 300) | st.floats() | st.text(max_size=5)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_attribute_input_or_tensor_loads_or_is_refused(tmp_path, data):
    rows = copy.deepcopy(ROWS)
    row = data.draw(st.sampled_from(rows))
    key = data.draw(st.sampled_from(["op", "inputs", "attributes", "tensors"]))
    if key == "op":
        row["op"] = data.draw(st.sampled_from(sorted(OPS)))
    elif key == "inputs":
        names = st.sampled_from(["input", *(r["name"] for r in rows)])
        row["inputs"] = data.draw(st.lists(names, max_size=3))
    elif key == "attributes":
        known = st.sampled_from(["step", "low", "high", "encoding", "padding", "stride", "dilation", "groups"])
        row["attributes"][data.draw(known)] = data.draw(json_values | st.lists(st.integers(0, 5), max_size=3))
    else:
        roles = st.sampled_from(["weight", "scale", "values", "columns", "starts"])
        row["tensors"][data.draw(roles)] = data.draw(st.sampled_from(sorted(TENSORS)))
    path = write(tmp_path / "fuzz.lvr", rows)
    try:
        net = runtime.load(path)
    except LeveretFormatError as error:
        message = str(error)
    else:
        message = path.name
        # a sparse layer may come to stand on an image, and then the net gives maps
        assert net(np.zeros((1, 2, 6, 8), np.uint8)).shape == (1, *net.output_shape)
    assert path.name in message
