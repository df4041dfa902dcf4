"""The C library: the same logits as Python's engine, bit for bit, and damaged files named.

`make test-liblvr` builds it, which takes a compiler a minute or more, and says where it is; without that these tests
are skipped.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import test_lowbit_net
import torch
from coded_files import HOSTILE, coded_net, hostile_file
from lvr_files import container, signed, small_packed, small_steps, small_tensors, small_texts, write_small
from routed_files import write_routed

import leveret
from leveret import runtime
from leveret.context import ParseNet, street_backbone
from leveret.errors import LeveretFormatError
from leveret.runtime import InputContract, Packed, kernels
from leveret.runtime._graph import Graph, Step
from leveret.shrink.binary import BiRealBlock

PROGRAM = os.environ.get("LEVERET_RUN_LVR", "")
PREDICT = os.environ.get("LEVERET_PREDICT", "")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="the C library isn't built: `make test-liblvr` does, and tests it")

RNG = np.random.default_rng(11)


def run(path, *arguments, images=b"", isa=None, **environment):
    environment |= {"LEVERET_ISA": isa} if isa else {}
    return subprocess.run(
        [PROGRAM, str(path), *arguments], input=images, capture_output=True, env={**os.environ, **environment}
    )


def sets_of_both():
    if not PROGRAM:
        return ["none"]
    # on no net at all: what is wrong with the set comes before what is wrong with the file
    return [isa for isa in kernels.available_isas() if isa != "reference" and run(__file__, isa=isa).stderr[:1] == b"1"]


def floats(*shape):
    return RNG.normal(size=shape).astype(np.float32) / 4


def words(*shape):
    return kernels.pack_bits(floats(*shape))


def built(shape, layers, classes=(), pixels=True):
    """A net of `(op, inputs, attributes, tensors)`; inputs are how many steps back, or "input"."""
    steps, tensors = [], {}
    for i, (op, inputs, attributes, arrays) in enumerate(layers):
        names = ["input" if back == "input" or back > i else f"s{i - back}" for back in inputs]
        steps.append(Step(f"s{i}", op, names, attributes, {role: f"s{i}.{role}" for role in arrays}))
        tensors |= {f"s{i}.{role}": array for role, array in arrays.items()}
    mean = (0.4, 0.5, 0.3)[: shape[0]]
    return Packed(Graph(steps), tensors, InputContract(shape, *((mean, mean) if pixels else ())), classes)


def every_epilogue(channels):
    return {role: floats(channels) for role in ("scale", "shift", "before", "slope", "after")}


def digits_like():
    """Every operation that isn't on bytes, on small grey images."""
    flip = np.arange(9, dtype=np.uint8) % 2
    limits = {"threshold": floats(9), "flip": flip}
    same = {"padding": [1, 1]}
    halves = {"kernel": [2, 2], "stride": [2, 2]}
    return built(
        (1, 16, 14),
        [
            ("conv2d", [1], {"padding": [2, 2], "exact": True}, {"weight": floats(8, 5, 5, 1), **every_epilogue(8)}),
            ("conv2d", [1], {**same, "groups": 8}, {"weight": floats(8, 3, 3, 1)}),
            ("function", [1], {"function": "hardswish"}, {}),
            ("channel_mean", [1], {}, {}),
            ("concat", [2, 1], {}, {}),
            ("bits", [1], {}, limits),
            ("bit_conv2d", [1, 2], same, {"weight": words(9, 3, 3, 9), **every_epilogue(9)}),
            ("avg_pool2d", [1], {**halves, "ceil_mode": True, "count_include_pad": False}, {}),
            ("bits", [1], {}, {}),
            ("bit_conv2d_to_bits", [1], same, {"weight": words(9, 3, 3, 9), **limits}),
            ("bit_max_pool2d", [1], {"kernel": [3, 3], "stride": [2, 2], "padding": [1, 1]}, {"flip": flip}),
            ("bit_conv2d", [1], {**same, "groups": 3}, {"weight": words(9, 3, 3, 3)}),
            ("binary_weight_conv2d", [1, 1], same, {"weight": words(9, 3, 3, 9)}),
            ("clip", [1], {"low": -30, "high": 28.5}, {}),
            ("global_max_pool", [1], {}, {}),
            ("reshape", [1], {"size": [1, 1]}, {}),
            ("multiply", [3, 1], {}, {}),
            ("max_pool2d", [1], {**halves, "dilation": [2, 1]}, {}),
            ("affine", [1, 1], {}, every_epilogue(9)),
            ("sparse_linear", [1], {}, test_lowbit_net.pruned(9, 9)),
            ("bits", [1], {}, {}),
            ("bit_flatten", [1], {}, {}),
            (
                "bit_linear_to_bits",
                [1],
                {},
                {"weight": words(70, 18), "threshold": floats(70), "flip": np.zeros(70, "u1")},
            ),
            ("bit_linear", [1], {}, {"weight": words(12, 70), **every_epilogue(12)}),
            ("binary_weight_linear", [1], {}, {"weight": words(12, 12), "shift": floats(12)}),
            ("flatten", [1], {}, {}),
            ("linear", [1, 2], {}, {"weight": floats(12, 12)}),
            ("linear", [1], {}, {"weight": floats(10, 12), "shift": floats(10)}),
        ],
        [str(i) for i in range(10)],
    )


