"""Classifier retraining: all but the last layer stays; the layer learns; features at hand and batch by batch agree."""

import copy

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, recall_score
from torch import nn
from torch.nn import functional as F
from torch.utils.data import SequentialSampler

from leveret import pack
from leveret.balance import class_weights, cosine_classifier, retrain_classifier, tau_normalize
from leveret.balance._heads import Scales, Standardized
from leveret.errors import LeveretUsageError
from leveret.nets import MLP, ConvNet, CosineLinear, Ensemble
from leveret.training import evaluate, fit, logits_of


@pytest.fixture(scope="module")
def plain(skewed):
    torch.manual_seed(0)
    net = ConvNet(1, 3, depth=3, width=8, dropout=0.3)
    fit(net, skewed, epochs=12, batch_size=32, monitor="accuracy", progress=False)
    return net


def without_last(net):
    return {name: value for name, value in net.state_dict().items() if not name.startswith("classifier.")}


@pytest.mark.parametrize("kind", ["anew", "scales"])
def test_only_the_last_layer_changes_and_the_rare_class_gains(plain, skewed, kind):
    before = copy.deepcopy(plain.state_dict())
    made = retrain_classifier(plain, skewed, kind=kind, epochs=20, batch_size=32, progress=False)
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())
    for name, value in without_last(made).items():
        assert torch.equal(value, before[name]), name
    assert not torch.equal(made.classifier.weight, plain.classifier.weight)
    assert made.training == plain.training
    found = [evaluate(net, skewed) for net in (plain, made)]
    if kind == "anew":
        recalls = [recall_score(skewed.test.labels, f.logits.argmax(1), average=None)[2] for f in found]
        scores = [balanced_accuracy_score(skewed.test.labels, f.logits.argmax(1)) for f in found]
        assert recalls[1] > recalls[0]
        assert scores[1] > scores[0]
    # what is minimised: the loss in which every class counts alike
    weights, labels = class_weights(skewed.train.class_counts()), torch.from_numpy(skewed.train.labels)
    losses = [F.cross_entropy(logits_of(net, skewed, "train"), labels, weights) for net in (plain, made)]
    assert losses[1] < 0.9 * losses[0]
    images = torch.from_numpy(skewed.normalization.apply(skewed.test.fetch(np.arange(10))))
    packed = pack(copy.deepcopy(made), images, normalization=skewed.normalization)
    assert evaluate(packed, skewed).accuracy == found[1].accuracy


def test_scales_keep_the_directions(plain, skewed):
    made = retrain_classifier(plain, skewed, kind="scales", epochs=2, progress=False)
    ratio = made.classifier.weight / plain.classifier.weight
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))
    torch.testing.assert_close(made.classifier.bias, ratio[:, 0] * plain.classifier.bias)


def test_features_at_hand_and_batch_by_batch_give_the_same(plain, skewed):
    """An augmentation that changes nothing goes through the net at each step."""
    at_hand = retrain_classifier(plain, skewed, epochs=2, progress=False)
    by_batch = retrain_classifier(plain, skewed, epochs=2, augment=lambda pixels, _: pixels, progress=False)
    logits = [logits_of(net, skewed, "test") for net in (by_batch, at_hand)]
    torch.testing.assert_close(*logits, rtol=1e-3, atol=1e-3)
    for name, value in without_last(by_batch).items():
        assert torch.equal(value, plain.state_dict()[name]), name


def test_it_depends_on_the_seed_alone_and_leaves_torchs_generator(plain, skewed):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    made = [retrain_classifier(plain, skewed, epochs=1, seed=seed, progress=False) for seed in (1, 1, 2)]
    assert torch.equal(made[0].classifier.weight, made[1].classifier.weight)
    assert not torch.equal(made[0].classifier.weight, made[2].classifier.weight)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), expected)


def test_a_finished_run_is_taken_up(plain, skewed, tmp_path):
    first = retrain_classifier(plain, skewed, epochs=3, out=tmp_path, progress=False)
    again = retrain_classifier(plain, skewed, epochs=3, out=tmp_path, progress=False)
    torch.testing.assert_close(again.classifier.weight, first.classifier.weight)
    assert (tmp_path / "history.csv").read_text(encoding="utf-8").count("\nclassifier,") == 3


