"""The saliency's pass backward: each operation of a top that has a derivative, against autograd; others by name."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from leveret.capacity import CoarseConfidence, EntropyGradient, Geometry, Glance, LearnedAttention, RandomPlaces
from leveret.errors import LeveretPackError
from leveret.nets import BasicBlock
from leveret.packing._parts import Parts
from leveret.packing._saliency import add_saliency
from leveret.runtime import InputContract, Packed
from leveret.shrink.binary import BinaryWeightConv2d, BinaryWeightLinear, XnorConv2d

SIDE = 7


class Through(nn.Module):
    """Some function of features `(n, 6, 7, 7)`, then a classifier."""

    def __init__(self, function, features, *layers):
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)
        self.head = nn.Linear(features, 5)

    def forward(self, x):
        return self.head(self.function(x, *self.layers).flatten(1))


def through(*layers, features):
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, 5))


def squeezed(x, first, second):
    """Squeeze and excitation."""
    gate = second(F.relu(first(x.mean((2, 3))))).sigmoid()
    return x * gate[:, :, None, None]


TOPS = {
    "strided": lambda: through(nn.Conv2d(6, 8, 4, 2), nn.ReLU(), nn.AdaptiveMaxPool2d(1), features=8),
    "padded": lambda: through(nn.Conv2d(6, 8, (3, 5), (2, 3), (1, 2), bias=False), nn.Tanh(), features=96),
    "dilated": lambda: through(nn.Conv2d(6, 8, 3, 1, 2, 2, groups=2), nn.ELU(0.7), features=392),
    "rests": lambda: through(nn.Conv2d(6, 4, 2, 3), nn.SiLU(), features=16),
    "norms": lambda: through(
        nn.Conv2d(6, 8, 3), nn.BatchNorm2d(8), nn.LeakyReLU(0.2), nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4), features=100
    ),
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(294, 16), nn.GELU(), nn.Dropout(), nn.Linear(16, 5)),
    "prelu": lambda: through(nn.Conv2d(6, 8, 3), slopes(nn.PReLU(8)), features=200),
    "relu6": lambda: through(nn.Conv2d(6, 8, 3), nn.ReLU6(), nn.Hardswish(), features=200),
    "pools": lambda: through(nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2, 1), nn.Mish(), features=54),
    "average": lambda: through(nn.AvgPool2d((3, 2), (2, 3), (1, 0)), nn.Softplus(), features=6 * 4 * 2),
    "global average": lambda: through(nn.Conv2d(6, 8, 1), nn.Sigmoid(), nn.AdaptiveAvgPool2d(1), features=8),
    "even parts": lambda: through(nn.Conv2d(6, 4, 2), nn.AdaptiveAvgPool2d(3), nn.AdaptiveMaxPool2d(3), features=36),
    "amax": lambda: Through(lambda x: x.clamp(min=0.1).amax((2, 3)), 6),
    "transposed": lambda: through(nn.ConvTranspose2d(6, 3, 3, 2, 1, 1), nn.ReLU(), features=3 * 14 * 14),
    "sums": lambda: Through(lambda x: torch.cat([x + 2 * x.abs(), x[:, 1:4] - x[:, :1]], 1).mean(3), 63),
    "products": lambda: Through(lambda x: x * (x * x).sigmoid() / (2 + x.abs().mean(1, keepdim=True)), 294),
    "squeezed": lambda: Through(squeezed, 294, nn.Linear(6, 3), nn.Linear(3, 6)),
    "softmax": lambda: Through(lambda x: F.log_softmax(x, 1) * F.softmax(x, 1), 294),
    "normalized": lambda: Through(lambda x: F.normalize(x, dim=1), 294),
    "shuffled": lambda: Through(lambda x: F.pixel_unshuffle(F.pad(x, (1, 0, 0, 1)), 2).permute(0, 2, 1, 3), 384),
    "residual": lambda: through(BasicBlock(6, 8, stride=2), nn.AdaptiveAvgPool2d(1), features=8),
    "binary weights": lambda: nn.Sequential(
        BinaryWeightConv2d(6, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), BinaryWeightLinear(8, 5)
    ),
    "shares": lambda: through(nn.Conv2d(6, 8, 3), nn.ReLU(), features=200).append(nn.LogSoftmax(1)),
}


def slopes(layer):
    nn.init.uniform_(layer.weight, -0.5, 0.5)
    return layer


def made(top):
    """A top with norms that aren't at their start, and features that make functions bend."""
    torch.manual_seed(3)
    net = top()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, -1, 1)
    return net.eval(), 3 * torch.randn(5, 6, SIDE, SIDE)


