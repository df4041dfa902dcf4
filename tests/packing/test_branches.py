"""Values that several layers take, and what may not be fused then."""

import pytest
import torch
from packing_nets import Function, head, ops, packs_right, trained
from torch import nn
from torch.nn import functional as F

from leveret.shrink.binary import BinaryWeightConv2d, LearnedShift, RPReLU, XnorConv2d, XnorLinear


def conv(inputs=4, outputs=4):
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def xnor(inputs=4, outputs=4, **options):
    return XnorConv2d(inputs, outputs, 3, padding=1, **options)


def preactivation(x, a, norm, b):
    y = norm(a(x))
    return b(y) + y  # the norm feeds the sign and the shortcut


def norm_for_two_signs(x, a, norm, b, c):
    y = norm(a(x))
    return b(y) + c(y)


def sums_for_sign_and_shortcut(x, a, norm, b):
    y = norm(a(x))
    return F.relu(y) - b(y)


def both_epilogues(x, a, norm, slope):
    y = a(x)
    return norm(y) + slope(y)


def twice(x, a):
    y = a(x)
    return y + y


def minus_itself(x, a):
    y = a(x)
    return F.relu(y) - y


def inplace(x, a):
    y = a(x)
    z = F.relu(y, inplace=True)
    return y + 2 * z  # y is z by now


def inplace_views(x, a):
    y = a(x)
    z = y.flatten(2)
    z += 1  # y is not read again
    y = a(x)
    y *= 2
    return z.view(*x.shape) + F.relu(y[:, :4]) - F.dropout(y, training=False).neg_()


def augmented(x, a, b):
    y = a(x)
    y += b(x)
    y *= 0.5
    y -= 1
    return y


def shared(x, a, norm):
    return norm(a(norm(a(x))))


def concatenated(x, a, b):
    return torch.cat([a(x), x, F.relu(b(x))], 1)


def scaled_alpha(x, a):
    return torch.sub(torch.add(a(x), x, alpha=0.3), x, alpha=2)


def deep_shortcut(x, a, b, norm):
    y = a(x)
    return F.max_pool2d(norm(b(y)), 2) + F.avg_pool2d(y, 2)


def products(x, a):
    y = a(x)
    return y * y * torch.sigmoid(x)


