"""Nets that `capacity_net` builds: they fit any image size, and cost less than fine layers everywhere."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.capacity import UntilSure, capacity_net, capacity_net_for, checked_amount
from leveret.errors import LeveretUsageError


@settings(max_examples=12, deadline=None)
@given(height=st.integers(8, 70), width=st.integers(8, 70), channels=st.sampled_from([1, 3]))
def test_a_net_runs_on_its_images_and_each_place_is_what_fine_layers_say(height, width, channels):
    net = capacity_net(channels, 4, height, width).eval()
    images = torch.randn(2, channels, height, width)
    with torch.no_grad():
        look = net.look(images)
        fine = net.fine_features(images)
    assert look.logits.shape == (2, 4)
    assert 1 <= net.k <= 8
    rows, columns = net.geometry.grid(height, width)
    for image in range(2):
        for number, (row, column) in enumerate(look.chosen[image].tolist()):
            assert 0 <= row < rows
            assert 0 <= column < columns
            vector = look.fine[look.sample == image][number]
            torch.testing.assert_close(vector, fine[image, :, row, column], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "stride", "field"), [(8, 1, 5), (28, 2, 6), (100, 4, 16), (300, 8, 36), (1000, 16, 76)]
)
def test_the_grid_follows_from_the_size(size, stride, field):
    net = capacity_net(3, 2, size, size, k=0)
    assert net.geometry.stride == (stride, stride)
    assert net.geometry.size == (field, field)
    # a place of the coarse layers and the same of the fine ones lie together
    assert net.geometry.rows.centre == net.coarse_geometry.rows.centre


@pytest.mark.parametrize("size", [8, 12, 28, 100, 300])
def test_by_default_patches_cost_a_fifth_of_fine_layers_and_are_one_to_eight(size):
    net = capacity_net(1, 10, size, size)
    cost = net.operations(size, size)
    assert 1 <= net.k <= 8
    assert net.k == 1 or net.k * cost.patch <= 0.2 * cost.whole
    assert net.k == 8 or (net.k + 1) * cost.patch > 0.2 * cost.whole


@pytest.mark.parametrize("size", [28, 100, 300])
def test_a_closer_look_costs_a_third_of_fine_layers_at_most(size):
    net = capacity_net(1, 10, size, size)
    cost = net.operations(size, size)
    assert cost.with_patches(net.k) < 0.4 * cost.fine_net


def test_what_cannot_be_built_is_refused():
    with pytest.raises(LeveretUsageError, match=r"7x40 are too small"):
        capacity_net(1, 10, 7, 40)
    with pytest.raises(LeveretUsageError, match=r"17 patches .* grid of 4x4, 16 places"):
        capacity_net(1, 10, 8, 8, k=17)
    with pytest.raises(LeveretUsageError, match="holds texts"):
        capacity_net_for(SimpleNamespace(kind="text", source="reviews.csv"))
    with pytest.raises(LeveretUsageError, match="holds tables"):
        capacity_net_for(SimpleNamespace(kind="table", source="rows.csv"))


def test_an_amount_that_adapts_needs_no_grid():
    net = capacity_net(1, 10, 8, 8, k=UntilSure(99))
    assert checked_amount(net.k, net.geometry, 8, 8) is net.k
