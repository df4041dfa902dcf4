"""Merged classes: summed probabilities, their gradients, any groups, and the same when packed."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import leveret
from leveret.errors import LeveretUsageError
from leveret.nets import MergedClasses


@st.composite
def groups_of_outputs(draw):
    sizes = draw(st.lists(st.integers(1, 7), min_size=1, max_size=6))
    outputs = draw(st.permutations(range(sum(sizes))))
    ends = np.cumsum([0, *sizes])
    return [outputs[a:b] for a, b in itertools.pairwise(ends)]


def probabilities(logits):
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True)


@given(groups=groups_of_outputs(), seed=st.integers(0, 99), scale=st.sampled_from([0.1, 3.0, 40.0]))
@settings(max_examples=60, deadline=None)
def test_a_groups_probability_is_the_sum_of_its_outputs(groups, seed, scale):
    width = sum(map(len, groups))
    logits = scale * np.random.default_rng(seed).normal(size=(5, width))
    merged = MergedClasses(nn.Identity(), groups)(torch.from_numpy(logits)).numpy()
    alone = probabilities(logits)
    expected = np.stack([alone[:, list(group)].sum(1) for group in groups], axis=1)
    np.testing.assert_allclose(probabilities(merged), expected, atol=1e-7)


def test_it_is_logsumexp_and_so_are_its_gradients():
    torch.manual_seed(0)
    groups = [(4,), (0, 6, 2), (1, 3, 5, 7, 8)]
    mine = (8 * torch.randn(6, 9, dtype=torch.float64)).requires_grad_()
    theirs = mine.detach().clone().requires_grad_()
    found = MergedClasses(nn.Identity(), groups)(mine)
    expected = torch.stack([theirs[:, list(group)].logsumexp(1) for group in groups], dim=1)
    # softplus is linear above 20, where it is off by 2e-9
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-7)
    towards = torch.randn_like(found)
    found.backward(towards)
    expected.backward(towards)
    torch.testing.assert_close(mine.grad, theirs.grad, rtol=0, atol=1e-7)


@pytest.mark.parametrize("far", [-3e4, -200.0, 200.0, 3e4])
def test_outputs_far_apart_neither_overflow_nor_vanish(far):
    logits = torch.tensor([[0.0, far, 1.0, far + 2]])
    found = MergedClasses(nn.Identity(), [(0, 1), (2,), (3,)])(logits)
    torch.testing.assert_close(found, torch.tensor([[max(0.0, far), 1.0, far + 2]]))


def test_groups_of_one_each_change_nothing_but_the_order():
    logits = torch.randn(3, 4)
    torch.testing.assert_close(MergedClasses(nn.Identity(), [(2,), (0,), (3,), (1,)])(logits), logits[:, [2, 0, 3, 1]])


@pytest.mark.parametrize("sizes", [[1, 3, 2, 5], [2] * 100, [1] * 70 + [4]])
def test_it_packs_whatever_the_number_of_classes(sizes):
    torch.manual_seed(1)
    ends = np.cumsum([0, *sizes])
    groups = [tuple(range(a, b)) for a, b in itertools.pairwise(ends)]
    net = MergedClasses(nn.Sequential(nn.Flatten(), nn.Linear(36, int(ends[-1]))), groups).eval()
    images = torch.randn(8, 1, 6, 6)
    packed = leveret.pack(net, images)
    np.testing.assert_allclose(packed(images.numpy()), net(images).detach().numpy(), atol=1e-5)


def test_checkpoints_hold_the_inner_net_alone():
    net = MergedClasses(nn.Linear(3, 4), [(0, 1), (2, 3)])
    assert sorted(net.state_dict()) == ["net.bias", "net.weight"]


@pytest.mark.parametrize("groups", [[], [()], [(0,), ()], [(0, 1), (1,)], [(0,), (2,)], [(1,), (2,)]])
def test_groups_that_are_no_partition_are_refused(groups):
    with pytest.raises(LeveretUsageError, match="each output once"):
        MergedClasses(nn.Identity(), groups)


def test_a_net_of_another_width_is_refused():
    with pytest.raises(LeveretUsageError, match=r"groups are of 3 outputs, the net inside gives \(2, 4\)"):
        MergedClasses(nn.Identity(), [(0, 1), (2,)])(torch.zeros(2, 4))
