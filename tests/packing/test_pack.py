"""Packed nets against PyTorch: every layer, every fusion, whole nets."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import leveret
from leveret.errors import LeveretPackError, LeveretUsageError, LeveretWarning
from leveret.packing import pack
from leveret.packing._thresholds import affine_thresholds, sum_thresholds
from leveret.shrink.binary import (
    BinaryWeightBlock,
    BinaryWeightConv2d,
    BinaryWeightLinear,
    BiRealBlock,
    BiRealPair,
    LearnedShift,
    RPReLU,
    XnorBlock,
    XnorConv2d,
    XnorLinear,
    XnorPair,
    binarize,
)


def lively(net):
    """Statistics and parameters as after training, with negative and zero scales too."""
    generator = torch.Generator().manual_seed(7)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            n = module.num_features
            module.running_mean.copy_(0.5 * torch.randn(n, generator=generator))
            module.running_var.copy_(0.5 + torch.rand(n, generator=generator))
            if module.affine:
                module.weight.data.copy_(torch.randn(n, generator=generator))
                module.bias.data.copy_(0.3 * torch.randn(n, generator=generator))
                module.weight.data[0] = 0
        if isinstance(module, LearnedShift):
            module.bias.data.copy_(0.2 * torch.randn(module.bias.shape, generator=generator))
    return net.eval()


def agree(net, shape, n=16, tolerance=2e-5, **options):
    """Pack and compare on random inputs; gives the packed net."""
    x = torch.randn(n, *shape, generator=torch.Generator().manual_seed(3))
    net = lively(net)
    packed = pack(net, x[:2], **options)
    with torch.no_grad():
        expected = net(x).numpy()
    np.testing.assert_allclose(
        packed(x.numpy()), expected, rtol=tolerance, atol=tolerance * max(1, abs(expected).max())
    )
    return packed


def ops(packed):
    return [step.op for step in packed.graph.steps]


def head(channels):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 5)]


@pytest.mark.parametrize(
    "middle",
    [
        nn.ReLU(),
        nn.PReLU(6),
        nn.PReLU(),
        nn.LeakyReLU(0.2),
        nn.Hardtanh(),
        nn.ReLU6(),
        nn.Sigmoid(),
        nn.Tanh(),
        nn.SiLU(),
        nn.GELU(approximate="tanh"),
        nn.Dropout(0.5),
        RPReLU(6),
        nn.MaxPool2d(3, 2, 1),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.AvgPool2d(3, 2, 1),
        nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False),
        nn.BatchNorm2d(6),
        nn.BatchNorm2d(6, affine=False),
        nn.Conv2d(6, 6, 3, padding="same", groups=3, bias=False),
        nn.Conv2d(6, 6, (1, 3), stride=(2, 1), padding=(0, 1), dilation=(1, 2)),
        nn.Conv2d(6, 6, 3, groups=6),
        BinaryWeightConv2d(6, 6, 3, padding=1, bias=True),
        XnorConv2d(6, 6, 3, padding=1),
        XnorConv2d(6, 6, 3, padding=1, weight_scale=False, bias=True),
        XnorConv2d(6, 6, 3, padding=1, stride=2, dilation=2, groups=2, input_scale=True),
    ],
    ids=lambda m: str(m).split("\n")[0],
)
def test_each_layer(middle):
    agree(nn.Sequential(nn.Conv2d(3, 6, 3), middle, *head(6)), (3, 9, 11))


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Linear(24, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, 4)],
        [nn.BatchNorm1d(24), nn.Linear(24, 4)],
        [BinaryWeightLinear(24, 7), nn.ReLU(), nn.Linear(7, 4)],
        [nn.BatchNorm1d(24), XnorLinear(24, 9, input_scale=True), nn.BatchNorm1d(9), nn.Linear(9, 4)],
        [XnorLinear(24, 70), nn.BatchNorm1d(70), XnorLinear(70, 5, bias=True)],
    ],
)
def test_flattened_features_keep_torchs_order(layers):
    agree(nn.Sequential(nn.Conv2d(1, 6, 3), nn.Flatten(), *layers), (1, 4, 4))


class Residual(nn.Module):
    """Both orders of an addition, a value with several consumers, subtraction, scaling, concatenation."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(2, 4, 3, padding=1)
        self.b = XnorConv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.scale = nn.Parameter(torch.randn(4, 1, 1))
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        a = self.a(x)
        b = self.norm(self.b(a)) + a
        c = a + torch.relu(b) - 0.5 * b
        d = c * self.scale / 3 - 1
        e = 2 - d
        return self.out(torch.cat([d, -e], 1).mean((2, 3)))


