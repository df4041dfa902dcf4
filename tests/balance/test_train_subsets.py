"""A net a subset: averaged, packed, distilled; finished members kept, failed ones told, folders of others refused."""

import functools
import json
import pickle

import joblib
import numpy as np
import pytest
import torch
from balance_data import image_net, images, net, table
from torch import nn

import leveret
from leveret import Distillation
from leveret.balance import balanced_subsets, train_subsets
from leveret.balance._members import _described, _Member
from leveret.errors import LeveretTrainingError, LeveretUsageError, LeveretWarning
from leveret.nets import Ensemble
from leveret.training import evaluate

MAKE = functools.partial(net, 2, 2)
QUICK = {"epochs": 2, "batch_size": 16, "progress": False}


@pytest.fixture
def data():
    return table((36, 12))


def weights(ensemble):
    return torch.cat([parameter.detach().flatten() for parameter in ensemble.parameters()])


class Spoiling:
    """An augmentation that crashes, or ends the run, in the training of one member: the one of this first sample."""

    def __init__(self, value, error):
        self.value = value
        self.error = error

    def __call__(self, rows, generator):
        if (rows == self.value).all(1).any():
            raise self.error
        return rows


def sample_of_alone(data, member):
    """A sample of the frequent class that only this member sees."""
    subset = balanced_subsets(data.train.labels)[member]
    return data.train.fetch(subset[data.train.labels[subset] == 0][:1])[0]


def test_members_learn_and_are_averaged(data):
    results = []
    ensemble = train_subsets(MAKE, data, epochs=6, batch_size=4, lr=0.05, workers=1, progress=False, results=results)
    assert isinstance(ensemble, Ensemble)
    assert not ensemble.training
    assert [result["samples"] for result in results] == [24, 24, 24]
    assert all(len(result["history"]) == 6 for result in results)
    assert evaluate(ensemble, data, "val").accuracy == 1
    x = torch.randn(5, 2)
    torch.testing.assert_close(ensemble(x), sum(member(x) for member in ensemble.nets) / 3)
    assert not torch.allclose(ensemble.nets[0](x), ensemble.nets[1](x), atol=1e-3)


def test_each_member_is_what_fit_gives_on_its_subset(data):
    subsets = balanced_subsets(data.train.labels, seed=4)
    ensemble = train_subsets(MAKE, data, seed=4, **QUICK)
    torch.manual_seed(4 + 1000)
    alone = MAKE()
    own = table((36, 12))
    own.train = data.train.subset(subsets[1])
    leveret.fit(alone, own, seed=1004, **QUICK)
    torch.testing.assert_close(weights(alone), weights(ensemble.nets[1]), rtol=0, atol=0)


def test_a_seed_gives_the_same_members(data):
    first, again, other = (weights(train_subsets(MAKE, data, seed=seed, **QUICK)) for seed in (0, 0, 1))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first, other)


def test_members_go_to_other_processes_as_they_are(data, tmp_path):
    subset = balanced_subsets(data.train.labels)[0]
    task = _Member("member-000", tmp_path / "member-000", 1, MAKE, subset, 0, QUICK)
    there, shared = pickle.loads(pickle.dumps((task, data)))
    assert there.run(shared)["status"] == "ok"
    torch.testing.assert_close(weights(task.net()), weights(train_subsets(MAKE, data, **QUICK).nets[0]), rtol=0, atol=0)


def test_workers_are_the_callers_choice(data):
    with joblib.parallel_config("threading", n_jobs=2):
        assert len(train_subsets(MAKE, data, **QUICK).nets) == 3


