"""ConvNet and ResNet: shapes, sizes known from the paper, blocks, and clear errors."""

import pytest
import torch
from torch import nn

from leveret.errors import LeveretUsageError
from leveret.nets import BasicBlock, ConvBlock, ConvNet, ExactConv2d, ResNet
from leveret.shrink.binary import BinaryWeightBlock, BiRealBlock, BiRealPair, XnorBlock, XnorPair, binary_layers


def parameters(net):
    return sum(p.numel() for p in net.parameters())


def test_resnet20_has_the_papers_size():
    """He et al., table 6: 0.27 M parameters (option A; our option B adds the projections)."""
    net = ResNet.cifar(20)
    projections = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64
    assert parameters(net) - projections == 269_722
    assert sum(isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3) for m in net.modules()) == 19


def test_resnet18_has_the_papers_size():
    """11,689,512 parameters, the number that everyone's ResNet-18 has."""
    assert parameters(ResNet.imagenet18()) == 11_689_512


@pytest.mark.parametrize("block", [BasicBlock, XnorPair, BiRealPair])
def test_resnet_blocks(block):
    net = ResNet(3, 7, blocks=(1, 1), widths=(8, 24), block=block)
    logits = net(torch.randn(2, 3, 9, 11))
    assert logits.shape == (2, 7)
    logits.sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    assert len(binary_layers(net)) == (0 if block is BasicBlock else 4)


def test_resnet18_on_large_images():
    net = ResNet.imagenet18(num_classes=5, width=8, block=BiRealPair).eval()
    assert net(torch.randn(1, 3, 224, 224)).shape == (1, 5)
    assert len(binary_layers(net)) == 16


@pytest.mark.parametrize("block", [ConvBlock, XnorBlock, BinaryWeightBlock, BiRealBlock])
@pytest.mark.parametrize("depth", [1, 2, 3, 6])
@pytest.mark.parametrize("stem_pool", [False, True])
def test_convnet_of_any_depth(block, depth, stem_pool):
    net = ConvNet(1, 4, depth=depth, width=4, block=block, stem_pool=stem_pool)
    side = max(net.min_size, 2)
    logits = net(torch.randn(3, 1, side, side + 3))
    assert logits.shape == (3, 4)
    logits.sum().backward()
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == depth
    assert len(binary_layers(net)) == (0 if block is ConvBlock else depth - 1)


def test_convnet_widths_are_its_stages():
    net = ConvNet(3, 10, depth=7, widths=(8, 12, 20))
    assert [m.out_channels for m in net.modules() if isinstance(m, nn.Conv2d)] == [8, 8, 8, 12, 12, 20, 20]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ConvNet(0, 10), "in_channels must be a whole number of at least 1, got 0"),
        (lambda: ConvNet(1, 10, depth=2.5), "depth"),
        (lambda: ConvNet(1, 10, widths=()), "widths"),
        (lambda: ConvNet(1, 10, dropout=1.0), "dropout"),
        (lambda: ResNet(3, 10, blocks=(1, 2), widths=(4,)), "same stages"),
        (lambda: ResNet(3, 10, stem="huge"), "'small' or 'large'"),
        (lambda: ResNet.cifar(21), "6n \\+ 2"),
        (lambda: ConvNet(1, 10)(torch.randn(2, 3, 8, 8)), r"\(batch, 1, height, width\), got \(2, 3, 8, 8\)"),
        (lambda: ConvNet(1, 10)(torch.randn(2, 1, 4, 8)), "at least 8 pixels"),
    ],
)
def test_errors(make, says):
    with pytest.raises(LeveretUsageError, match=says):
        make()


@pytest.mark.parametrize("make", [lambda **o: ConvNet(3, 4, depth=2, width=4, **o), lambda **o: ResNet(3, 4, **o)])
def test_the_stem_is_exact_before_binary_blocks_unless_asked(make):
    binary = {"block": BiRealBlock if isinstance(make(), ConvNet) else BiRealPair}
    for options, exact in (({}, False), (binary, True), ({**binary, "exact_stem": False}, False)):
        assert isinstance(make(**options).stem[0], ExactConv2d) == exact
