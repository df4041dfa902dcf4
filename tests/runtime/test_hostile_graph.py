"""Rightly signed files whose graph, input contract or tensors make no sense: refused before any kernel runs."""

import copy
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lvr_files import small_steps, small_tensors, write_small

from leveret import runtime
from leveret.errors import LeveretFormatError
from leveret.runtime.ops import OPS


def refused(path, *says):
    with pytest.raises(LeveretFormatError) as caught:
        runtime.load(path)
    message = str(caught.value)
    for word in (path.name, *says):
        assert word in message
    assert len(message) < 3000


def changed(step, **values):
    """The small graph with one step's entries replaced; a dict is merged."""
    steps = small_steps()
    row = next(s for s in steps if s["name"] == step)
    for key, value in values.items():
        row[key] = {**row[key], **value} if isinstance(value, dict) and isinstance(row[key], dict) else value
    return steps


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (changed("conv", op="exec"), ("'conv'", "unknown operation 'exec'", "bit_conv2d")),
        (changed("conv", op=7), ("step 2", "op")),
        (changed("conv", name="a b"), ("step 2", "name")),
        (changed("conv", name="../../x"), ("step 2", "name")),
        (changed("conv", name="x" * 201), ("step 2", "name")),
        (changed("conv", name=["conv"]), ("step 2", "name")),
        (changed("conv", name="stem"), ("two steps are called 'stem'",)),
        (changed("conv", name="input"), ("'input'",)),
        (changed("stem", inputs=["head"]), ("'stem' takes 'head', which no earlier step gives",)),
        (changed("conv", inputs=["conv", "stem"]), ("'conv' takes 'conv'",)),
        (changed("conv", inputs=["nothing", "stem"]), ("'nothing'",)),
        (changed("conv", inputs=[]), ("'conv'", "takes 1 to 2 inputs, got 0")),
        (changed("conv", inputs=["sign", "stem", "stem"]), ("'conv'", "got 3")),
        (changed("conv", inputs=["stem", "stem"]), ("'conv'", "takes bits, got floats")),
        (changed("conv", inputs=["sign", "sign"]), ("'conv'", "adds")),
        (changed("conv", inputs="sign"), ("inputs",)),
        (changed("conv", inputs=[["sign"]]), ("inputs",)),
        (changed("pool", inputs=["sign"]), ("'pool'", "takes floats, got bits")),
        (changed("head", inputs=["pool"]), ("'head'", "row of features")),
        (changed("stem", attributes={"stride": [-1, 1]}), ("'stem'", "'stride'", "-1")),
        (changed("stem", attributes={"stride": [0, 1]}), ("'stride'", "1..4096")),
        (changed("stem", attributes={"stride": [1.5, 1]}), ("'stride'", "whole")),
        (changed("stem", attributes={"stride": [True, 1]}), ("'stride'", "whole")),
        (changed("stem", attributes={"stride": 1}), ("'stride'", "pair")),
        (changed("stem", attributes={"stride": [1, 1, 1]}), ("'stride'", "pair")),
        (changed("stem", attributes={"padding": [10**400, 0]}), ("'padding'",)),
        (changed("stem", attributes={"padding": [-1, 0]}), ("'padding'", "-1")),
        (changed("stem", attributes={"dilation": [4096, 1]}), ("'stem'", "too small")),
        (changed("stem", attributes={"groups": 0}), ("'groups'",)),
        (changed("stem", attributes={"groups": 2}), ("'stem'", "2 groups")),
        (changed("stem", attributes={"exact": 1}), ("'exact'", "true or false")),
        (changed("stem", attributes={"evil": 1}), ("'stem'", "unknown attributes: evil")),
        (changed("stem", attributes=[]), ("attributes",)),
        (changed("pool", attributes={"kernel": [7, 2]}), ("'pool'", "too small")),
        (changed("pool", attributes={"padding": [2, 2]}), ("'pool'", "half")),
        (changed("pool", attributes={}, tensors={"weight": "head.weight"}), ("'pool'", "unknown tensors")),
        (changed("stem", tensors={"weight": "nothing"}), ("'stem'", "'nothing' is not in the file")),
        (changed("stem", tensors={"weight": 3}), ("tensors",)),
        (changed("stem", tensors=[]), ("tensors",)),
        (changed("stem", tensors={"weight": "conv.weight"}), ("'stem'", "float32", "uint64")),
        (changed("conv", tensors={"weight": "stem.weight"}), ("'conv'", "uint64", "float32")),
        (changed("head", tensors={"shift": "stem.shift"}), ("'head'", "'shift' must be (3,)")),
        (changed("sign", tensors={"flip": "sign.threshold"}), ("'sign'", "'flip' must be uint8")),
        (small_steps()[:-1], ("3 classes",)),
        (small_steps()[:-2], ("5 logits for 3 classes",)),
        (small_steps()[:2], ("last step must give logits", "bits")),
        ([], ("steps",)),
        ({}, ("steps",)),
        ("steps", ("steps",)),
        (None, ("graph",)),
        ([3], ("step 0",)),
        ([None], ("step 0",)),
        ([[]], ("step 0",)),
        ([{}], ("step 0",)),
    ],
)
def test_graphs_that_make_no_sense(tmp_path, steps, says):
    path = write_small(tmp_path / "graph.lvr", graph=json.dumps({"steps": steps}))
    refused(path, *says)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "NaN",
        '{"steps": NaN}',
        '{"steps": [' * 20_000,
        "[" * 100_000 + "]" * 100_000,
        '{"steps": ' + "9" * 10_000 + "}",
        '{"steps": 1e999}',
    ],
)
def test_graphs_that_are_not_json(tmp_path, text):
    refused(write_small(tmp_path / "text.lvr", graph=text), "graph")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("key", ["low", "high"])
