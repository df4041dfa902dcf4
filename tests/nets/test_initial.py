"""Whitening stems and identity starts: what they promise, on images with known statistics."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.nets import ConvNet, _initial, identity_start, whiten_stem


def smooth_images(n=64, channels=3):
    torch.manual_seed(0)
    noise = torch.randn(n, channels, 20, 20)
    return F.avg_pool2d(noise, 3, 1, 1) + noise.mean(1, keepdim=True)


def test_outputs_are_uncorrelated_and_of_one_variance():
    images = smooth_images()
    net = ConvNet(3, 4, depth=2, width=64)
    assert whiten_stem(net, images, eps=1e-9) is net
    stem = net.stem[0]
    patches = F.unfold(images, 3).transpose(1, 2).flatten(0, 1)
    outputs = patches @ stem.weight[:27].flatten(1).T
    moments = outputs.T @ outputs / len(outputs)
    torch.testing.assert_close(moments, torch.eye(27), atol=2e-3, rtol=0)
    torch.testing.assert_close(stem.weight[27:54], -stem.weight[:27])
    assert not stem.weight.requires_grad
    assert net.blocks[0][0].weight.requires_grad


def test_a_narrow_stem_takes_the_directions_of_most_variance():
    images = smooth_images()
    wide, narrow = (whiten_stem(nn.Conv2d(3, n, 3), images) for n in (54, 10))
    torch.testing.assert_close(narrow.weight[:5], wide.weight[:5])
    patches = F.unfold(images, 3).transpose(1, 2).flatten(0, 1).double()
    largest = torch.linalg.eigvalsh(patches.T @ patches / len(patches))[-1].float()
    torch.testing.assert_close(1 / wide.weight[0].norm() ** 2, largest + 5e-4, rtol=1e-3, atol=0)


def test_patches_are_taken_evenly_from_all_images(monkeypatch):
    images = smooth_images(30)
    whole = F.unfold(images, 3).transpose(1, 2).flatten(0, 1)
    monkeypatch.setattr(_initial, "_IMAGES_AT_ONCE", 7)
    torch.testing.assert_close(_initial._patches(images, (3, 3)), whole.double(), rtol=0, atol=0)
    monkeypatch.setattr(_initial, "_MOST_PATCHES", 1_000)
    torch.testing.assert_close(_initial._patches(images, (3, 3)), whole[::10].double(), rtol=0, atol=0)


def test_refuses_what_does_not_fit():
    with pytest.raises(LeveretUsageError, match="no Conv2d"):
        whiten_stem(nn.Linear(3, 3), smooth_images())
    with pytest.raises(LeveretUsageError, match=r"must be \(n, 1, height, width\)"):
        whiten_stem(nn.Conv2d(1, 8, 3), smooth_images())


def test_convolutions_begin_as_the_identity():
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1), nn.Conv2d(12, 8, 3), nn.Conv2d(8, 8, 2)
    )
    before = [conv.weight.clone() for conv in net]
    identity_start(net)
    x = torch.randn(2, 8, 5, 5)
    y = net[1](x) - net[1].bias.view(1, -1, 1, 1)
    torch.testing.assert_close(y[:, :8], x)
    for i in (0, 2, 3):  # the first, one that narrows, one with an even kernel
        assert torch.equal(net[i].weight, before[i])
    assert torch.equal(net[1].weight[8:], before[1][8:])
