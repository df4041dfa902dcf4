"""`leveret distill`: the whole job on a few digits, stopped and gone on with, and what it refuses."""

from __future__ import annotations

import json
import shutil

import pytest

import leveret
from leveret import runtime
from leveret.errors import LeveretUsageError
from leveret.jobs import distill
from leveret.jobs._distill_recipe import distill_recipe, parameter_count

SMALL = {
    "student": "conv1",
    "params": "5k",
    "members": 3,
    "epochs": 1,
    "views": 1000,
    "student_epochs": 1,
    "trials": 2,
    "quick": True,
    "progress": False,
}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return distill.run("digits", tmp_path_factory.mktemp("distill") / "out", **SMALL)


def test_everything_is_there_and_says_the_same(done, digits):
    metrics = json.loads((done.out / "metrics.json").read_text())
    assert metrics == json.loads(json.dumps(done.metrics))
    assert [model.key for model in done.models] == ["ensemble", "best-member", "subset", "hard-labels", "student"]
    packed = runtime.load(done.out / "model.lvr")
    student = done.models[-1]
    assert leveret.evaluate(packed, digits).accuracy == student.accuracy == metrics["student"]["test_accuracy"]
    assert student.bytes == (done.out / "model.lvr").stat().st_size
    assert metrics["student"]["parameters"] == pytest.approx(5000, rel=0.01)
    # both saw the same samples
    assert metrics["student"]["samples_seen"] == metrics["hard_labels"]["samples_seen"] == 1000
    assert len(metrics["teachers"]) == 3
    assert sum(metrics["subset"]["weights"]) == pytest.approx(1)
    for name in ("ensemble", "best-member", "subset", "hard-labels"):
        assert (done.out / "models" / f"{name}.lvr").exists()


def test_the_report_shows_what_was_measured(done):
    page = (done.out / "report.html").read_text()
    for text in (
        "Many teachers, one small student",
        "full ensemble",
        "hard labels",
        "member-002",
        "selected",
        "trial-001",
    ):
        assert text in page
    assert str(done.out) not in page
    student = done.models[-1]
    assert f"{100 * student.accuracy:.2f} %" in page


def test_a_finished_run_is_only_read(done, capsys):
    before = (done.out / "metrics.json").stat().st_mtime_ns
    again = distill.run("digits", done.out, resume=True, **{**SMALL, "progress": True})
    assert "finished already" in capsys.readouterr().err
    assert again.metrics == json.loads(json.dumps(done.metrics))
    assert (done.out / "metrics.json").stat().st_mtime_ns == before
    with pytest.raises(LeveretUsageError, match="a finished run already"):
        distill.run("digits", done.out, **SMALL)
    with pytest.raises(LeveretUsageError, match=r"recipe\.views was 1000, now 3000"):
        distill.run("digits", done.out, resume=True, **{**SMALL, "views": 3000})


def test_what_is_missing_is_made_again_and_is_the_same(done, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(done.out, out)
    for gone in ("report.html", "model.lvr", "hard-labels", "transfer/logits-00000.npy"):
        path = out / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    again = distill.run("digits", out, resume=True, **SMALL)
    for mine, its in zip(again.models, done.models, strict=True):
        assert (mine.key, mine.accuracy, mine.bytes) == (its.key, its.accuracy, its.bytes)


def test_ctrl_c_says_what_is_kept_and_how_to_go_on(done, tmp_path, monkeypatch):
    out = tmp_path / "out"
    shutil.copytree(done.out, out)
    (out / "report.html").unlink()
    shutil.rmtree(out / "student")

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("leveret.distill.train_student", stop)
    with pytest.raises(distill.JobInterrupted) as stopped:
        distill.run("digits", out, resume=True, **SMALL)
    text = str(stopped.value)
    assert "keeps the teachers, the transfer set" in text
    assert "leveret distill digits -o" in text
    assert "--params 5k --members 3 --epochs 1 --views 1000 --student-epochs 1 --trials 2 --quick --resume" in text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"student": "conv9"}, "student must be one of conv0, conv1, conv2, conv3, conv4, got 'conv9'"),
        ({"params": "many"}, "a number of weights such as 300k, 1M or 1000000, got 'many'"),
        ({"params": 3}, "params"),
        ({"members": 0}, "members must be at least 1"),
        ({"trials": 0}, "trials must be at least 1"),
        ({"views": 0}, "views must be at least 1"),
        ({"lateral": -1}, "steps"),
        ({"data_options": {"val_fraction": 0.0}}, "no validation part to select teachers by"),
        ({"data_options": {"test_fraction": 0.0}}, "no test part to compare on"),
    ],
)
def test_what_is_asked_wrongly_is_refused_before_any_work(tmp_path, wrong, message):
    with pytest.raises(LeveretUsageError, match=message):
        distill.run("digits", tmp_path / "out", **{**SMALL, **wrong})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("text", "number"), [("1M", 10**6), ("31.6M", 31_600_000), ("300k", 300_000), (77, 77)])
def test_counts_are_read(text, number):
    assert parameter_count(text) == number


def test_the_recipe_follows_the_data(digits):
    recipe = distill_recipe(digits, lateral=2)
    assert recipe.student.links.steps == 2
    assert recipe.views == 40 * len(digits.train)
    assert recipe.hard.epochs == recipe.student.epochs == 5
    assert recipe.hard.hard_weight == 1
    assert not recipe.augment.flip
    quick = distill_recipe(digits, quick=True)
    assert quick.views < recipe.views
