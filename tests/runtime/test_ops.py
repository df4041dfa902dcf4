"""Each operation of a graph: what it computes, worked out in plain numpy; its shapes, costs and memory."""

import math
from pathlib import Path

import numpy as np
import pytest
from lvr_files import small_packed

from leveret.errors import LeveretFormatError
from leveret.runtime import InputContract, Packed, kernels
from leveret.runtime._graph import Graph, Step
from leveret.runtime._values import Value
from leveret.runtime.ops import OPS

RNG = np.random.default_rng(4)
IMAGES = RNG.normal(size=(3, 5, 6, 70)).astype(np.float32)
ROWS = RNG.normal(size=(4, 70)).astype(np.float32)
OTHER = RNG.normal(size=(3, 5, 6, 70)).astype(np.float32)
WEIGHT = RNG.normal(size=(7, 1, 1, 70)).astype(np.float32)
C = {name: RNG.normal(size=70).astype(np.float32) for name in ("scale", "shift", "before", "slope", "after")}
C7 = {name: value[:7].copy() for name, value in C.items()}
SIGNS, WEIGHT_SIGNS = np.where(IMAGES >= 0, 1.0, -1.0), np.where(WEIGHT >= 0, 1.0, -1.0)
FLIP = (RNG.random(70) < 0.5).astype(np.uint8)