def functions():
    names = ("abs", "elu", "gelu", "gelu_tanh", "hardsigmoid", "mish", "sigmoid", "silu", "softplus", "tanh")
    layers = [("function", ["input"], {"function": name}, {}) for name in names]
    joined = ("concat", list(range(len(names), 0, -1)), {}, {})
    return built((3, 5, 4), [*layers, joined, ("global_avg_pool", [1], {}, {})], pixels=False)


def maps():
    layers = [("conv2d", [1], {"stride": [2, 1]}, {"weight": floats(5, 3, 3, 3)})]
    return built((3, 9, 8), [*layers, ("conv2d", [1], {}, {"weight": floats(4, 1, 1, 5)})], list("wxyz"))


def of_maps():
    """What maps are made with: every border, size and stride, and quotients by rows and columns."""
    sizes = ("bilinear", "bilinear_corners", "nearest", "nearest_exact")
    return built(
        (3, 9, 8),
        [
            ("pad", [1], {"before": [2, 1, 0], "after": [0, 3, 1], "mode": "replicate"}, {}),
            ("pad", [1], {"before": [1, 0, 2], "mode": "reflect"}, {}),
            ("pad", [1], {"after": [3, 3, 0], "mode": "circular"}, {}),
            ("slice", [1], {"start": [1, 0, 0], "stop": [14, 15, 6], "step": [2, 1, 1]}, {}),
            ("pad", [1], {"before": [0, 1, 0], "value": 0.5}, {}),
            *(("resize", [1], {"size": [5 + i, 9], "step": [1.3, 1.5], "mode": sizes[i]}, {}) for i in range(4)),
            ("slice", [1], {"stop": [8, 1, 6]}, {}),
            ("channel_norm", [2], {}, {}),
            ("divide", [3, 1], {}, {}),
            ("multiply", [1, 3], {}, {}),
            ("adaptive_pool2d", [1], {"size": [3, 5], "mode": "average"}, {}),
            ("adaptive_pool2d", [1], {"size": [4, 2], "mode": "max"}, {}),
            (
                "conv_transpose2d",
                [1],
                {"stride": [2, 2], "padding": [1, 1], "groups": 6},
                {"weight": floats(6, 4, 4, 1), **every_epilogue(6)},
            ),
            ("conv_transpose2d", [1], {"stride": [2, 1]}, {"weight": floats(6, 3, 2, 5), "shift": floats(5)}),
            ("conv_transpose2d", [1], {"dilation": [2, 1]}, {"weight": floats(5, 2, 2, 4)}),
        ],
        list("wxyz"),
    )


def segmenter(block=None, **options):
    backbone = street_backbone(widths=(6, 8, 10), depths=(1, 1, 2), block=block)
    torch.manual_seed(2)
    return leveret.pack(ParseNet(backbone, 4, **options).eval(), torch.randn(2, 3, 18, 21))


def unrolled():
    """A layer that runs three times: its steps take the same tensors, of which the file has the weight coded."""
    weight = {"l.weight": np.round(floats(32, 1, 1, 32) * 4) / 8, "l.slope": np.zeros(32, "f4")}
    roles = {"weight": "l.weight", "slope": "l.slope"}
    steps = [Step("a", "conv2d", ["input"], {}, {"weight": "a.weight"}), Step("0", "affine", ["a"], {}, {})]
    steps += [Step(f"{i}", "conv2d", [f"{i - 1}", "a"], {}, roles) for i in (1, 2, 3)]
    net = Packed(Graph(steps), {"a.weight": floats(32, 3, 3, 1), **weight}, InputContract((1, 6, 7)))
    assert net.codings["l.weight"].kind == "table"
    return net


