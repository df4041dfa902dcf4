"""ONNX exports give the packed net's logits: each operation, whole nets, and random digits."""

import json

import numpy as np
import pytest
import torch
from packing_nets import head, trained
from test_each_operation import LAYERS, Maps, Text, convolved, image
from torch import nn

import leveret
from leveret.data import Normalization
from leveret.errors import LeveretMissingError, LeveretUsageError
from leveret.interchange import _operations
from leveret.runtime import InputContract, Packed, reference
from leveret.runtime._graph import INPUT, Graph, Step
from leveret.runtime.ops import BACKWARD, OPS
from leveret.shrink.binary import BiRealBlock, XnorConv2d, XnorLinear

onnx = pytest.importorskip("onnx", reason="onnx isn't installed: pip install 'leveret[onnx]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime isn't installed: pip install 'leveret[onnx]'")


def run(path, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: inputs})[0]


def exports_right(packed, path, inputs, tolerance=1e-4, **how):
    leveret.export_onnx(packed, path, **how)
    expected = packed(inputs)
    scale = max(1.0, float(np.abs(expected).max()))
    for batch in (inputs, inputs[:1]):
        np.testing.assert_allclose(run(path, batch), expected[: len(batch)], rtol=0, atol=tolerance * scale)


def test_every_operation_has_a_form():
    assert _operations.OPERATIONS.keys() == OPS.keys() - BACKWARD


@pytest.mark.parametrize("layer", LAYERS, ids=lambda m: str(m).replace("\n", ""))
def test_real_layers(layer, tmp_path):
    x = image(3, 3, 10, 12)
    packed = leveret.pack(trained(Maps(lambda x, layer: layer(x), layer)), x)
    exports_right(packed, tmp_path / "m.onnx", x.numpy())


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.max(1, keepdim=True)[0] * x.mean(1, keepdim=True) + x.amax((2, 3), keepdim=True) * x,
        lambda x: torch.cat([x[:, 2:7:2, ::3, 1:-1], x[:, :3, ::3, 1:-1].abs()], 1),
        lambda x: x.permute(0, 3, 1, 2).clamp(-0.3, 0.6),
        lambda x: x.reshape(x.size(0), 16, 5, 12),
        lambda x: nn.functional.pad(x, (0, 1, 0, 0, 3, 2), value=0.25),
        lambda x: nn.functional.max_pool2d(x, 3, 2, 1, ceil_mode=True) * 2,
        lambda x: nn.functional.max_pool2d(x, 2, 1, 0, dilation=2),
        lambda x: nn.functional.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
        lambda x: nn.functional.avg_pool2d(x, (4, 3), (3, 2), (2, 1), ceil_mode=True, count_include_pad=False),
        lambda x: nn.functional.avg_pool2d(x, 2, 1, 1, count_include_pad=False),
        lambda x: nn.functional.normalize(x, dim=1) + x / (1 + x.abs()),
        lambda x: torch.tanh(x) * torch.sigmoid(x) + nn.functional.silu(x).abs(),
    ],
)
def test_expressions(function, tmp_path):
    x = image(3, 3, 10, 12)
    exports_right(leveret.pack(trained(Maps(function)), x), tmp_path / "m.onnx", x.numpy())


def test_texts(tmp_path):
    net = trained(Text(convolved, 4, conv=nn.Conv1d(6, 4, 3)))
    ids = torch.randint(0, 20, (5, 11), generator=torch.Generator().manual_seed(0))
    exports_right(leveret.pack(net, ids), tmp_path / "m.onnx", ids.numpy())
    assert run(tmp_path / "m.onnx", ids.numpy()[:2]).shape == (2, 3)


