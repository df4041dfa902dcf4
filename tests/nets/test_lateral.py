"""Lateral links: the unrolled formula and its gradients, their size, and where they are refused."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import leveret
from leveret.errors import LeveretUsageError
from leveret.nets import ConvBlock, ConvNet, Lateral, Links, identity_start
from leveret.shrink.binary import BiRealBlock

EVERY = [
    (Links(), True),
    (Links(2), False),
    (Links(3, "low-rank"), True),
    (Links(2, "low-rank", rank=3), False),
    (Links(2, "convolutional"), True),
    (Links(1, "convolutional", kernel_size=5), True),
]


def made(links, maps, channels=9):
    """Links of ordinary weights, not of small ones, and a pre-activation."""
    torch.manual_seed(3)
    lateral = Lateral(channels, links, maps=maps).double()
    for weight in lateral.parameters():
        weight.data.copy_(0.4 * torch.randn_like(weight))
    return lateral, torch.randn(2, channels, *([4, 3] if maps else []), dtype=torch.float64)


def linked(y, weights, maps):
    """L(y), by torch's functions alone."""
    for weight in weights:
        y = F.conv2d(y, weight, padding=weight.shape[-1] // 2) if maps else y @ weight.T
    return y


def unrolled(a, weights, steps, maps):
    y = a.clamp(min=0)
    for _ in range(steps):
        y = (a + linked(y, weights, maps)).clamp(min=0)
    return y


@pytest.mark.parametrize(("links", "maps"), EVERY)
def test_it_is_the_unrolled_formula_with_its_gradients(links, maps):
    lateral, a = made(links, maps)
    weights = [weight.detach().clone().requires_grad_() for weight in lateral.parameters()]
    mine_a, theirs_a = (a.clone().requires_grad_() for _ in range(2))
    expected = unrolled(theirs_a, weights, links.steps, maps)
    found = lateral(mine_a)
    torch.testing.assert_close(found, expected)
    towards = torch.randn_like(found)
    found.backward(towards)
    expected.backward(towards)
    for mine, theirs in zip((mine_a, *lateral.parameters()), (theirs_a, *weights), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)


@pytest.mark.parametrize(("links", "maps"), EVERY)
def test_gradients_are_those_of_finite_differences(links, maps):
    lateral, a = made(links, maps, channels=4)
    names = [name for name, _ in lateral.named_parameters()]

    def run(a, *weights):
        return torch.func.functional_call(lateral, dict(zip(names, weights, strict=True)), (a,))

    weights = [weight.detach().clone().requires_grad_() for weight in lateral.parameters()]
    assert torch.autograd.gradcheck(run, (a.requires_grad_(), *weights))


@pytest.mark.parametrize(("links", "maps"), EVERY)
@pytest.mark.parametrize("channels", [1, 8, 35])
def test_their_size_is_as_said_whatever_the_steps(links, maps, channels):
    lateral = Lateral(channels, links, maps=maps)
    assert sum(weight.numel() for weight in lateral.parameters()) == links.parameters_for(channels, maps)
    more = Links(links.steps + 4, links.kind, links.rank, links.kernel_size)
    assert more.parameters_for(channels, maps) == links.parameters_for(channels, maps)


def test_full_links_of_maps_join_the_channels_of_one_place():
    lateral, a = made(Links(2), True)
    changed = (lateral(a) != lateral(a.index_fill(2, torch.tensor([1]), 0.5))).any(1)
    assert changed[:, 1].all()
    assert not changed[:, [0, 2, 3]].any()


@pytest.mark.parametrize("kind", ["full", "low-rank", "convolutional"])
def test_a_net_begins_near_the_one_without_links(kind):
    torch.manual_seed(0)
    a = torch.randn(8, 64, 6, 6)
    lateral = Lateral(64, Links(4, kind), maps=True)
    with torch.no_grad():
        difference = lateral(a) - a.relu()
    assert 0 < difference.std() < 0.1 * a.std()
    lateral(a).square().sum().backward()
    assert all(weight.grad.abs().max() > 0 for weight in lateral.parameters())


def test_no_steps_are_the_plain_net():
    nets = []
    for lateral in (None, Links(0), {1: Links(0, "convolutional")}):
        torch.manual_seed(5)
        nets.append(ConvNet(3, 4, depth=4, width=8, stages=2, lateral=lateral).eval())
    x = torch.randn(2, 3, 8, 8)
    for net in nets[1:]:
        assert {n: p.tolist() for n, p in net.state_dict().items()} == {
            n: p.tolist() for n, p in nets[0].state_dict().items()
        }
        assert torch.equal(net(x), nets[0](x))
    a = torch.randn(3, 5)
    assert torch.equal(Lateral(5, Links(0), maps=False)(a), a.relu())


def test_a_net_has_links_where_asked():
    def where(lateral):
        net = ConvNet(1, 4, depth=4, width=4, stages=2, lateral=lateral)
        assert net(torch.randn(2, 1, 8, 8)).shape == (2, 4)
        return [isinstance(block[-1], Lateral) for block in (net.stem, *net.blocks)]

    assert where(Links(2, "convolutional")) == [True] * 4
    assert where({0: Links(), 3: Links(1, "low-rank")}) == [True, False, False, True]
    assert where({}) == [False] * 4
    assert [type(part) for part in ConvBlock(2, 3, pool=True, lateral=Links())] == [
        nn.Conv2d,
        nn.MaxPool2d,
        nn.BatchNorm2d,
        Lateral,
    ]


def test_an_identity_start_leaves_links_small():
    net = ConvNet(1, 4, depth=3, width=8, stages=1, lateral=Links())
    before = [block[-1].link.weight.clone() for block in net.blocks]
    identity_start(net)
    assert all(torch.equal(block[-1].link.weight, b) for block, b in zip(net.blocks, before, strict=True))
    torch.testing.assert_close(net.blocks[0][0].weight[:, :, 1, 1], torch.eye(8))


def test_it_trains(few_digits):
    torch.manual_seed(0)
    net = ConvNet(1, 10, depth=2, width=8, stages=1, lateral=Links(2))
    before = net.stem[-1].link.weight.detach().clone()
    result = leveret.fit(net, few_digits, epochs=3, lr=0.01, progress=False)
    assert result.history[-1]["train_loss"] < result.history[0]["train_loss"]
    assert not torch.equal(net.stem[-1].link.weight, before)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Links(-1), "steps must be a whole number of at least 0, got -1"),
        (lambda: Links(True), "steps"),
        (lambda: Links(kind="sparse"), "kind must be one of 'full', 'convolutional', 'low-rank', got 'sparse'"),
        (lambda: Links(rank=3), "rank is of kind 'low-rank'"),
        (lambda: Links(kind="low-rank", rank=0), "rank must be a whole number of at least 1"),
        (lambda: Links(kind="convolutional", kernel_size=4), "kernel_size must be odd"),
        (lambda: Lateral(4, Links(kind="convolutional"), maps=False), "convolutional links are of maps"),
        (lambda: Links(kind="convolutional").parameters_for(4, False), "convolutional links are of maps"),
        (lambda: Lateral(0, Links(), maps=True), "channels"),
        (lambda: ConvNet(1, 4, depth=3, lateral={3: Links()}), r"index in 0\.\.2, got 3"),
        (lambda: ConvNet(1, 4, depth=3, lateral={"stem": Links()}), r"index in 0\.\.2, got 'stem'"),
        (lambda: ConvNet(1, 4, depth=3, lateral={0: 2}), r"lateral\[0\] must be Links, got 2"),
        (lambda: ConvNet(1, 4, depth=3, lateral=2), "lateral must be Links, or a dict"),
        (
            lambda: ConvNet(1, 4, depth=3, block=BiRealBlock, lateral=Links()),
            "got block BiRealBlock",
        ),
    ],
)
def test_errors(make, says):
    with pytest.raises(LeveretUsageError, match=says):
        make()
