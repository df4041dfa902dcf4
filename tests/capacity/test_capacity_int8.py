"""Dynamic capacity nets of layers on bytes."""

import numpy as np
import pytest
import torch
from torch import nn

import leveret
from leveret.capacity import DynamicCapacityNet, EntropyGradient, LearnedAttention
from leveret.errors import LeveretUsageError
from leveret.shrink.int8 import Int8Conv2d, Int8Linear


def layers(width, pad=1):
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=pad),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, 8, 3, 2, padding=pad),
        nn.ReLU(),
    ).eval()


def made(borders, selector=None):
    torch.manual_seed(0)
    top = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    return DynamicCapacityNet(layers(4), layers(16), top, 3, borders=borders, selector=selector).eval()


def packs(net, images):
    with torch.no_grad():
        look = net.look(images)
    packed = leveret.pack(net, images)
    assert all(packed.parts[part].graph.steps[0].op == "quantize" for part in ("coarse", "fine"))
    np.testing.assert_allclose(packed(images.numpy()), look.logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("selector", [EntropyGradient(), LearnedAttention(8, 10)])
def test_all_but_the_top_is_quantized_and_runs_and_packs(selector):
    net = made("exact", selector)
    images = torch.randn(4, 1, 20, 20)
    small = leveret.quantize(net, [images])
    kinds = [module for module in small.modules() if isinstance(module, Int8Conv2d | Int8Linear)]
    assert len(kinds) == 4
    assert isinstance(small.top[2], nn.Linear)
    assert small.operations(20, 20) == net.operations(20, 20)
    packs(small, images)
    with pytest.raises(LeveretUsageError, match="in a part that must stay real"):
        leveret.quantize(net, [images], skip=["coarse", "fine"])


@pytest.mark.parametrize("borders", ["exact", "zeros", "crop"])
def test_layers_on_bytes_are_local(borders):
    net = made(borders)
    images = torch.randn(4, 1, 20, 20)
    parts = [leveret.quantize(part, [images]) for part in (net.coarse, net.fine)]
    small = DynamicCapacityNet(*parts, net.top, 3, borders=borders).eval()
    assert small.geometry == net.geometry
    assert small.in_channels == 1
    packs(small, images)
    small.k = 100  # of all places: whole images
    with torch.no_grad():
        whole = small.look(images)
    assert whole.images == (0 if borders == "crop" else 4)
    if borders != "crop":
        torch.testing.assert_close(whole.logits, small.fine_logits(images))
