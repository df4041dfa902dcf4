"""Teachers: searched, trained side by side, found again; what crashes, dies or was stopped costs only itself."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import joblib
import numpy as np
import pytest
import torch
from nets_for_tests import Tiny

import leveret
import warm_processes
from leveret.distill import ConvTeachers, SearchOver, Study, TeacherEnsemble, TransferSet
from leveret.errors import LeveretDataError, LeveretError, LeveretTrainingError, LeveretUsageError
from leveret.nets import Ensemble

QUIET = {"progress": False}


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    out = tmp_path_factory.mktemp("teachers")
    return out, TeacherEnsemble.train(digits, 4, out=out, search=Tiny(), **QUIET)


def test_members_are_what_the_search_says_and_are_kept(digits, trained):
    out, ensemble = trained
    assert len(ensemble) == 4
    assert ensemble.failed == []
    # the first is the one to try first, the others differ
    assert ensemble.members[0].params == {"hidden": 24, "lr": 0.01}
    assert len({member.params["lr"] for member in ensemble.members}) == 4
    logits = ensemble.logits("val")
    assert logits.shape == (4, len(digits.val), 10)
    assert logits.dtype == np.float32
    for i, member in enumerate(ensemble.members):
        net = ensemble.member(i)
        assert net[1].out_features == member.params["hidden"]
        found = leveret.evaluate(net, digits, "val")
        np.testing.assert_allclose(found.logits, logits[i], rtol=1e-5, atol=1e-5)
        assert found.accuracy == member.accuracy
        assert not (member.folder / "training").exists()
    assert ensemble.best == int(np.argmax([member.accuracy for member in ensemble.members]))
    assert (out / "study.journal").exists()


def test_the_search_was_told_how_each_went(trained):
    import optuna

    out, ensemble = trained
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(out / "study.journal")))
    trials = optuna.load_study(storage=storage, study_name="teachers").trials
    assert [trial.value for trial in trials] == [member.accuracy for member in ensemble.members]
    assert [trial.params for trial in trials] == [member.params for member in ensemble.members]


def test_a_rerun_trains_only_what_is_missing(digits, trained, tmp_path, monkeypatch):
    out, ensemble = trained
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    (out / "member-002" / "net.safetensors").unlink()
    again = TeacherEnsemble.train(digits, 5, out=out, search=Tiny(), **QUIET)
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    assert {path for path in after if after[path] != before.get(path)} == {
        out / "member-002" / "net.safetensors",
        out / "member-004" / "net.safetensors",
    }
    # the one trained anew had the same hyper-parameters and seed
    assert np.array_equal(again.logits("val")[:4], ensemble.logits("val"))
    ensemble = TeacherEnsemble.load(out, search=Tiny())
    assert len(ensemble) == 5
    assert len(TeacherEnsemble.train(digits, 2, out=out, search=Tiny(), **QUIET)) == 2


def test_a_seed_gives_the_same_members_with_any_number_of_workers(digits, tmp_path):
    made = [
        TeacherEnsemble.train(
            digits, 3, out=tmp_path / str(workers), search=Tiny(), sampler="random", workers=workers, threads=1, **QUIET
        )
        for workers in (1, 2)
    ]
    assert np.array_equal(made[0].logits("test"), made[1].logits("test"))
    other = TeacherEnsemble.train(digits, 3, out=tmp_path / "x", search=Tiny(), sampler="random", seed=1, **QUIET)
    assert not np.array_equal(made[0].logits("test"), other.logits("test"))


def test_a_crash_costs_a_try_and_a_dead_process_costs_an_epoch(digits, tmp_path):
    crashing = Tiny(crash=1, marks=str(tmp_path / "crash"))
    ensemble = TeacherEnsemble.train(digits, 3, out=tmp_path / "crash", search=crashing, **QUIET)
    assert (tmp_path / "crash" / "member-001" / "crash").exists()
    assert len(ensemble) == 3
    killed = Tiny(kill=1, marks=str(tmp_path / "kill"))
    options = {"sampler": "random", "workers": 2, "threads": 1, **QUIET}
    ensemble = TeacherEnsemble.train(digits, 3, out=tmp_path / "kill", search=killed, **options)
    assert (tmp_path / "kill" / "member-001" / "kill").exists()
    assert len(ensemble) == 3
    plain = TeacherEnsemble.train(digits, 3, out=tmp_path / "plain", search=Tiny(), **options)
    assert np.array_equal(ensemble.logits("val"), plain.logits("val"))


def broken(params, data):
    raise RuntimeError("no such layer")


def test_members_that_fail_are_reported_and_the_rest_goes_on(digits, tmp_path, capsys):
    def build(params, data):
        if params["hidden"] > 16:
            raise RuntimeError("no such layer")
        return Tiny().net(params, data)

    search = SearchOver(Tiny().suggest, build, {"epochs": 1}, first=({"hidden": 8}, {"hidden": 20}, {"hidden": 9}))
    ensemble = TeacherEnsemble.train(digits, 3, out=tmp_path / "a", search=search)
    assert [member.params["hidden"] for member in ensemble.members] == [8, 9]
    assert [result["key"] for result in ensemble.failed] == ["member-001"]
    assert "RuntimeError: no such layer" in ensemble.failed[0]["why"]
    assert "failed: RuntimeError: no such layer" in capsys.readouterr().err
    with pytest.raises(LeveretTrainingError, match=r"every one of 2 members failed; member-000: .*no such layer"):
        TeacherEnsemble.train(
            digits, 2, out=tmp_path / "b", search=SearchOver(Tiny().suggest, broken, {"epochs": 1}), **QUIET
        )


def test_training_that_diverges_fails_that_member_alone(digits, tmp_path):
    search = SearchOver(
        Tiny().suggest,
        Tiny().net,
        lambda params, data: {"epochs": 1, "optimizer": "sgd", "lr": 1e12 if params["hidden"] == 8 else 0.01},
        first=({"hidden": 8}, {"hidden": 16}),
    )
    ensemble = TeacherEnsemble.train(digits, 2, out=tmp_path, search=search, **QUIET)
    assert len(ensemble) == 1
    assert "became" in ensemble.failed[0]["why"]


def test_several_folders_are_put_together(digits, tmp_path):
    for seed, name in enumerate("ab"):
        TeacherEnsemble.train(
            digits, 2, out=tmp_path / name, search=Tiny(), seed=seed, storage=f"sqlite:///{tmp_path}/study.db", **QUIET
        )
    joined = TeacherEnsemble.load(tmp_path / "a", tmp_path / "b", search=Tiny())
    assert len(joined) == 4
    assert joined.logits("val").shape[0] == 4
    import optuna

    # both learned from one study
    assert len(optuna.load_study(study_name="teachers", storage=f"sqlite:///{tmp_path}/study.db").trials) == 4


def test_the_best_subset_is_a_net_that_packs(digits, trained, tmp_path):
    _, ensemble = trained
    subset = ensemble.best_subset(digits, seed=1)
    net = ensemble.net(subset)
    found = leveret.evaluate(net, digits)
    np.testing.assert_allclose(
        found.logits, subset.combine(ensemble.logits("test")[: len(subset.weights)]), rtol=1e-4, atol=1e-4
    )
    x = torch.from_numpy(digits.normalization.apply(digits.test.fetch(range(8))))
    packed = leveret.pack(net, x, normalization=digits.normalization, classes=digits.classes)
    np.testing.assert_allclose(packed(digits.test.fetch(range(8))), net(x).detach().numpy(), rtol=1e-3, atol=1e-3)
    assert len(ensemble.net().nets) == len(ensemble)
    shorter = ensemble.only([member.folder.name for member in ensemble.members[:3]])
    with pytest.raises(LeveretUsageError, match="the subset is of 4 members, the ensemble has 3"):
        shorter.net(replace(subset, weights=np.full(4, 0.25)))


@pytest.mark.parametrize("side", [8, 28, 32])
@pytest.mark.parametrize("channels", [1, 3])
def test_conv_teachers_fit_the_images(digits, side, channels):
    import optuna

    class Shape:
        image_shape = (channels, side, side)
        num_classes = 4
        classes = tuple("abcd")
        train = range(30_000)

    search = ConvTeachers()
    for trial in (optuna.trial.FixedTrial({**search.first[0]}), *_extremes(search)):
        params = search.suggest(trial)
        net = search.net(params, Shape)
        assert net.eval()(torch.zeros(1, channels, side, side)).shape == (1, 4)
        assert search.settings(params, Shape)["augment"].flip == (channels == 3)
    assert ConvTeachers.from_dict(json.loads(json.dumps(search.describe()))) == search


def _extremes(search):
    import optuna

    for pick in ("low", "high"):
        values = {}

        class Note:
            def suggest_int(self, name, low, high, values=values, pick=pick):
                return values.setdefault(name, {"low": low, "high": high}[pick])

            def suggest_float(self, name, low, high, log=False, values=values, pick=pick):
                return values.setdefault(name, {"low": low, "high": high}[pick])

        search.suggest(Note())
        yield optuna.trial.FixedTrial(values)


def test_conv_teachers_are_found_again_without_naming_them(digits, tmp_path):
    search = ConvTeachers(epochs=1, widths=(8, 8), depths=(2, 3))
    ensemble = TeacherEnsemble.train(digits, 2, out=tmp_path, search=search, **QUIET)
    found = TeacherEnsemble.load(tmp_path)
    assert found.classes == ensemble.classes == digits.classes
    assert leveret.evaluate(found.member(1), digits, "val").accuracy == ensemble.members[1].accuracy


def test_what_is_asked_wrongly_is_named(digits, trained, tmp_path):
    out, _ = trained
    train = TeacherEnsemble.train
    with pytest.raises(LeveretUsageError, match="members must be at least 1, got 0"):
        train(digits, 0, out=tmp_path / "x")
    with pytest.raises(LeveretUsageError, match=r"another ensemble of teachers than this: search\.epochs was 2, now 3"):
        train(digits, 2, out=out, search=Tiny(epochs=3))
    with pytest.raises(LeveretUsageError, match="seed was 0, now 1"):
        train(digits, 2, out=out, search=Tiny(), seed=1)
    with pytest.raises(LeveretUsageError, match="no validation part"):
        train(replace(digits, val=digits.val.subset([])), 2, out=tmp_path / "x")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(LeveretUsageError, match=r"not empty \(thesis.tex\) and holds no ensemble of teachers"):
        train(digits, 2, out=tmp_path / "mine")
    with pytest.raises(LeveretDataError, match="holds no ensemble of teachers"):
        TeacherEnsemble.load(tmp_path / "mine")
    with pytest.raises(LeveretUsageError, match="a search of your own; give it as search="):
        TeacherEnsemble.load(out)
    with pytest.raises(LeveretUsageError, match="by another search"):
        TeacherEnsemble.load(out, search=Tiny(epochs=9))
    with pytest.raises(LeveretUsageError, match="Optuna can't open the storage nonsense://x"):
        train(digits, 2, out=tmp_path / "y", storage="nonsense://x")


def test_teachers_of_other_classes_are_refused(digits, tmp_path):
    TeacherEnsemble.train(digits, 1, out=tmp_path / "a", search=Tiny(epochs=1), **QUIET)
    TeacherEnsemble.train(digits, 1, out=tmp_path / "b", search=Tiny(epochs=1), **QUIET)
    config = json.loads((tmp_path / "b" / "search.json").read_text())
    config["data"]["classes"][0] = "nought"
    (tmp_path / "b" / "search.json").write_text(json.dumps(config))
    with pytest.raises(
        LeveretDataError, match=r"other data, or on another split of it, than those in .*a: classes was"
    ):
        TeacherEnsemble.load(tmp_path / "a", tmp_path / "b", search=Tiny(epochs=1))


def trains_slowly(out):
    TeacherEnsemble.train(leveret.load("digits"), 3, out=out, search=Tiny(pause=0.05, epochs=3), progress=False)


def test_a_killed_run_goes_on_where_it_was(digits, tmp_path):
    """That the workers of a killed run end with it is seen in test_compare_job.py."""
    out = tmp_path / "out"
    process = warm_processes.start(trains_slowly, out)
    deadline = time.monotonic() + 60
    while not list(out.glob("member-*/training/last.ckpt")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.join()
    kept = [path.parent.parent.name for path in out.glob("member-*/training/last.ckpt")]
    assert kept
    trials = {name: (out / name / "trial.json").read_text() for name in kept}
    ensemble = TeacherEnsemble.train(digits, 3, out=out, search=Tiny(epochs=3), **QUIET)
    assert len(ensemble) == 3
    assert trials == {name: (out / name / "trial.json").read_text() for name in kept}
    assert [row["epoch"] for row in ensemble.members[int(kept[0][-3:])].result["history"]] == [1, 2, 3]


def test_a_dask_cluster_of_two_processes(digits, tmp_path):
    distributed = pytest.importorskip("distributed", reason="dask isn't installed: pip install distributed")
    import dask

    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        options = {"sampler": "random", **QUIET}
        killed = Tiny(kill=1, marks=str(tmp_path / "dask"))
        ensemble = TeacherEnsemble.train(digits, 3, out=tmp_path / "dask", search=killed, **options)
    here = TeacherEnsemble.train(digits, 3, out=tmp_path / "here", search=Tiny(), **options)
    assert (tmp_path / "dask" / "member-001" / "kill").exists()
    assert np.array_equal(ensemble.logits("val"), here.logits("val"))


def test_teachers_of_another_split_are_refused(trained, tmp_path):
    """Else one ensemble's validation images may have been the other's to learn from."""
    out, ensemble = trained
    other = leveret.load("digits", seed=1)
    TeacherEnsemble.train(other, 1, out=tmp_path, search=Tiny(), **QUIET)
    with pytest.raises(LeveretDataError, match=r"another split of it, than those in .*: .*parts\.train was"):
        TeacherEnsemble.load(out, tmp_path, search=Tiny())
    with pytest.raises(LeveretDataError, match="trained on other data than digits, or on another split"):
        ensemble.best_subset(other)


def test_a_transfer_set_of_other_classes_refuses_the_teachers(digits, trained, tmp_path):
    _, ensemble = trained
    renamed = replace(digits, classes=tuple(f"garment {name}" for name in digits.classes))
    for net in (ensemble.net(), ensemble.member(0)):
        with pytest.raises(LeveretUsageError, match="trained for other classes: '0' where digits has 'garment 0'"):
            TransferSet.build(renamed, net, 100, None, tmp_path / "x", **QUIET)
    assert not (tmp_path / "x").exists()


def test_weights_of_the_ensemble_tell_transfer_sets_apart(digits, trained, tmp_path):
    _, ensemble = trained
    nets = [ensemble.member(i) for i in range(2)]
    TransferSet.build(digits, Ensemble(nets, [0.5, 0.5]), 100, None, tmp_path, **QUIET)
    with pytest.raises(LeveretUsageError, match="built with other teachers"):
        TransferSet.build(digits, Ensemble(nets, [0.9, 0.1]), 100, None, tmp_path, **QUIET)


def test_any_seed_will_do(digits, tmp_path):
    ensemble = TeacherEnsemble.train(digits, 1, out=tmp_path / "a", search=Tiny(epochs=1), seed=20240501, **QUIET)
    assert len(ensemble) == 1
    with pytest.raises(LeveretUsageError, match="seed must be at least 0"):
        TeacherEnsemble.train(digits, 1, out=tmp_path / "b", search=Tiny(), seed=-1, **QUIET)
    assert not (tmp_path / "b").exists()


def test_an_edited_search_is_noticed(digits, tmp_path):
    def search(options):
        return SearchOver(Tiny().suggest, Tiny().net, options)

    TeacherEnsemble.train(digits, 1, out=tmp_path / "a", search=search({"epochs": 1}), **QUIET)
    with pytest.raises(LeveretUsageError, match=r"another ensemble of teachers than this: search\.options was"):
        TeacherEnsemble.train(digits, 1, out=tmp_path / "a", search=search({"epochs": 2}), **QUIET)
    functions = [lambda params, data: {"epochs": 1}, lambda params, data: {"epochs": 2}]
    described = [search(function).describe() for function in functions]
    assert described[0]["options"] != described[1]["options"]
    assert described[0] == search(functions[0]).describe()


def test_first_hyper_parameters_must_be_suggested(digits, tmp_path):
    search = SearchOver(Tiny().suggest, Tiny().net, {"epochs": 1}, first=({"hiden": 8},))
    with pytest.raises(LeveretTrainingError, match="name 'hiden', which it doesn't suggest; it suggests hidden, lr"):
        TeacherEnsemble.train(digits, 1, out=tmp_path, search=search, **QUIET)


def test_a_journal_cut_by_a_kill_goes_on(digits, tmp_path):
    TeacherEnsemble.train(digits, 2, out=tmp_path, search=Tiny(epochs=1), **QUIET)
    journal = tmp_path / "study.journal"
    journal.write_bytes(journal.read_bytes()[:-20])
    for members in (3, 4):
        assert len(TeacherEnsemble.train(digits, members, out=tmp_path, search=Tiny(epochs=1), **QUIET)) == members


def test_a_search_that_cannot_be_told_costs_a_note(digits, tmp_path, monkeypatch):
    def lost(self, sampler):
        if sampler is None:
            raise RuntimeError("the database is locked")
        return opened(self, sampler)

    opened = Study._open
    monkeypatch.setattr(Study, "check", lambda self: None)
    monkeypatch.setattr(Study, "_open", lost)
    ensemble = TeacherEnsemble.train(digits, 1, out=tmp_path, search=Tiny(epochs=1), **QUIET)
    assert "could not be told of trial 0: the database is locked" in ensemble.members[0].result["notes"][0]


def test_a_full_disk_stops_rather_than_fails_members(digits, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(LeveretError, match="could not be written: No space left on device"):
        TeacherEnsemble.train(digits, 2, out=tmp_path, search=Tiny(epochs=1), **QUIET)
    monkeypatch.undo()
    assert len(TeacherEnsemble.train(digits, 2, out=tmp_path, search=Tiny(epochs=1), **QUIET)) == 2


def test_weights_that_are_gone_are_said(digits, tmp_path):
    TeacherEnsemble.train(digits, 2, out=tmp_path, search=Tiny(epochs=1), **QUIET)
    (tmp_path / "member-000" / "net.safetensors").unlink()
    found = TeacherEnsemble.load(tmp_path, search=Tiny(epochs=1))
    assert [member.folder.name for member in found.members] == ["member-001"]
    assert found.failed[0]["why"] == "its weights are gone"
    with pytest.raises(LeveretDataError, match="the ensemble has lost member-000"):
        found.only(["member-000"])


def test_folders_are_found_from_elsewhere(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ensemble = TeacherEnsemble.train(digits, 1, out="here", search=Tiny(epochs=1), **QUIET)
    monkeypatch.chdir("/")
    assert ensemble.logits("val").shape[0] == 1


@pytest.mark.parametrize(("widths", "low", "high"), [((4, 64), 4, 64), ((10, 12), 10, 12), ((24, 48), 24, 48)])
def test_conv_teachers_use_their_whole_range(digits, widths, low, high):
    search = ConvTeachers(widths=widths)
    found = [search.net({**search.first[0], "width": share}, digits).stem[0].out_channels for share in (0.0, 0.5, 1.0)]
    assert (found[0], found[2]) == (low, high)
    assert low < found[1] < high