NETS = {
    "coded": coded_net,
    "digits": digits_like,
    "functions": functions,
    "maps": maps,
    "low bit": test_lowbit_net.packed,
    "maps by every step": of_maps,
    "parsenet": segmenter,
    "binary parsenet": lambda: segmenter(BiRealBlock, fusion="late"),
    "pyramid": lambda: segmenter(pyramid=True, stride=8),
    "small": small_packed,
    "unrolled": unrolled,
}


@pytest.fixture(params=sets_of_both())
def isa(request):
    before = kernels.isa()
    kernels.set_isa(request.param)
    yield request.param
    kernels.set_isa(before)


@pytest.mark.parametrize("name", NETS)
def test_same_logits_bit_for_bit(tmp_path, name, isa):
    path = tmp_path / "net.lvr"
    NETS[name]().save(path)
    net = runtime.load(path)
    assert net._engine is not None
    shape = (11, *net.input.shape)
    batches = {"floats": RNG.normal(size=shape).astype(np.float32)}
    if net.input.mean is not None:
        batches["pixels"] = RNG.integers(0, 256, shape, np.uint8)
    for kind, images in batches.items():
        expected = net(images, threads=1)
        for threads, memory in (("1", {}), ("2", {"LVR_MEMORY": "1"})):
            got = run(path, kind, threads, images=images.tobytes(), isa=isa, **memory)
            assert got.returncode == 0, got.stderr
            assert got.stdout == expected.tobytes()


def test_description(tmp_path):
    for name, net in {name: make() for name, make in NETS.items()}.items():
        path = tmp_path / f"{name}.lvr"
        net.save(path)
        lines = run(path, LVR_MEMORY="1").stdout.decode().splitlines()
        assert [int(n) for n in lines[0].split()] == [*net.input.shape, net.input.mean is not None]
        classes, *places = net.output_shape
        logits = int(np.prod(net.output_shape))
        sizes = [int(n) for n in lines[1].split()]
        assert sizes[:4] == [classes, *(places or [0, 0]), logits]
        assert 0 < sizes[4] < 1 << 20
        assert tuple(lines[2:-1]) == net.classes


def refused(path, says=""):
    """The library's message: of a bad file, one line, that says so."""
    for memory in ({}, {"LVR_MEMORY": "1"}):
        got = run(path, **memory)
        assert got.returncode == 1, (got.returncode, got.stderr)
        assert not got.stdout
        status, _, message = got.stderr.decode().partition(" ")
        assert status == "1"
        assert says in message
        assert message.count("\n") == 1
        assert len(message) < 1100
    return message


WHOLE = signed(small_texts(), small_tensors())
HEADER = int.from_bytes(WHOLE[:8], "little")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "only 0 bytes"),
        (WHOLE[:7], "only 7 bytes"),
        (WHOLE[:100], "cut off"),
        (WHOLE[:-1], "cut off"),
        (WHOLE + b"\0", "1 bytes longer"),
        (container(WHOLE[8:], b"", 1 << 40), "header would be"),
        (container(b'{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", b""), "nests deeper"),
        (container(b'{"a": NaN}', b""), "not valid JSON"),
        (container(b'{"a\xff": 1}', b""), "not UTF-8"),
        (container(b'{"__metadata__": {}, "__metadata__": {}}', b""), "twice"),
        (container(b"{}", b""), "not a .lvr one"),
        (container(b"[]", b""), "must be an object"),
        (container(b'{"__metadata__": {"format": "pt"}}', b""), "not a .lvr one"),
        (signed(small_texts(version="2.0"), small_tensors()), "format 2.0"),
        (signed(small_texts(version="one"), small_tensors()), "no valid format version"),
        (signed(small_texts(input=None), small_tensors()), "lack 'input'"),
        (signed(small_texts(provenance="[]"), small_tensors()), "provenance"),
        (signed(small_texts(classes='["a"]'), small_tensors()), "3 logits for 1 classes"),
        (signed(small_texts(), {**small_tensors(), "more": np.zeros(3, np.float32)}), "no step uses tensor 'more'"),
        (signed(small_texts(), {**small_tensors(), "head.shift": np.zeros(3)}), "'head.shift' is 'F64'"),
    ],
)
def test_damaged_files(tmp_path, data, says):
    path = tmp_path / "broken.lvr"
    path.write_bytes(data)
    refused(path, says)
    assert run(path).stderr.decode().startswith(f"1 {path}: ")
    with pytest.raises(LeveretFormatError):
        runtime.load(path)


