"""Students: what they are, what they learn, that their training is searched, kept and refused where it is another's."""

from __future__ import annotations

import json

import numpy as np
import optuna
import pytest
import torch

import leveret
from leveret.distill import ShallowStudents, TransferSet, train_student
from leveret.errors import LeveretTrainingError, LeveretUsageError
from leveret.nets import Links, parameter_count
from leveret.training import Augment, CrossEntropy, Distillation

QUIET = {"progress": False}


@pytest.fixture(scope="module")
def transfer(digits, tmp_path_factory):
    torch.manual_seed(0)
    teacher = leveret.ConvNet(1, 10, depth=3, width=16, stages=2)
    leveret.fit(teacher, digits, epochs=3, optimizer="sgd", lr=0.05, progress=False)
    folder = tmp_path_factory.mktemp("transfer")
    return TransferSet.build(digits, teacher, 4000, Augment(shift=1), folder, progress=False)


@pytest.mark.parametrize("form", ["logits", "temperature"])
def test_the_best_of_the_trials_learns_from_the_teacher(transfer, digits, tmp_path, form):
    search = ShallowStudents(conv_layers=1, params=20_000, epochs=3, form=form)
    student = train_student(transfer, search, 2, out=tmp_path, **QUIET)
    assert [result["status"] for result in student.trials] == ["ok", "ok"]
    assert student.accuracy == max(result["val_accuracy"] for result in student.trials)
    assert parameter_count(student.net) == pytest.approx(20_000, rel=0.01)
    # well above the tenth that guessing gives, and not in training mode
    assert leveret.evaluate(student.net, digits).accuracy > 0.6
    assert not student.net.training
    assert ("temperature" in student.result["params"]) == (form == "temperature")


def test_a_student_of_logits_begins_in_the_teachers_scale(transfer):
    torch.manual_seed(0)
    search = ShallowStudents(conv_layers=0, params=20_000, form="logits")
    net = search.net(dict(search.first[0]), transfer).eval()
    with torch.no_grad():
        logits = net(torch.from_numpy(transfer.normalization.apply(transfer.train.fetch(np.arange(500)))))
    np.testing.assert_allclose(net.classifier.bias.detach(), transfer.mean, rtol=1e-5)
    ratio = (logits.numpy() - transfer.mean).std(0) / transfer.std
    assert 0.05 < ratio.mean() < 1.5
    hard = search.net(dict(search.first[0]), transfer.data)
    assert abs(hard.classifier.bias.detach().numpy()).max() < 0.5


def test_what_is_learned_hangs_on_the_data(transfer, digits):
    search = ShallowStudents(conv_layers=2, params=30_000, augment=Augment(shift=1), hard_weight=0.3)
    params = dict(search.first[0])
    soft, hard = search.settings(params, transfer), search.settings(params, digits)
    assert isinstance(soft["objective"], Distillation)
    assert soft["objective"].hard_weight == 0.3
    assert "augment" not in soft
    assert isinstance(hard["objective"], CrossEntropy)
    assert hard["augment"] == Augment(shift=1)


def test_links_count_among_the_parameters(digits):
    nets = [
        ShallowStudents(conv_layers=1, params=20_000, links=links).net({"dropout": 0.0}, digits)
        for links in (None, Links(steps=2))
    ]
    assert parameter_count(nets[0]) == pytest.approx(parameter_count(nets[1]), rel=0.02)
    assert nets[1].widths.hidden < nets[0].widths.hidden


def test_suggestions_are_in_range():
    search = ShallowStudents(conv_layers=1, params=20_000, form="temperature")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        params = search.suggest(study.ask())
        assert 5e-4 <= params["lr"] <= 1.6e-2
        assert 0 <= params["dropout"] <= 0.4
        assert params["temperature"] >= 1
    assert ShallowStudents(1, 2, start=({"lr": 1.0},)).first == ({"lr": 1.0},)


def test_a_rerun_trains_nothing_and_another_search_is_refused(transfer, digits, tmp_path):
    search = ShallowStudents(conv_layers=0, params=8_000, epochs=1)
    first = train_student(transfer, search, 1, out=tmp_path, **QUIET)
    before = (tmp_path / "trial-000" / "net.safetensors").stat().st_mtime_ns
    again = train_student(transfer, search, 1, out=tmp_path, **QUIET)
    assert (tmp_path / "trial-000" / "net.safetensors").stat().st_mtime_ns == before
    assert again.result == json.loads(json.dumps(first.result))
    for name, value in first.net.state_dict().items():
        assert torch.equal(value, again.net.state_dict()[name])
    with pytest.raises(LeveretUsageError, match=r"another search for a student than this: search\.params was 8000"):
        train_student(transfer, ShallowStudents(conv_layers=0, params=9_000, epochs=1), 1, out=tmp_path, **QUIET)
    with pytest.raises(LeveretUsageError, match="another search for a student"):
        train_student(digits, search, 1, out=tmp_path, **QUIET)
    with pytest.raises(LeveretUsageError, match="trials must be at least 1"):
        train_student(digits, search, 0, out=tmp_path / "x", **QUIET)


def test_two_workers_give_what_one_gives(transfer, tmp_path):
    search = ShallowStudents(conv_layers=0, params=8_000, epochs=1)
    results = [
        train_student(
            transfer, search, 2, out=tmp_path / str(workers), sampler="random", workers=workers, threads=1, **QUIET
        )
        for workers in (1, 2)
    ]
    assert [trial["val_loss"] for trial in results[0].trials] == [trial["val_loss"] for trial in results[1].trials]


def test_when_every_trial_fails_it_is_said(transfer, tmp_path):
    search = ShallowStudents(
        conv_layers=0, params=8_000, epochs=1, start=({"lr": 1e30, "weight_decay": 1e-4, "dropout": 0.0},)
    )
    with pytest.raises(LeveretTrainingError, match=r"every one of 1 trials failed; trial-000: .*became"):
        train_student(transfer, search, 1, out=tmp_path, **QUIET)