def saliency(top, features, selector=None):
    """The part of a packed net that gives scores, as a function of features: logits and scores."""
    parts = Parts()
    net = SimpleNamespace(top=top, selector=selector or EntropyGradient(), scale=1)
    add_saliency(parts, net, features[:2], features[:2])
    part = parts.parts["saliency"]
    packed = Packed(part.graph, parts.tensors, part.contract(InputContract((1, 9, 9))))
    told = packed.results(np.ascontiguousarray(features.numpy().transpose(0, 2, 3, 1)), 1)
    return told[:, : -SIDE * SIDE], told[:, -SIDE * SIDE :].reshape(-1, SIDE, SIDE)


def expected(top, features, selector=None):
    glance = Glance(features, features, top, Geometry())
    return glance.logits.numpy(), (selector or EntropyGradient())(glance).detach().numpy()


@pytest.mark.parametrize("name", TOPS)
def test_scores_are_autograds(name):
    top, features = made(TOPS[name])
    logits, scores = expected(top, features)
    found_logits, found = saliency(top, features)
    scale = scores.max()
    assert scale > 0
    np.testing.assert_allclose(found / scale, scores / scale, atol=2e-5)
    np.testing.assert_allclose(found_logits, logits, rtol=1e-4, atol=1e-5)


def test_the_confidences_scores():
    top, features = made(TOPS["strided"])
    _, scores = expected(top, features, CoarseConfidence())
    _, found = saliency(top, features, CoarseConfidence())
    np.testing.assert_allclose(found, scores, atol=1e-5 * np.abs(scores).max())


@pytest.mark.parametrize("name", ["amax", "strided"])
def test_equal_places_share_or_the_first_takes_all_as_in_torch(name):
    """All places of blank features are equal, and a maximum over them has many."""
    top, features = made(TOPS[name])
    features = features[:, :, :1, :1].expand_as(features).contiguous()
    _, scores = expected(top, features)
    _, found = saliency(top, features)
    np.testing.assert_allclose(found, scores, atol=1e-5 * scores.max())


def test_weights_that_go_both_ways_are_in_the_file_once():
    top, features = made(lambda: nn.Sequential(nn.Conv2d(6, 64, SIDE), nn.Flatten(), nn.Linear(64, 5)))
    parts = Parts()
    add_saliency(parts, SimpleNamespace(top=top, selector=EntropyGradient(), scale=1), features, features)
    numbers = sum(parameter.numel() for parameter in top.parameters())
    assert sum(array.size for array in parts.tensors.values()) == numbers


@pytest.mark.parametrize(
    ("top", "says"),
    [
        (
            lambda: through(XnorConv2d(6, 8, 3), features=200),
            r"layer '0' of top: no derivative of bit_conv2d.*real layer",
        ),
        (lambda: through(nn.GroupNorm(2, 6), features=294), r"layer '0' of top: .*group_norm.*use BatchNorm2d"),
        (lambda: through(nn.ReLU(), nn.AdaptiveAvgPool2d(3), features=54), r"layer '1' of top: .*adaptive_pool2d"),
        (lambda: Through(lambda x: F.interpolate(x, size=9), 486), "no derivative of resize"),
        (lambda: Through(lambda x: x[:, :, ::2], 168), "no derivative of slice of every other"),
        (lambda: Through(lambda x: F.pad(x, (1, 1, 1, 1), "reflect"), 486), "no derivative of pad by reflect"),
        (lambda: through(nn.AvgPool2d(3, 2, 1, count_include_pad=False), features=96), "different numbers of places"),
        (lambda: Through(lambda x: torch.erfinv(x), 294), "top: .*the runtime has no erfinv"),
    ],
)
def test_what_has_no_derivative_is_refused_by_name(top, says):
    net, features = made(top)
    with pytest.raises(LeveretPackError, match=says):
        saliency(net, features)


def test_a_selector_without_gradients_packs_with_any_top():
    top, features = made(lambda: through(nn.GroupNorm(2, 6), features=294))
    selector = LearnedAttention(6, 5)
    none, found = saliency(top, features, selector)
    assert none.shape == (5, 0)
    np.testing.assert_allclose(found, expected(top, features, selector)[1], atol=1e-5)


@pytest.mark.parametrize("selector", [RandomPlaces(), lambda glance: glance.coarse[:, 0]])
def test_selectors_that_do_not_pack_are_refused_with_others(selector):
    top, features = made(TOPS["strided"])
    with pytest.raises(LeveretPackError, match=r"doesn't pack: .*EntropyGradient\(\)"):
        saliency(top, features, selector)