@pytest.mark.parametrize(
    ("function", "channels", "layers"),
    [
        (preactivation, 4, lambda: {"a": conv(), "norm": nn.BatchNorm2d(4), "b": xnor()}),
        (norm_for_two_signs, 4, lambda: {"a": conv(), "norm": nn.BatchNorm2d(4), "b": xnor(), "c": xnor()}),
        (sums_for_sign_and_shortcut, 4, lambda: {"a": xnor(), "norm": nn.BatchNorm2d(4), "b": xnor()}),
        (both_epilogues, 4, lambda: {"a": conv(), "norm": nn.BatchNorm2d(4), "slope": nn.PReLU(4)}),
        (both_epilogues, 4, lambda: {"a": xnor(), "norm": nn.BatchNorm2d(4), "slope": RPReLU(4)}),
        (twice, 4, lambda: {"a": conv()}),
        (twice, 4, lambda: {"a": xnor()}),
        (minus_itself, 4, lambda: {"a": conv()}),
        (inplace, 4, lambda: {"a": conv()}),
        (inplace_views, 4, lambda: {"a": conv()}),
        (augmented, 4, lambda: {"a": conv(), "b": xnor(bias=True)}),
        (shared, 4, lambda: {"a": xnor(), "norm": nn.BatchNorm2d(4)}),
        (concatenated, 12, lambda: {"a": conv(), "b": xnor()}),
        (scaled_alpha, 4, lambda: {"a": conv()}),
        (deep_shortcut, 4, lambda: {"a": conv(), "b": xnor(), "norm": nn.BatchNorm2d(4)}),
        (products, 4, lambda: {"a": conv()}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_branches(function, channels, layers):
    net = trained(Function(function, channels, **layers()))
    packs_right(net, torch.randn(5, 4, 7, 6, generator=torch.Generator().manual_seed(5)))


def test_a_value_gives_its_signs_once():
    net = trained(Function(lambda x, b, c: b(x) + c(x), 4, b=xnor(), c=xnor()))
    assert ops(packs_right(net, torch.randn(3, 4, 5, 5))).count("bits") == 1


def test_a_sum_that_others_need_stays_real():
    layers = {"a": xnor(), "norm": nn.BatchNorm2d(4), "b": xnor()}
    net = trained(Function(sums_for_sign_and_shortcut, 4, **layers))
    assert "bit_conv2d_to_bits" not in ops(packs_right(net, torch.randn(3, 4, 5, 5)))


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_pool_between_norm_and_sign_works_on_bits(norm_first):
    """Where the norm's scale is negative and stands behind the pool, the largest sum has the smallest sign."""
    middle = [nn.BatchNorm2d(9), nn.MaxPool2d(2)]
    net = nn.Sequential(xnor(4, 9), *(middle if norm_first else middle[::-1]), xnor(9, 5), *head(5))
    packed = packs_right(trained(net), torch.randn(9, 4, 9, 8))
    assert ops(packed)[:4] == ["bits", "bit_conv2d_to_bits", "bit_max_pool2d", "bit_conv2d"]
    assert ("flip" in packed.graph.steps[2].tensors) is not norm_first


def test_a_pool_whose_values_others_take_works_on_reals():
    def function(x, a, b):
        y = F.max_pool2d(a(x), 2)
        return y + b(y)

    net = trained(Function(function, 4, a=conv(), b=xnor()))
    assert "bit_max_pool2d" not in ops(packs_right(net, torch.randn(5, 4, 9, 8)))


@pytest.mark.parametrize("scale", [True, False])
def test_the_papers_block_order(scale):
    """XNOR-Net, section 3.2: norm, sign, convolution, pool; K from the reals before the sign."""
    blocks = []
    for inputs, outputs in ((6, 10), (10, 7)):
        blocks += [nn.BatchNorm2d(inputs), xnor(inputs, outputs, input_scale=scale), nn.MaxPool2d(2)]
    net = nn.Sequential(nn.Conv2d(3, 6, 3), *blocks, nn.BatchNorm2d(7), nn.ReLU(), *head(7))
    packed = packs_right(trained(net), torch.randn(6, 3, 13, 14))
    assert ops(packed).count("bit_conv2d") == 1 + scale
    assert ops(packed).count("bit_conv2d_to_bits") == ops(packed).count("bit_max_pool2d") == 1 - scale
    assert ("channel_mean" in ops(packed)) is scale


@pytest.mark.parametrize("alpha", [True, False])
def test_a_bi_real_residual_with_shifts_in_every_place(alpha):
    """Without α all that follows the sums is one epilogue; with it the norm rounds once more, as in PyTorch."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.shift, self.conv = LearnedShift(5), xnor(5, 5, weight_scale=alpha)
            self.norm, self.activation = nn.BatchNorm2d(5), RPReLU(5)

        def forward(self, x):
            return self.activation(self.norm(self.conv(self.shift(x))) + x)

    net = nn.Sequential(nn.Conv2d(3, 5, 3), Block(), Block(), *head(5))
    packed = packs_right(trained(net), torch.randn(4, 3, 8, 8))
    block = ["bits", "bit_conv2d", *["affine"] * alpha]
    assert ops(packed) == ["conv2d", *block, *block, "avg_pool2d", "flatten", "linear"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: XnorConv2d(6, 9, (3, 2), stride=(2, 1), padding=(2, 1), dilation=(1, 3), groups=3),
        lambda: XnorConv2d(6, 6, 5, padding=2, groups=6, bias=True),
        lambda: BinaryWeightConv2d(6, 9, (3, 2), stride=(2, 1), padding=(2, 1), dilation=(1, 3), groups=3, bias=True),
        lambda: BinaryWeightConv2d(6, 65, 1, weight_scale=False),
        lambda: nn.Conv2d(6, 9, (3, 2), stride=(2, 1), padding=(2, 1), dilation=(1, 3), groups=3),
    ],
)
def test_windows_and_groups(make):
    layer = make()
    net = nn.Sequential(nn.BatchNorm2d(6), layer, nn.BatchNorm2d(layer.out_channels), *head(layer.out_channels))
    packs_right(trained(net), torch.randn(4, 6, 9, 11))


@pytest.mark.parametrize(
    "layers",
    [
        lambda n: [nn.Linear(n, 3)],
        lambda n: [nn.PReLU(n), nn.Linear(n, 3)],
        lambda n: [nn.BatchNorm1d(n), nn.ReLU(), nn.Linear(n, 3)],
        lambda n: [nn.BatchNorm1d(n), XnorLinear(n, 5), nn.BatchNorm1d(5), XnorLinear(5, 3, bias=True)],
    ],
)
@pytest.mark.parametrize("flatten", [nn.Flatten(), nn.Sequential(nn.Dropout(), nn.Flatten(1, 3))])
def test_features_of_a_flattened_image_meet_their_own_weights(flatten, layers):
    net = nn.Sequential(nn.Conv2d(2, 5, 2), flatten, *layers(5 * 3 * 4))
    packs_right(trained(net), torch.randn(6, 2, 4, 5))


def test_a_flatten_by_view_and_a_shape_of_its_own():
    class View(nn.Module):
        def __init__(self):
            super().__init__()
            self.classifier = nn.Linear(24, 3)

        def forward(self, x):
            return self.classifier(x.view(x.size(0), -1).relu())

    packs_right(View(), torch.randn(5, 2, 3, 4))
