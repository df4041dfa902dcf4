"""Whole channels out of nets: the right ones, with all that hangs on them."""

import numpy as np
import pytest
import torch
from torch import nn

import leveret
from leveret.errors import LeveretUsageError
from leveret.shrink import hash_weights, prune, prune_channels, share
from leveret.shrink.binary import BiRealBlock, BiRealPair, XnorBlock


def weights(net):
    return sum(p.numel() for p in net.parameters())


def sides(net):
    return [m.out_channels for m in net.modules() if isinstance(m, nn.Conv2d)]


def test_channels_that_do_nothing_go_first_and_the_net_computes_the_same():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 6, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 16, 4),
    ).eval()
    idle, lazy = [1, 4, 5, 7], [0, 2, 5]
    with torch.no_grad():
        for parameter in (net[0].weight, net[0].bias, net[1].weight, net[1].bias):
            parameter[idle] = 0
        net[3].weight[:, idle] = 0
        net[3].weight[lazy] = 0
        net[3].bias[lazy] = 0
        net[6].weight.view(4, 6, 16)[:, lazy] = 0
    x = torch.randn(3, 2, 4, 4)
    small = prune_channels(net, x, 0.5, scope="layer")
    assert sides(small) == [4, 3]
    torch.testing.assert_close(small(x), net(x))
    torch.testing.assert_close(small[1].weight, net[1].weight[[0, 2, 3, 6]])
    assert sides(net) == [8, 6]


@pytest.mark.parametrize("scope", ["net", "layer"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: leveret.ConvNet(3, 10, depth=5, widths=(16, 32)),
        lambda: leveret.ResNet.cifar(20, 3, 10, width=8),
        lambda: leveret.ConvNet(3, 10, depth=5, widths=(32, 64), block=BiRealBlock, stem_pool=True),
        lambda: leveret.ConvNet(3, 10, depth=5, widths=(32, 64), block=XnorBlock),
        lambda: leveret.ResNet.cifar(20, 3, 10, width=16, block=BiRealPair),
        lambda: leveret.binarize(leveret.ConvNet(3, 10, depth=5, widths=(16, 32))),
        lambda: nn.Sequential(
            nn.Conv2d(3, 16, 3),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, groups=16),
            nn.Conv2d(16, 24, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(24, 10),
        ),
    ],
)
def test_nets_of_all_kinds_shrink_train_and_pack(make, scope):
    torch.manual_seed(0)
    net = make()
    x = torch.randn(4, 3, 16, 16)
    small = prune_channels(net, x, 0.5, scope=scope)
    assert weights(small) < 0.45 * weights(net)
    small.train()(x).square().sum().backward()
    assert all(p.grad is not None for p in small.parameters() if p.requires_grad)
    small.eval()
    with torch.no_grad():
        np.testing.assert_allclose(leveret.pack(small, x)(x.numpy()), small(x).numpy(), rtol=1e-3, atol=1e-3)


def test_learned_shifts_go_with_their_channels():
    torch.manual_seed(0)
    net = leveret.ConvNet(3, 10, depth=3, widths=(16,), block=BiRealBlock)
    marks = torch.arange(16.0)
    norm = next(m for m in net.stem.modules() if isinstance(m, nn.BatchNorm2d))
    with torch.no_grad():
        norm.bias.copy_(marks)
        net.blocks[0].shift.bias.copy_(marks)
        net.blocks[0].activation.slope.copy_(marks)
    small = prune_channels(net, torch.randn(2, 3, 8, 8), 0.5)
    left = next(m for m in small.stem.modules() if isinstance(m, nn.BatchNorm2d)).bias
    assert len(left) == 8
    torch.testing.assert_close(small.blocks[0].shift.bias, left)
    torch.testing.assert_close(small.blocks[0].activation.slope, left)


def test_layers_are_kept_and_sides_are_round():
    net = leveret.ConvNet(3, 10, depth=4, widths=(16, 32))
    x = torch.randn(2, 3, 8, 8)
    assert sides(prune_channels(net, x, 0.5, keep=["stem.0"]))[0] == 16
    assert all(side % 8 == 0 for side in sides(prune_channels(net, x, 0.3, multiple_of=8)))


def test_what_needs_no_gradient_still_needs_none():
    net = leveret.ConvNet(3, 10, depth=4, widths=(16, 32)).train()
    net.stem[0].weight.requires_grad_(False)
    small = prune_channels(net, torch.randn(2, 3, 8, 8), 0.5)
    assert len(small.stem[0].weight) < 16
    assert not small.stem[0].weight.requires_grad
    assert sum(not p.requires_grad for p in small.parameters()) == 1
    assert small.training
    assert not net.stem[0].weight.requires_grad


def test_a_shrunk_net_learns(digits):
    torch.manual_seed(0)
    net = leveret.ConvNet(1, 10, depth=4, width=16, stages=2)
    leveret.fit(net, digits, epochs=3, lr=0.01, progress=False)
    x = torch.from_numpy(digits.normalization.apply(digits.train.fetch([0, 1])))
    small = prune_channels(net, x, 0.5)
    leveret.fit(small, digits, epochs=2, lr=0.005, progress=False)
    assert leveret.evaluate(small, digits).accuracy > 0.9


class Odd(nn.Module):
    """Cuts its channels in two, by a number that no trace can change."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 8, 1)
        self.last = nn.Linear(8, 3)

    def forward(self, x):
        y = self.first(x).mean((2, 3))
        return self.last(torch.cat([y.view(-1, 2, 4)[:, 1], y.view(-1, 2, 4)[:, 0]], 1))


X = torch.randn(2, 1, 8, 8)


def small_net():
    return leveret.ConvNet(1, 10, depth=3, width=8, stages=1)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: prune_channels(small_net(), X, 1.0), "ratio must be above 0 and below 1, got 1.0"),
        (lambda: prune_channels(small_net(), X, norm="max"), "norm must be"),
        (lambda: prune_channels(small_net(), X, scope="all"), "scope must be"),
        (lambda: prune_channels(small_net(), X, multiple_of=0), "multiple_of must be"),
        (lambda: prune_channels(small_net(), X[:, :, :1, :1].expand(-1, 5, -1, -1)), "doesn't fit the net"),
        (lambda: prune_channels(small_net(), "images"), "example of str doesn't fit"),
        (lambda: prune_channels(small_net(), X, keep=["nowhere"]), "keep: nothing is called 'nowhere'"),
        (lambda: prune_channels(nn.Sequential(nn.Conv2d(1, 2, 1)), X), "fewer than two layers"),
        (lambda: prune_channels(prune(small_net(), 0.5), X), "is a PrunedConv2d already"),
        (lambda: prune_channels(share(small_net(), 2), X), "is a SharedConv2d already"),
        (lambda: prune_channels(hash_weights(small_net()), X), "is a HashedConv2d already"),
        (lambda: prune_channels(Odd(), X), "Odd can't be cut"),
    ],
)
def test_errors(call, says):
    with pytest.raises(LeveretUsageError, match=says):
        call()