def test_a_wrong_hash_is_found(tmp_path):
    path = tmp_path / "broken.lvr"
    for bit in range(8 * (8 + HEADER), 8 * len(WHOLE), 331):
        data = bytearray(WHOLE)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        refused(path, "SHA-256")


def test_flipped_bits_of_the_header(tmp_path):
    path = tmp_path / "broken.lvr"
    for bit in range(0, 8 * (8 + HEADER), 173):
        data = bytearray(WHOLE)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        refused(path)


def test_text_beyond_ascii_is_hashed_as_python_does(tmp_path):
    odd = json.dumps(["a\x7f\n", '"\\', "ç𝄞"])
    path = write_small(tmp_path / "a.lvr", classes=odd, **{"key 𝄞\t": "\x00\x1f\b\f\r"})
    assert tuple(runtime.load(path).classes) == ("a\x7f\n", '"\\', "ç𝄞")
    assert run(path).returncode == 0


def with_step(number, **changes):
    steps = small_steps()
    steps[number] |= changes
    return steps


def resized(**attributes):
    return with_step(3, op="resize", attributes={"mode": "bilinear", **attributes})


def upsampled(**attributes):
    """The pool made a transposed convolution, whose weight is that of the convolution before."""
    steps = with_step(3, op="conv_transpose2d", attributes=attributes, tensors={"weight": "stem.weight"})
    steps[3]["inputs"] = ["stem"]
    return steps


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (with_step(3, op="max_pool3d"), "step 'pool' (max_pool3d): unknown operation 'max_pool3d'"),
        (with_step(3, op="softmax", attributes={}), "step 'pool' (softmax): this library doesn't run softmax"),
        (with_step(3, op="channel_max", attributes={}), "this library doesn't run channel_max"),
        (with_step(3, op="divide", attributes={}), "step 'pool' (divide): takes 2 to 2 inputs, got 1"),
        (with_step(3, op="pad", attributes={"before": [0, -1, 0]}), "'before' must be three whole numbers in 0..16384"),
        (with_step(3, op="pad", attributes={"before": [0, 1]}), "'before' must be three whole numbers"),
        (with_step(3, op="pad", attributes={"after": [6, 0, 0], "mode": "reflect"}), "pads 6 places of 6 by reflect"),
        (with_step(3, op="pad", attributes={"after": [7, 0, 0], "mode": "circular"}), "pads 7 places of 6"),
        (with_step(3, op="pad", attributes={"after": [16384] * 3}), "far too large"),
        (with_step(3, op="pad", attributes={"value": "x"}), "'value' must be a number in its range"),
        (with_step(3, op="slice", attributes={"stop": [6, 9, 5]}), "takes 0..9 of 8"),
        (with_step(3, op="slice", attributes={"start": [2, 0, 0], "stop": [2, 1, 1]}), "takes 2..2 of 6"),
        (with_step(3, op="slice", attributes={}), "'stop' is missing"),
        (resized(size=[2, 2], step=[-1, 1]), "'step' must be a pair of numbers in its range"),
        (resized(size=[2, 2], step=[1, 1, 1]), "'step' must be a pair"),
        (resized(size=[0, 2], step=[1, 1]), "'size' must be a pair of whole numbers in 1..16384"),
        (resized(size=[16384, 16384], step=[1, 1]), "far too large"),
        (resized(size=[2, 2], step=[1, 1], mode="bicubic"), "'mode' must be one of bilinear, "),
        (with_step(3, op="adaptive_pool2d", attributes={"size": [257, 1], "mode": "max"}), "in 1..256"),
        (with_step(3, op="conv_transpose2d", attributes={}), "tensor 'weight' is missing"),
        (upsampled(stride=[4096, 4096]), "far too large"),
        (upsampled(output_padding=[1, 0]), "output_padding must be less than"),
        (upsampled(padding=[30, 0]), "cuts 30x0 off an image"),
        (upsampled(groups=2), "weight must be (5,"),
        (with_step(3, op="max_pool_gradient", attributes={}), "this library doesn't run max_pool_gradient"),
        (with_step(3, attributes={"kernel": [2, -1], "stride": [2, 2]}), "'kernel' must be a pair of whole numbers"),
        (with_step(3, attributes={"kernel": [2, 2]}), "'stride' is missing"),
        (with_step(3, attributes={"kernel": [99, 99], "stride": [1, 1]}), "too small for a kernel of 99x99"),
        (with_step(3, attributes={"kernel": [2, 2], "stride": [2, 2], "size": 1}), "unknown attribute: 'size'"),
        (with_step(3, inputs=["head"]), "takes 'head', which no earlier step gives"),
        (with_step(3, inputs=[]), "at least one input"),
        (with_step(3, name="conv"), "two steps are called 'conv'"),
        (with_step(3, name="a b"), "no valid name"),
        (with_step(0, tensors={"weight": "none"}), "tensor 'none' is not in the file"),
        (with_step(0, attributes={"padding": [4096, 4096], "stride": [1, 1]}), "too large"),
        (with_step(2, inputs=["sign", "input"]), "adds an input of shape (2, 6, 8) to (5, 6, 8)"),
        ([*small_steps()[:4], {**small_steps()[5], "inputs": ["pool"]}], "takes a row of features"),
        (small_steps()[:2], "gives bits"),
        ([], "1 to 20000 steps"),
    ],
)
def test_hostile_graphs(tmp_path, steps, says):
    path = write_small(tmp_path / "hostile.lvr", steps=steps)
    refused(path, says)
    if "doesn't run" not in says:
        with pytest.raises(LeveretFormatError):
            runtime.load(path)


