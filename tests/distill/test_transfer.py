"""The transfer set: its logits are the teachers' for the views that it shows, however and wherever it was built."""

import json
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transfer_fakes import Inverted, noisy, teacher

import leveret
from leveret.data import Normalization
from leveret.distill import TransferSet
from leveret.distill._start import standard_start
from leveret.errors import LeveretUsageError
from leveret.nets import Ensemble
from leveret.training import Augment
from leveret.training._keyed import view_keys


def content(transfer):
    everything = np.arange(len(transfer))
    return transfer.train.fetch(everything), transfer.logits.fetch(everything)


def assert_same(one, other):
    for a, b in zip(content(one), content(other), strict=True):
        assert np.array_equal(a, b)


def assert_answers(transfer, teachers, places=(0, 99, 100, 203, 449)):
    """Logits, recomputed one by one from the views and the formulas."""
    mean, std = np.array(transfer.normalization.mean), np.array(transfer.normalization.std)
    for j in places:
        x = (transfer.train.fetch([j]) / 255 - mean) / std
        with torch.no_grad():
            expected = np.mean([net.eval()(torch.tensor(x, dtype=torch.float32)).numpy() for net in teachers], 0)
        np.testing.assert_allclose(transfer.logits.fetch([j]), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("store", ["seeds", "pixels"])
def test_logits_are_the_teachers_mean_for_each_view(build, teachers, few_digits, store):
    teachers[0].train()
    transfer = build(store=store)
    assert teachers[0].training
    assert all(part.training for part in teachers[1].modules())
    assert_answers(transfer, teachers)
    j = np.array([449, 0, 200, 200])
    views = Augment(flip=True, shift=1, cutout=2).views(few_digits.train.fetch(j % 200), view_keys(0, j))
    assert np.array_equal(transfer.train.fetch(j), views)
    assert np.array_equal(transfer.train.labels[j], few_digits.train.labels[j % 200])
    logits = transfer.logits.fetch(np.arange(450)).astype(np.float64)
    np.testing.assert_allclose(transfer.mean, logits.mean(0), rtol=1e-10)
    np.testing.assert_allclose(transfer.std, logits.std(0), rtol=1e-10)
    assert (transfer.folder / "pixels-00004.npy").exists() == (store == "pixels")


def test_an_ensemble_counts_as_one_teacher(build, teachers, tmp_path):
    one = build()
    other = build(teachers=Ensemble(teachers), path=tmp_path / "ensemble")
    np.testing.assert_allclose(content(one)[1], content(other)[1], rtol=1e-5, atol=1e-6)


def test_stores_shards_and_batches_make_no_difference_to_the_views(build, tmp_path):
    one = build()
    for name, changed in (("a", {"store": "pixels"}), ("b", {"shard_size": 1000}), ("c", {"batch_size": 7})):
        views, logits = content(build(path=tmp_path / name, **changed))
        assert np.array_equal(views, content(one)[0])
        np.testing.assert_allclose(logits, content(one)[1], rtol=1e-4, atol=1e-5)


def test_another_seed_shows_other_views(build, tmp_path):
    assert not np.array_equal(content(build())[0], content(build(seed=1, path=tmp_path / "other"))[0])


def test_without_augmentation_samples_are_as_they_are(build, few_digits, tmp_path):
    for store in ("seeds", "pixels"):
        transfer = build(augment=None, store=store, path=tmp_path / store)
        j = np.arange(450)
        assert np.array_equal(transfer.train.fetch(j), few_digits.train.fetch(j % 200))


def test_any_function_augments_where_pixels_are_stored(build, teachers, few_digits, tmp_path):
    transfer = build(augment=noisy)
    assert transfer.store == "pixels"
    assert_answers(transfer, teachers)
    added = content(transfer)[0] - few_digits.train.fetch(np.arange(450) % 200)
    assert set(np.unique(added)) == set(range(5))
    assert len(np.unique(added[[0, 100, 200, 300, 400]], axis=0)) == 5
    assert_same(transfer, build(augment=noisy, path=tmp_path / "again"))
    other_batches = build(augment=noisy, path=tmp_path / "by nine", batch_size=9)
    assert np.array_equal(content(other_batches)[0], content(transfer)[0])
    assert_same(transfer, TransferSet.open(transfer.folder, few_digits))


def test_unlabelled_images_follow_in_each_pass(build, teachers, few_digits, more):
    transfer = build(unlabelled=more, augment=None)
    labels = np.resize(np.concatenate([few_digits.train.labels, np.full(30, -100)]), 450)
    assert np.array_equal(np.asarray(transfer.train.labels), labels)
    pixels = np.concatenate([few_digits.train.fetch(np.arange(200)), more.pixels])
    assert np.array_equal(content(transfer)[0], pixels[np.arange(450) % 230])
    assert_answers(transfer, teachers, (199, 200, 229, 230, 449))
    assert_same(build(unlabelled=more.pixels, augment=None), transfer)
    assert_same(TransferSet.open(transfer.folder, few_digits, unlabelled=more.pixels), transfer)


@settings(max_examples=25, deadline=None)
@given(indices=st.lists(st.integers(0, 449), max_size=40))
def test_any_batch_is_its_views_one_by_one(opened, indices):
    views, logits = content(opened)
    assert np.array_equal(opened.train.fetch(indices), views[np.array(indices, int)])
    assert np.array_equal(opened.logits.fetch(indices), logits[np.array(indices, int)])


@pytest.fixture(scope="module")
def opened(few_digits, tmp_path_factory):
    augment, path = Augment(True, 2, 3), tmp_path_factory.mktemp("opened") / "deeper" / "set"
    return TransferSet.build(few_digits, teacher(3), 450, augment, path, shard_size=64, progress=False)


def test_opened_again_it_is_the_same(opened, few_digits):
    again = TransferSet.open(str(opened.folder), few_digits)
    assert_same(again, opened)
    assert np.array_equal(again.mean, opened.mean)
    assert np.array_equal(again.std, opened.std)
    assert repr(again) == repr(opened)
    assert "450 views of few digits" in repr(again)


def test_other_augmentations_with_views_are_given_again(build, few_digits):
    transfer = build(augment=Inverted())
    assert transfer.store == "seeds"
    with pytest.raises(LeveretUsageError, match=r"made by transfer_fakes.Inverted; give it as augment="):
        TransferSet.open(transfer.folder, few_digits)
    with pytest.raises(LeveretUsageError, match="built with other augment"):
        TransferSet.open(transfer.folder, few_digits, augment=Augment())
    assert_same(TransferSet.open(transfer.folder, few_digits, augment=Inverted()), transfer)


def test_pickled_it_goes_by_its_paths(opened):
    opened.logits.fetch([0, 449])
    bare = pickle.dumps(opened.logits)
    assert len(bare) < 1000
    assert_same(pickle.loads(pickle.dumps(opened)), opened)


def test_it_is_a_dataset_that_fit_trains_on(opened, few_digits):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    standard_start(net[1], opened.mean, opened.std)
    options = {"epochs": 4, "batch_size": 50, "lr": 0.02, "progress": False, "precision": "float32"}
    result = leveret.fit(net, opened, objective=opened.objective(), **options)
    losses = [row["train_distillation"] for row in result.history]
    assert losses[-1] < 0.5 * losses[0]
    assert result.samples_seen == 4 * 450
    assert result.best_accuracy is not None
    for name in ("val", "test", "normalization", "image_shape", "classes", "name"):
        assert getattr(opened, name) == getattr(few_digits, name)
    assert (opened.num_classes, opened.train.num_classes, opened.train.name) == (10, 10, "train")
    assert 0 <= leveret.evaluate(net, opened, "train").accuracy <= 1


def test_training_on_it_is_training_on_arrays(opened, few_digits):
    views, logits = (np.array(part) for part in content(opened))
    in_memory = SimpleNamespace(
        train=_Arrays(views, np.asarray(opened.train.labels)),
        val=few_digits.val,
        normalization=few_digits.normalization,
    )
    nets = []
    standard = {"standardize": (opened.mean, opened.std), "hard_weight": 0.3}
    for data, objective in (
        (opened, opened.objective(hard_weight=0.3)),
        (in_memory, leveret.Distillation(torch.from_numpy(logits), "logits", **standard)),
    ):
        torch.manual_seed(0)
        nets.append(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)))
        leveret.fit(nets[-1], data, objective=objective, epochs=1, batch_size=64, progress=False)
    assert torch.equal(nets[0][1].weight, nets[1][1].weight)


