"""Nets of int8 layers, packed: the same numbers as PyTorch's, few steps, a quarter of the bytes; and as ONNX."""

import numpy as np
import pytest
import torch
from packing_nets import head, ops, trained
from test_each_operation import Text, image
from torch import nn

import leveret
from leveret.packing import pack
from leveret.runtime import load
from leveret.shrink.int8 import quantize


def quantized(net, x, **options):
    """With the whole of `x` as calibration."""
    return quantize(trained(net), [x], **options)


def packs_right(net, x, tolerance=0.0):
    """A packed net whose logits are PyTorch's, within `tolerance` of the largest."""
    packed = pack(net, x[:2])
    with torch.no_grad():
        expected = net(x).numpy()
    for images in (x, x[-1:]):
        found = packed(images.numpy())
        np.testing.assert_allclose(found, expected[-len(images) :], rtol=0, atol=tolerance * np.abs(expected).max())
    return packed


def depthwise(channels, out, stride=1):
    """MobileNet's block: a filter per channel, then one for all."""
    return [
        nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU6(),
        nn.Conv2d(channels, out, 1, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU6(),
    ]


def test_without_means_every_number_is_the_same():
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1, groups=2, padding_mode="reflect"),
        nn.PReLU(12),
        nn.Conv2d(12, 6, (1, 3), stride=(2, 1)),
        nn.Flatten(),
        nn.Linear(6 * 3 * 4, 16),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Linear(16, 5),
    )
    x = image(40, 3, 10, 12)
    packed = packs_right(quantized(net, x), x)
    layers = ["quantize", "int8_conv2d", "max_pool2d", "pad", "quantize", "int8_conv2d", "quantize", "int8_conv2d"]
    assert [op for op in ops(packed) if op != "slice"] == [*layers, "flatten", *["quantize", "int8_linear"] * 2]


def mobilenet():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU6(),
        *depthwise(8, 16),
        *depthwise(16, 24, 2),
        *depthwise(24, 24),
        nn.Flatten(),
        nn.Linear(24 * 9, 5),
    )


def test_a_mobilenet_has_no_steps_for_its_norms_and_bounds():
    x = image(20, 3, 12, 12)
    packed = packs_right(quantized(mobilenet(), x, depthwise=True), x)
    assert ops(packed) == ["quantize", "int8_conv2d"] * 7 + ["clip", "flatten", "quantize", "int8_linear"]
    levels = [step.attributes for step in packed.graph.steps if step.op == "quantize"]
    assert {step["low"] for step in levels[1:]} == {0}


def test_a_mobilenet_keeps_its_depthwise_layers_real():
    x = image(20, 3, 12, 12)
    # sums of floats end in other last bits, so that a value may fall on another level
    packed = packs_right(quantized(mobilenet(), x), x, 0.02)
    block = ["clip", "conv2d", "quantize", "int8_conv2d"]
    assert ops(packed) == ["quantize", "int8_conv2d", *block * 3, "clip", "flatten", "quantize", "int8_linear"]


def test_bounds_become_levels_only_where_they_hold_zero():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Hardtanh(0.5, 2), nn.Conv2d(4, 4, 1), nn.Hardtanh(-1, 0.25), *head(4))
    net.insert(4, nn.Conv2d(4, 4, 1))
    x = image(20, 3, 5, 6)
    packed = packs_right(quantized(net, x), x, 0.01)
    assert ops(packed)[:6] == ["quantize", "int8_conv2d", "clip", "quantize", "int8_conv2d", "quantize"]
    step = packed.graph.steps[5].attributes
    assert (step["low"], step["high"]) == (max(-128, round(-1 / step["step"])), round(0.25 / step["step"]))


def test_a_resnet_quantises_a_value_once():
    net = leveret.ResNet(3, 5, blocks=(1, 1), widths=(8, 12))
    x = image(16, 3, 8, 8)
    # a mean is added up in another order, and may end on another level of the last layer's
    packed = packs_right(quantized(net, x), x, 0.01)
    counts = {op: ops(packed).count(op) for op in ops(packed)}
    # six convolutions; the first block's sum goes to the second's convolution and shortcut
    assert counts == {"quantize": 6, "int8_conv2d": 6, "global_avg_pool": 1, "int8_linear": 1}


def test_texts_and_layers_over_the_last_axis():
    def tokenwise(x, conv, linear):
        y = conv(x.transpose(1, 2)).relu().transpose(1, 2)
        return linear(y).mean(1)

    net = Text(tokenwise, 5, conv=nn.Conv1d(6, 4, 3, padding=1), linear=nn.Linear(4, 5))
    ids = torch.randint(0, 20, (16, 11), generator=torch.Generator().manual_seed(0))
    packed = packs_right(quantized(net, ids), ids, 0.01)
    assert ops(packed).count("int8_conv2d") == 2


def test_a_net_with_real_layers_left():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.ReLU(), *head(4))
    x = image(20, 3, 8, 9)
    packed = packs_right(quantized(net, x, skip=["0", nn.Linear]), x, 0.01)
    assert ops(packed) == ["conv2d", "quantize", "int8_conv2d", "avg_pool2d", "flatten", "linear"]


@pytest.fixture(scope="module")
def convnet(digits):
    """A ConvNet, its int8 form, and that packed; with digits to run them on."""
    torch.manual_seed(0)
    pixels = digits.train.fetch(np.arange(400))
    images = torch.from_numpy(digits.normalization.apply(pixels))
    net = leveret.ConvNet(1, 10, depth=3, widths=(32, 64)).eval()
    small = quantize(net, images.split(100))
    packed = pack(small, images[:2], normalization=digits.normalization, classes=digits.classes)
    return net, small, packed, images, pixels


def test_a_convnet_agrees_and_has_a_quarter_of_the_bytes(convnet, tmp_path):
    net, small, packed, images, pixels = convnet
    with torch.no_grad():
        expected = small(images).numpy()
    found = packed(pixels)
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()
    assert np.isclose(found, expected, rtol=0, atol=1e-5).all(1).mean() > 0.95
    packed.save(tmp_path / "int8.lvr")
    pack(net, images[:2]).save(tmp_path / "real.lvr")
    np.testing.assert_array_equal(load(tmp_path / "int8.lvr")(pixels), found)
    sizes = [sum(layer.bytes for layer in load(tmp_path / f"{name}.lvr").layers()) for name in ("int8", "real")]
    assert 3.5 < sizes[1] / sizes[0] < 4


def test_as_onnx_sums_are_of_bytes_and_logits_the_same(convnet, tmp_path):
    onnx = pytest.importorskip("onnx", reason="onnx isn't installed: pip install 'leveret[onnx]'")
    pytest.importorskip("onnxruntime", reason="onnxruntime isn't installed: pip install 'leveret[onnx]'")
    from test_onnx import run

    _, _, packed, _, pixels = convnet
    leveret.export_onnx(packed, tmp_path / "m.onnx")
    kinds = [node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node]
    assert (kinds.count("QuantizeLinear"), kinds.count("ConvInteger"), kinds.count("MatMulInteger")) == (4, 3, 1)
    found, expected = run(tmp_path / "m.onnx", pixels), packed(pixels)
    largest = np.abs(expected).max()
    # a value that lies between two levels, to the last bits, may fall on the other one
    assert np.isclose(found, expected, rtol=0, atol=1e-4 * largest).all(1).mean() > 0.9
    assert np.abs(found - expected).max() < 0.02 * largest
