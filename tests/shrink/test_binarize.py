"""`binarize` and the switch of two-stage training."""

import copy

import pytest
import torch
from torch import nn

import leveret
from leveret.errors import LeveretUsageError
from leveret.shrink.binary import (
    BinaryWeightConv2d,
    BiRealBlock,
    XnorConv2d,
    XnorLinear,
    binarize,
    binary_layers,
    set_binary_weights,
)


def plain():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2, padding=1, dilation=1, groups=2),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, padding="same"),
        nn.Flatten(),
        nn.Linear(6 * 16, 8),
        nn.ReLU(),
        nn.Linear(8, 3),
    )


def test_default_keeps_first_and_last_real_and_leaves_the_original_alone():
    net = plain()
    before = copy.deepcopy(net.state_dict())
    small = binarize(net)
    assert [name for name, _ in binary_layers(small)] == ["2.1", "4.1", "6.1"]
    assert type(small[0]) is nn.Conv2d
    assert type(small[8]) is nn.Linear
    assert isinstance(small[2][0], nn.BatchNorm2d)
    assert isinstance(small[6][0], nn.BatchNorm1d)
    assert not binary_layers(net)
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
    assert small(torch.randn(5, 1, 8, 8)).shape == (5, 3)


def test_weights_bias_and_geometry_are_carried_over():
    net = plain()
    small = binarize(net, "weights", layers=["2", "4"])
    conv = small[2]
    assert isinstance(conv, BinaryWeightConv2d)
    assert (conv.stride, conv.padding, conv.groups) == ((2, 2), (1, 1), 2)
    assert small[4].padding == (1, 1)
    assert torch.equal(conv.weight, net[2].weight)
    assert torch.equal(conv.bias, net[2].bias)


def test_inplace_changes_the_net_itself_and_an_optimizer_keeps_its_parameters():
    net = plain()
    weight = net[2].weight
    assert binarize(net, inplace=True) is net
    assert net[2][1].weight is weight


def test_a_bare_layer_is_given_back_converted():
    small = binarize(nn.Linear(4, 2), layers=lambda name, module: True, input_norm=False)
    assert isinstance(small, XnorLinear)


def test_choice_by_function_and_by_pattern():
    net = leveret.ConvNet(1, 10, depth=4, width=8)
    by_name = binarize(net, layers=["blocks.*"])
    by_function = binarize(net, layers=lambda name, module: name.startswith("blocks"))
    assert [n for n, _ in binary_layers(by_name)] == [n for n, _ in binary_layers(by_function)]
    assert all(isinstance(layer, XnorConv2d) for _, layer in binary_layers(by_name))


@pytest.mark.parametrize(
    ("net", "options", "says"),
    [
        (plain(), {"kind": "ternary"}, "'xnor' or 'weights'"),
        (plain(), {"layers": ["classifier"]}, "'classifier'; there are: 0, 2, 4, 6, 8"),
        (plain(), {"layers": lambda name, module: False}, "chose none"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(2, 2)), {}, "keep_first=False"),
        (nn.Sequential(nn.Conv2d(1, 2, 3, padding_mode="reflect", padding=1)), {"layers": ["0"]}, "reflect"),
        (nn.Sequential(nn.Conv2d(1, 2, 2, padding="same")), {"layers": ["0"]}, "unevenly"),
    ],
)
def test_errors_name_what_was_wrong(net, options, says):
    with pytest.raises(LeveretUsageError, match=says.replace("(", r"\(")):
        binarize(net, **options)


def test_a_shared_weight_is_refused():
    net = plain()
    net[4] = nn.Conv2d(6, 6, 3, padding=1)
    net.append(nn.Conv2d(6, 6, 3, padding=1))
    net[9].weight = net[4].weight
    with pytest.raises(LeveretUsageError, match="shares its weight"):
        binarize(net, layers=["4"])


def test_stage_one_computes_with_real_weights():
    block = BiRealBlock(4, 4)
    x = torch.randn(2, 4, 6, 6)
    set_binary_weights(block, False)
    real = block.conv(x)
    expected = nn.functional.conv2d(torch.where(x >= 0, 1.0, -1.0), block.conv.weight, padding=1)
    torch.testing.assert_close(real, expected)
    set_binary_weights(block, True)
    assert not torch.allclose(block.conv(x), real)
    with pytest.raises(LeveretUsageError, match="no binary layer"):
        set_binary_weights(nn.Linear(2, 2), True)


def test_exported_layers_compute_what_trained_ones_do():
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), BiRealBlock(8, 16, pool=True), XnorConv2d(16, 5, 3, input_scale=True, bias=True)
    ).eval()
    x = torch.randn(2, 3, 8, 8)
    program = torch.export.export(net, (x,))
    called = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert sum("leveret.binary_conv2d" in name for name in called) == 2
    torch.testing.assert_close(program.module()(x), net(x), rtol=1e-5, atol=1e-5)
