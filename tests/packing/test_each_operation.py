"""Every operation that packs, alone between two convolutions, against PyTorch; in images and in texts."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packing_nets import Function, ops, packs_right, trained
from torch import nn
from torch.nn import functional as F

from leveret.errors import LeveretPackError
from leveret.packing import pack
from leveret.shrink.binary import XnorConv2d, XnorLinear


def image(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2))


class Maps(nn.Module):
    """A function of an image's features, given out as maps."""

    def __init__(self, function, layer=None):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.function, self.layer = function, layer

    def forward(self, x):
        y = self.stem(x)
        return self.function(y) if self.layer is None else self.function(y, self.layer)


LAYERS = [
    nn.Hardswish(),
    nn.Hardsigmoid(),
    nn.ELU(),
    nn.ELU(0.3),
    nn.SELU(),
    nn.CELU(1.7),
    nn.GELU(),
    nn.GELU("tanh"),
    nn.Softplus(),
    nn.Softplus(beta=2.5),
    nn.Mish(),
    nn.ReLU6(),
    nn.GLU(1),
    nn.GLU(2),
    nn.LogSoftmax(1),
    nn.Softmax(1),
    nn.Softmax(3),
    nn.Softmax2d(),
    nn.GroupNorm(2, 8),
    nn.GroupNorm(8, 8, affine=False),
    nn.LayerNorm(12),
    nn.LayerNorm([8, 10, 12], elementwise_affine=False),
    nn.ConvTranspose2d(8, 4, 3),
    nn.ConvTranspose2d(8, 4, 3, 2, 1, 1),
    nn.ConvTranspose2d(8, 6, (2, 3), (3, 2), (1, 0), (2, 1), groups=2, bias=False, dilation=(2, 1)),
    nn.ConvTranspose2d(8, 8, 4, 2, 1, groups=8),
    nn.Sequential(nn.ConvTranspose2d(8, 8, 2, 2), nn.BatchNorm2d(8), nn.PReLU(8)),
    nn.Upsample(scale_factor=2),
    nn.Upsample(scale_factor=(1.7, 0.6)),
    nn.Upsample(size=(7, 31)),
    nn.Upsample(size=(7, 31), mode="nearest-exact"),
    nn.Upsample(scale_factor=1.6, mode="nearest-exact"),
    nn.Upsample(size=(7, 31), mode="bilinear"),
    nn.Upsample(scale_factor=1.7, mode="bilinear"),
    nn.Upsample(scale_factor=4, mode="bilinear", align_corners=True),
    nn.Upsample(size=(1, 1), mode="bilinear", align_corners=True),
    nn.UpsamplingNearest2d(scale_factor=3),
    nn.PixelShuffle(2),
    nn.PixelUnshuffle(2),
    nn.AdaptiveAvgPool2d(3),
    nn.AdaptiveAvgPool2d((4, None)),
    nn.AdaptiveMaxPool2d(1),
    nn.AdaptiveMaxPool2d((3, 5)),
    nn.ZeroPad2d((1, 2, 0, 3)),
    nn.ZeroPad2d((-1, 2, 0, -3)),
    nn.ConstantPad2d(1, 0.7),
    nn.ReflectionPad2d(2),
    nn.ReplicationPad2d((3, 0, 1, 2)),
    nn.CircularPad2d((3, 0, 1, 2)),
    nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"),
    nn.Conv2d(8, 16, 3, groups=8),
    nn.Conv2d(8, 8, 5, 2, 2, groups=8),
    nn.Conv2d(8, 4, (3, 12)),
    nn.Conv2d(8, 4, (2, 12), (3, 2), (1, 0), (2, 1)),
    nn.Conv2d(8, 4, (10, 12)),
    nn.Conv2d(8, 4, (3, 12), padding=(1, 1)),
    nn.Sequential(nn.Conv2d(8, 4, (3, 12)), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, (3, 1))),
    nn.Dropout2d(),
    nn.FeatureAlphaDropout(),
    nn.Identity(),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda m: str(m).replace("\n", ""))
