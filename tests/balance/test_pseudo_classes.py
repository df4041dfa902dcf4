"""Pseudo-classes: the split, the loss against numpy, training and validation by the data's own classes, packing."""

import numpy as np
import pytest
import torch
from balance_data import image_net, images, net, table, texts
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from torch import nn

import leveret
from leveret.balance import cosine_classifier, pseudo_classes
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.nets import BagOfWords, MergedClasses
from leveret.training import Batch, evaluate


def test_classes_are_split_to_the_rarest_ones_size():
    data = table()
    pseudo = pseudo_classes(data)
    assert [len(group) for group in pseudo.groups] == [10, 4, 1]
    assert pseudo.names == (*[f"cat/{i}" for i in range(1, 11)], "dog/1", "dog/2", "dog/3", "dog/4", "owl")


def test_the_clusters_are_those_of_the_features():
    pseudo = pseudo_classes(table(), 2)
    assert pseudo.groups == ((0, 1), (2,), (3,))
    # cats stand around two places, by turns
    assert len(set(pseudo.labels[:60:2].tolist())) == len(set(pseudo.labels[1:60:2].tolist())) == 1
    assert set(pseudo.labels[:60].tolist()) == {0, 1}


def test_the_search_finds_how_many_groups_there_are():
    assert [len(group) for group in pseudo_classes(table(), "search").groups] == [2, 2, 1]
    data = table()
    even = np.random.default_rng(0).normal(size=(90, 400))
    assert [len(group) for group in pseudo_classes(data, "search", features=even).groups] == [1, 1, 1]


@given(counts=st.tuples(*[st.integers(1, 20)] * 3), k=st.one_of(st.none(), st.just("search"), st.integers(1, 3)))
@settings(max_examples=20, deadline=None)
def test_pseudo_classes_part_each_class_and_none_is_empty(counts, k):
    data = table((20, 20, 20))
    places = np.concatenate([20 * c + np.arange(count) for c, count in enumerate(counts)])
    data.train = data.train.subset(places)
    if isinstance(k, int) and max(counts) < k:
        return
    pseudo = pseudo_classes(data, k)
    assert sorted(i for group in pseudo.groups for i in group) == list(range(len(pseudo.names)))
    assert (np.bincount(pseudo.labels, minlength=len(pseudo.names)) > 0).all()
    of = {i: c for c, group in enumerate(pseudo.groups) for i in group}
    assert [of[label] for label in pseudo.labels.tolist()] == data.train.labels.tolist()
    assert max(map(len, pseudo.groups)) <= 10


def test_seeds():
    found = [pseudo_classes(table(), seed=seed).labels.tolist() for seed in (5, 5, 6)]
    assert found[0] == found[1] != found[2]


def test_the_default_asks_for_no_more_clusters_than_there_are_samples():
    steps = np.array([0.0, 1.0, 2.0])[np.arange(90) % 3][:, None]
    assert [len(group) for group in pseudo_classes(table(), features=steps).groups] == [3, 3, 1]
    with pytest.raises(LeveretDataError, match="class 'cat': there are 3 different samples for 4 clusters"):
        pseudo_classes(table(), 4, features=steps)


def test_the_loss_and_its_gradients():
    torch.manual_seed(0)
    data = table()
    pseudo = pseudo_classes(data)
    merged = pseudo.net(net()).double()
    indices = np.array([3, 88, 70, 3])
    batch = Batch(
        torch.from_numpy(data.train.fetch(indices)).double(),
        torch.from_numpy(data.train.labels[indices]),
        torch.from_numpy(indices),
    )
    losses = pseudo.objective()(merged, batch)
    logits = merged.net(batch.inputs).detach().numpy()
    expected = -log_softmax(logits, axis=1)[np.arange(4), pseudo.labels[indices]].mean()
    assert float(losses["pseudo_cross_entropy"].detach()) == pytest.approx(expected)
    of_class = np.stack([np.exp(logits[:, list(group)]).sum(1) for group in pseudo.groups], axis=1)
    np.testing.assert_allclose(batch.logits.detach().numpy(), np.log(of_class), atol=1e-7)
    weight = merged.net[2].weight
    losses["pseudo_cross_entropy"].backward()
    step = 1e-5
    for place in ((0, 0), (14, 3), (int(pseudo.labels[3]), 5)):
        moved = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[place] += sign * step
                moved.append(float(pseudo.objective()(merged, batch)["pseudo_cross_entropy"]))
                weight[place] -= sign * step
        assert float(weight.grad[place]) == pytest.approx((moved[0] - moved[1]) / (2 * step), abs=1e-7)