def words(x):
    """Signs as bits, independently of the kernels: bit i of word j is channel 64 j + i."""
    out = np.zeros((*x.shape[:-1], -(-x.shape[-1] // 64)), np.uint64)
    for channel in range(x.shape[-1]):
        out[..., channel // 64] |= (x[..., channel] >= 0).astype(np.uint64) << np.uint64(channel % 64)
    return out


def value(array, bits=0):
    """The shape of a sample; `bits` is how many channels an array of words holds."""
    levels = {np.dtype(np.int8): (-128, 127), np.dtype(np.uint8): (0, 255)}.get(array.dtype)
    ids = 9 if array.dtype == np.int64 else 0
    return Value(array.shape[1:-1], bits or array.shape[-1], bool(bits), levels, ids)


def epilogue(v, add=0.0, scale=1.0, shift=0.0, before=0.0, slope=1.0, after=0.0):
    v = v * scale + shift + add + before
    return np.where(v > 0, v, v * slope) + after


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def product(x, weight):
    return x @ weight[:, 0, 0].T.astype(np.float64)


def transposed(x, weight):
    """Each pixel's own image, one after the other: stride 2 down and 1 across, nothing cut off."""
    n, height, width, _ = x.shape
    _, kh, kw, outputs = weight.shape
    out = np.zeros((n, 2 * (height - 1) + kh, width - 1 + kw, outputs))
    for i in range(height):
        for j in range(width):
            out[:, 2 * i : 2 * i + kh, j : j + kw] += np.einsum("nc,chwo->nhwo", x[:, i, j], weight.astype(np.float64))
    return out


def normed(x, axes):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


def shares(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


WORDS = words(IMAGES)
IDS = RNG.integers(0, 9, (3, 1, 6, 1))
TABLE = RNG.normal(size=(9, 7)).astype(np.float32)
SMALL_WEIGHT = RNG.normal(size=(70, 3, 2, 7)).astype(np.float32)
LEAST, MOST = IMAGES.min((1, 2), keepdims=True), IMAGES.max((1, 2), keepdims=True)
BYTES = RNG.integers(-128, 128, IMAGES.shape).astype(np.int8)
BYTE_ROWS = RNG.integers(0, 256, ROWS.shape).astype(np.uint8)
WHOLE = RNG.integers(-4, 4, WEIGHT.shape).astype(np.int8)
PLANES = np.stack([words((WHOLE >> j & 1) - 0.5) for j in range(3)])
TERNARY = np.sign(WHOLE)
TERNARY_PLANES = np.stack([words((TERNARY != 0) - 0.5), words((TERNARY > 0) - 0.5)])
KEPT = np.where(RNG.random(WEIGHT.shape) < 0.3, WEIGHT, 0).astype(np.float32)
SPARSE = dict(zip(("values", "columns", "starts"), kernels.sparse_rows(KEPT[:, 0, 0]), strict=True))
CASES = {
    "conv2d": ([IMAGES], {}, {"weight": WEIGHT, **C7}, epilogue(product(IMAGES, WEIGHT), **C7)),
    "binary_weight_conv2d": ([IMAGES], {}, {"weight": words(WEIGHT)}, product(IMAGES, WEIGHT_SIGNS)),
    "bit_conv2d": (
        [WORDS, OTHER[..., :7].copy()],
        {},
        {"weight": words(WEIGHT), **C7},
        epilogue(product(SIGNS, WEIGHT_SIGNS), OTHER[..., :7], **C7),
    ),
    "bit_conv2d_to_bits": (
        [WORDS],
        {},
        {"weight": words(WEIGHT), "threshold": np.full(7, 2, np.float32), "flip": FLIP[:7]},
        words(np.where(FLIP[:7], 2 - product(SIGNS, WEIGHT_SIGNS), product(SIGNS, WEIGHT_SIGNS) - 2)),
    ),
    "linear": ([ROWS], {}, {"weight": WEIGHT[:, 0, 0], **C7}, epilogue(product(ROWS, WEIGHT), **C7)),
    "binary_weight_linear": ([ROWS], {}, {"weight": words(WEIGHT[:, 0, 0])}, product(ROWS, WEIGHT_SIGNS)),
    "bit_linear": (
        [words(ROWS)],
        {},
        {"weight": words(WEIGHT[:, 0, 0]), "shift": C7["shift"]},
        product(np.where(ROWS >= 0, 1.0, -1.0), WEIGHT_SIGNS) + C7["shift"],
    ),
    "quantize": ([IMAGES], {"step": 0.25, "low": -3, "high": 7}, {}, np.clip(np.rint(IMAGES / 0.25), -3, 7)),
    "plane_conv2d": (
        [BYTES, OTHER[..., :7].copy()],
        {},
        {"weight": PLANES, **C7},
        epilogue(product(BYTES, WHOLE), OTHER[..., :7], **C7),
    ),
    "plane_linear": (
        [BYTE_ROWS],
        {"encoding": "ternary"},
        {"weight": TERNARY_PLANES[:, :, 0, 0], "shift": C7["shift"]},
        product(BYTE_ROWS, TERNARY) + C7["shift"],
    ),
    "byte_conv2d": ([BYTES], {}, {"weight": words(WEIGHT), **C7}, epilogue(product(BYTES, WEIGHT_SIGNS), **C7)),
    "byte_linear": ([BYTE_ROWS], {}, {"weight": words(WEIGHT[:, 0, 0])}, product(BYTE_ROWS, WEIGHT_SIGNS)),
    "int8_conv2d": ([BYTES], {}, {"weight": WHOLE, **C7}, epilogue(product(BYTES, WHOLE), **C7)),
    "int8_linear": ([BYTE_ROWS], {}, {"weight": WHOLE[:, 0, 0]}, product(BYTE_ROWS, WHOLE)),
    "sparse_linear": (
        [IMAGES, OTHER[..., :7].copy()],
        {},
        {**SPARSE, **C7},
        epilogue(product(IMAGES, KEPT), OTHER[..., :7], **C7),
    ),
    "affine": ([IMAGES, OTHER], {}, C, epilogue(IMAGES, OTHER, **C)),
    "bits": (
        [IMAGES],
        {},
        {"threshold": C["shift"], "flip": FLIP},
        words(np.where(FLIP, C["shift"] - IMAGES, IMAGES - C["shift"])),
    ),
    "max_pool2d": (
        [IMAGES],
        {"kernel": [5, 6], "stride": [1, 1]},
        {},
        IMAGES.max((1, 2), keepdims=True),
    ),
    "avg_pool2d": (
        [IMAGES],
        {"kernel": [5, 6], "stride": [1, 1]},
        {},
        IMAGES.mean((1, 2), keepdims=True),
    ),
    "adaptive_pool2d": (
        [IMAGES],
        {"size": [1, 2], "mode": "max"},
        {},
        np.stack([IMAGES[:, :, :3].max((1, 2)), IMAGES[:, :, 3:].max((1, 2))], 1)[:, None],
    ),
    "bit_max_pool2d": (
        [WORDS],
        {"kernel": [5, 6], "stride": [1, 1]},
        {"flip": FLIP},
        words(np.where(FLIP, LEAST, MOST)),
    ),
    "bit_flatten": ([WORDS], {}, {}, words(IMAGES.reshape(3, -1))),
    "bit_linear_to_bits": (
        [words(ROWS)],
        {},
        {"weight": words(WEIGHT[:, 0, 0]), "threshold": np.full(7, 2, np.float32), "flip": FLIP[:7]},
        words(
            np.where(FLIP[:7], -1, 1) * (product(np.where(ROWS >= 0, 1.0, -1.0), WEIGHT_SIGNS) - 2),
        ),
    ),
    "global_max_pool": ([IMAGES], {}, {}, IMAGES.max((1, 2))),
    "channel_norm": ([IMAGES], {}, {}, np.linalg.norm(IMAGES, axis=3, keepdims=True)),
    "channel_max": ([IMAGES], {}, {}, IMAGES.max(3, keepdims=True)),
    "conv_transpose2d": ([IMAGES], {"stride": [2, 1]}, {"weight": SMALL_WEIGHT}, transposed(IMAGES, SMALL_WEIGHT)),
    "embedding": ([IDS], {}, {"weight": TABLE}, TABLE[IDS[..., 0]]),
    "group_norm": (
        [IMAGES],
        {"groups": 7},
        {"scale": C["scale"], "shift": C["shift"]},
        np.concatenate([normed(g, (1, 2, 3)) for g in np.split(IMAGES.astype(np.float64), 7, 3)], 3) * C["scale"]
        + C["shift"],
    ),
    "layer_norm": (
        [IMAGES],
        {},
        {"scale": C["scale"], "shift": C["shift"]},
        normed(IMAGES.astype(np.float64), 3) * C["scale"] + C["shift"],
    ),
    "softmax": ([IMAGES], {}, {}, shares(IMAGES)),
    "log_softmax": ([IMAGES], {}, {}, np.log(shares(IMAGES.astype(np.float64)))),
    "resize": (
        [IMAGES],
        {"size": [10, 3], "step": [0.5, 2], "mode": "nearest"},
        {},
        IMAGES.repeat(2, 1)[:, :, ::2],
    ),
    "reshape": ([IMAGES], {"size": [3, 7]}, {}, IMAGES.reshape(3, 3, 7, 100)),
    "transpose": ([IMAGES], {"axes": "wch"}, {}, IMAGES.transpose(0, 2, 3, 1)),
    "slice": (
        [IMAGES],
        {"start": [1, 0, 60], "stop": [5, 6, 70], "step": [2, 1, 3]},
        {},
        IMAGES[:, 1:5:2, :, 60::3],
    ),
    "pad": (
        [IMAGES],
        {"before": [1, 0, 2], "after": [0, 2, 0], "value": -1},
        {},
        np.pad(IMAGES, ((0, 0), (1, 0), (0, 2), (2, 0)), constant_values=-1),
    ),
    "pixel_shuffle": (
        [IMAGES[..., :8].copy()],
        {"factor": 2},
        {},
        np.stack([IMAGES[..., i:8:4] for i in range(4)], -1)
        .reshape(3, 5, 6, 2, 2, 2)
        .transpose(0, 1, 4, 2, 5, 3)
        .reshape(3, 10, 12, 2),
    ),
    "global_avg_pool": ([IMAGES], {}, {}, IMAGES.mean((1, 2))),
    "channel_mean": ([IMAGES], {}, {}, IMAGES.mean(3, keepdims=True)),
    "multiply": ([IMAGES, OTHER[..., :1].copy()], {}, {}, IMAGES * OTHER[..., :1]),
    "divide": ([IMAGES, OTHER[:, :1, :1].copy()], {}, {}, IMAGES.astype(np.float64) / OTHER[:, :1, :1]),
    "concat": ([IMAGES, OTHER[..., :3].copy()], {}, {}, np.concatenate([IMAGES, OTHER[..., :3]], 3)),
    "flatten": ([IMAGES], {}, {}, IMAGES.reshape(3, -1)),
    "clip": ([IMAGES], {"low": -0.5, "high": 1}, {}, np.clip(IMAGES, -0.5, 1)),
    "function": ([IMAGES], {"function": "silu"}, {}, IMAGES / (1 + np.exp(-IMAGES))),
    "logits_gradient": ([ROWS], {"measure": "confidence"}, {}, np.eye(70)[ROWS.argmax(1)] - softmax(ROWS)),
    "linear_transpose": ([ROWS], {}, {"weight": WEIGHT[:, 0, 0].T.copy()}, ROWS @ WEIGHT[:, 0, 0].T),
    "leaky_gradient": (
        [IMAGES, OTHER],
        {},
        {"slope": C["slope"]},
        IMAGES * np.where(OTHER > 0, 1, C["slope"]),
    ),
    "clip_gradient": ([IMAGES, OTHER], {"low": -0.5, "high": 1}, {}, IMAGES * ((OTHER >= -0.5) & (OTHER <= 1))),
    "function_gradient": ([IMAGES, OTHER], {"function": "tanh"}, {}, IMAGES / np.cosh(OTHER) ** 2),
    "max_pool_gradient": (
        [OTHER[:, :1, :1].copy(), IMAGES],
        {"kernel": [5, 6], "stride": [1, 1]},
        {},
        OTHER[:, :1, :1] * (IMAGES.max((1, 2), keepdims=True) == IMAGES),
    ),
}
# what each case's channels are where its input holds words
BITS = {"bit_conv2d": 70, "bit_conv2d_to_bits": 70, "bit_linear": 70, "bit_linear_to_bits": 70} | {
    "bit_max_pool2d": 70,
    "bit_flatten": 70,
}


def made(name):
    inputs, attributes, tensors, _ = CASES[name]
    values = [value(inputs[0], BITS.get(name, 0)), *(value(x) for x in inputs[1:])]
    return OPS[name](values, attributes, tensors)


def test_every_operation_has_a_case():
    assert CASES.keys() == OPS.keys()


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_it_computes_and_the_shape_it_promised(name, isa):
    inputs, _, _, expected = CASES[name]
    op = made(name)
    op.prepare()
    got = op.run([np.ascontiguousarray(x) for x in inputs], 1)
    if op.output.bits or op.output.levels:
        np.testing.assert_array_equal(got, expected)
    else:
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=2e-5)
    last = -(-op.output.channels // 64) if op.output.bits else op.output.channels
    assert got.shape == (len(inputs[0]), *op.output.size, last)
    assert op.output.nbytes * len(got) == got.nbytes


@pytest.mark.parametrize(
    ("function", "formula"),
    [
        ("abs", np.abs),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
        ("tanh", np.tanh),
        ("elu", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
        ("gelu", lambda x: 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))),
        ("hardsigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1)),
        ("hardswish", lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
        ("mish", lambda x: x * np.tanh(np.logaddexp(x, 0))),
        ("softplus", lambda x: np.logaddexp(x, 0)),
        ("gelu_tanh", lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    ],
)
def test_functions(function, formula):
    x = np.array([[-1e4, -100, -3, -0.1, 0, 0.1, 3, 100, 1e4]], np.float32)
    op = OPS["function"]([Value((), 9)], {"function": function}, {})
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(op.run([x], 1), formula(x.astype(np.float64)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", sorted(CASES))
def test_no_operation_takes_any_shape_dtype_or_number_of_inputs(name):
    inputs, attributes, tensors, _ = CASES[name]
    with pytest.raises(LeveretFormatError, match="inputs, got 0"):
        OPS[name]([], attributes, tensors)
    with pytest.raises(LeveretFormatError, match="unknown tensors: odd"):
        OPS[name]([value(inputs[0], BITS.get(name, 0))] * OPS[name].takes[0], attributes, {"odd": C["scale"]} | tensors)
    wrong = Value((), 70, bits=name not in BITS)
    with pytest.raises(LeveretFormatError, match=r"takes (bits, got floats|(floats|bytes|ids), got bits)"):
        OPS[name]([wrong] * OPS[name].takes[0], attributes, tensors)
    for role, array in tensors.items():
        # where the last axis is what comes out, any is right
        shorter = array[:-1] if name in ("conv_transpose2d", "embedding", "linear_transpose") else array[..., :-1]
        for broken in (array.astype(np.float64), shorter, array[None]):
            with pytest.raises(LeveretFormatError):
                OPS[name]([value(x, BITS.get(name, 0)) for x in inputs], attributes, {**tensors, role: broken})


def test_costs():
    assert made("conv2d").macs() == (30 * 70 * 7, 0)
    assert made("binary_weight_conv2d").macs() == (30 * 70 * 7, 0)
    assert made("bit_conv2d").macs() == made("bit_conv2d_to_bits").macs() == (0, 30 * 70 * 7)
    assert made("linear").macs() == (70 * 7, 0)
    assert made("conv_transpose2d").macs() == (30 * 70 * 6 * 7, 0)
    assert made("bit_linear").macs() == (0, 70 * 7)
    for name, bits in {"plane_conv2d": 3, "byte_conv2d": 1, "int8_conv2d": 8}.items():
        op = made(name)
        assert (op.bits, op.weight_count, op.macs()) == (bits, 70 * 7, (30 * 70 * 7, 0))
    for name, bits in {"plane_linear": 2, "byte_linear": 1, "int8_linear": 8}.items():
        op = made(name)
        assert (op.bits, op.weight_count, op.macs()) == (bits, 70 * 7, (70 * 7, 0))
    kept = np.count_nonzero(KEPT)
    sparse = made("sparse_linear")
    assert (sparse.weight_count, sparse.parameters(sparse.arrays), sparse.macs()) == (
        kept,
        kept + 5 * 7,
        (30 * kept, 0),
    )
    for name in (
        "bit_conv2d",
        "bit_linear",
        "binary_weight_conv2d",
        "binary_weight_linear",
        "byte_conv2d",
        "byte_linear",
    ):
        op = made(name)
        assert (op.bits, op.weight_count) == (1, 70 * 7)
        assert op.arrays["weight"].nbytes == 7 * 2 * 8


def test_the_small_net_adds_up():
    layers = {layer.name: layer for layer in small_packed().layers()}
    assert layers["stem"].in_shape == (2, 6, 8)
    assert layers["stem"].out_shape == layers["sign"].out_shape == layers["conv"].out_shape == (5, 6, 8)
    assert layers["pool"].out_shape == (5, 3, 4)
    assert layers["head"].out_shape == (3,)
    assert layers["conv"].binary_macs == 48 * 9 * 5 * 5
    assert layers["conv"].parameters == 5 * 9 * 5 + 5
    assert layers["head"].parameters == 3 * 5 + 3


def test_values_are_let_go_once_nobody_needs_them(monkeypatch):
    """Each step sees only what is still needed: a chain of twenty steps never holds more than two images."""
    steps = [Step("s0", "clip", ["input"], {"low": -1, "high": 1})]
    steps += [Step(f"s{i}", "clip", [f"s{i - 1}"], {"low": -1, "high": 1}) for i in range(1, 20)]
    steps.append(Step("mean", "global_avg_pool", ["s19"]))
    monkeypatch.setattr("leveret.runtime._packed.build_engine", lambda *_: None)
    net = Packed(Graph(steps), {}, InputContract((3, 16, 16)))
    assert net._bytes_per_sample == 2 * 3 * 16 * 16 * 4
    monkeypatch.setattr("leveret.runtime._packed._MEMORY", 10 * net._bytes_per_sample)
    batches = []
    run = Packed._run
    monkeypatch.setattr(Packed, "_run", lambda self, x, threads: batches.append(len(x)) or run(self, x, threads))
    x = np.random.default_rng(0).normal(size=(25, 3, 16, 16)).astype(np.float32)
    np.testing.assert_allclose(net(x), np.clip(x, -1, 1).mean((2, 3)), rtol=1e-5, atol=1e-6)
    assert batches == [10, 10, 5]


def test_the_description_of_the_format_names_every_operation_attribute_and_tensor():
    text = (Path(__file__).parents[2] / "docs" / "lvr-format.md").read_text()
    tables = [line for line in text.splitlines() if line.startswith("| `")]
    rows = {name: line for line in tables for name in line.split("|")[1].split("`")[1::2]}
    window = text[text.index("The **window**") : text.index("A **threshold**")]
    shared = text[text.index("An **epilogue**") : text.index("| op |")]
    for name, op in OPS.items():
        row = rows[name]
        same = rows["conv2d"] if "as `conv2d`" in row else rows["bit_conv2d"] if "as above" in row else ""
        described = row + same + (window if "window" in row + same else "") + (shared if "epilogue" in row else "")
        for word in (*op.attributes, *op.tensors):
            assert f"`{word}`" in described or word in shared, f"{name}: {word}"
    assert len(OPS) == sum(name in OPS for name in rows)