class _Arrays:
    def __init__(self, pixels, labels):
        self.pixels, self.labels = pixels, labels

    def __len__(self):
        return len(self.labels)

    def fetch(self, indices):
        return self.pixels[indices]


def test_objectives(opened):
    for form, standardize, std in (("logits", True, opened.std), ("logits", False, None), ("temperature", True, None)):
        objective = opened.objective(form, standardize=standardize, temperature=3.0, hard_weight=0.2)
        assert (objective.teacher, objective.form) == (opened.logits, form)
        assert (objective.temperature, objective.hard_weight) == (3.0, 0.2)
        assert (objective.std is None) == (std is None)
        if std is not None:
            np.testing.assert_allclose(objective.std, std, rtol=1e-6)


def test_a_class_that_never_varies_has_deviation_one(build, teachers):
    for net in teachers:
        nn.init.zeros_(net[-1].weight[3])
        nn.init.constant_(net[-1].bias[3:4], 0.1)
    transfer = build()
    assert transfer.std[3] == 1
    assert transfer.mean[3] == pytest.approx(0.1)


def test_a_standard_start_speaks_in_the_teachers_scale(opened):
    torch.manual_seed(0)
    layer, x = nn.Linear(5, 10), torch.randn(1000, 5)
    before = (x @ layer.weight.T).detach().numpy()
    assert standard_start(layer, opened.mean, opened.std) is layer
    np.testing.assert_allclose(layer(x).detach().numpy(), before * opened.std + opened.mean, rtol=1e-4, atol=1e-5)
    with pytest.raises(LeveretUsageError, match="10 outputs, mean and std are of"):
        standard_start(layer, [0.0], [1.0])
    with pytest.raises(LeveretUsageError, match="needs a bias"):
        standard_start(nn.Linear(5, 10, bias=False), opened.mean, opened.std)


def test_the_manifest_says_what_it_was_built_of(build, few_digits):
    found = json.loads((build().folder / "transfer.json").read_text())
    assert (found["format"], found["version"]) == ("leveret transfer set", 1)
    assert (found["size"], found["shard_size"], found["seed"], found["store"]) == (450, 100, 0, "seeds")
    assert found["data"]["classes"] == list(few_digits.classes)
    assert found["augment"]["settings"] == {"flip": True, "shift": 1, "cutout": 2}
    assert found["teachers"]["number"] == 2
    assert len(found["mean"]) == len(found["std"]) == 10


def test_normalization_belongs_to_the_data(build, few_digits):
    transfer = build()
    other = SimpleNamespace(**vars(few_digits) | {"normalization": Normalization((0.1,), (0.2,))})
    with pytest.raises(LeveretUsageError, match="other data"):
        TransferSet.open(transfer.folder, other)