def test_bounds_that_are_no_numbers(tmp_path, key, value):
    steps = small_steps()
    steps.insert(1, {"name": "clip", "op": "clip", "inputs": ["stem"], "attributes": {"low": 0, "high": 1}})
    text = json.dumps({"steps": steps}).replace(f'"{key}": {int(key == "high")}', f'"{key}": {value}')
    assert value in text
    refused(write_small(tmp_path / "clip.lvr", graph=text))


def test_more_steps_than_any_net_has(tmp_path):
    step = {"name": "s", "op": "function", "inputs": ["input"], "attributes": {"function": "abs"}}
    rows = [{**step, "name": f"s{i}"} for i in range(20_001)]
    refused(write_small(tmp_path / "many.lvr", steps=rows), "20000")


@pytest.mark.parametrize(
    "contract",
    [
        {"shape": [2, 6]},
        {"shape": [2, 6, 8.0]},
        {"shape": [2, -6, -8]},
        {"shape": [2, 0, 8]},
        {"shape": [2, True, 8]},
        {"shape": [2, 16_385, 8]},
        {"shape": [16_384, 16_384, 16_384]},
        {"shape": [2, "6", 8]},
        {"shape": {"2": 6}},
        {"shape": None},
        {"mean": [0.4]},
        {"mean": 0.4},
        {"mean": [0.4, "x"]},
        {"mean": [0.4, True]},
        {"mean": [0.4, None]},
        {"mean": [0.4, 10**300]},
        {"std": [0.2, 0]},
        {"std": [0.2, -0.3]},
        {"std": None},
        {"mean": None},
        {"shape": [6]},
        {"shape": [2, 6, 8], "vocabulary": 9, "mean": None, "std": None},
        {"shape": [6], "vocabulary": 9},
        {"shape": [6], "vocabulary": 0, "mean": None, "std": None},
        {"shape": [6], "vocabulary": True, "mean": None, "std": None},
        {"shape": [6], "vocabulary": 2.5, "mean": None, "std": None},
        {"shape": [6], "vocabulary": 1 << 40, "mean": None, "std": None},
        {"shape": [0], "vocabulary": 9, "mean": None, "std": None},
        {"shape": [], "vocabulary": 9, "mean": None, "std": None},
        [],
        "uint8",
    ],
)
def test_input_contracts_that_make_no_sense(tmp_path, contract):
    whole = {"dtype": "uint8", "shape": [2, 6, 8], "mean": [0.4, 0.5], "std": [0.2, 0.3]}
    value = {**whole, **contract} if isinstance(contract, dict) else contract
    refused(write_small(tmp_path / "input.lvr", input=json.dumps(value)), "input")


