"""What segmenters are made of in the native engine: the same as the steps in numpy, over odd shapes."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from leveret.errors import LeveretFormatError
from leveret.runtime import InputContract, Packed, kernels
from leveret.runtime._graph import Graph, Step

pytestmark = pytest.mark.skipif(kernels.available_isas() == ["reference"], reason="no kernels were compiled")

MANY = settings(max_examples=80, deadline=None)
side = st.integers(1, 9)
channels = st.sampled_from([1, 2, 3, 8, 11, 17])
three = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4))


def agree(steps, shape, tensors=None, *, exactly=True, batch=3):
    """The graph in the engine, by one thread and by two, and step by step, on images `shape`, channels last."""
    height, width, count = shape
    graph, tensors = Graph([Step(*step) for step in steps]), tensors or {}
    native = Packed(graph, tensors, InputContract((count, height, width)))
    assert native._engine is not None
    with kernels.using_isa("reference"):
        plain = Packed(graph, tensors, InputContract((count, height, width)))
    assert plain._engine is None
    x = np.random.default_rng(0).normal(size=(batch, count, height, width)).astype(np.float32)
    for threads in (1, 2):
        found, expected = native(x, threads=threads), plain(x, threads=threads)
        assert found.shape == expected.shape
        if exactly:
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@MANY
@given(st.tuples(side, side, channels), three, three, st.sampled_from(["constant", "reflect", "replicate", "circular"]))
def test_pad(shape, before, after, mode):
    most = {"reflect": [n - 1 for n in shape], "circular": shape}.get(mode, [4] * 3)
    before, after = ([min(n, m) for n, m in zip(pads, most, strict=True)] for pads in (before, after))
    agree([("y", "pad", ["input"], {"before": before, "after": after, "mode": mode, "value": -2.5})], shape)


@MANY
@given(st.tuples(side, side, channels), st.data())
def test_slice(shape, data):
    start = [data.draw(st.integers(0, n - 1)) for n in shape]
    stop = [data.draw(st.integers(s + 1, n)) for s, n in zip(start, shape, strict=True)]
    agree([("y", "slice", ["input"], {"start": start, "stop": stop, "step": data.draw(three.map(_above))})], shape)


def _above(numbers):
    return [n + 1 for n in numbers]


@given(st.integers(1, 20), st.tuples(st.integers(0, 3), st.integers(0, 3)), st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_rows_of_features_have_parts_too(count, pads, step):
    before, after = ([0, 0, n] for n in pads)
    steps = [
        ("row", "global_avg_pool", ["input"]),
        ("wide", "pad", ["row"], {"before": before, "after": after, "mode": "replicate"}),
        ("y", "slice", ["wide"], {"stop": [1, 1, count + sum(pads)], "step": [1, 1, step]}),
    ]
    agree(steps, (2, 3, count), exactly=False)


@MANY
@given(
    st.tuples(side, side, channels),
    st.tuples(st.integers(1, 21), st.integers(1, 21)),
    st.tuples(st.floats(0, 3, width=32), st.floats(0, 3, width=32)) | st.none(),
    st.sampled_from(["bilinear", "bilinear_corners", "nearest", "nearest_exact"]),
)
def test_resize(shape, size, step, mode):
    """By any step, or by that of an image that is scaled as a whole."""
    if step is None:
        step = [n / m for n, m in zip(shape, size, strict=False)]
    attributes = {"size": size, "step": step, "mode": mode}
    agree([("y", "resize", ["input"], attributes)], shape, exactly=mode.startswith("nearest"))


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_resize_of_large_images_by_several_threads(mode):
    """Parts of the rows each; a narrow one of a high image reads a few rows here and there."""
    for shape, size in (((60, 45, 11), (240, 180)), ((301, 40, 3), (20, 64)), ((40, 64, 20), (160, 64))):
        attributes = {"size": size, "step": [shape[0] / size[0], shape[1] / size[1]], "mode": mode}
        agree([("y", "resize", ["input"], attributes)], shape, exactly=False, batch=2)


def test_places_beyond_what_a_float_counts():
    """The last pixel's number is odd and above 2^24, and rounds to one beyond it."""
    long = {"size": [1, 16384], "step": [1, 1027], "mode": "nearest"}
    steps = [Step("x", "reshape", ["input"], {"size": [1, 16384 * 1026]}), Step("y", "resize", ["x"], long)]
    x = np.zeros((1, 1, 1026, 16384), np.float32)
    x[..., -1] = 7
    for isa in ("reference", kernels.isa()):
        with kernels.using_isa(isa):
            assert Packed(Graph(steps), {}, InputContract(x.shape[1:]))(x).max() == 7


