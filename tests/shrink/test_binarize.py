"""`binarize` and the switch of two-stage training."""

import copy

import numpy as np
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
    reestimate_norms,
    set_binary_weights,
    spread_weights,
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


@pytest.mark.parametrize(("kind", "inside"), [("binaryconnect", BinaryWeightConv2d), ("binarynet", XnorConv2d)])
def test_the_manner_of_binaryconnect_and_binarynet(kind, inside):
    small = binarize(plain(), kind)
    layers = binary_layers(small)
    assert all(isinstance(layer, inside) for name, layer in layers if name.startswith("2"))
    for _, layer in layers:
        layer.weight.data.mul_(40)
        assert set(layer.effective_weight().unique().tolist()) == {-1.0, 1.0}
        assert layer.weight.abs().max() == 1.0
    x = torch.randn(3, 1, 8, 8)
    packed = leveret.pack(small.eval(), x)
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(packed(x.numpy())), small(x), rtol=1e-3, atol=1e-3)


def test_signs_at_random_are_drawn_in_training_alone():
    torch.manual_seed(0)
    small = binarize(plain(), "binaryconnect", stochastic=True)
    layer = small[6]
    drawn = torch.stack([layer.effective_weight().detach() for _ in range(400)])
    assert set(drawn.unique().tolist()) == {-1.0, 1.0}
    probability = (drawn > 0).float().mean(0)
    assert (probability - (layer.weight + 1) / 2).detach().abs().mean() < 0.05
    small.eval()
    assert torch.equal(layer.effective_weight(), torch.where(layer.weight >= 0, 1.0, -1.0))


def test_a_binaryconnect_net_learns(digits):
    torch.manual_seed(0)
    small = binarize(leveret.ConvNet(1, 10, depth=4, width=16, stages=2), "binaryconnect")
    leveret.fit(small, digits, epochs=4, lr=0.01, progress=False)
    assert leveret.evaluate(small, digits).accuracy > 0.85
    assert all(layer.weight.abs().max() <= 1.1 for _, layer in binary_layers(small))


def test_signs_at_random_learn_and_norms_are_told(digits):
    torch.manual_seed(0)
    small = binarize(leveret.ConvNet(1, 10, depth=3, width=16, stages=1), "binaryconnect", stochastic=True)
    leveret.fit(small, digits, epochs=10, lr=0.05, weight_decay=0.0, progress=False, keep_best=False)
    x = torch.from_numpy(digits.normalization.apply(digits.train.fetch(range(512))))
    before = leveret.evaluate(small, digits).accuracy
    assert reestimate_norms(small, x.split(128)) is small
    assert leveret.evaluate(small, digits).accuracy > max(before, 0.6)


def test_norms_are_those_of_the_batches():
    net = nn.Sequential(nn.BatchNorm2d(3, momentum=0.3), nn.Dropout(0.5)).eval()
    x = torch.randn(8, 3, 4, 4) * 2 + 1
    reestimate_norms(net, [x[:4], (x[4:], "labels")])
    means = torch.stack([half.mean((0, 2, 3)) for half in x.split(4)])
    torch.testing.assert_close(net[0].running_mean, means.mean(0))
    variances = torch.stack([half.transpose(0, 1).flatten(1).var(1) for half in x.split(4)])
    torch.testing.assert_close(net[0].running_var, variances.mean(0))
    assert not net[0].training
    assert net[0].momentum == 0.3
    with pytest.raises(LeveretUsageError, match="no BatchNorm"):
        reestimate_norms(nn.Linear(2, 2), [x])


@pytest.mark.parametrize(
    ("net", "options", "says"),
    [
        (plain(), {"kind": "ternary"}, "kind must be one of 'xnor', 'weights'"),
        (plain(), {"stochastic": True}, "stochastic signs take the identity"),
        (plain(), {"weight_gradient": "none"}, "'paper', 'clipped' or 'identity'"),
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


def test_spread_weights_fill_their_range_and_keep_their_signs():
    layer = nn.Linear(400, 50)
    before = layer.weight.detach().clone()
    spread_weights(layer)
    assert torch.equal(layer.weight.sign(), before.sign())
    assert float(layer.weight.abs().max()) <= 1
    # of a uniform weight two deviations are beyond its largest value, so that nothing is cut
    torch.testing.assert_close(layer.weight.detach(), before / (2 * before.std()))
    gone = nn.Linear(3, 3)
    nn.init.zeros_(gone.weight)
    spread_weights(gone)
    assert (gone.weight == 0).all()


class _Last(nn.Module):
    """Linear layers over the last axis of texts `(n, L, C)`, or of maps `(n, h, w, C)`."""

    def __init__(self, maps):
        super().__init__()
        self.enter = nn.Conv2d(1, 6, 3) if maps else nn.Embedding(30, 6)
        self.first, self.linear, self.last = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        x = self.enter(x)
        if x.dim() == 4:
            x = x.permute(0, 2, 3, 1)
        x = self.linear(self.first(x).relu())
        return self.last(x.mean(tuple(range(1, x.dim() - 1))))


@pytest.mark.parametrize("maps", [False, True])
@pytest.mark.parametrize("kind", ["xnor", "weights", "binarynet"])
def test_linear_layers_on_maps_and_texts(maps, kind):
    """Of as many places as channels, where a norm or a bias along the wrong axis raises nothing."""
    torch.manual_seed(0)
    net = _Last(maps)
    small = binarize(net, kind, layers=["linear"], input_scale=kind == "xnor", input_norm=True)
    norm, layer = small.linear
    x = torch.randn(4, 6, 6, 6) if maps else torch.randn(4, 6, 6)
    rows = nn.BatchNorm1d(6).train()
    torch.testing.assert_close(norm(x), rows(x.flatten(0, -2)).view_as(x))
    torch.testing.assert_close(norm.running_var, rows.running_var)
    torch.testing.assert_close(layer(x), layer(x.flatten(0, -2)).view_as(x))
    small.eval()
    given = torch.randn(4, 1, 8, 8) if maps else torch.randint(0, 30, (4, 6))
    with torch.no_grad():
        expected = small(given).numpy()
    np.testing.assert_allclose(leveret.pack(small, given)(given.numpy()), expected, rtol=1e-4, atol=1e-5)
