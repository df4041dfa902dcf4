"""Nets for tables and texts, and the choice of a net by the data."""

from __future__ import annotations

import zlib
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from leveret.errors import LeveretUsageError
from leveret.nets import MLP, BagOfWords, ConvNet, ResNet, layer_operations, net_for, parameter_count


def test_an_mlp_is_linear_layers_with_norms():
    torch.manual_seed(0)
    net = MLP(5, 3, widths=(8, 4), dropout=0.5).eval()
    for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm1d)):
        nn.init.normal_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 2)
    x = torch.randn(6, 5)
    expected = x
    for linear, norm, *_ in net.hidden:
        expected = expected @ linear.weight.T
        expected = (
            (expected - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias
        ).relu()
    torch.testing.assert_close(net.features(x), expected)
    torch.testing.assert_close(net(x), expected @ net.classifier.weight.T + net.classifier.bias)
    assert parameter_count(net) == 5 * 8 + 16 + 8 * 4 + 8 + 4 * 3 + 3


def test_an_mlp_without_norms_or_layers():
    assert parameter_count(MLP(5, 3, widths=(8,), batch_norm=False)) == 5 * 8 + 8 + 8 * 3 + 3
    linear = MLP(5, 3, widths=())
    x = torch.randn(2, 5)
    torch.testing.assert_close(linear(x), linear.classifier(x))


def test_a_bag_is_the_mean_of_its_words_and_pairs():
    net = BagOfWords(3, dim=4, buckets=97, ngrams=2)
    ids = [zlib.crc32(gram.encode()) % 97 for gram in ("größe", "a_1", "größe", "größe a_1", "a_1 größe")]
    assert net.tokens("Größe, A_1-größe!") == ids
    texts = ["Größe, A_1-größe!", "", "?!"]
    features = net.features(texts)
    torch.testing.assert_close(features[0], net.embedding.weight[ids].mean(0))
    assert not features[1:].any()
    torch.testing.assert_close(net(texts), net.classifier(features))
    assert BagOfWords(3, ngrams=1).tokens("one two three") == [
        zlib.crc32(w) % 2**16 for w in (b"one", b"two", b"three")
    ]
    assert len(BagOfWords(3, ngrams=3).tokens("one two three")) == 6
    assert [number for _, number in layer_operations(net, texts)] == [4 * 3]


def test_a_bags_gradient_is_each_words_share():
    net = BagOfWords(2, dim=3, buckets=50, ngrams=1)
    net.features(["left left right"]).sum().backward()
    left, right = (zlib.crc32(word) % 50 for word in (b"left", b"right"))
    gradient = net.embedding.weight.grad
    torch.testing.assert_close(gradient[left], torch.full((3,), 2 / 3))
    torch.testing.assert_close(gradient[right], torch.full((3,), 1 / 3))
    assert int((gradient != 0).any(1).sum()) == 2


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: MLP(0, 2), "in_features"),
        (lambda: MLP(2, 2, widths=(3, 0)), r"widths\[1\]"),
        (lambda: MLP(2, 2, dropout=1.0), "dropout"),
        (lambda: MLP(2, 2)(torch.zeros(3, 4)), r"rows must be \(batch, 2\), got \(3, 4\)"),
        (lambda: BagOfWords(2, ngrams=0), "ngrams"),
        (lambda: BagOfWords(2)("one text"), "takes a list of texts, got str"),
        (lambda: BagOfWords(2)(torch.zeros(2, 3)), "takes a list of texts, got Tensor"),
        (lambda: BagOfWords(2)(["a", 3]), "takes a list of texts"),
    ],
)
def test_refusals(make, match):
    with pytest.raises(LeveretUsageError, match=match):
        make()


def like(kind, shape=(0, 0, 0), features=()):
    return SimpleNamespace(kind=kind, image_shape=shape, num_classes=4, features=features)


@pytest.mark.parametrize(
    ("shape", "widths"),
    [
        ((1, 8, 8), (32, 64)),
        ((1, 28, 28), (32, 64)),
        ((3, 32, 32), (64, 128, 256)),
        ((3, 64, 80), (32, 64, 128)),
        ((1, 41, 41), (32, 64, 128)),
        ((3, 5, 9), (64, 128)),
        ((1, 3, 3), (32,)),
        ((1, 1, 7), ()),
    ],
)
def test_a_convnet_that_images_of_any_size_fit(shape, widths):
    net = net_for(like("image", shape))
    assert isinstance(net, ConvNet)
    found = [block.norm.num_features for block in net.blocks if hasattr(block, "norm")]
    assert tuple(dict.fromkeys(found)) == widths or not found
    assert net.eval()(torch.zeros(2, *shape)).shape == (2, 4)


def test_a_net_by_kind_and_by_name():
    table = net_for(like("table", features=("a", "b")))
    assert isinstance(table, MLP)
    assert table(torch.zeros(3, 2)).shape == (3, 4)
    assert isinstance(net_for(like("text")), BagOfWords)
    assert isinstance(net_for(like("image", (3, 32, 32)), "resnet20"), ResNet)
    assert isinstance(net_for(like("image", (3, 32, 32)), "resnet18"), ResNet)
    with pytest.raises(LeveretUsageError, match="a net for tables must be one of mlp, got 'convnet'"):
        net_for(like("table"), "convnet")