@pytest.mark.parametrize(
    "texts",
    [
        {"classes": '["a", "b"]'},
        {"classes": '["a", "b", 3]'},
        {"classes": '"abc"'},
        {"classes": "{}"},
        {"classes": None},
        {"provenance": "[]"},
        {"provenance": "NaN"},
        {"provenance": '{"loss": NaN}'},
        {"provenance": None},
        {"input": None},
        {"input": "{"},
        {"format": "onnx"},
        {"format": None},
        {"version": None},
    ],
)
def test_metadata_that_are_missing_or_wrong(tmp_path, texts):
    refused(write_small(tmp_path / "texts.lvr", **texts))


def test_no_classes_are_allowed_where_the_net_has_no_names(tmp_path):
    assert runtime.load(write_small(tmp_path / "plain.lvr", classes="[]")).classes == ()


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("stem.weight", zeros(5, 3, 3)),
        ("stem.weight", zeros(5, 3, 3, 3)),
        ("stem.weight", zeros(0, 3, 3, 2)),
        ("stem.weight", zeros(5, 0, 3, 2)),
        ("stem.weight", zeros()),
        ("stem.weight", zeros(5, 9, 3, 2)),
        ("stem.slope", zeros(1)),
        ("stem.slope", zeros(5, 1)),
        ("sign.threshold", zeros(4)),
        ("conv.weight", zeros(5, 3, 3, 2, dtype=np.uint64)),
        ("conv.weight", zeros(4, 3, 3, 1, dtype=np.uint64)),
        ("conv.weight", zeros(5, 3, 3, 1)),
        ("conv.weight", np.full((5, 3, 3, 1), 2**63, np.uint64)),  # a spare bit
        ("head.weight", zeros(3, 6)),
        ("head.weight", zeros(2, 5)),
        ("head.weight", zeros(0, 5)),
        ("head.weight", zeros(15)),
        ("never.used", zeros(3)),
    ],
)
def test_tensors_that_do_not_fit(tmp_path, name, array):
    refused(write_small(tmp_path / "tensor.lvr", tensors={name: array}), repr(name) if name == "never.used" else "'")


def test_shapes_may_not_grow_beyond_reason(tmp_path):
    grown = {"stem.weight": zeros(4096, 1, 1, 2)}
    steps = [
        {
            "name": "stem",
            "op": "conv2d",
            "inputs": ["input"],
            "attributes": {"padding": [4096, 4096]},
            "tensors": {"weight": "stem.weight"},
        }
    ]
    path = write_small(tmp_path / "giant.lvr", steps=steps, tensors=grown)
    refused(path, "'stem'", "too large")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(sorted(OPS)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_anything_at_any_place_of_the_graph_loads_or_is_refused(tmp_path, data):
    """One entry of the graph becomes any JSON at all: either the file is refused, or the net runs."""
    steps = copy.deepcopy(small_steps())
    row = data.draw(st.sampled_from(steps))
    key = data.draw(st.sampled_from(["name", "op", "inputs", "attributes", "tensors", "inside"]))
    if key == "inside":
        inner = data.draw(st.sampled_from([row["attributes"], row["tensors"]]))
        known = ["kernel", "stride", "padding", "dilation", "groups", "exact", "weight", "shift", "slope", "after"]
        numbers = st.integers(-2, 9)
        names = st.sampled_from(sorted(small_tensors()))
        inner[data.draw(st.sampled_from(known))] = data.draw(
            json_values | st.lists(numbers, min_size=2, max_size=2) | numbers | names
        )
    else:
        row[key] = data.draw(json_values)
    path = write_small(tmp_path / "fuzz.lvr", steps=steps)
    try:
        net = runtime.load(path)
    except LeveretFormatError as error:
        message = str(error)
    else:
        message = path.name
        assert net(np.zeros((1, 2, 6, 8), np.uint8)).shape == (1, 3)
    assert path.name in message
