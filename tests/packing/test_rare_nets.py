"""What few nets have, and packs right or is refused all the same."""

import numpy as np
import pytest
import torch
from packing_nets import Function, head, ops, packs_right
from torch import nn
from torch.nn import functional as F

from leveret.errors import LeveretPackError
from leveret.packing import pack
from leveret.packing._registry import RULES, Rule
from leveret.shrink.binary import XnorConv2d


def image(*shape, seed=0):
    return torch.randn(3, *(shape or (4, 8, 8)), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", ["input", "größe", "a" * 300, "x-y z"])
def test_modules_of_any_name(name):
    net = nn.Sequential()
    net.add_module(name, nn.Conv2d(4, 4, 3))
    net.add_module("head", nn.Sequential(*head(4)))
    packs_right(net, image())


def test_a_name_in_an_error_is_the_modules_own():
    net = nn.Sequential()
    net.add_module("größe", nn.InstanceNorm2d(4))
    with pytest.raises(LeveretPackError, match="layer 'größe'"):
        pack(net, image())


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * x.mean(3, keepdim=True).expand(-1, -1, -1, 8).transpose(2, 3),
        lambda x: x * x.mean(1, keepdim=True).expand(-1, 4, -1, -1).transpose(2, 3),
        lambda x: x * x.mean((2, 3), keepdim=True).expand_as(x),
    ],
)
def test_what_was_repeated_and_then_turned(function):
    packs_right(Function(function, 4), image())


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear"])
def test_the_first_places_of_a_resized_image_are_all_that_is_made(mode):
    """Not so places that begin further on, or every second; nor where another layer takes it whole."""

    def made(function):
        packed = packs_right(Function(lambda x: function(F.interpolate(x, size=(16, 20), mode=mode)), 4), image())
        return [step.attributes["size"] for step in packed.graph.steps if step.op == "resize"], "slice" in ops(packed)

    assert made(lambda y: y[:, :, :13, :19]) == ([[13, 19]], False)
    assert made(lambda y: y[:, :, :13, 1:]) == ([[13, 20]], True)
    assert made(lambda y: y[:, :, :13:2]) == ([[16, 20]], True)
    assert made(lambda y: y[:, :, :13].mean(2, keepdim=True) + y.mean(2, keepdim=True)) == ([[16, 20], [13, 20]], False)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear"])
@pytest.mark.parametrize("factor", [1.1, 2.1, 0.9, (1.1, 2.1), (1.0, 3.0)])
def test_an_image_resized_by_a_factor_that_is_rounded(mode, factor):
    packs_right(Function(lambda x: F.interpolate(x, scale_factor=factor, mode=mode)[:, :, ::3, ::2], 4), image())


@pytest.mark.parametrize("function", [lambda x, a: a(F.pad(x.double(), (1, 2, 1, 0))).float()])
def test_a_convolution_in_double_behind_other_steps_stays_exact(function):
    packed = packs_right(Function(function, 4, a=nn.Conv2d(4, 4, 3).double()), image())
    assert [step.attributes.get("exact") for step in packed.graph.steps if step.op == "conv2d"] == [True]


def test_padding_before_a_linear_layer():
    def padded(x, a):
        return a(F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1))).permute(0, 3, 1, 2)

    packs_right(Function(padded, 5, a=nn.Linear(4, 5)), image())


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda x: F.max_pool2d(x.flatten(2), (1, 2)).unsqueeze(3), "max_pool2d over a value of shape .*2 dimensions"),
        (lambda x: F.avg_pool2d(x.flatten(2), (1, 2)).unsqueeze(3), "avg_pool2d over a value of shape"),
        (lambda x: F.adaptive_avg_pool2d(x.flatten(2), (4, 2)).unsqueeze(3), "adaptive_avg_pool2d over a value"),
        (lambda x: F.softplus(x, threshold=2), "softplus with a threshold below"),
        (lambda x: F.celu(x, -1.5), "celu with an alpha of -1.5"),
        (lambda x: x.view(torch.int32).view(torch.float32), "view as another dtype"),
        (lambda x: F.max_pool2d(x, 2, return_indices=True)[1].float(), "indices"),
        (lambda x: x / x.shape[0], "by the batch's size"),
        (lambda x: x[: x.shape[0] // 2], "slice that moves, cuts or mixes the samples of a batch"),
        (lambda x: x[-1:], "of a batch"),
    ],
)
def test_refusals(function, says):
    with pytest.raises(LeveretPackError, match=says):
        pack(Function(function, 4), image(4, 8, 8))


def into_another(x):
    y = x + 1
    view = y.transpose(2, 3)
    torch.mul(x, 2, out=y)
    return y + view


def test_results_written_into_another_value():
    with pytest.raises(LeveretPackError, match="writes in place"):
        pack(Function(into_another, 4), image())


@pytest.mark.parametrize(
    "function", [lambda x: x[: x.shape[0]], lambda x: x.reshape(x.shape[0], 2, -1).reshape(x.shape[0], 4, 8, 8)]
)
def test_the_batchs_size_where_it_changes_nothing(function):
    packs_right(Function(function, 4), image())


def test_constants_are_computed_also_without_an_argument():
    weight = nn.Parameter(torch.randn(4, 1, 1))
    net = Function(lambda x, a: x * a.weight.clamp(None, 0.5), 4, a=nn.PReLU())
    net.layers["a"].weight = weight
    packs_right(net, image())


@pytest.mark.parametrize("outputs", [lambda y: (y,), lambda y: [y], lambda y: {"logits": y}, lambda y: ({"a": y},)])
def test_logits_in_a_tuple_or_a_dict(outputs):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(16, 3)

        def forward(self, x):
            return outputs(self.linear(x.flatten(1)))

    net, x = Wrapped(), image(1, 4, 4)
    with torch.no_grad():
        np.testing.assert_allclose(pack(net, x)(x.numpy()), net.linear(x.flatten(1)).numpy(), atol=1e-5)


def test_sums_of_groups_stay_sums():
    grouped = XnorConv2d(4, 8, 3, padding=1, groups=2, weight_scale=False)
    layers = [grouped, nn.BatchNorm2d(8), XnorConv2d(8, 4, 3), *head(4)]
    packed = packs_right(nn.Sequential(*layers), image())
    assert ops(packed)[1:4] == ["bit_conv2d", "bits", "bit_conv2d"]


def test_flattened_features_are_put_in_order_once():
    def twice(x, a, b):
        flat = x.flatten(1)
        return a(flat.view(-1, 16, 16)[:, :, :4].flatten(1)) + b(flat.view(-1, 8, 32)[:, :, :8].flatten(1))

    packed = packs_right(Function(twice, 4, a=nn.Linear(64, 4), b=nn.Linear(64, 4)), image())
    assert ops(packed).count("transpose") == 1


def test_wrong_numbers_without_a_sign_are_no_warning(monkeypatch):
    monkeypatch.setitem(RULES, "relu", Rule(lambda state, a: a["self"], RULES["relu"].row))
    with pytest.raises(LeveretPackError, match="packing Sequential went wrong"):
        pack(nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU(), *head(4)), image())
