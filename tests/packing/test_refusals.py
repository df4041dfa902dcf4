"""What the runtime lacks is refused by name: the layer, the operation, and what there is instead."""

import pytest
import torch
from packing_nets import Function
from torch import nn
from torch.nn import functional as F

from leveret.errors import LeveretPackError, LeveretUsageError
from leveret.packing import pack


class Named(nn.Module):
    """`middle` as the layer `features.middle`, so that its path shows."""

    def __init__(self, middle):
        super().__init__()
        self.features = nn.Sequential()
        self.features.add_module("middle", middle)
        self.classifier = nn.LazyLinear(3)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


@pytest.mark.parametrize(
    ("layer", "operation"),
    [
        (nn.GroupNorm(2, 4), "group_norm"),
        (nn.InstanceNorm2d(4), "instance_norm"),
        (nn.LocalResponseNorm(3), "view"),
        (nn.ConvTranspose2d(4, 4, 3), "conv_transpose2d"),
        (nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"), "pad"),
        (nn.Conv2d(4, 4, 2, padding="same"), "unevenly"),
        (nn.Upsample(scale_factor=2), "upsample"),
        (nn.PixelShuffle(2), "pixel_shuffle"),
        (nn.AdaptiveAvgPool2d(3), "adaptive_avg_pool2d"),
        (nn.AvgPool2d(2, divisor_override=3), "divisor_override"),
        (nn.BatchNorm2d(4, track_running_stats=False), "training mode"),
        (nn.Linear(8, 8), "linear"),
        (nn.LayerNorm(8), "layer_norm"),
        (nn.Softmax(1), "softmax"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_layers(layer, operation):
    net = Named(layer)
    x = torch.randn(2, 4, 8, 8)
    net(x)
    with pytest.raises(LeveretPackError) as caught:
        pack(net, x)
    assert "features.middle" in str(caught.value)
    assert operation in str(caught.value)


def test_an_unknown_operation_says_which_there_are():
    net = Named(nn.GroupNorm(2, 4))
    net(torch.randn(2, 4, 8, 8))
    with pytest.raises(LeveretPackError, match=r"batch_norm.*binary_conv2d.*conv2d.*max_pool2d"):
        pack(net, torch.randn(2, 4, 8, 8))


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda x: x + torch.linspace(0, 1, 8), "differs from place to place"),
        (lambda x: x * x.mean(1, keepdim=True).mean(2, keepdim=True), "mean"),
        (lambda x: x / x, "by a value"),
        (lambda x: F.conv2d(x, torch.abs(x)[:1, :, :3, :3]), "slice"),
        (lambda x: F.linear(x.flatten(1), x.flatten(1)), "weight is computed from the input"),
        (lambda x: torch.cat([x, x], 2), "another axis"),
        (lambda x: x.transpose(2, 3), "transpose"),
        (lambda x: x.to(torch.float16).float(), "float16"),
        (lambda x: x.flip(3), "flip"),
        (lambda x: x.sum((2, 3)), "sum"),
        (lambda x: x.chunk(2, 1)[0], "chunk"),
        (lambda x: torch.where(x > 0, x, 0.5), "gt"),
    ],
)
def test_expressions(function, says):
    class Expression(nn.Module):
        def forward(self, x):
            return function(x).flatten(1)

    with pytest.raises(LeveretPackError) as caught:
        pack(Expression(), torch.randn(2, 4, 8, 8))
    assert says in str(caught.value)


def branching(x):
    return x if x.sum() > 0 else -x


def test_branches_on_values_cannot_be_traced():
    with pytest.raises(LeveretPackError, match=r"can't trace Function.*depend on values"):
        pack(Function(branching, 4), torch.randn(2, 4, 8, 8))


class Outputs(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.linear, self.outputs = nn.Linear(16, 3), outputs

    def forward(self, x):
        return self.outputs(self.linear(x.flatten(1)))


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        (lambda y: (y, y), "2 values"),
        (lambda y: torch.ones(2, 3), "doesn't depend on its input"),
    ],
)
def test_outputs_that_are_not_logits(outputs, says):
    with pytest.raises(LeveretPackError, match=says):
        pack(Outputs(outputs), torch.randn(2, 1, 4, 4))


def test_one_output_in_a_tuple_is_taken():
    class Single(Outputs):
        def forward(self, x):
            return self.linear(x.flatten(1))

    assert pack(Single(None), torch.randn(2, 1, 4, 4)).layers()[-1].out_shape == (3,)


@pytest.mark.parametrize(
    "example",
    [
        torch.randn(1, 4, 4),
        torch.randn(0, 1, 4, 4),
        torch.zeros(2, 1, 4, 4, dtype=torch.uint8),
        torch.zeros(2, 1, 4, 4, dtype=torch.float64),
        torch.randn(2, 16),
        [[1.0]],
        None,
    ],
    ids=lambda value: str(getattr(value, "shape", value)),
)
def test_examples_that_are_no_batch_of_images(example):
    with pytest.raises(LeveretUsageError, match="example must be float32 images"):
        pack(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), example)


def test_an_example_of_another_size_than_the_net_takes():
    with pytest.raises(LeveretUsageError, match=r"\(2, 1, 5, 5\) doesn't fit the net"):
        pack(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), torch.randn(2, 1, 5, 5))