def test_branches():
    agree(Residual(), (2, 6, 5))


@pytest.mark.parametrize("block", [XnorBlock, BinaryWeightBlock, BiRealBlock])
@pytest.mark.parametrize("side", [16, 19])
def test_convnets(block, side):
    net = leveret.ConvNet(3, 10, depth=5, widths=(20, 40), block=block)
    agree(net, (3, side, side))


@pytest.mark.parametrize("block", [XnorPair, BiRealPair])
def test_resnets(block):
    agree(leveret.ResNet(3, 10, blocks=(1, 2), widths=(16, 24), block=block), (3, 12, 12))
    agree(leveret.ResNet.imagenet18(3, 5, width=8, block=block), (3, 64, 64), n=2)


def test_binarized_nets():
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 16, 12),
        nn.Linear(12, 3),
    )
    agree(binarize(net), (1, 8, 8))
    agree(binarize(net, "weights"), (1, 8, 8))


def test_a_bi_real_block_is_three_steps():
    """Sign with its learned threshold, one convolution with everything after it, and the shortcut's pool."""
    net = nn.Sequential(nn.Conv2d(3, 64, 3), BiRealBlock(64, 64), *head(64))
    packed = agree(net, (3, 8, 8))
    assert ops(packed) == ["conv2d", "bits", "bit_conv2d", "avg_pool2d", "flatten", "linear"]
    conv = packed.graph.steps[2]
    assert conv.name == "1.conv"
    assert set(conv.tensors) == {"weight", "scale", "shift", "before", "slope", "after"}
    assert packed.binary_bytes_ratio > 30


def test_stacked_xnor_layers_pass_bits_only():
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.BatchNorm2d(8),
        XnorConv2d(8, 70, 3, padding=1),
        nn.BatchNorm2d(70),
        XnorConv2d(70, 8, 3, padding=1),
        *head(8),
    )
    packed = agree(net, (1, 8, 8))
    assert ops(packed) == ["conv2d", "bits", "bit_conv2d_to_bits", "bit_conv2d", "avg_pool2d", "flatten", "linear"]


def test_digits_agree_on_every_image(digits):
    net = lively(leveret.ConvNet(1, 10, depth=5, widths=(32, 64), block=BiRealBlock))
    example = torch.from_numpy(digits.normalization.apply(digits.test.fetch(np.arange(2))))
    packed = pack(net, example, normalization=digits.normalization, classes=digits.classes)
    ours, torchs = leveret.evaluate(packed, digits), leveret.evaluate(net, digits)
    assert np.abs(ours.logits - torchs.logits).max() < 1e-3
    assert np.array_equal(ours.predictions, torchs.predictions)


@pytest.mark.shared_data
def test_fashion_mnist_agrees_on_every_image(shared_data):
    data = leveret.load(shared_data / "fashion_mnist.npz")
    net = leveret.ConvNet(1, 10, depth=5, widths=(32, 64), block=BiRealBlock, stem_pool=True)
    net.train()
    with torch.no_grad():  # statistics of real images, so that signs are as close to their thresholds as they get
        net(torch.from_numpy(data.normalization.apply(data.train.fetch(np.arange(512)))))
    example = torch.from_numpy(data.normalization.apply(data.test.fetch(np.arange(2))))
    packed = pack(net.eval(), example, normalization=data.normalization, classes=data.classes)
    ours, torchs = leveret.evaluate(packed, data), leveret.evaluate(net, data)
    assert np.abs(ours.logits - torchs.logits).max() < 1e-3
    assert (ours.predictions == torchs.predictions).mean() >= 0.999


