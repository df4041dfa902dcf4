"""Features: what enters the last layer, by hand; raw ones of images, tables and texts; what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import leveret
from leveret.data import from_arrays
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.nets import BagOfWords, ConvNet, Ensemble, MergedClasses, net_for
from leveret.training import features_of, raw_features


@pytest.fixture
def convnet():
    torch.manual_seed(0)
    return ConvNet(1, 10, depth=3, width=8)


def inputs(data, part):
    split = getattr(data, part)
    return torch.from_numpy(data.normalization.apply(split.fetch(np.arange(len(split)))))


def test_they_are_what_the_last_layer_takes(few_digits, convnet):
    convnet.train()
    found = features_of(convnet, few_digits, "val", batch_size=17)
    assert convnet.training
    with torch.no_grad():
        expected = convnet.eval().features(inputs(few_digits, "val")).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


class Backwards(nn.Module):
    """Its modules stand in another order than they run in."""

    def __init__(self):
        super().__init__()
        self.classifier = nn.Linear(7, 10)
        self.norm = nn.BatchNorm1d(10)
        self.hidden = nn.Linear(64, 7)

    def forward(self, x):
        return self.norm(self.classifier(self.hidden(x.flatten(1))))


def test_the_last_layer_is_the_one_that_runs_last(few_digits):
    net = Backwards().eval()
    with torch.no_grad():
        expected = net.hidden(inputs(few_digits, "val").flatten(1)).numpy()
    np.testing.assert_allclose(features_of(net, few_digits, "val"), expected, atol=1e-5)


def test_a_convolution_that_gives_the_logits_has_its_maps_averaged(few_digits):
    body = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU())
    net = nn.Sequential(body, nn.Conv2d(6, 10, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    with torch.no_grad():
        x = inputs(few_digits, "val")
        expected = body(x).mean((2, 3))
        # the layer's product with these features is the net's answer, so they are the right ones
        torch.testing.assert_close(expected @ net[1].weight[:, :, 0, 0].T + net[1].bias, net(x))
    np.testing.assert_allclose(features_of(net, few_digits, "val"), expected.numpy(), atol=1e-5)


def test_an_ensemble_has_all_of_them_and_a_wrapped_net_its_own(few_digits, convnet):
    other = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 10))
    both = features_of(Ensemble([convnet, other]), few_digits, "val")
    parts = [features_of(net, few_digits, "val") for net in (convnet, other)]
    np.testing.assert_array_equal(both, np.concatenate(parts, axis=1))
    merged = MergedClasses(convnet, [(i, i + 5) for i in range(5)])
    np.testing.assert_array_equal(features_of(merged, few_digits, "val"), parts[0])


def test_a_parametrised_layer_is_a_layer(few_digits):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), parametrizations.weight_norm(nn.Linear(5, 10))).eval()
    with torch.no_grad():
        expected = net[:2](inputs(few_digits, "val")).numpy()
    np.testing.assert_allclose(features_of(net, few_digits, "val"), expected, atol=1e-5)


def test_texts_have_features_too():
    texts = [f"good film number {i}" if i % 2 else f"bad book number {i}" for i in range(20)]
    data = from_arrays(texts, [i % 2 for i in range(20)], val_fraction=0.0)
    net = BagOfWords(2, dim=8)
    np.testing.assert_allclose(features_of(net, data), net.features(texts).detach().numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (nn.Sequential(nn.Conv2d(1, 10, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), "ends with Conv2d"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), "no layer with weights"),
        (nn.Linear(8, 10), r"takes \(60, 1, 8, 8\)"),
    ],
)
def test_a_net_that_ends_otherwise_is_refused(few_digits, net, words):
    with pytest.raises(LeveretUsageError, match=words):
        features_of(net, few_digits, "val")


def test_features_that_are_not_finite_are_named_by_sample(few_digits):
    class Broken(nn.Module):
        def forward(self, x):
            x = x.flatten(1).clone()
            x[3:5, 0] = float("nan")
            return x

    with pytest.raises(LeveretDataError, match=r"sample 3 of the val part aren't finite \(2 in all\)"):
        features_of(nn.Sequential(Broken(), nn.Linear(64, 10)), few_digits, "val")


@pytest.mark.parametrize("function", [raw_features, lambda data, part: features_of(nn.Linear(1, 1), data, part)])
def test_parts_that_are_empty_or_unknown_are_refused(few_digits, function):
    data = SimpleNamespace(**vars(few_digits) | {"test": few_digits.test.subset([])})
    with pytest.raises(LeveretUsageError, match="the test part of few digits is empty"):
        function(data, "test")
    with pytest.raises(LeveretUsageError, match="part must be"):
        function(data, "tset")


def test_raw_features_of_small_images_are_their_pixels(few_digits):
    found = raw_features(few_digits, "val")
    np.testing.assert_array_equal(found, inputs(few_digits, "val").flatten(1).numpy())


def test_those_of_large_images_are_reduced_alike_in_every_part():
    generator = np.random.default_rng(0)
    # twelve directions in 768 pixels
    mixing = generator.normal(size=(12, 768))
    pixels = np.clip(128 + 10 * generator.normal(size=(300, 12)) @ mixing / 3, 0, 255).astype(np.uint8)
    images = pixels.reshape(-1, 16, 16, 3)
    data = from_arrays(images[:280], np.arange(280) % 2, x_val=images[280:], y_val=np.arange(20) % 2)
    train, val = raw_features(data), raw_features(data, "val")
    assert train.shape == (280, 256)
    # nearly all of the spread is kept, so distances are, between parts too
    x, y = (inputs(data, part).flatten(1).numpy() for part in ("train", "val"))
    reduced, whole = (np.linalg.norm(a[:20, None] - b[None], axis=2) for a, b in ((train, val), (x, y)))
    np.testing.assert_allclose(reduced, whole, rtol=0.05)
    np.testing.assert_array_equal(train, raw_features(data))


def test_those_of_tables_are_normalised_rows_however_many_columns():
    x = 5 + 3 * np.random.default_rng(0).normal(size=(40, 300))
    data = from_arrays(x, np.arange(40) % 2, val_fraction=0.0)
    found = raw_features(data)
    assert found.shape == (40, 300)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(0), 1, atol=1e-4)


def test_those_of_texts_put_texts_on_one_thing_together():
    texts = ["the cat sat with the other cat", "a cat, a cat!", "shares fell on markets", "markets and shares rose"]
    data = from_arrays(texts * 5, [0, 0, 1, 1] * 5, val_fraction=0.0)
    found = raw_features(data)[:4]
    alike = found @ found.T
    assert min(alike[0, 1], alike[2, 3]) > 0.2
    assert max(alike[0, 2], alike[0, 3], alike[1, 2], alike[1, 3]) < 0.1


def test_texts_without_a_word_and_words_never_seen_have_features():
    data = from_arrays(["…", "!", "?", "–"], [0, 1, 0, 1], x_val=["new words", "."], y_val=[0, 1])
    assert np.isfinite(raw_features(data)).all()
    assert np.isfinite(raw_features(data, "val")).all()


def test_a_suitable_net_of_each_kind_has_features(few_digits):
    table = from_arrays(np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2, val_fraction=0.0)
    digits = leveret.load("digits")
    for data in (table, digits):
        part = data.train.subset(np.arange(16))
        few = SimpleNamespace(name=data.name, train=part, normalization=data.normalization)
        found = features_of(net_for(data), few)
        assert found.shape[0] == 16
        assert found.std() > 0
