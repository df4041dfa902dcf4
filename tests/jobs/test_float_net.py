"""The float net that stands for a packed one, and the engines that run it."""

import numpy as np
import pytest
import torch
from torch import nn

import leveret
from leveret.data import Normalization
from leveret.experiments._fuzz_seeds import SEEDS, write_seeds
from leveret.jobs import _engines
from leveret.jobs._float_layers import LAYERS
from leveret.jobs._float_net import FloatNet, float_net, same_shapes
from leveret.runtime import InputContract, Packed, Routed, load
from leveret.runtime._graph import INPUT, Graph, Step
from leveret.runtime.ops import BACKWARD, OPS
from leveret.shrink.binary import BiRealBlock

NORMALIZATION = Normalization((0.3, 0.4), (0.2, 0.25))


class Odd(nn.Module):
    """Operations that ConvNet has none of."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 8, 3, stride=2, padding=1, groups=2)
        self.own = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.slope = nn.PReLU(8)
        self.most = nn.MaxPool2d(3, 2, 1, ceil_mode=True)
        self.mean = nn.AvgPool2d(2, 1, 1, count_include_pad=False)
        self.last = nn.Linear(16, 3)

    def forward(self, x):
        x = self.stem(x)
        x = self.slope(self.norm(self.own(x)) + x)
        x = self.mean(self.most(x)).clamp(-3, 3)
        x = torch.cat([torch.tanh(x), x * x.mean(1, keepdim=True)], 1)
        return self.last(nn.functional.silu(x).mean((2, 3)))


def packed(net, side=9):
    torch.manual_seed(0)
    return leveret.pack(net.eval(), torch.randn(2, 2, side, side), normalization=NORMALIZATION)


@pytest.fixture(scope="module")
def binary():
    torch.manual_seed(0)
    return packed(leveret.ConvNet(2, 3, depth=3, widths=(8, 16), block=BiRealBlock))


@pytest.mark.parametrize("make", [Odd, lambda: leveret.ConvNet(2, 3, depth=3, widths=(8, 16))])
def test_a_float_net_is_the_net_itself(make):
    torch.manual_seed(0)
    found = packed(make())
    pixels = np.random.default_rng(0).integers(0, 256, (3, 2, 9, 9), dtype=np.uint8)
    whole = float_net(found)
    with torch.inference_mode():
        np.testing.assert_allclose(whole(torch.from_numpy(pixels)).numpy(), found(pixels), rtol=1e-4, atol=1e-4)
    assert same_shapes(FloatNet(found), found)


def test_binary_layers_become_float_ones(binary):
    net = FloatNet(binary).eval()
    assert same_shapes(net, binary)
    convolutions = {layer.op for layer in binary.layers() if layer.op.startswith("bit_conv")}
    assert convolutions
    values = next(
        m.core.weight for m, layer in zip(net.layers, binary.layers(), strict=True) if layer.op in convolutions
    )
    assert len(values.abs().unique()) == 1
    with torch.inference_mode():
        assert net(torch.randn(2, 2, 9, 9)).isfinite().all()


def test_signs_straight_from_a_convolution():
    rng = np.random.default_rng(0)
    roles = {"weight": "w", "threshold": "t", "flip": "f"}
    graph = Graph(
        [
            Step("sign", "bits", [INPUT]),
            Step("a", "bit_conv2d_to_bits", ["sign"], {"padding": [1, 1]}, roles),
            Step("b", "bit_conv2d", ["a"], {}, {"weight": "w"}),
            Step("flat", "flatten", ["b"]),
            Step("norm", "affine", ["flat"], {}, {"before": "t2", "slope": "t2", "after": "t2"}),
            Step("again", "bits", ["norm"]),
            Step("last", "bit_linear", ["again", "flat"], {}, {"weight": "l", "shift": "t2", "before": "t2"}),
        ]
    )  # fmt: skip
    tensors = {
        "w": rng.integers(0, 4, (2, 3, 3, 1), dtype=np.uint64),
        "t": np.zeros(2, np.float32),
        "f": np.zeros(2, np.uint8),
        "t2": np.ones(8, np.float32),
        "l": rng.integers(0, 256, (8, 1), dtype=np.uint64),
    }
    found = Packed(graph, tensors, InputContract((2, 4, 4)))
    net = FloatNet(found)
    assert same_shapes(net, found)
    assert float_net(found)(torch.randn(1, 2, 4, 4)).shape == (1, 8)


def test_every_operation_has_a_counterpart_of_its_shape(tmp_path):
    write_seeds(tmp_path)
    seen = set()
    for path in sorted(tmp_path.glob(SEEDS)):
        net = load(path)
        if isinstance(net, Routed):
            continue  # of several parts: each is timed by itself, and against nothing
        seen |= {layer.op for layer in net.layers()}
        assert same_shapes(FloatNet(net).eval(), net), path
    assert seen == set(OPS) - BACKWARD == set(LAYERS)


@pytest.mark.parametrize("name", OPS["function"].attributes["function"].words)
def test_every_function_is_torchs(name):
    graph = Graph([Step("f", "function", [INPUT], {"function": name}), Step("flat", "flatten", ["f"])])
    net, x = Packed(graph, {}, InputContract((1, 1, 9))), np.linspace(-4, 4, 9, dtype=np.float32).reshape(1, 1, 1, 9)
    np.testing.assert_allclose(float_net(net)(torch.from_numpy(x)).numpy(), net(x), rtol=1e-5, atol=1e-5)


def test_real_layers_of_users_nets_keep_their_values():
    class Parts(nn.Module):
        def __init__(self):
            super().__init__()
            self.up = nn.ConvTranspose2d(2, 6, 3, stride=2, output_padding=1, groups=2)
            self.norm, self.places = nn.GroupNorm(2, 6), nn.LayerNorm(6)

        def forward(self, x):
            y = self.norm(self.up(nn.functional.pad(x, (1, 0, 2, 1), mode="replicate")))
            y = self.places(y.permute(0, 2, 3, 1)).permute(0, 3, 2, 1)[:, 1:5, ::2]
            y = nn.functional.interpolate(nn.functional.pixel_shuffle(y, 2), size=(7, 9), mode="bilinear")
            return nn.functional.softmax(y.amax((2, 3)) + nn.functional.adaptive_max_pool2d(y, 1).flatten(1), 1)

    found = packed(Parts())
    pixels = np.random.default_rng(0).integers(0, 256, (3, 2, 9, 9), dtype=np.uint8)
    with torch.inference_mode():
        np.testing.assert_allclose(float_net(found)(torch.from_numpy(pixels)).numpy(), found(pixels), atol=1e-4)


def test_a_step_without_counterpart_is_named(binary, monkeypatch):
    from leveret.jobs import _float_layers

    monkeypatch.delitem(_float_layers.LAYERS, "bits")
    with pytest.raises(leveret.LeveretUsageError, match=r"step 'blocks.* \(bits\) has no float counterpart"):
        FloatNet(binary)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("of_pixels", [True, False])
def test_engines_run_the_float_net(binary, engine, of_pixels, tmp_path):
    for name in _engines.ENGINES[engine].needs:
        pytest.importorskip(name)
    net = binary
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 2, 9, 9), dtype=np.uint8)
    if not of_pixels:
        net = Packed(binary.graph, binary.tensors, InputContract((2, 9, 9)))
        images = rng.normal(size=(3, 2, 9, 9)).astype(np.float32)
    _engines.export(net, tmp_path / "m.onnx")
    make = {"onnxruntime": _engines.onnxruntime_model, "openvino": _engines.openvino_model}[engine]
    model, shape, dtype = make(tmp_path / "m.onnx", (1, 3), 1)
    assert (tuple(shape), dtype) == ((2, 9, 9), images.dtype)
    with torch.inference_mode():
        expected = float_net(net)(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(model(images), expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(model(images[:1]), expected[:1], rtol=1e-3, atol=1e-3)


def test_engines_are_known_by_name():
    assert [e.key for e in _engines.engines(" OpenVINO, torch,torch,")] == ["openvino", "torch"]
    assert _engines.engines("") == []
    with pytest.raises(leveret.LeveretUsageError, match="some of torch, onnxruntime, openvino, got 'tflite'"):
        _engines.engines(["tflite"])