@pytest.mark.parametrize("which", HOSTILE)
def test_hostile_codings(tmp_path, which):
    path = tmp_path / "hostile.lvr"
    path.write_bytes(hostile_file(which))
    refused(path)


def test_work_without_end_is_refused(tmp_path):
    """Before anything of it is allocated; an image of these sides is not too large in itself."""
    contract = json.dumps({"shape": [1, 8192, 8192], "dtype": "float32"})
    pool = {
        "name": "pool",
        "op": "max_pool2d",
        "inputs": ["input"],
        "attributes": {"kernel": [4096] * 2, "stride": [1] * 2},
    }
    path = write_small(tmp_path / "slow.lvr", steps=[pool], input=contract)
    refused(path, "step 'pool' (max_pool2d): with it one sample would take more than the 4398046511104 operations")


def test_token_ids_are_refused(tmp_path):
    contract = json.dumps({"shape": [9], "dtype": "int64", "vocabulary": 30})
    refused(write_small(tmp_path / "text.lvr", input=contract), "token ids")


def test_several_graphs_are_refused(tmp_path):
    refused(
        write_routed(tmp_path / "parts.lvr"), "several graphs and a route between them, which this library doesn't run"
    )


def test_wrong_arguments(tmp_path):
    path = tmp_path / "floats.lvr"
    functions().save(path)
    got = run(path, "pixels", "1", images=bytes(60))
    assert got.stderr.startswith(b"2 this net takes no pixels")
    assert run(path, "floats", "-1", images=bytes(240)).stderr.startswith(b"2 threads must be 0 or more")
    assert run(path, "floats", "0").stdout == b""  # no images
    assert run(path, isa="mmx").stderr.startswith(b"2 LEVERET_ISA must be one")
    assert "could not be read" in run(tmp_path / "none.lvr").stderr.decode()
    assert run(tmp_path).stderr.startswith(b"1 ")


@pytest.mark.skipif(not PREDICT, reason="the example isn't built")
def test_the_example_names_the_likeliest(tmp_path):
    path, image = tmp_path / "digits.lvr", tmp_path / "image.pgm"
    net = digits_like()
    net.save(path)
    pixels = RNG.integers(0, 256, (1, 16, 14), np.uint8)
    logits = net(pixels, threads=1)[0].astype(np.float64)
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    best = np.argsort(-shares, kind="stable")[:3]

    def lines(*arguments, **options):
        got = subprocess.run([PREDICT, str(path), *map(str, arguments)], capture_output=True, text=True, **options)
        assert got.returncode == 0, got.stderr
        return got.stdout.splitlines()

    image.write_bytes(b"P5\n# made by hand\n14 16\n255\n" + pixels.tobytes())
    raw = Path(tmp_path / "image.raw")
    raw.write_bytes(pixels.tobytes())
    numbers = " ".join(map(str, pixels.ravel()))
    for got in (lines(image), lines(raw), lines(input=numbers)):
        assert [line.split("  ")[0] for line in got] == [net.classes[i] for i in best]
        np.testing.assert_allclose([float(line.split("  ")[1]) for line in got], shares[best], atol=1e-4)
    image.write_bytes(b"P5\n14 15\n255\n" + pixels.tobytes())
    wrong = subprocess.run([PREDICT, str(path), str(image)], capture_output=True, text=True)
    assert wrong.returncode == 1
    assert re.search(r"the picture is 1 x 15x14, the net takes 1 x 16x14", wrong.stderr)
