"""The balance catalogue: every method trains, its net answers with the data's classes and packs; and auto's rule."""

import functools
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import leveret
from leveret import LeveretUsageError
from leveret.balance.catalogue import METHODS, BalancedTraining, choose_method, choose_methods
from leveret.data import long_tailed
from leveret.nets import ConvNet

make_net = functools.partial(ConvNet, 1, 10, depth=3, widths=(8,))


@pytest.fixture(scope="module")
def skewed(digits):
    return long_tailed(digits, 10, seed=1)


def training(data, **options):
    return BalancedTraining(data, 2, make_net=make_net, batch_size=64, **options)


@pytest.fixture(scope="module")
def plain(skewed):
    return training(skewed).plain_net()


@pytest.mark.filterwarnings("ignore::leveret.errors.LeveretWarning")
@pytest.mark.parametrize("key", METHODS)
def test_every_method_trains_a_net_that_packs(skewed, plain, key):
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    options = {"members": 2} if METHODS[key].family == "ensemble" else {}
    run = training(skewed, plain=plain)
    net = METHODS[key].make(run, **options)
    assert not net.training
    evaluation = leveret.evaluate(net, skewed)
    assert evaluation.logits.shape[1] == 10
    example = torch.from_numpy(skewed.normalization.apply(skewed.test.fetch(np.arange(4))))
    packed = leveret.pack(net, example, normalization=skewed.normalization, classes=skewed.classes)
    assert (leveret.evaluate(packed, skewed).predictions == evaluation.predictions).mean() > 0.995
    # the plain net is the others' too
    assert all(torch.equal(before[name], value) for name, value in plain.state_dict().items())
    if key not in ("plain", "logit-adjusted-post", "classifier-retraining", "classifier-refitting"):
        assert run.history
        assert run.spent == len(run.history)


@pytest.mark.parametrize(
    ("ratio", "options", "members"),
    [(2, {}, 4), (3, {}, 6), (1, {}, 4), (6, {}, 6), (20, {}, 8), (2, {"rounds": 1}, 2), (2, {"members": 1}, 1)],
)
def test_at_least_four_members_vote(ratio, options, members, monkeypatch):
    dealt = []

    def train(make_net, data, subsets, **rest):
        dealt.extend(subsets)
        return torch.nn.Identity()

    monkeypatch.setattr("leveret.balance.catalogue._ensemble.train_subsets", train)
    labels = np.repeat([0, 1], (10 * ratio, 10))
    data = leveret.data.from_arrays(
        np.zeros((len(labels), 1, 8, 8), np.uint8), labels, x_val=np.zeros((2, 1, 8, 8), np.uint8), y_val=[0, 1]
    )
    METHODS["balanced-subsets"].make(training(data), **options)
    assert len(dealt) == members


def test_a_method_trains_its_own_plain_net_where_there_is_none(skewed):
    run = training(skewed)
    METHODS["logit-adjusted-post"].make(run)
    assert [row["stage"] for row in run.history] == ["plain"] * 2


def test_the_same_seed_gives_the_same_net(skewed):
    first, second, other = (
        METHODS["class-weights"].make(training(skewed, seed=seed)).state_dict()["classifier.weight"]
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_fewer_samples_are_passed_over_more_often(skewed):
    run = training(skewed)
    assert run.passes(len(skewed.train)) == 2
    assert run.passes(len(skewed.train) // 2) == 4
    assert run.passes(1) == 20
    assert run.passes(10 * len(skewed.train)) == 1


def test_options_are_known_or_refused(skewed):
    with pytest.raises(LeveretUsageError, match=r"'focal' has no option 'beta'; it has gamma"):
        METHODS["focal"].make(training(skewed), beta=1)
    with pytest.raises(LeveretUsageError, match="'plain' has no option 'x'; it has none"):
        METHODS["plain"].with_defaults({"x": 1})
    with pytest.raises(LeveretUsageError, match="make_net must be a function"):
        BalancedTraining(skewed, 1)


def test_methods_by_name():
    assert [method.key for method in choose_methods("focal, plain")] == ["plain", "focal"]
    assert len(choose_methods("all")) == len(METHODS)
    with pytest.raises(LeveretUsageError, match="no method 'focus'; there are: all, plain"):
        choose_methods("focus")
    with pytest.raises(LeveretUsageError, match="names none"):
        choose_methods(" , ")
    assert all(pickle.loads(pickle.dumps(method)).key == key for key, method in METHODS.items())


@pytest.mark.parametrize(
    ("counts", "key"),
    [
        ([100, 100], "plain"),
        ([150, 100], "plain"),
        ([151, 100], "classifier-retraining"),
        ([1000, 500, 100], "classifier-retraining"),
        ([1000, 500, 99], "frequency-sampling"),
        ([1000, 1], "frequency-sampling"),
        ([2, 1], "classifier-retraining"),
        ([50, 40], "plain"),
    ],
)
def test_auto_goes_by_the_written_rule(counts, key):
    choice = choose_method(counts)
    assert choice.key == key
    assert choice.ratio == max(counts) / min(counts)
    assert f"{min(counts):,}" in choice.why


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=20))
def test_auto_always_names_a_method_whatever_the_order(counts):
    assert choose_method(counts).key in METHODS
    assert choose_method(counts).key == choose_method(sorted(counts)).key


@pytest.mark.parametrize("counts", [[5], [], [5, 0], [[1, 2]]])
def test_auto_refuses_what_is_no_classification(counts):
    with pytest.raises(LeveretUsageError, match="counts must be at least 1"):
        choose_method(counts)
