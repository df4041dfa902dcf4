"""FCN and ParseNet: backbones of all kinds, skips by hand, sizes, and that they learn what needs context."""

import copy

import pytest
import torch
from context_nets import Own, images, lively, small_backbone
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from leveret.context import FCN, L2Norm, ParseNet, PyramidPooling, Stages, Taps, street_backbone
from leveret.errors import LeveretUsageError
from leveret.nets import ConvNet, ResNet, layer_operations, parameter_count
from leveret.shrink.binary import BiRealBlock


class Dict(nn.Module):
    def __init__(self):
        super().__init__()
        self.own = Own()

    def forward(self, x):
        fine = self.own.first(x)
        return {"fine": fine, "coarse": self.own.second(fine)}


BACKBONES = {
    "street": (small_backbone, (2, 4, 8)),
    "street-without-norm": (lambda: small_backbone(batch_norm=False), (2, 4, 8)),
    "binary": (lambda: small_backbone(block=BiRealBlock), (2, 4, 8)),
    "convnet": (lambda: ConvNet(3, 10, depth=5, width=6), (1, 2, 4, 8)),
    "convnet-stem-pool": (lambda: ConvNet(3, 10, depth=3, width=6, stages=2, stem_pool=True), (2, 4)),
    "resnet": (lambda: ResNet.cifar(8, width=6), (1, 2, 4)),
    "resnet-large": (lambda: ResNet.imagenet18(width=4), (4, 8, 16, 32)),
    "named-layers": (lambda: Taps(Own(), ["first", "second.1"]), (2, 4)),
    "dict": (Dict, (2, 4)),
    "one-map": (lambda: nn.Conv2d(3, 5, 3, padding=1), (1,)),
}


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("make", [FCN, ParseNet])
def test_any_backbone_gives_maps_of_the_images_size(name, make):
    backbone, strides = BACKBONES[name]
    net = lively(make(backbone(), 7))
    assert net.strides == strides
    for size in ((16, 24), (17, 9), (1, 1)):
        assert net(images(height=size[0], width=size[1])).shape == (2, 7, *size)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3), st.sampled_from([None, 2, 4, 8]))
def test_any_size(height, width, batch, stride):
    net = lively(ParseNet(small_backbone(), 4, stride=stride))
    y = net(images(batch, height=height, width=width))
    assert y.shape == (batch, 4, height, width)
    assert y.isfinite().all()


def test_skips_by_hand():
    """Classifiers that pass their maps on, so that the sums can be written down."""
    net = FCN(Stages([nn.AvgPool2d(2), nn.AvgPool2d(2), nn.AvgPool2d(2)]), 3, in_channels=3)
    assert net.strides == (2, 4, 8)
    x = images(height=16, width=24)
    means = [F.avg_pool2d(x, side) for side in (2, 4, 8)]

    def up(maps, factor=2):
        return F.interpolate(maps, scale_factor=factor, mode="bilinear")

    with torch.no_grad():
        # as they begin, the finer maps say nothing: FCN-32s, in three steps
        net.heads[2][1].weight.copy_(torch.eye(3).view(3, 3, 1, 1))
        net.heads[2][1].bias.zero_()
        torch.testing.assert_close(net(x), up(up(up(means[2]))))
        for head, factor in zip(net.heads[:2], (2.0, 3.0), strict=True):
            head[1].weight.copy_(factor * torch.eye(3).view(3, 3, 1, 1))
        torch.testing.assert_close(net(x), up(up(up(means[2]) + 3 * means[1]) + 2 * means[0]))
        # and an image of another size is continued from its border
        torch.testing.assert_close(net(x[:, :, :, :19]), net(F.pad(x[..., :19], (0, 5, 0, 0), "replicate"))[..., :19])


def test_the_stride_chooses_the_maps():
    backbone = ResNet.imagenet18(width=4)
    nets = {stride: FCN(backbone, 5, stride=stride) for stride in (32, 16, 8)}
    assert [net.strides for net in nets.values()] == [(32,), (16, 32), (8, 16, 32)]
    assert [len(net.ups) for net in nets.values()] == [0, 1, 2]
    assert nets[8].backbone.stages[0][0] is backbone.stem  # its own layers, as they were trained


def test_normalisation_is_of_every_map():
    net = ParseNet(small_backbone(), 4, scale=20)
    norms = [module for module in net.modules() if isinstance(module, L2Norm)]
    assert [len(norm.weight) for norm in norms] == [6, 8, 10, 10]
    assert all((norm.weight == 20).all() for norm in norms)
    plain = ParseNet(small_backbone(), 4, normalize=False)
    assert not any(isinstance(module, L2Norm) for module in plain.modules())
    assert parameter_count(net) - parameter_count(plain) == 34


