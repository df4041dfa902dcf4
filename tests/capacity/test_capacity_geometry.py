"""Geometry: derived from random stacks and branches, against brute force; and what has none is refused by name."""

import numpy as np
import pytest
import torch
from capacity_nets import dependence, fine_layers, images
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from leveret.capacity import Axis, Geometry, derive
from leveret.capacity._patches import Patches
from leveret.capacity._probe import check_field, check_unpadded
from leveret.errors import LeveretUsageError
from leveret.nets import BasicBlock, ConvBlock
from leveret.shrink.binary import BinaryWeightBlock, XnorBlock


@st.composite
def layers(draw):
    kind = draw(st.sampled_from(["conv", "conv", "max", "average", "pad"]))
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 4)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 2)))
    padding = draw(st.tuples(*(st.integers(0, k // 2) for k in kernel)))
    if kind == "conv":
        dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
        mode = draw(st.sampled_from(["zeros", "replicate"]))
        return nn.Conv2d(2, 2, kernel, stride, padding, dilation, padding_mode=mode)
    if kind == "max":
        return nn.MaxPool2d(kernel, stride, padding)
    if kind == "average":
        return nn.AvgPool2d(kernel, stride, padding)
    return nn.ZeroPad2d(draw(st.tuples(*[st.integers(0, 2)] * 4)))


@st.composite
def stacks(draw):
    """A stack, and an image size on which some field lies wholly inside."""
    torch.manual_seed(draw(st.integers(0, 99)))
    net = nn.Sequential(*draw(st.lists(layers(), min_size=1, max_size=4)), nn.Tanh()).double().eval()
    geometry = derive(net, "net")
    side = tuple(
        max(axis.size + draw(st.integers(0, 2 * axis.stride)) + max(0, -axis.start) % axis.stride, 4)
        for axis in (geometry.rows, geometry.columns)
    )
    assume(max(side) <= 16 and min(geometry.grid(*side)) > 0 and geometry.inside(*side).any())
    return net, geometry, side


@settings(max_examples=15, deadline=None)
@given(stacks())
def test_a_stacks_fields_are_what_its_places_depend_on(case):
    net, geometry, side = case
    depends = dependence(net, side, channels=2)
    assert depends.shape[:2] == geometry.grid(*side)
    inside = geometry.inside(*side)
    for row, column in np.ndindex(*depends.shape[:2]):
        ys, xs = depends[row, column].nonzero()
        top = geometry.rows.start + row * geometry.rows.stride
        left = geometry.columns.start + column * geometry.columns.stride
        bottom, right = top + geometry.rows.size - 1, left + geometry.columns.size - 1
        if inside[row, column]:
            assert (ys.min(), ys.max(), xs.min(), xs.max()) == (top, bottom, left, right)
        elif len(ys):
            assert top <= ys.min()
            assert ys.max() <= bottom
            assert left <= xs.min()
            assert xs.max() <= right


def fine_vectors(net, patches, x, *, whole):
    """All places' features, by way of whole images or of patches."""
    patches._costs[tuple(x.shape[1:])] = (1, 0) if whole else (0, 1)
    places = int(np.prod(patches.geometry.grid(*x.shape[2:])))
    sample = torch.arange(len(x)).repeat_interleave(places)
    features, ran_whole = patches.at(net, x, sample, torch.arange(places).repeat(len(x)))
    assert ran_whole == whole
    return features


@settings(max_examples=15, deadline=None)
@given(stacks())
def test_a_stacks_windows_give_what_the_whole_image_gives_at_borders_too(case):
    net, geometry, side = case
    x = torch.randn(2, 2, *side, dtype=torch.float64)
    with torch.no_grad():
        patches = Patches(geometry, "exact")
        expected = net(x).flatten(2).transpose(1, 2).flatten(0, 1)
        for whole in (False, True):
            torch.testing.assert_close(fine_vectors(net, patches, x, whole=whole), expected)
        check_field(net, geometry, 2, "net")


@settings(max_examples=15, deadline=None)
@given(stacks())
def test_with_zeros_beyond_the_image_a_stacks_fields_suffice(case):
    net, geometry, side = case
    assume(geometry.padded)
    check_unpadded(net, geometry, 2, "net")
    x = torch.randn(2, 2, *side, dtype=torch.float64)
    patches = Patches(geometry, "zeros")
    with torch.no_grad():
        alone = fine_vectors(net, patches, x, whole=False)
        torch.testing.assert_close(fine_vectors(net, patches, x, whole=True), alone)
        inside = geometry.inside(*side).flatten().repeat(2)
        exact = net(x).flatten(2).transpose(1, 2).flatten(0, 1)
        torch.testing.assert_close(alone[inside], exact[inside])


def test_a_geometry_by_hand():
    # conv 3 with padding 1, pool 2, conv 3 with padding 1, conv 3 at stride 2: 3, 4, 4 + 2·2, 8 + 2·2 pixels
    axis = Axis(stride=4, size=12, start=-3, margin=-6, padded=True)
    assert derive(fine_layers(), "fine") == Geometry(axis, axis)
    assert axis.places(28) == 6
    assert axis.places(5) == 0
    # 12 + 1 to begin at a multiple of 4, and 3 to end with an image of 28
    assert axis.window(28) == 16
    assert axis.begins(28, torch.arange(6)).tolist() == [0, 0, 4, 8, 12, 12]
    assert axis.padding(28) == (3, 1)
    assert axis.inside(28).tolist() == [False, True, True, True, True, False]


class Branches(nn.Module):
    """Two ways of different fields that meet in a sum, and a third that is concatenated."""

    def __init__(self):
        super().__init__()
        self.wide = nn.Conv2d(2, 2, 5, 2, 2)
        self.narrow = nn.Conv2d(2, 2, 1, 2)
        self.third = nn.Conv2d(2, 1, (1, 7), 2, "valid")
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        met = F.relu(self.wide(x)) * self.scale + self.narrow(x)
        met = met - 0.1
        return torch.cat([met, self.third(F.pad(x, (3, 3)))], dim=1)


class Functional(nn.Module):
    """Windows that are called as functions."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, 2, 3, 2))

    def forward(self, x):
        y = F.conv2d(x, self.weight, None, stride=2, padding=(1, 0))
        return F.avg_pool2d(F.max_pool2d(y.abs(), 2, stride=1), 2).clamp(max=3)


@pytest.mark.parametrize(
    "net",
    [
        Branches(),
        Functional(),
        nn.Conv2d(2, 3, 3, 2, 1),
        nn.Conv2d(2, 3, (2, 4), padding="same"),
        nn.Sequential(ConvBlock(2, 4, pool=True), BasicBlock(4, 6, stride=2)),
        nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 3, 3, 2)),
    ],
    ids=lambda net: type(net).__name__,
)
def test_branches_functions_and_blocks(net):
    net = net.double().eval()
    geometry = derive(net, "net")
    side = tuple(axis.size + 3 * axis.stride for axis in (geometry.rows, geometry.columns))
    depends = dependence(net, side, channels=2)
    assert depends.shape[:2] == geometry.grid(*side)
    row, column = geometry.inside(*side).nonzero()[0].tolist()
    ys, xs = depends[row, column].nonzero()
    assert (ys.min(), ys.max() + 1 - ys.min()) == (geometry.rows.start + row * geometry.rows.stride, geometry.size[0])
    assert (xs.min(), xs.max() + 1 - xs.min()) == (
        geometry.columns.start + column * geometry.columns.stride,
        geometry.size[1],
    )
    x = images(2, max(side), 2, dtype=torch.float64)[..., : side[0], : side[1]]
    with torch.no_grad():
        found = fine_vectors(net, Patches(geometry, "exact"), x, whole=False)
        torch.testing.assert_close(found, net(x).flatten(2).transpose(1, 2).flatten(0, 1))


@pytest.mark.parametrize("block", [XnorBlock, BinaryWeightBlock])
def test_binary_blocks_have_one(block):
    net = nn.Sequential(ConvBlock(1, 4), block(4, 8, pool=True)).eval()
    geometry = derive(net, "net")
    assert geometry.stride == (2, 2)
    assert check_field(net, geometry, 1, "net") == 8


class Mean(nn.Module):
    def forward(self, x):
        return x - x.mean((2, 3), keepdim=True)


class Asking(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Spatial(nn.Module):
    def __init__(self):
        super().__init__()
        self.map = nn.Parameter(torch.randn(3, 4, 4))

    def forward(self, x):
        return x * self.map


class Uneven(nn.Module):
    def forward(self, x):
        return F.max_pool2d(x, 2) + F.max_pool2d(x, 1)


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (nn.AdaptiveAvgPool2d(1), "layer '1', AdaptiveAvgPool2d, isn't local"),
        (nn.GroupNorm(1, 3), "layer '1', GroupNorm"),
        (nn.Linear(4, 4), "layer '1', Linear"),
        (nn.Softmax(dim=-1), "layer '1', Softmax"),
        (nn.ConvTranspose2d(3, 3, 2), "layer '1', ConvTranspose2d"),
        (nn.Conv2d(3, 3, 3, padding=1, padding_mode="circular"), "pads in a circle"),
        (nn.MaxPool2d(2, ceil_mode=True), "ceil_mode=True"),
        (nn.ZeroPad2d(-1), "crops"),
        (Mean(), "'mean' isn't known to be local"),
        (Spatial(), "'1.map' differs from place to place"),
        (Asking(), "can't be traced"),
        (Uneven(), r"branches of strides \(2, 2\) and \(1, 1\) meet at 'add'"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_has_no_geometry_is_refused_by_name(layer, says):
    with pytest.raises(LeveretUsageError, match=says):
        derive(nn.Sequential(nn.Conv2d(1, 3, 3), layer), "fine")


def test_a_net_that_gainsays_its_layers_is_caught_by_the_probe():
    class Sly(nn.Conv2d):
        def forward(self, x):
            return super().forward(x) + x.mean((1, 2, 3), keepdim=True)

    net = nn.Sequential(Sly(1, 2, 3), nn.ReLU())
    with pytest.raises(LeveretUsageError, match=r"fine isn't local: its place \(0, 0\) changes"):
        check_field(net, derive(net, "fine"), 1, "fine")


def test_the_probe_leaves_the_net_as_it_was():
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Dropout(0.5))
    net[1].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    check_field(net, derive(net, "fine"), 1, "fine")
    check_unpadded(net, derive(net, "fine"), 1, "fine")
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert [m.training for m in net] == [True, False, True]
    assert net[0].padding == (1, 1)


def test_a_sum_that_needs_its_paddings_cant_do_without():
    net = BasicBlock(2, 2).eval()
    with pytest.raises(LeveretUsageError, match="take borders='exact'"):
        check_unpadded(net, derive(net, "fine"), 2, "fine")