def test_other_last_layers(skewed):
    cosine = cosine_classifier(ConvNet(1, 3, depth=1, width=4), scale=10)
    made = retrain_classifier(cosine, skewed, epochs=1, progress=False)
    assert isinstance(made.classifier, CosineLinear)
    assert not torch.equal(made.classifier.weight, cosine.classifier.weight)
    with pytest.raises(LeveretUsageError, match="kind 'scales' is for a Linear"):
        retrain_classifier(cosine, skewed, kind="scales", epochs=1, progress=False)
    with pytest.raises(LeveretUsageError, match="is a CosineLinear"):
        tau_normalize(cosine)
    bare = nn.Sequential(nn.Flatten(), nn.Linear(64, 3, bias=False))
    made = retrain_classifier(bare, skewed, epochs=1, progress=False)
    assert made[1].bias is not None
    assert bare[1].bias is None


def test_samples_without_a_label_and_a_sampler_of_ones_own(plain, skewed):
    gaps = copy.copy(skewed)
    gaps.train = skewed.train.subset(np.arange(len(skewed.train)))
    gaps.train.labels = gaps.train.labels.copy()
    gaps.train.labels[::3] = -100
    for augment in (None, lambda pixels, _: pixels):
        made = retrain_classifier(plain, gaps, epochs=1, augment=augment, progress=False)
        assert made.classifier.weight.isfinite().all()
    sampler = SequentialSampler(range(len(skewed.train)))
    made = retrain_classifier(plain, skewed, epochs=1, sampler=sampler, progress=False)
    assert made.classifier.weight.isfinite().all()


def test_standardized_gives_the_same_from_features_as_they_are():
    torch.manual_seed(0)
    rows = 5 + 3 * torch.randn(50, 4)
    rows[:, 2] = 7.0  # always the same
    head = Standardized(nn.Linear(4, 3), rows)
    for bias in (True, False):
        layer = nn.Linear(4, 3, bias=bias)
        head.put_into(layer)
        torch.testing.assert_close(layer(rows), head(rows), rtol=1e-4, atol=1e-4)


def test_scales_give_the_same_from_features_as_they_are():
    for bias in (True, False):
        layer, rows = nn.Linear(4, 3, bias=bias), torch.randn(9, 4)
        head = Scales(layer)
        head.factors.data = torch.tensor([0.5, 2.0, -1.0])
        expected = head(rows)
        torch.testing.assert_close(expected, head.factors * layer(rows))
        head.put_into(layer)
        torch.testing.assert_close(layer(rows), expected)


def test_tau_normalize_by_hand():
    net = nn.Sequential(nn.Linear(2, 2))
    net[0].weight.data = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    made = tau_normalize(net, 0.5)
    torch.testing.assert_close(
        made[0].weight, torch.tensor([[3.0, 4.0], [0.0, 2.0]]) / torch.tensor([[5.0], [2.0]]).sqrt()
    )
    assert (made[0].bias == 0).all()
    torch.testing.assert_close(tau_normalize(net)[0].weight.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(tau_normalize(net, 0)[0].weight, net[0].weight)
    assert (net[0].bias != 0).any()
    with pytest.raises(LeveretUsageError, match="tau must be finite"):
        tau_normalize(net, float("inf"))


def test_nets_that_do_not_end_in_a_linear_layer(skewed):
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.aside = nn.Linear(64, 3), nn.Linear(64, 3)

        def forward(self, x):
            y = self.first(x.flatten(1))
            return y + self.aside(x.flatten(1)) * (1 if x.sum() > -1e9 else 0)

    with pytest.raises(LeveretUsageError, match="aren't what its last linear layer 'aside' gives"):
        retrain_classifier(Hidden(), skewed, epochs=1, progress=False)
    with pytest.raises(LeveretUsageError, match="its last operation is truediv"):
        retrain_classifier(Ensemble([MLP(64, 3), MLP(64, 3)]), skewed, epochs=1, progress=False)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"kind": "half"}, "kind must be"),
        ({"power": float("nan")}, "power"),
        ({"epochs": 0}, "epochs must be at least 1"),
    ],
)
def test_arguments_out_of_range(plain, skewed, arguments, says):
    with pytest.raises(LeveretUsageError, match=says):
        retrain_classifier(plain, skewed, progress=False, **arguments)