BINARY = {
    "chain": lambda: [XnorConv2d(8, 70, 3, 2, 1), nn.BatchNorm2d(70), XnorConv2d(70, 9, 3, padding=1), *head(9)],
    "groups": lambda: [XnorConv2d(8, 6, (3, 2), padding=(2, 1), dilation=(2, 1), groups=2), nn.PReLU(6), *head(6)],
    "bias": lambda: [XnorConv2d(8, 6, 3, padding=1, bias=True, input_scale=True), nn.Hardtanh(), *head(6)],
    "pool": lambda: [nn.BatchNorm2d(8), nn.MaxPool2d(3, 2, 1), XnorConv2d(8, 5, 3, weight_scale=False), *head(5)],
    "rows": lambda: [
        XnorConv2d(8, 9, 3),
        nn.BatchNorm2d(9),
        nn.Flatten(),
        XnorLinear(9 * 80, 33),
        nn.BatchNorm1d(33),
        XnorLinear(33, 20),
        nn.BatchNorm1d(20),
        nn.Linear(20, 3),
    ],
}


@pytest.mark.parametrize("layers", BINARY.values(), ids=BINARY)
def test_binary_layers(layers, tmp_path):
    net = trained(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), *layers()))
    x = image(8, 3, 10, 12)
    exports_right(leveret.pack(net, x), tmp_path / "m.onnx", x.numpy())


RNG = np.random.default_rng(7)


def words(*shape):
    return reference.pack_bits(RNG.normal(size=shape).astype(np.float32))


def whole(*shape):
    return RNG.integers(-128, 128, shape).astype(np.int8)


def lowbit(name, op, step, low, high, **tensors):
    """A layer on values quantised before it, its sums scaled down again."""
    encoding = {"encoding": tensors.pop("encoding")} if "encoding" in tensors else {}
    padding = {"padding": [1, 1]} if "conv" in op else {}
    # of no round numbers: on a tie between two whole values engines differ
    outputs = tensors["weight"].shape[-2 if "linear" in op else -4]
    tensors["scale"] = RNG.uniform(0.001, 0.003, outputs).astype(np.float32)
    return [
        (f"{name}.q", "quantize", {"step": step, "low": low, "high": high}, {}),
        (name, op, {**padding, **encoding}, tensors),
    ]


LOW_BITS = [
    ("stem", "conv2d", {"padding": [1, 1]}, {"weight": RNG.normal(size=(70, 3, 3, 2)).astype(np.float32)}),
    *lowbit("ternary", "plane_conv2d", 0.1, 0, 7, weight=words(2, 70, 3, 3, 70), encoding="ternary"),
    *lowbit("signs", "plane_conv2d", 0.01, 0, 255, weight=words(8, 70, 3, 3, 70), encoding="signs"),
    *lowbit("byte", "byte_conv2d", 1.0, -128, 127, weight=words(70, 3, 3, 70)),
    *lowbit("int8", "int8_conv2d", 0.1, -8, 7, weight=whole(70, 3, 3, 70)),
    ("mean", "global_avg_pool", {}, {}),
    *lowbit("planes", "plane_linear", 0.01, 0, 255, weight=words(4, 70, 70), encoding="twos_complement"),
    *lowbit("bytes", "byte_linear", 0.02, -128, 127, weight=words(70, 70)),
    *lowbit("int8s", "int8_linear", 0.02, -8, 7, weight=whole(70, 70)),
]


@pytest.mark.parametrize("upto", [i for i, (_, op, *_) in enumerate(LOW_BITS, 1) if op != "quantize"])
def test_low_bits(upto, tmp_path):
    layers = LOW_BITS[:upto]
    names = [INPUT, *(name for name, *_ in layers)]
    steps = [
        Step(name, op, [before], attributes, {role: f"{name}.{role}" for role in tensors})
        for before, (name, op, attributes, tensors) in zip(names, layers, strict=False)
    ]
    arrays = {f"{name}.{role}": array for name, _, _, tensors in layers for role, array in tensors.items()}
    packed = Packed(Graph(steps), arrays, InputContract((2, 6, 8), (0.4, 0.5), (0.2, 0.3)))
    pixels = np.random.default_rng(1).integers(0, 256, (3, 2, 6, 8), np.uint8)
    exports_right(packed, tmp_path / "m.onnx", pixels)
    kinds = {node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node}
    assert ("ConvInteger" in kinds) == any("conv2d" in op for _, op, *_ in layers[1:])
    assert ("MatMulInteger" in kinds) == any("linear" in op for _, op, *_ in layers)


