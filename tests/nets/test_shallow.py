"""ShallowNet: the paper's students, their size to a percent, and what is refused."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import leveret
from leveret.errors import LeveretUsageError
from leveret.nets import ConvNet, Lateral, Links, ShallowNet, parameter_count
from leveret.nets._widths import Plan, Widths, widths_for

LINKS = {
    "none": lambda conv_layers, steps: {},
    "full": lambda conv_layers, steps: dict.fromkeys(range(conv_layers + 1), Links(steps)),
    "low-rank": lambda conv_layers, steps: dict.fromkeys(range(conv_layers + 1), Links(steps, "low-rank")),
    "convolutional": lambda conv_layers, steps: dict.fromkeys(range(conv_layers), Links(steps, "convolutional")),
    "of the hidden layer": lambda conv_layers, steps: {conv_layers: Links(steps, "low-rank", rank=5)},
}


@st.composite
def plans(draw):
    conv_layers = draw(st.integers(0, 4))
    height, width = draw(st.sampled_from([(28, 28), (32, 32), (28, 32)]))
    links = LINKS[draw(st.sampled_from(sorted(LINKS)))](conv_layers, draw(st.integers(0, 3)))
    return Plan(draw(st.sampled_from([1, 3])), height, width, draw(st.integers(2, 10)), conv_layers, links)


@settings(max_examples=150, deadline=None)
@given(plan=plans(), params=st.one_of(st.integers(10_000, 20_000), st.integers(20_000, 20_000_000)))
def test_the_widths_give_the_wanted_size_to_a_percent(plan, params):
    assert abs(plan.count(widths_for(plan, params)) / params - 1) <= 0.01


@settings(max_examples=100, deadline=None)
@given(plan=plans(), params=st.integers(1, 6_000))
def test_no_net_has_more_than_a_percent_too_many(plan, params):
    smallest = plan.count(Widths((1,) * plan.conv_layers, int(plan.conv_layers < 2), (1,)))
    if params < smallest:
        with pytest.raises(LeveretUsageError, match=f"params must be at least {smallest:,} for {plan.conv_layers} "):
            widths_for(plan, params)
    else:
        assert plan.count(widths_for(plan, params)) <= 1.01 * params


@settings(max_examples=40, deadline=None)
@given(plan=plans(), params=st.integers(10_000, 200_000))
def test_the_net_has_the_size_that_its_widths_say(plan, params):
    size = (plan.height, plan.width)
    net = ShallowNet(
        plan.in_channels, size, plan.num_classes, plan.conv_layers, params=params, lateral=plan.links
    ).eval()
    assert parameter_count(net) == plan.count(net.widths)
    assert abs(parameter_count(net) / params - 1) <= 0.01
    assert net(torch.randn(2, plan.in_channels, *size)).shape == (2, plan.num_classes)
    assert isinstance(net.classifier, nn.Linear)
    assert net.classifier is [m for m in net.modules() if isinstance(m, nn.Linear)][-1]


def kinds(net):
    """Its layers as the paper writes them."""
    names = {nn.Conv2d: "c", nn.MaxPool2d: "mp"}
    found = [names[type(m)] for m in net.convolutions.modules() if type(m) in names]
    found += ["lfc"] * isinstance(net.bottleneck, nn.Linear) + ["fc"] * len(net.hidden)
    return "-".join(found)


@pytest.mark.parametrize(
    ("conv_layers", "says"),
    enumerate(["lfc-fc", "c-mp-lfc-fc", "c-mp-c-mp-fc", "c-mp-c-mp-c-mp-fc", "c-mp-c-c-mp-c-mp-fc"]),
)
def test_the_papers_students(conv_layers, says):
    net = ShallowNet(3, 32, 10, conv_layers, params=50_000)
    assert kinds(net) == says
    logits = net(torch.randn(4, 3, 32, 32))
    assert logits.shape == (4, 10)
    logits.sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_widths_keep_the_proportions_of_the_nets_they_come_from():
    one, three = (ShallowNet(3, 32, 10, n, params=10_000_000).widths for n in (1, 3))
    for ours, theirs in (
        ((*one.channels, one.bottleneck, *one.hidden), (128, 1200, 30_000)),
        ((*three.channels, *three.hidden), (76, 126, 148, 1200)),
    ):
        scales = [a / b for a, b in zip(ours, theirs, strict=True)]
        assert max(scales) / min(scales) < 1.05


def test_a_hidden_layer_pays_for_its_own_links():
    plain, linked = (
        ShallowNet(3, 32, 10, 1, params=500_000, lateral=lateral).widths for lateral in (None, {1: Links(2)})
    )
    assert abs(math.log(linked.channels[0] / plain.channels[0])) < 0.2
    assert abs(math.log(linked.bottleneck / plain.bottleneck)) < 0.2
    assert linked.hidden[0] < 0.5 * plain.hidden[0]


def test_steps_cost_no_parameters_and_no_steps_are_the_plain_net():
    def net(lateral):
        torch.manual_seed(2)
        return ShallowNet(1, 28, 10, 2, params=20_000, lateral=lateral).eval()

    assert net(Links(1)).widths == net(Links(5)).widths
    x = torch.randn(2, 1, 28, 28)
    for nothing in (Links(0), Links(0, "convolutional")):
        assert torch.equal(net(nothing)(x), net(None)(x))
    assert not torch.equal(net(Links(1))(x), net(Links(5))(x))


def test_widths_that_are_given():
    net = ShallowNet(
        3, (8, 11), 4, 4, channels=(3, 4, 5, 6), hidden=(20, 9), bottleneck=7, dropout=0.5, lateral={5: Links()}
    )
    assert kinds(net) == "c-mp-c-c-mp-c-mp-lfc-fc-fc"
    assert net.bottleneck.weight.shape == (7, 6 * 1 * 1)
    assert [type(layer[-1]) for layer in net.hidden] == [nn.ReLU, Lateral]
    assert net.classifier.in_features == 9
    assert net.dropout.p == 0.5
    assert ShallowNet(1, 8, 4, 0, hidden=100).widths == Widths((), 4, (100,))
    assert ShallowNet(1, 8, 4, 0, hidden=(30, 20, 10, 9, 8), bottleneck=0).widths == Widths((), 0, (30, 20, 10, 9, 8))
    assert ShallowNet(1, 8, 4, 2, channels=[3, 4], hidden=100).widths == Widths((3, 4), 0, (100,))


def test_it_trains(few_digits):
    torch.manual_seed(0)
    net = leveret.ShallowNet(1, few_digits.image_shape[1:], 10, 1, params=5_000, lateral={1: Links(2)})
    result = leveret.fit(net, few_digits, epochs=3, lr=0.01, progress=False)
    assert result.history[-1]["train_loss"] < result.history[0]["train_loss"]


def test_parameters_count_once():
    net = ConvNet(1, 4, depth=1, width=4)
    both = nn.ModuleList([net, nn.Sequential(net.classifier)])
    assert parameter_count(both) == parameter_count(net) == 36 + 8 + 8 + 20


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ShallowNet(1, 28, 10, 5, params=9_000), r"conv_layers must be a whole number in 0\.\.4, got 5"),
        (lambda: ShallowNet(1, 28, 10, True, params=9_000), "conv_layers"),
        (lambda: ShallowNet(0, 28, 10, params=9_000), "in_channels"),
        (lambda: ShallowNet(1, 28, 10, params=0), "params must be a whole number of at least 1"),
        (lambda: ShallowNet(1, 28, 10, params=9_000, dropout=1), "dropout"),
        (lambda: ShallowNet(1, (28,), 10, params=9_000), r"a side, or \(height, width\), got \(28,\)"),
        (lambda: ShallowNet(1, 2.5, 10, params=9_000), "height must be a whole number"),
        (
            lambda: ShallowNet(1, (32, 7), 10, 3, params=9_000),
            "at least 8 pixels a side.*got 32x7; at most conv_layers 2 ",
        ),
        (lambda: ShallowNet(1, 1, 10, 1, params=9_000), "at most conv_layers 0 fits"),
        (lambda: ShallowNet(3, 32, 10, 0, params=3_000), "params must be at least 3,095 .* got 3,000"),
        (lambda: ShallowNet(1, 28, 10), "give params, or the widths themselves"),
        (lambda: ShallowNet(1, 28, 10, params=9_000, hidden=5), "either params"),
        (lambda: ShallowNet(1, 28, 10, 2, hidden=5), r"channels must name the widths of 2 convolutions, got \(\)"),
        (lambda: ShallowNet(1, 28, 10, 2, hidden=5, channels=(3,)), r"of 2 convolutions, got \(3,\)"),
        (lambda: ShallowNet(1, 28, 10, 1, hidden=5, channels=(0,)), r"channels\[0\]"),
        (lambda: ShallowNet(1, 28, 10, 0, hidden=()), "hidden must name"),
        (lambda: ShallowNet(1, 28, 10, 0, hidden=(5, 0)), r"hidden\[1\]"),
        (lambda: ShallowNet(1, 28, 10, 0, hidden=5, bottleneck=-1), "bottleneck"),
        (lambda: ShallowNet(1, 28, 10, 1, params=9_000, lateral={2: Links()}), r"index in 0\.\.1, got 2"),
        (lambda: ShallowNet(1, 28, 10, params=9_000, lateral=Links(1, "convolutional")), "layer gives vectors"),
        (lambda: ShallowNet(1, 28, 10, params=9_000)(torch.randn(2, 1, 32, 28)), "must be 28x28 pixels.*got 32x28"),
        (lambda: ShallowNet(1, 28, 10, params=9_000)(torch.randn(2, 3, 28, 28)), r"\(batch, 1, height, width\)"),
    ],
)
def test_errors(make, says):
    with pytest.raises(LeveretUsageError, match=says):
        make()