def test_layers_of_images(layer):
    packs_right(trained(Maps(lambda x, layer: layer(x), layer)), image(3, 3, 10, 12))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.amax((2, 3), keepdim=True),
        lambda x: x.max(1, keepdim=True)[0] * x,
        lambda x: x.mean(1, keepdim=True) + x,
        lambda x: x.mean((1, 2), keepdim=True) * x,
        lambda x: x.mean(3, keepdim=True) + x.amax(2, keepdim=True),
        lambda x: x + x.mean((2, 3), keepdim=True),
        lambda x: x.mean((2, 3), keepdim=True) - x,
        lambda x: x.mean((2, 3), keepdim=True).expand_as(x) * x,
        lambda x: x * x.mean((2, 3)).unsqueeze(-1).unsqueeze(-1),
        lambda x: x * x.mean((2, 3))[:, :, None, None].expand(-1, 8, 10, 12),
        lambda x: torch.cat([x, x.mean((2, 3), keepdim=True).expand(-1, -1, 10, 12)], 1),
        lambda x: torch.cat([x, x[:, :, :4]], 2),
        lambda x: torch.cat(x.chunk(3, 3)[::-1], 3),
        lambda x: torch.cat(torch.split(x, [1, 5, 2], 1)[1:], -3),
        lambda x: torch.stack(x.unbind(1)[2:5], 2).transpose(1, 2),
        lambda x: torch.stack([x[:, 1], x[:, -1]], 1),
        lambda x: x[:, 2:7:2, ::3, 1:-1],
        lambda x: x.narrow(1, 3, 2) * x.narrow(1, -2, 2),
        lambda x: x.transpose(2, 3),
        lambda x: x.permute(0, 3, 1, 2),
        lambda x: x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
        lambda x: x.flatten(2).softmax(-1).view(x.size(0), 8, 10, 12),
        lambda x: x.reshape(x.size(0), 16, 5, 12),
        lambda x: x.flatten(2).transpose(1, 2).reshape(-1, 10, 12, 8).permute(0, 3, 1, 2),
        lambda x: x.sum((2, 3), keepdim=True) / 7 + x.sum(1, keepdim=True),
        lambda x: x**2 - x.square(),
        lambda x: x.clamp(min=-0.3).clamp_max(0.6),
        lambda x: 1 - x / 2 + torch.relu(x),
        lambda x: F.pad(x, (0, 0, 0, 0, 3, 2)),
        lambda x: F.interpolate(F.avg_pool2d(x, 2), size=x.shape[2:], mode="bilinear") + x,
        lambda x: F.hardswish(x, inplace=True) + x,
        lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (8,)).permute(0, 3, 1, 2),
        lambda x: x.mT,
        lambda x: F.normalize(x),
        lambda x: F.normalize(x, dim=3, eps=1.0),
        lambda x: F.normalize(x.permute(0, 2, 3, 1), dim=-1).permute(0, 3, 1, 2),
        lambda x: F.softsign(x),
        lambda x: x / (3 + x.mean((2, 3), keepdim=True).abs()),
        lambda x: x.mean((2, 3), keepdim=True) / (1 + x.abs()),
        lambda x: x.norm(dim=2, keepdim=True) - torch.linalg.vector_norm(x, dim=1, keepdim=True),
        lambda x: x.to(memory_format=torch.channels_last) * 2,
        lambda x: x.view(x.size(0), -1).unflatten(1, (8, 10, 12)),
    ],
)
def test_expressions_of_images(function):
    packs_right(trained(Maps(function)), image(3, 3, 10, 12))


class Text(nn.Module):
    """A function of an embedded text, `(n, length, channels)`, classified."""

    def __init__(self, function, features, **layers):
        super().__init__()
        self.embedding = nn.Embedding(20, 6)
        self.function, self.layers = function, nn.ModuleDict(layers)
        self.fc = nn.Linear(features, 3)

    def forward(self, ids):
        return self.fc(self.function(self.embedding(ids), **self.layers))