@settings(max_examples=200, deadline=None)
@given(st.floats(-4, 4, width=32), st.floats(-4, 4, width=32), st.integers(-3, 3))
def test_thresholds_turn_at_exactly_the_float_that_torch_does(scale, shift, steps):
    a, b = np.array([scale], np.float32), np.array([shift], np.float32)
    t, flip = affine_thresholds(a, b)
    x = t.copy()
    for _ in range(abs(steps)):
        x = np.nextafter(x, np.float32(np.inf if steps > 0 else -np.inf))
    if not np.isfinite(x[0]):
        x = np.array([1.5], np.float32)
    exact = float(x[0]) * float(a[0]) + float(b[0])  # the product of two floats is exact in a double
    assert bool(x[0] <= t[0] if flip[0] else x[0] >= t[0]) == (exact >= 0)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(0, 2**31), st.booleans())
def test_thresholds_on_sums(largest, seed, has_threshold):
    rng = np.random.default_rng(seed)
    scale, shift = rng.normal(size=9).astype(np.float32), (10 * rng.normal(size=9)).astype(np.float32)
    threshold = rng.normal(size=9).astype(np.float32) if has_threshold else None
    flip = rng.integers(0, 2, 9).astype(np.uint8) if has_threshold else None
    limits, flips = sum_thresholds(largest, scale, shift, threshold, flip, 9)
    for total in range(-largest, largest + 1):
        value = (np.float64(total) * scale + shift).astype(np.float32)
        t = 0 if threshold is None else threshold
        answer = value >= t if flip is None else np.where(flip, value <= t, value >= t)
        np.testing.assert_array_equal(np.where(flips, total <= limits, total >= limits), answer)


class Odd(nn.Module):
    def __init__(self, what):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.what = what

    def forward(self, x):
        return self.what(self.conv(x)).mean((2, 3))


@pytest.mark.parametrize(
    ("net", "says"),
    [
        (Odd(lambda x: torch.cumsum(x, 1)), "cumsum: use a convolution; it has"),
        (Odd(lambda x: 1 / (1 + x.abs())), "reciprocal"),
        (Odd(lambda x: x + torch.arange(6.0)), "differs from place to place"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(2)), "gives (n, 2, 36)"),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.Unflatten(1, (2, 2))), "layer '1'"),
    ],
)
def test_what_the_runtime_lacks_is_named(net, says):
    with pytest.raises(LeveretPackError, match=re.escape(says)):
        pack(net, torch.randn(2, 1, 8, 8))


def test_errors_of_the_caller():
    net = leveret.ConvNet(1, 10)
    with pytest.raises(LeveretUsageError, match=r"got \(2, 1, 8\)"):
        pack(net, torch.randn(2, 1, 8))
    with pytest.raises(LeveretUsageError, match="doesn't fit the net"):
        pack(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten()), torch.randn(2, 1, 8, 8))
    with pytest.raises(LeveretPackError, match="10 logits for 2 classes"):
        pack(net, torch.randn(2, 1, 8, 8), classes=("a", "b"))


def test_a_difference_is_warned_of(monkeypatch):
    monkeypatch.setattr("leveret.packing._compare.TOLERANCE", -1.0)
    with pytest.warns(LeveretWarning, match="differ by up to"):
        pack(leveret.ConvNet(1, 10, block=BiRealBlock), torch.randn(2, 1, 8, 8))


def test_packing_leaves_the_net_alone():
    net = leveret.ConvNet(1, 10).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    pack(net, torch.randn(1, 1, 8, 8))
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
