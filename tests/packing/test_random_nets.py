"""Nets that hypothesis makes up, of every layer that packs: packed and PyTorch agree, also after a file in between."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packing_nets import head, packs_right, trained
from torch import nn

from leveret import runtime
from leveret.nets import ConvBlock
from leveret.shrink.binary import BinaryWeightConv2d, BiRealBlock, LearnedShift, RPReLU, XnorConv2d

odd = st.sampled_from([1, 3, 8, 65])
small = st.integers(1, 3)


class Shortcut(nn.Module):
    """`inside(x) + x`, or `cat(inside(x), x)`."""

    def __init__(self, inside, concatenate):
        super().__init__()
        self.inside, self.concatenate = inside, concatenate

    def forward(self, x):
        y = self.inside(x)
        return torch.cat([y, x], 1) if self.concatenate else y + x


def layer(draw, channels, shortcut=True):
    """A layer of any kind that keeps images non-empty; gives it and its output channels."""
    outputs = draw(odd)
    kind = draw(st.integers(0, 13 if shortcut else 11))
    window = {"padding": 2, "dilation": draw(st.integers(1, 2)), "stride": draw(st.integers(1, 2))}
    if kind <= 2:
        make = (nn.Conv2d, BinaryWeightConv2d, XnorConv2d)[kind]
        own = {"input_scale": draw(st.booleans())} if kind == 2 else {}
        own |= {"weight_scale": draw(st.booleans())} if kind else {}
        conv = make(channels, outputs, draw(small), bias=draw(st.booleans()), **window, **own)
        # sums of ±1 are often exactly 0: a norm before each sign, as nets have it, moves them off it
        return nn.Sequential(nn.BatchNorm2d(channels), conv), outputs
    if kind == 3:
        outputs = min(outputs, 64 * channels)  # its shortcut repeats the channels; a step takes 64 inputs at most
        return BiRealBlock(channels, outputs, pool=False), outputs
    if kind == 4:
        return ConvBlock(channels, outputs), outputs
    if kind == 5:
        pool = draw(st.sampled_from([nn.MaxPool2d, nn.AvgPool2d]))
        return pool(3, draw(st.integers(1, 2)), 1, ceil_mode=draw(st.booleans())), channels
    if kind == 6:
        activations = [nn.ReLU(), nn.PReLU(), nn.PReLU(channels), RPReLU(channels), nn.Hardtanh(), nn.SiLU()]
        return draw(st.sampled_from(activations)), channels
    if kind == 7:
        return nn.Sequential(nn.BatchNorm2d(channels), LearnedShift(channels)), channels
    if kind == 8:
        activations = [nn.Hardswish(), nn.ELU(0.5), nn.Softplus(), nn.GELU(), nn.ReLU6()]
        norm = nn.GroupNorm(draw(st.sampled_from([1, channels])), channels)
        return nn.Sequential(norm, draw(st.sampled_from(activations))), channels
    if kind == 9:
        smaller = nn.AvgPool2d(2, ceil_mode=True)
        return nn.Sequential(smaller, nn.ConvTranspose2d(channels, outputs, draw(st.integers(2, 3)), 2)), outputs
    if kind == 10:
        size, mode = (draw(st.integers(5, 9)), 7), draw(st.sampled_from(["nearest", "bilinear"]))
        return nn.Sequential(nn.Upsample(size=size, mode=mode), nn.ReflectionPad2d((1, 0, 0, 2))), channels
    if kind == 11:
        pool = nn.MaxPool2d(draw(small), 1, ceil_mode=draw(st.booleans()))
        binary = XnorConv2d(channels, outputs, 3, padding=2)
        return nn.Sequential(nn.BatchNorm2d(channels), pool, binary), outputs
    binary = XnorConv2d(channels, channels, 3, padding=1, weight_scale=draw(st.booleans()))
    inside = nn.Sequential(nn.BatchNorm2d(channels), binary, nn.BatchNorm2d(channels))
    concatenate = kind == 12
    return Shortcut(inside, concatenate), channels * (1 + concatenate)


@st.composite
def nets(draw):
    channels = inputs = draw(st.integers(1, 4))
    layers = []
    for _ in range(draw(st.integers(1, 5))):
        made, channels = layer(draw, channels, shortcut=channels < 80)
        layers.append(made)
    net = trained(nn.Sequential(*layers, *head(channels)), draw(st.integers(0, 99)))
    size = draw(st.integers(6, 9)), draw(st.integers(6, 9))
    return net, torch.randn(3, inputs, *size, generator=torch.Generator().manual_seed(draw(st.integers(0, 99))))


# the same nets each time: once in some thousand nets a real convolution's last bit turns a sign
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(nets())
def test_any_net(tmp_path_factory, made):
    net, x = made
    packed = packs_right(net, x, 1e-3)
    path = tmp_path_factory.mktemp("net") / "net.lvr"
    packed.save(path)
    again = runtime.load(path)
    assert torch.equal(torch.from_numpy(again(x.numpy())), torch.from_numpy(packed(x.numpy())))
    assert again.layers() == packed.layers()


@pytest.mark.parametrize("batch", [1, 2, 33])
def test_the_batch_is_free(batch):
    net = trained(nn.Sequential(nn.BatchNorm2d(2), XnorConv2d(2, 5, 3), nn.BatchNorm2d(5), *head(5)))
    packs_right(net, torch.randn(batch, 2, 6, 6))