def convolved(x, conv, more=None):
    y = conv(x.transpose(1, 2))
    return (y if more is None else more(y)).amax(2)


def tokenwise(x, linear, norm):
    return F.gelu(linear(norm(x))).mean(1)


def residual(x, a, norm, b):
    y = x.permute(0, 2, 1)
    y = y + b(F.relu(norm(a(y))))
    return torch.cat([y.mean(-1), y.max(-1).values], 1)


def wide(x, conv):
    return F.relu(conv(x.unsqueeze(1))).squeeze(3).max(2)[0]


def gated(x, conv):
    return F.glu(conv(x.mT), dim=1).mean(dim=2)


@pytest.mark.parametrize(
    ("function", "features", "layers"),
    [
        (lambda x: x.mean(1), 6, lambda: {}),
        (lambda x: x.sum(dim=1), 6, lambda: {}),
        (lambda x: x.flatten(1), 66, lambda: {}),
        (lambda x: x.transpose(1, 2).flatten(1), 66, lambda: {}),
        (lambda x: x[:, 0], 6, lambda: {}),
        (lambda x: x[:, -1, 1:4], 3, lambda: {}),
        (lambda x: x.softmax(1).amax(1), 6, lambda: {}),
        (convolved, 5, lambda: {"conv": nn.Conv1d(6, 5, 4, 2, 3, 2)}),
        (convolved, 6, lambda: {"conv": nn.Conv1d(6, 6, 3, padding="same", groups=6)}),
        (convolved, 5, lambda: {"conv": nn.Conv1d(6, 5, 3), "more": nn.BatchNorm1d(5)}),
        (convolved, 5, lambda: {"conv": nn.Conv1d(6, 5, 3), "more": nn.MaxPool1d(3, 2, 1)}),
        (convolved, 5, lambda: {"conv": nn.Conv1d(6, 5, 3), "more": nn.AvgPool1d(2)}),
        (convolved, 5, lambda: {"conv": nn.Conv1d(6, 5, 3), "more": nn.AdaptiveMaxPool1d(4)}),
        (convolved, 5, lambda: {"conv": nn.Conv1d(6, 5, 3), "more": nn.AdaptiveAvgPool1d(3)}),
        (convolved, 5, lambda: {"conv": nn.Conv1d(6, 5, 3), "more": nn.Upsample(scale_factor=2, mode="linear")}),
        (convolved, 5, lambda: {"conv": nn.ConvTranspose1d(6, 5, 3, 2), "more": nn.PReLU(5)}),
        (convolved, 5, lambda: {"conv": nn.Conv1d(6, 5, 3), "more": nn.ReflectionPad1d((1, 3))}),
        (tokenwise, 7, lambda: {"norm": nn.LayerNorm(6), "linear": nn.Linear(6, 7)}),
        (tokenwise, 7, lambda: {"norm": nn.LayerNorm(6), "linear": XnorLinear(6, 7, weight_scale=False)}),
        (residual, 12, lambda: {"a": nn.Conv1d(6, 4, 1), "norm": nn.BatchNorm1d(4), "b": nn.Conv1d(4, 6, 1)}),
        (wide, 4, lambda: {"conv": nn.Conv2d(1, 4, (3, 6))}),
        (wide, 4, lambda: {"conv": nn.Conv2d(1, 4, (3, 6), padding=(2, 0))}),
        (wide, 4, lambda: {"conv": nn.Conv2d(1, 4, (3, 6), (2, 5), (1, 0), (3, 1))}),
        (gated, 4, lambda: {"conv": nn.Conv1d(6, 8, 3)}),
    ],
)
def test_texts(function, features, layers):
    net = trained(Text(function, features, **layers()))
    packs_right(net, torch.randint(0, 20, (5, 11), generator=torch.Generator().manual_seed(3)))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.flatten(1).log_softmax(1)[:, :, None].squeeze(2),
        lambda x: F.layer_norm(x.flatten(1), (960,))[:, None].squeeze(1),
        lambda x: x.mean((2, 3)).view(-1, 2, 4).mean(2),
        lambda x: x.mean((2, 3)).view(-1, 2, 2, 2).permute(0, 3, 1, 2).reshape(x.size(0), 8),
        lambda x: x.mean(3).mean(2),
        lambda x: x.amax(3).amax(2)[:, ::3],
        lambda x: F.adaptive_max_pool2d(x, (2, 1)).flatten(1).unsqueeze(1).mean(1),
        lambda x: F.pad(x.mean((2, 3)), (2, 1)),
        lambda x: torch.cat(x.mean((2, 3)).chunk(2, 1)[::-1], 1),
        lambda x: F.glu(x.mean((2, 3))),
        lambda x: F.group_norm(x.mean((2, 3)), 2),
        lambda x: x.flatten(1)[:, 3:99:5],
        lambda x: torch.cat([x.flatten(1), x.mean((2, 3))], 1),
        lambda x: x.flatten(1) + x.transpose(2, 3).flatten(1),
        lambda x: x.flatten(1).mean(1, keepdim=True) * x.amax((2, 3)) + x.flatten(1).mean(1, keepdim=True),
        lambda x: x.flatten(1).view(-1, 2, 480).mean(2),
        lambda x: F.normalize(x.mean((2, 3)), dim=-1),
        lambda x: F.normalize(x.flatten(1), dim=1),
        lambda x: x.flatten(1).norm(dim=1, keepdim=True) + x.norm(dim=1).flatten(1)[:, :6],
        lambda x: x.flatten(1)[:, :6] / (1 + x.flatten(1).square().mean(1, keepdim=True)),
    ],
)
def test_rows(function):
    packs_right(trained(Maps(function)), image(3, 3, 10, 12))


