"""A sign after BatchNorm turns at exactly the float at which PyTorch's own BatchNorm changes sign.

Each test asks at the threshold itself and at the floats beside it, where a fold that rounds differently would show.
"""

import numpy as np
import pytest
import torch
from packing_nets import trained
from torch import nn

from leveret.packing import pack
from leveret.shrink.binary import LearnedShift, XnorConv2d

CHANNELS = 37


def signs_alone(*before):
    """`before`, then a sign whose bits pass unchanged through a 1x1 binary convolution to the logits."""
    conv = XnorConv2d(CHANNELS, CHANNELS, 1, groups=CHANNELS, weight_scale=False)
    net = trained(nn.Sequential(*before, conv, nn.Flatten()))
    nn.init.ones_(conv.weight)
    return net


def beside(thresholds, channels):
    """Images `(n, channels, 1, 1)` of floats a few steps below, at, and above each channel's threshold, and ±0."""
    rows = [np.zeros(channels, np.float32), -np.zeros(channels, np.float32)]
    for direction in (-np.inf, np.inf):
        row = thresholds.astype(np.float32)
        for _ in range(5):
            rows.append(row)
            row = np.nextafter(row, np.float32(direction))
    rows += [np.float32(1e30) * np.ones(channels, np.float32), np.float32(-1e30) * np.ones(channels, np.float32)]
    return torch.from_numpy(np.where(np.isfinite(rows), rows, 0.0).astype(np.float32))[:, :, None, None]


def turning_points(layers):
    """By bisection over floats: where each channel of PyTorch's own layers changes sign."""

    def answer(values):
        with torch.no_grad():
            y = layers(torch.from_numpy(values)[None, :, None, None]).flatten().numpy()
        return y >= 0

    low = np.full(CHANNELS, -1e6, np.float32)
    high = -low
    first = answer(low)
    for _ in range(200):
        middle = ((low.astype(np.float64) + high) / 2).astype(np.float32)
        same = answer(middle) == first
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return low


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    "make",
    [
        lambda: [nn.BatchNorm2d(CHANNELS)],
        lambda: [nn.BatchNorm2d(CHANNELS, eps=0.1)],
        lambda: [nn.BatchNorm2d(CHANNELS, affine=False)],
        lambda: [LearnedShift(CHANNELS)],
        lambda: [nn.BatchNorm2d(CHANNELS), LearnedShift(CHANNELS)],
        lambda: [LearnedShift(CHANNELS), nn.BatchNorm2d(CHANNELS)],
    ],
    ids=["norm", "eps", "plain", "shift", "norm-shift", "shift-norm"],
)
def test_at_the_threshold_and_beside_it(make, memory_format, seed):
    layers = make()
    net = trained(signs_alone(*layers), seed)
    nn.init.ones_(net[-2].weight)
    x = beside(turning_points(nn.Sequential(*layers)), CHANNELS).contiguous(memory_format=memory_format)
    with torch.no_grad():
        expected = net(x).numpy()
    assert set(np.unique(expected)) == {-1, 1}
    # both answers occur within a few floats of nearly every threshold, or the test would not test
    assert (expected[2:12].min(0) < expected[2:12].max(0)).sum() > CHANNELS // 2
    np.testing.assert_array_equal(pack(net, x[:2])(x.numpy()), expected)


def test_a_shift_alone_and_a_norm_alone_become_the_threshold():
    for layer in (LearnedShift(CHANNELS), nn.BatchNorm2d(CHANNELS)):
        packed = pack(signs_alone(layer), torch.randn(2, CHANNELS, 1, 1))
        assert [step.op for step in packed.graph.steps][:2] == ["bits", "bit_conv2d"]
        assert "threshold" in packed.graph.steps[0].tensors


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("weight_scale", [True, False])
def test_sums_become_bits_at_the_right_sum(padding, weight_scale):
    """Every sum that nine taps of three channels can have meets every channel's threshold."""
    net = nn.Sequential(
        XnorConv2d(3, 200, 3, padding=padding, weight_scale=weight_scale),
        nn.BatchNorm2d(200),
        XnorConv2d(200, 200, 1, groups=200, weight_scale=False),
        nn.Flatten(),
    )
    net = trained(net)
    net[1].running_mean.mul_(4 if not weight_scale else 1)
    x = torch.randn(64, 3, 3 - 2 * padding, 3 - 2 * padding, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = net(x).numpy()
    packed = pack(net, x[:2])
    assert "bit_conv2d_to_bits" in [step.op for step in packed.graph.steps]
    assert 0.1 < (expected > 0).mean() < 0.9
    np.testing.assert_array_equal(packed(x.numpy()), expected)


def test_infinities_and_nan_take_the_signs_that_torch_gives_them():
    net = signs_alone(nn.BatchNorm2d(CHANNELS))
    x = torch.tensor([np.inf, -np.inf, np.nan])[:, None, None, None].repeat(1, CHANNELS, 1, 1)
    # a scale of 0 makes NaN of an infinity: no threshold can
    scaled = net[0].weight.detach().numpy() != 0
    with torch.no_grad():
        expected = net(x).numpy()
    np.testing.assert_array_equal(pack(net, torch.zeros(2, CHANNELS, 1, 1))(x.numpy())[:, scaled], expected[:, scaled])