@pytest.mark.parametrize("layer", [nn.Linear(12, 3), nn.Linear(12, 3, bias=False)])
def test_copied_rows_say_at_first_what_the_net_says(layer):
    plain = nn.Sequential(nn.Linear(2, 12), nn.ReLU(), layer)
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    merged = pseudo_classes(table()).net(plain, start="copied")
    x = torch.randn(7, 2)
    torch.testing.assert_close(merged(x), plain(x), atol=1e-5, rtol=1e-5)
    fresh = pseudo_classes(table()).net(plain)
    assert not torch.allclose(fresh(x), plain(x), atol=1e-3)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, before[name])


def test_training_learns_the_classes_themselves_and_the_net_packs():
    data = table()
    torch.manual_seed(0)
    pseudo = pseudo_classes(data)
    merged = pseudo.net(net())
    result = leveret.fit(merged, data, objective=pseudo.objective(), epochs=25, batch_size=16, lr=0.05, progress=False)
    assert result.best_accuracy == 1
    assert result.history[-1]["train_accuracy"] > 0.95
    assert merged(torch.zeros(4, 2)).shape == (4, 3)
    assert evaluate(merged, data, "val").accuracy == 1


def test_images_pack_with_their_own_classes():
    torch.manual_seed(0)
    data = leveret.load("digits")
    data.train = data.train.subset(np.arange(300))
    pseudo = pseudo_classes(data, 3)
    merged = pseudo.net(image_net())
    leveret.fit(merged, data, objective=pseudo.objective(), epochs=20, lr=0.01, progress=False)
    assert evaluate(merged, data, "val").accuracy > 0.7
    x = torch.from_numpy(data.normalization.apply(data.val.fetch(np.arange(40))))
    packed = leveret.pack(merged, x[:4], normalization=data.normalization, classes=data.classes)
    np.testing.assert_allclose(packed(x.numpy()), merged(x).detach().numpy(), atol=1e-4)


def test_each_kind_of_data_is_split():
    for data in (images(), texts()):
        pseudo = pseudo_classes(data, 2)
        assert pseudo.groups == ((0, 1), (2,))
    data = texts()
    cats = ["cat" in text for text in data.train.fetch(np.arange(16))]
    first = cats.index(True)
    pseudo = pseudo_classes(data, 2)
    assert [label == pseudo.labels[first] for label in pseudo.labels[:16]] == cats
    merged = pseudo.net(BagOfWords(2, dim=8))
    result = leveret.fit(merged, data, objective=pseudo.objective(), epochs=3, batch_size=6, progress=False)
    assert len(result.history) == 3


@pytest.mark.parametrize("k", [0, -3, 2.5, True, "all"])
def test_k_out_of_range_is_refused(k):
    with pytest.raises(LeveretUsageError, match="k must be at least 1 cluster, 'search' or None"):
        pseudo_classes(table(), k)


def test_more_clusters_than_samples_are_refused_by_class():
    with pytest.raises(LeveretDataError, match="class 'cat': there are 6 different samples for 7 clusters"):
        pseudo_classes(table((6, 5, 4)), 7)


def test_a_class_of_one_sample_is_one_pseudo_class():
    data = table((6, 5, 4))
    data.train = data.train.subset([*range(11), 11])
    assert [len(group) for group in pseudo_classes(data).groups] == [6, 5, 1]


def test_a_class_without_samples_is_refused():
    data = table()
    data.train = data.train.subset(np.arange(84))
    with pytest.raises(LeveretDataError, match="class 'owl' has no training sample"):
        pseudo_classes(data)


def test_nets_that_do_not_fit_are_refused():
    pseudo = pseudo_classes(table())
    with pytest.raises(LeveretUsageError, match="5 outputs for 3 classes"):
        pseudo.net(net(classes=5))
    with pytest.raises(LeveretUsageError, match="start must be"):
        pseudo.net(net(), start="zero")
    with pytest.raises(LeveretUsageError, match="only a Linear's rows can be copied"):
        pseudo.net(cosine_classifier(net()), start="copied")
    batch = Batch(torch.zeros(2, 2), torch.tensor([0, 0]), torch.tensor([0, 1]))
    with pytest.raises(LeveretUsageError, match="need a MergedClasses net, got Sequential"):
        pseudo.objective()(net(), batch)
    with pytest.raises(LeveretUsageError, match="the net merges"):
        pseudo.objective()(MergedClasses(net(classes=4), [(0, 1), (2,), (3,)]), batch)


@pytest.mark.parametrize(
    ("labels", "indices", "words"),
    [
        ([0, 1], [0, 1], "another training part"),
        ([0, 0], [0, 90], "pseudo-labels for 90 samples, and the batch holds sample 90"),
    ],
)
def test_pseudo_labels_of_other_data_are_refused(labels, indices, words):
    pseudo = pseudo_classes(table())
    batch = Batch(torch.zeros(2, 2), torch.tensor(labels), torch.tensor(indices))
    with pytest.raises(LeveretUsageError, match=words):
        pseudo.objective()(pseudo.net(net()), batch)