def test_finished_members_are_not_trained_again(data, tmp_path):
    spoilt = Spoiling(sample_of_alone(data, 2), KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        train_subsets(MAKE, data, out=tmp_path, augment=spoilt, **QUICK)
    kept = sorted(path.parent.name for path in tmp_path.glob("member-*/net.safetensors"))
    assert kept == ["member-000", "member-001"]
    before = {name: (tmp_path / name / "net.safetensors").stat().st_mtime_ns for name in kept}
    spoilt.value = np.array([99, 99])
    results = []
    ensemble = train_subsets(MAKE, data, out=tmp_path, augment=spoilt, results=results, **QUICK)
    assert len(ensemble.nets) == len(results) == 3
    assert before == {name: (tmp_path / name / "net.safetensors").stat().st_mtime_ns for name in kept}
    torch.testing.assert_close(weights(ensemble), weights(train_subsets(MAKE, data, **QUICK)), rtol=0, atol=0)
    assert not list(tmp_path.glob("member-*/training"))
    fresh = train_subsets(MAKE, data, out=tmp_path, resume=False, augment=spoilt, **QUICK)
    torch.testing.assert_close(weights(ensemble), weights(fresh), rtol=0, atol=0)
    assert before != {name: (tmp_path / name / "net.safetensors").stat().st_mtime_ns for name in kept}


def test_a_member_that_fails_is_told_and_the_others_go_on(data, tmp_path):
    spoilt = Spoiling(sample_of_alone(data, 1), RuntimeError("no luck"))
    results = []
    with pytest.warns(LeveretWarning, match=r"1 of 3 members failed \(member-001\).*RuntimeError: no luck"):
        ensemble = train_subsets(MAKE, data, out=tmp_path, augment=spoilt, results=results, **QUICK)
    assert len(ensemble.nets) == 2
    assert [result["status"] for result in results] == ["ok", "failed", "ok"]
    # the same call tries it again
    spoilt.value = np.array([99, 99])
    assert len(train_subsets(MAKE, data, out=tmp_path, augment=spoilt, **QUICK).nets) == 3


def test_all_failing_is_an_error_that_says_why(data):
    with pytest.raises(LeveretTrainingError, match=r"every one of 3 members failed; member-000: .*batch_size"):
        train_subsets(MAKE, data, epochs=1, batch_size=0, progress=False)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"seed": 1}, "seed was 0, now 1"),
        ({"epochs": 3}, "options.epochs was 2, now 3"),
        ({"members": 2}, "members was 3, now 2"),
        ({"objective": leveret.CrossEntropy()}, "options.objective was null"),
        ({"make_net": functools.partial(net, 2, 4)}, "net was "),
        ({"data": table((36, 12), seed=8)}, "data was "),
        ({"subsets": [np.arange(40), np.arange(48), np.arange(2, 48)]}, "subsets was "),
    ],
)
def test_a_folder_of_another_training_is_refused(data, tmp_path, changed, words):
    (tmp_path / "subsets.json").write_text(json.dumps(described(data)))
    arguments = {"make_net": MAKE, "data": data, **QUICK, **changed}
    with pytest.raises(LeveretUsageError, match=f"members of another training: .*{words}"):
        train_subsets(arguments.pop("make_net"), arguments.pop("data"), out=tmp_path, **arguments)


def described(data):
    return _described(MAKE, data, balanced_subsets(data.train.labels), 0, {"epochs": 2, "batch_size": 16})


def test_members_of_nobody_are_refused(data, tmp_path):
    (tmp_path / "member-000").mkdir()
    with pytest.raises(LeveretUsageError, match=r"members but no subsets\.json"):
        train_subsets(MAKE, data, out=tmp_path, **QUICK)


def test_the_random_state_of_the_caller_is_left(data, tmp_path):
    (tmp_path / "subsets.json").write_text(json.dumps(described(data)))
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    described(data)
    assert torch.equal(torch.rand(1), expected)


def test_the_ensemble_packs_and_teaches(few_digits):
    ensemble = train_subsets(
        image_net, few_digits, [np.arange(0, 150), np.arange(50, 200)], epochs=5, batch_size=32, lr=0.01, progress=False
    )
    x = torch.from_numpy(few_digits.normalization.apply(few_digits.val.fetch(np.arange(20))))
    packed = leveret.pack(ensemble, x[:2])
    np.testing.assert_allclose(packed(x.numpy()), ensemble(x).detach().numpy(), atol=1e-4)
    torch.manual_seed(0)
    student = image_net()
    leveret.fit(student, few_digits, objective=Distillation(ensemble), epochs=8, batch_size=32, lr=0.01, progress=False)
    both = [net(x).argmax(1) for net in (student.eval(), ensemble)]
    assert (both[0] == both[1]).float().mean() > 0.7


def test_images_and_a_missing_validation_part(tmp_path):
    data = images()
    make = functools.partial(nn.Sequential, nn.Flatten(), nn.Linear(16, 2))
    ensemble = train_subsets(make, data, out=tmp_path, **QUICK)
    assert len(ensemble.nets) == 5


@pytest.mark.parametrize(
    ("subsets", "words"),
    [
        ([], "at least one subset"),
        ([[0]], "subset 0 must be places of at least two"),
        ([[0, 1], [0.5, 1.0]], "subset 1 must be places"),
        ([[0, 48]], "the training part's are 0 to 47"),
        ([[-1, 3]], "places from -1 to 3"),
    ],
)
def test_subsets_that_are_none_are_refused(data, subsets, words):
    with pytest.raises(LeveretUsageError, match=words):
        train_subsets(MAKE, data, subsets, **QUICK)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": 0}, "workers must be at least 1"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"epoch": 3}, "fit has no option 'epoch'"),
        ({"members": 2, "subsets": [[0, 1]]}, "members and max_members are of balanced_subsets"),
    ],
)
def test_options_out_of_range_are_refused(data, options, words):
    with pytest.raises(LeveretUsageError, match=words):
        train_subsets(MAKE, data, **{**QUICK, **options})