@MANY
@given(
    st.tuples(side, side, channels),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.sampled_from(["average", "max"]),
)
def test_adaptive_pool(shape, size, mode):
    steps = [("y", "adaptive_pool2d", ["input"], {"size": size, "mode": mode})]
    agree(steps, shape, exactly=mode == "max")


@MANY
@given(st.tuples(side, side, channels), st.sampled_from(["multiply", "divide"]), st.data())
def test_products_and_quotients(shape, op, data):
    """By a value of the same size, or with one place, row, column or channel for all."""
    kept = [data.draw(st.sampled_from([1, n])) for n in shape]
    second = {"stop": kept}
    agree([("b", "slice", ["input"], second), ("y", op, ["input", "b"])], shape)


@MANY
@given(st.tuples(side, side, st.integers(1, 40)))
def test_channel_norm(shape):
    agree([("y", "channel_norm", ["input"])], shape, exactly=False)


def test_norms_of_zeros_and_of_what_is_infinite():
    net = Packed(
        Graph([Step("n", "channel_norm", ["input"]), Step("y", "divide", ["input", "n"])]), {}, InputContract((9, 1, 3))
    )
    x = np.zeros((1, 9, 1, 3), np.float32)
    x[0, 4, 0, 1], x[0, 2, 0, 2] = 3e38, np.nan
    found = net(x)[0, :, 0]
    assert np.isnan(found[:, 0]).all()
    assert (found[:, 1] == 0).all()
    assert np.isnan(found[:, 2]).all()


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4)),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.booleans(),
)
def test_transposed_convolutions(image, kinds, kernel, stride, padding, more, dilation, finished):
    """By phases, pixel by pixel, and a filter a channel; with an epilogue and what is added."""
    groups, into, out = kinds
    rng = np.random.default_rng(1)
    weight = rng.normal(size=(groups * into, *kernel, out)).astype(np.float32)
    attributes = {"stride": stride, "padding": padding, "output_padding": more, "dilation": dilation, "groups": groups}
    tensors, roles, steps, inputs = {"w": weight}, {"weight": "w"}, [], ["input"]
    reach = [
        (n - 1) * s + d * (k - 1) + 1 + m - 2 * p
        for n, s, d, k, m, p in zip(image, stride, dilation, kernel, more, padding, strict=True)
    ]
    assume(min(reach) >= 1)
    assume(all(m < max(s, d) for m, s, d in zip(more, stride, dilation, strict=True)))
    if finished:
        for role in ("scale", "shift", "before", "slope", "after"):
            tensors[role] = rng.normal(size=groups * out).astype(np.float32)
            roles[role] = role
        # something of the output's shape: the first channel, resized and repeated
        steps += [
            ("one", "slice", ["input"], {"stop": [*image, 1]}),
            ("large", "resize", ["one"], {"size": reach, "step": [0.3, 0.3], "mode": "bilinear"}),
            ("more", "pad", ["large"], {"after": [0, 0, groups * out - 1], "mode": "replicate"}),
        ]
        inputs = ["input", "more"]
    steps.append(("y", "conv_transpose2d", inputs, attributes, roles))
    agree(steps, (*image, groups * into), tensors, exactly=False, batch=2)


def test_what_segmenters_ask_for_beyond_memory_is_refused():
    """A small file whose one step would write gigabytes, or keep a machine busy."""
    steps = [Step(f"s{i}", "resize", [f"s{i - 1}" if i else "input"],
                  {"size": [8192, 8192], "step": [1, 1], "mode": "bilinear"}) for i in range(9)]  # fmt: skip
    steps.append(Step("sum", "concat", [f"s{i}" for i in range(9)]))
    with pytest.raises(LeveretFormatError, match="far too large"):
        Packed(Graph(steps), {}, InputContract((1, 8, 8)))
    kept = [Step("out0", "affine", ["s0", "s1"])]
    kept += [Step(f"out{i}", "affine", [f"out{i - 1}", f"s{i + 1}"]) for i in range(1, 8)]
    with pytest.raises(LeveretFormatError, match=r"would take [\d,]+ MB of memory"):
        Packed(Graph([*steps[:9], *kept]), {}, InputContract((1, 8, 8)))
