"""The loss of one pixel in each cell: by hand against the net's own maps, and that it draws all pixels."""

import pytest
import torch
from context_nets import images, lively, small_backbone
from torch import nn
from torch.nn import functional as F

from leveret.context import FCN, ParseNet, StridedCrossEntropy
from leveret.errors import LeveretUsageError
from leveret.training import Batch


def batch_of(height, width, classes=4):
    labels = torch.randint(classes, (2, height, width))
    labels[:, :3] = -100
    return Batch(images(height=height, width=width), labels, torch.arange(2))


def test_with_stride_1_it_is_plain_cross_entropy():
    net = lively(ParseNet(small_backbone(), 4, stride=4))
    weights = torch.tensor([1.0, 2.0, 0.5, 3.0])
    batch = batch_of(18, 27)
    wanted = F.cross_entropy(net(batch.inputs), batch.labels, weight=weights)
    found = StridedCrossEntropy(1, weights)(net, batch)["cross_entropy"]
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("size", [(16, 24), (17, 23)])
def test_cells_by_hand(size, monkeypatch):
    net = lively(FCN(small_backbone(), 4, stride=2))
    batch = batch_of(*size)
    scores = net.scores(net.padded(batch.inputs))
    for down in range(2):
        for right in range(2):
            monkeypatch.setattr(torch, "randint", lambda *_: torch.tensor([down, right]))  # noqa: B023
            losses = [
                F.cross_entropy(scores[i : i + 1, :, row // 2, column // 2], batch.labels[i : i + 1, row, column])
                for i in range(2)
                for row in range(down, size[0], 2)
                for column in range(right, size[1], 2)
                if batch.labels[i, row, column] >= 0
            ]
            found = StridedCrossEntropy(2)(net, batch)["cross_entropy"]
            torch.testing.assert_close(found, torch.stack(losses).mean())


def test_each_pixel_of_a_cell_is_drawn_and_a_seed_repeats():
    net, batch = lively(FCN(small_backbone(), 4, stride=4)), batch_of(16, 24)
    objective = StridedCrossEntropy(2)

    def drawn():
        torch.manual_seed(3)
        return [objective(net, batch)["cross_entropy"].item() for _ in range(40)]

    first = drawn()
    assert len({round(value, 6) for value in first}) == 4
    assert drawn() == first
    plain = F.cross_entropy(net(batch.inputs), batch.labels).item()
    assert sum(first) / 40 == pytest.approx(plain, rel=0.05)


def test_without_labels_nothing_is_learned():
    net, batch = FCN(small_backbone(), 4, stride=4), batch_of(16, 24)
    batch.labels[:] = -100
    loss = StridedCrossEntropy(2)(net, batch)["cross_entropy"]
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is None or not p.grad.any() for p in net.parameters())


def test_what_it_refuses():
    batch = batch_of(16, 24)
    with pytest.raises(LeveretUsageError, match="stride must be"):
        StridedCrossEntropy(0)
    with pytest.raises(LeveretUsageError, match="trains an FCN or a ParseNet, got Conv2d"):
        StridedCrossEntropy(2)(nn.Conv2d(3, 4, 1), batch)
    with pytest.raises(LeveretUsageError, match="must divide the net's finest, 4; got 8"):
        StridedCrossEntropy(8)(FCN(small_backbone(), 4, stride=4), batch)