@pytest.mark.parametrize("options", [{}, {"fusion": "late"}, {"pyramid": True}, {"normalize": False}])
def test_whole_picture_decides_a_place(options):
    """Far more than the layers see: a change in one corner changes the classes in the other."""
    x = images(height=64, width=64)
    other = x.clone()
    other[:, :, -8:, -8:] += 3
    for net, reaches in ((ParseNet(small_backbone(), 4, **options), True), (FCN(small_backbone(), 4), False)):
        lively(net)
        for module in net.modules():
            if isinstance(module, PyramidPooling):
                for level in module.levels:
                    level[2].bias.data.fill_(3)  # so that no ReLU hides it
        same = torch.equal(net(x)[:, :, :8, :8], net(other)[:, :, :8, :8])
        assert same is not reaches


def scenes(count, seed):
    """Grey noise; a bright corner says which class all other places have."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (count,), generator=generator)
    x = 0.1 * torch.randn(count, 1, 48, 48, generator=generator)
    x[labels == 1, :, :8, :8] += 2
    masks = labels.view(-1, 1, 1).expand(-1, 48, 48).clone()
    masks[:, :8, :8] = -100  # an ignored label, as cross_entropy has it
    return x, masks


@pytest.mark.parametrize("batch_norm", [True, False])
def test_it_learns_what_a_plain_net_cannot_see(batch_norm):
    x, masks = scenes(32, 0)
    found = {}
    for make in (FCN, ParseNet):
        torch.manual_seed(0)
        backbone = street_backbone(1, widths=(6, 8), depths=(1, 1), batch_norm=batch_norm)
        net = make(backbone, 2, in_channels=1, stride=4)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
        for _ in range(30):
            optimizer.zero_grad()
            F.cross_entropy(net(x), masks).backward()
            optimizer.step()
        with torch.no_grad():
            net.eval()
            test, wanted = scenes(32, 1)
            inner = slice(24, 48)
            found[make] = (net(test).argmax(1) == wanted)[:, inner, inner].float().mean().item()
    assert found[ParseNet] > 0.95
    assert found[FCN] < 0.75


def test_the_default_backbone_is_of_the_size_that_is_said():
    backbone = street_backbone()
    assert 0.68e6 < parameter_count(backbone) < 0.74e6
    macs = sum(count for _, count in layer_operations(backbone, torch.zeros(1, 3, 180, 240)))
    assert 0.38e9 < macs < 0.43e9


def test_taps_find_layers_in_copies_and_whole_nets():
    own = Own()
    taps = Taps(own, ["second", "first"])
    x = images()
    maps = copy.deepcopy(taps)(x)
    assert torch.equal(maps[0], own.second(own.first(x)))
    assert torch.equal(maps[1], own.first(x))
    assert not any(module._forward_hooks for module in own.modules())


class Sometimes(Own):
    def forward(self, x):
        return self.first(x), x


def test_refused_backbones():
    for make, match in [
        (lambda: FCN(nn.Conv2d(3, 4, 3), 2), r"62x62 places for an image of 64x64: its convolutions must be padded"),
        (lambda: FCN(nn.Conv2d(1, 4, 3), 2), r"doesn't run on an image \(1, 3, 64, 64\)"),
        (lambda: FCN(nn.Flatten(), 2), r"must give maps .* Flatten gave \(1, 12288\)"),
        (lambda: FCN(Taps(Own(), ["second", "first"]), 2), "fine to coarse; their strides are"),
        (lambda: FCN(Stages([nn.AvgPool2d(2), nn.Upsample(scale_factor=2)]), 2), "fine to coarse"),
        (lambda: FCN(small_backbone(), 2, stride=3), "one of the backbone's, 2, 4, 8; got 3"),
        (lambda: FCN(ConvNet(1, 10), 2), "in_channels is 3, and the backbone takes 1"),
        (lambda: FCN(small_backbone(), 2, dropout=-0.1), "dropout"),
        (lambda: FCN(small_backbone(), 0), "num_classes"),
        (lambda: ParseNet(small_backbone(), 2, pyramid=True, fusion="late"), "fused early"),
        (lambda: Taps(Own(), ["third"]), "Own has no layer 'third'; its layers are: first, second.0"),
        (lambda: Taps(Own(), "first"), "list of names"),
        (lambda: Taps(Sometimes(), ["second"])(images()), "layer 'second' of Sometimes doesn't run"),
        (lambda: Stages([]), "at least one module"),
        (lambda: street_backbone(widths=(3,), depths=(1, 2)), "same stages"),
        (lambda: street_backbone(batch_norm=False, block=BiRealBlock), "batch_norm=False"),
    ]:
        with pytest.raises(LeveretUsageError, match=match):
            make()


def test_refused_images():
    net = FCN(small_backbone(), 2)
    with pytest.raises(LeveretUsageError, match=r"must be \(batch, 3, height, width\), got \(2, 1, 8, 8\)"):
        net(images(channels=1, height=8, width=8))


class Shifting(nn.Module):
    def forward(self, x):
        return F.avg_pool2d(x, 2 if x.shape[2] > 32 else 4)


def test_a_backbone_whose_stride_changes_is_told():
    with pytest.raises(
        LeveretUsageError, match=r"maps of \[\(4, 6\)\] for an image of 16x24; .* should be \[\(8, 12\)\]"
    ):
        FCN(Shifting(), 2)(images())