@pytest.fixture(scope="module")
def digits_net():
    torch.manual_seed(0)
    net = trained(leveret.ConvNet(1, 10, depth=3, widths=(32, 64), block=BiRealBlock))
    return leveret.pack(
        net, torch.randn(2, 1, 8, 8), normalization=Normalization((0.3,), (0.35,)), classes=tuple("0123456789")
    )


def test_a_binary_net_on_digits(digits_net, digits, tmp_path):
    """Sums of the real first layer end in other last bits, so that a sign very near its threshold may turn."""
    leveret.export_onnx(digits_net, tmp_path / "m.onnx")
    pixels = digits.train.fetch(np.arange(len(digits.train)))
    noise = np.random.default_rng(0).integers(0, 256, (3000, *pixels.shape[1:]), np.uint8)
    for images in (pixels, noise):
        found, expected = run(tmp_path / "m.onnx", images), digits_net(images)
        near = np.abs(found - expected).max(1) < 1e-3 * max(1, np.abs(expected).max())
        assert near.mean() > 0.995
        assert (found.argmax(1) == expected.argmax(1)).mean() >= 0.999


def test_floats_instead_of_pixels(digits_net, tmp_path):
    x = np.random.default_rng(0).normal(size=(20, 1, 8, 8)).astype(np.float32)
    exports_right(digits_net, tmp_path / "m.onnx", x, pixels=False)


def test_files_and_nets_of_pytorch(digits_net, tmp_path):
    digits_net.save(tmp_path / "m.lvr")
    leveret.export_onnx(tmp_path / "m.lvr", tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    assert json.loads({p.key: p.value for p in model.metadata_props}["classes"]) == list("0123456789")
    net, x = leveret.ConvNet(1, 3, depth=2, widths=(4, 8)).eval(), torch.randn(2, 1, 8, 8)
    leveret.export_onnx(net, tmp_path / "n.onnx", x)
    with torch.no_grad():
        np.testing.assert_allclose(run(tmp_path / "n.onnx", x.numpy()), net(x).numpy(), rtol=0, atol=1e-4)


def test_what_can_not_be_exported_is_said(digits_net, tmp_path, monkeypatch):
    path = tmp_path / "m.onnx"
    with pytest.raises(LeveretUsageError, match="ConvNet is packed first, which needs an example"):
        leveret.export_onnx(leveret.ConvNet(1, 3, depth=2, widths=(4, 8)), path)
    with pytest.raises(LeveretUsageError, match="a packed net has its own"):
        leveret.export_onnx(digits_net, path, classes=("a",))
    lvr = tmp_path / "m.lvr"
    digits_net.save(lvr)
    with pytest.raises(LeveretUsageError, match="is the packed net itself: give the ONNX file another name"):
        leveret.export_onnx(lvr, lvr)
    assert leveret.runtime.load(lvr).layers() == digits_net.layers()
    plain = leveret.pack(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), torch.randn(2, 1, 2, 2))
    with pytest.raises(LeveretUsageError, match="packed without a normalisation, so it can't take pixels"):
        leveret.export_onnx(plain, path, pixels=True)
    monkeypatch.delitem(_operations.OPERATIONS, "bits")
    with pytest.raises(LeveretUsageError, match=r"step 'blocks.0.conv.sign' \(bits\) has no ONNX form"):
        leveret.export_onnx(digits_net, path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LeveretMissingError, match=r'leveret.export_onnx needs onnx: pip install "leveret\[onnx\]"'):
        leveret.export_onnx(digits_net, path)
    assert not path.exists()