def test_a_norm_of_a_flattened_image_meets_its_own_weights():
    layer = nn.Sequential(nn.Flatten(), nn.LayerNorm(8 * 30), nn.Linear(8 * 30, 4))
    packs_right(trained(Maps(lambda x, layer: layer(x), layer)), image(3, 3, 5, 6))


def test_what_a_generator_does():
    """Features become an image, in torch's order."""
    layer = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 24), nn.Unflatten(1, (4, 2, 3)), nn.ConvTranspose2d(4, 3, 2)
    )
    packs_right(trained(Maps(lambda x, layer: layer(x), layer)), image(3, 3, 5, 6))


def test_a_convnext_block_moves_no_memory():
    """Depthwise, then norm and linear layers over channels last, which the runtime has anyway."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.depthwise, self.norm = nn.Conv2d(8, 8, 7, padding=3, groups=8), nn.LayerNorm(8)
            self.a, self.b, self.gamma = nn.Linear(8, 32), nn.Linear(32, 8), nn.Parameter(torch.ones(8))

        def forward(self, x):
            y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
            return x + (self.gamma * self.b(F.gelu(self.a(y)))).permute(0, 3, 1, 2)

    packed = packs_right(trained(Maps(lambda x, layer: layer(x), Block())), image(3, 3, 5, 6))
    assert ops(packed) == ["conv2d", "conv2d", "layer_norm", "conv2d", "function", "conv2d"]


@pytest.mark.parametrize(
    ("pads", "value", "folded"),
    [((1, 1, 2, 2), 0, True), ((1, 2, 2, 2), 0, False), ((1, 1, 1, 1), 0.5, False), ((-1, -1, 0, 0), 0, False)],
)
def test_zeros_round_an_image_become_the_convolutions_padding(pads, value, folded):
    layer = nn.Sequential(nn.ConstantPad2d(pads, value), nn.Conv2d(8, 4, 3, padding=(0, 1)))
    packed = packs_right(trained(Maps(lambda x, layer: layer(x), layer)), image(3, 3, 5, 6))
    assert (ops(packed) == ["conv2d", "conv2d"]) is folded


def test_padding_before_a_sign_is_not_the_binary_convolutions():
    layer = nn.Sequential(nn.BatchNorm2d(8), nn.ZeroPad2d(1), XnorConv2d(8, 4, 3))
    packed = packs_right(trained(Maps(lambda x, layer: layer(x), layer)), image(3, 3, 5, 6))
    assert "pad" in ops(packed)


def test_what_changes_no_size_is_no_step():
    net = Maps(lambda x: F.interpolate(F.adaptive_avg_pool2d(x, (5, 6)), size=(5, 6), mode="bilinear"))
    assert ops(packs_right(trained(net), image(3, 3, 5, 6))) == ["conv2d"]


@pytest.mark.parametrize(
    ("missing", "instead"),
    [
        (F.softshrink, lambda x: x - x.clamp(-0.5, 0.5)),
        (F.logsigmoid, lambda x: -F.softplus(-x)),
        (lambda x: torch.maximum(x, 1 - x), lambda x: F.relu(x - (1 - x)) + (1 - x)),
        (lambda x: torch.minimum(x, 1 - x), lambda x: x - F.relu(x - (1 - x))),
        (lambda x: F.instance_norm(x), lambda x: F.group_norm(x, 8)),
        (lambda x: x.repeat(1, 2, 1, 1), lambda x: torch.cat([x, x], 1)),
        (lambda x: x.roll(2, 3), lambda x: torch.cat([x[..., -2:], x[..., :-2]], 3)),
    ],
)
def test_what_is_said_to_be_the_same_is_the_same_and_packs(missing, instead):
    with pytest.raises(LeveretPackError):
        pack(Maps(missing), image(2, 3, 5, 6))
    x = image(2, 8, 5, 6)
    torch.testing.assert_close(instead(x), missing(x))
    packs_right(trained(Maps(instead)), image(3, 3, 5, 6))


def test_excitation_by_expand_multiplies_at_once():
    net = trained(Maps(lambda x: x * x.mean((2, 3), keepdim=True).expand_as(x)))
    assert ops(packs_right(net, image(3, 3, 5, 6))) == ["conv2d", "avg_pool2d", "multiply"]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_bits_are_pooled_as_floats_would_be(data):
    """Sign, norm and max-pool in both orders, windows of any kind: exactly torch's signs."""
    channels = data.draw(st.sampled_from([1, 3, 64, 70]))
    kernel = data.draw(st.integers(1, 3))
    pool = nn.MaxPool2d(
        kernel,
        data.draw(st.integers(1, 3)),
        data.draw(st.integers(0, kernel // 2)),
        dilation=data.draw(st.sampled_from([1, 1, 2])),
        ceil_mode=data.draw(st.booleans()),
    )
    norm = nn.BatchNorm2d(channels)
    middle = data.draw(st.sampled_from([[norm, pool], [pool, norm], [pool], [pool, norm, pool]]))
    stem = XnorConv2d(2, channels, 3, padding=1, weight_scale=False)
    last = XnorConv2d(channels, channels, 1, groups=channels, weight_scale=False)
    net = trained(nn.Sequential(stem, *middle, last), data.draw(st.integers(0, 99)))
    nn.init.ones_(last.weight)
    x = image(2, 2, 24, 23)
    with torch.no_grad():
        expected = net(x).numpy()
    packed = packs_right(net, x)
    np.testing.assert_array_equal(packed(x.numpy()), expected)
    if pool.dilation == 1:
        assert "max_pool2d" not in ops(packed)


def test_rows_of_functions():
    net = trained(Function(lambda x, a: F.hardswish(a(x).amax((2, 3))), 4, a=nn.Conv2d(4, 4, 3)))
    packs_right(net, image(3, 4, 6, 6))
