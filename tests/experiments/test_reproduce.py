"""Running many experiments: what is listed, kept, told and left out; quick runs; seeds and times; folders' guards."""

from __future__ import annotations

import json
import sys

import pytest

from leveret import experiments
from leveret.errors import LeveretUsageError
from leveret.experiments import EXPERIMENTS, _registry
from leveret.experiments._experiment import Experiment, Part
from leveret.experiments._needs import NEEDS, missing, needed
from leveret.experiments._results import QUICK, Measuring, Results, figures_table, measuring, part_heading, seeds_of


class Fake:
    """An experiment of three parts, of which some may fail or be stopped."""

    PARTS = ("a", "b", "c")

    def __init__(self):
        self.calls = []
        self.raises = {}

    def run(self, parts, seeds, data, out, quick=False):
        for part in parts:
            self.calls.append((part, seeds, quick))
            print(f"{part} at work", file=sys.stderr)
            print("to be seen, but not on stdout")
            if part in self.raises:
                raise self.raises[part]
            results = Results(out / "fake.json")
            results.record(part, {f"figure_{part}": 1}, {"command": f"leveret reproduce fake --part {part}"})
            self.render(results.values, out)
        return out / "fake.md"

    def render(self, values, out):
        text = "\n".join(line for part, details in values["parts"].items() for line in part_heading(part, details))
        (out / "fake.md").write_text(text)


@pytest.fixture
def fake(monkeypatch):
    made = Fake()
    listed = Experiment("fake", "What it asks", "ours", {part: Part(1, 1) for part in "abc"})
    monkeypatch.setattr(Experiment, "module", property(lambda self: made))
    monkeypatch.setattr("leveret.experiments._index._papers.COMPARED", {"fake": ()})
    whole = dict(_registry.EXPERIMENTS)
    _registry.EXPERIMENTS.clear()
    _registry.EXPERIMENTS["fake"] = listed
    yield made
    _registry.EXPERIMENTS.clear()
    _registry.EXPERIMENTS.update(whole)  # in their order, too


def parts_of(fake):
    return [part for part, _, _ in fake.calls]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_what_is_listed_is_what_the_module_has(name):
    experiment = EXPERIMENTS[name]
    module = experiment.module
    assert tuple(experiment.parts) == tuple(module.PARTS)
    assert callable(module.run)
    assert callable(module.render)
    assert {need for part in experiment.parts.values() for need in part.needs} <= set(NEEDS)


def test_a_run_that_was_stopped_goes_on(fake, tmp_path):
    fake.raises["b"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt, match="stopped in fake, b: what was finished is kept"):
        experiments.sweep(["fake"], out=tmp_path)
    del fake.raises["b"]
    fake.calls.clear()
    ended = []
    found = experiments.sweep(["fake"], out=tmp_path, ends=ended.append)
    assert [(one.part, one.status) for one in found] == [("a", "kept"), ("b", "done"), ("c", "done")]
    assert ended == found
    assert parts_of(fake) == ["b", "c"]
    # all is there: nothing is done, until it is asked for, with other seeds, or by name
    fake.calls.clear()
    experiments.sweep(["fake"], out=tmp_path)
    assert fake.calls == []
    experiments.sweep(["fake"], out=tmp_path, again=True)
    experiments.sweep(["fake"], out=tmp_path, seeds=2)
    experiments.run("fake", parts=["b"], out=tmp_path)
    assert parts_of(fake) == [*"abc", *"abc", "b"]


def test_figures_that_were_deleted_are_measured_again(fake, tmp_path):
    experiments.sweep(["fake"], out=tmp_path)
    (tmp_path / "fake.json").unlink()
    fake.calls.clear()
    experiments.sweep(["fake"], out=tmp_path)
    assert parts_of(fake) == list("abc")


def test_the_time_of_stopped_runs_counts(fake, tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr("leveret.experiments._results._clock", lambda: float(next(clock)))
    fake.raises["a"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        experiments.sweep(["fake"], out=tmp_path)
    spent = json.loads((tmp_path / "runs/finished/fake-a.json").read_text())
    assert spent["whole"] is False
    assert spent["seconds"] >= 10
    fake.raises.clear()
    experiments.run("fake", parts=["a"], out=tmp_path)
    took = json.loads((tmp_path / "fake.json").read_text())["parts"]["a"]["took_seconds"]
    assert took >= spent["seconds"] + 10
    # what was whole before does not count twice
    experiments.run("fake", parts=["a"], out=tmp_path)
    assert json.loads((tmp_path / "fake.json").read_text())["parts"]["a"]["took_seconds"] < took


def test_one_that_fails_is_told_and_stops_no_other(fake, tmp_path, run):
    fake.raises = {"a": LeveretUsageError("needs mnist.npz"), "b": RuntimeError("broken")}
    code, out, err = run("reproduce", "fake", "--quick", "-o", tmp_path)
    assert code == 1
    assert out == f"{tmp_path / 'fake.md'}\n"
    assert parts_of(fake) == list("abc")
    assert "fake, a: failed: needs mnist.npz" in err
    assert "2 of 3 parts failed:" in err
    assert "RuntimeError: broken" in err
    assert "at work" not in err  # that is in the log, with what went wrong
    log = (tmp_path / "runs/log/fake-b.txt").read_text()
    assert "b at work" in log
    assert "Traceback" in log
    assert list(json.loads((tmp_path / "fake.json").read_text())["parts"]) == ["c"]
    # what failed is tried again
    fake.raises.clear()
    fake.calls.clear()
    assert run("reproduce", "--quick", "-o", tmp_path)[0] == 0
    assert parts_of(fake) == ["a", "b"]


def test_ctrl_c_ends_the_command(fake, tmp_path, run):
    fake.raises["b"] = KeyboardInterrupt()
    code, out, err = run("reproduce", "all", "-o", tmp_path)
    assert code == 130
    assert out == ""
    assert "the same command goes on" in err


def test_a_quick_run_leaves_out_what_nothing_stands_in_for(fake, tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)  # which is no checkout
    parts = {"a": Part(1, 1), "b": Part(1, 1, ("mnist", "checkout"))}
    _registry.EXPERIMENTS["fake"] = Experiment("fake", "What it asks", "ours", parts)  # the fixture takes it away
    found = experiments.sweep(["fake"], out=tmp_path / "q", quick=True)
    assert [(one.part, one.status, one.why) for one in found] == [
        ("a", "done", ""), ("b", "skipped", "needs a checkout")
    ]  # fmt: skip
    code, _, err = run("reproduce", "--quick", "-o", tmp_path / "other")
    assert code == 0
    assert "fake, b: skipped: needs a checkout" in err


def test_quick_and_full_figures_never_mix(fake, tmp_path):
    experiments.sweep(["fake"], out=tmp_path / "q", quick=True)
    values = json.loads((tmp_path / "q/fake.json").read_text())
    assert values["quick"] is True
    assert values["parts"]["a"]["command"].endswith("--part a --quick")
    assert values["parts"]["a"]["seed"] == [0]
    page = (tmp_path / "q/fake.md").read_text()
    assert page.count(QUICK) == 3
    assert QUICK in (tmp_path / "q/index.md").read_text()
    with pytest.raises(LeveretUsageError, match="of quick runs: give a full one another folder"):
        experiments.run("fake", out=tmp_path / "q")
    (
        tmp_path / "q/fake.json"
    ).unlink()  # as where the first part was stopped: its trainings are quick ones all the same
    with pytest.raises(LeveretUsageError, match="of quick runs"):
        experiments.run("fake", out=tmp_path / "q")
    experiments.run("fake", parts=["a"], out=tmp_path / "f")
    assert "quick" not in (tmp_path / "f/fake.json").read_text()
    with pytest.raises(LeveretUsageError, match="of full runs: give a quick one another folder"):
        experiments.sweep(["fake"], out=tmp_path / "f", quick=True)


def test_folders_where_none_is_named(fake, tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    assert run("reproduce", "fake", "--quick")[1] == "reproduced/quick/fake.md\n"
    assert run("reproduce", "--full")[1] == "docs/results/fake.md\n"
    assert (tmp_path / "docs/results/fake.json").exists()
    assert [quick for _, _, quick in fake.calls] == [True] * 3 + [False] * 3


def test_pages_are_drawn_anew_from_their_figures(fake, tmp_path, run):
    experiments.sweep(["fake"], out=tmp_path)
    before = {path.name: path.read_text() for path in tmp_path.glob("*.md")}
    for path in tmp_path.glob("*.md"):
        path.unlink()
    fake.calls.clear()
    code, out, _ = run("reproduce", "--render", "-o", tmp_path)
    assert (code, out) == (0, f"{tmp_path / 'fake.md'}\n{tmp_path / 'index.md'}\n")
    assert {path.name: path.read_text() for path in tmp_path.glob("*.md")} == before
    assert fake.calls == []


def test_a_page_whose_figures_are_too_old_is_left(fake, tmp_path, run):
    experiments.sweep(["fake"], out=tmp_path)
    values = json.loads((tmp_path / "fake.json").read_text())
    values["parts"] = {"x": {}}  # of a part that there is no longer
    (tmp_path / "fake.json").write_text(json.dumps(values))
    (tmp_path / "fake.md").write_text("as it was")
    code, out, err = run("reproduce", "--render", "-o", tmp_path)
    assert (code, out) == (0, f"{tmp_path / 'index.md'}\n")
    assert "warning: fake.md is left as it was" in err
    assert (tmp_path / "fake.md").read_text() == "as it was"


def test_the_list(run, tmp_path, monkeypatch):
    monkeypatch.delenv("LEVERET_SHARED_DATA", raising=False)
    results = Results(tmp_path / "judge.json")
    results.record("null", {}, {"command": "c", "seeds": 7, "date": "2020-02-02"})
    code, out, err = run("reproduce", "-o", tmp_path)
    assert (code, err) == (0, "")
    for name in EXPERIMENTS:
        assert f"\n{name} " in out
    assert "1 of 4 parts, 2020-02-02," in out
    assert "(no MNIST" not in out  # nothing is known of data without a folder
    (tmp_path / "mnist.npz").touch()
    rows = {row["name"]: row for row in json.loads(run("reproduce", "--data", tmp_path, "--json")[1])}
    assert rows["parsenet"]["missing"][0] == "camvid"
    assert "mnist" not in rows["shrink"]["missing"]
    assert {"fashion", "cifar"} <= set(rows["shrink"]["missing"])
    assert rows["judge"]["parts"] == ["null", "power", "uses", "peers"]
    (row,) = [one for one in json.loads(run("reproduce", "-o", tmp_path, "--json")[1]) if one["name"] == "judge"]
    assert row["recorded"] == {"null": {"date": "2020-02-02", "seeds": list(range(7))}}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--quick", "--full"], "exclude each other"),
        (["--part", "null"], "name it"),
        (["all", "--part", "null"], "of one experiment, not of all"),
        (["judge", "--render"], "give only -o"),
        (["--quick", "--json"], "--json writes the list"),
        (["judgement", "--quick"], "must be one of main-job"),
        (["judge", "--part", "nul"], "the parts of judge are null, power"),
    ],
)
def test_wrong_commands(run, arguments, says):
    code, out, err = run("reproduce", *arguments)
    assert code == 2
    assert out == ""
    assert says in err
    assert err.count("\n") == 1


def test_needs(tmp_path, monkeypatch):
    assert needed(["checkout", "cifar", "mnist", "cifar"]) == "MNIST, CIFAR-10, a checkout"
    assert missing(["mnist", "checkout"], None) == []
    monkeypatch.chdir(tmp_path)
    assert missing(["mnist", "checkout"], tmp_path) == ["mnist", "checkout"]
    for part in ("train", "val"):
        (tmp_path / f"camvid-{part}.parquet").touch()
    assert missing(["camvid"], tmp_path) == ["camvid"]
    (tmp_path / "camvid-test.parquet").touch()
    assert missing(["camvid"], tmp_path) == []


@pytest.mark.parametrize(
    ("details", "known", "seeds"),
    [
        ({"seed": 3}, None, [3]),
        ({"seed": [1, 2], "seeds": 5}, (0,), [1, 2]),
        ({"seeds": 3}, None, [0, 1, 2]),
        ({"seeds": 3}, (), []),  # of files, or whatever else is told apart so
        ({"seeds": {"views": 1}}, None, None),
        ({"runs": [{"seed": 4}, {"seed": 5}]}, None, [4, 5]),
        ({}, (0,), [0]),
        ({}, None, None),
    ],
)
def test_seeds(details, known, seeds):
    assert seeds_of(details, known) == seeds


def test_what_is_recorded_outside_a_run_has_no_time(tmp_path):
    results = Results(tmp_path / "x.json")
    results.record("a", {}, {"command": "c"})
    assert "took_seconds" not in results.values["parts"]["a"]
    with measuring(Measuring(seeds=None, earlier=3600.0)):
        results.record("a", {}, {"command": "c", "seeds": 2})
    details = results.values["parts"]["a"]
    assert details["seed"] == [0, 1]
    assert " · took 1 h 0 min" in part_heading("a", details)[3]


def test_a_quick_runs_figures_are_not_held_against_what_was_asked():
    from leveret.experiments._results import Figure

    figures = {"a": Figure("a thing", "at least 1", lambda v: v >= 1, "{:.1f}")}
    assert "| a thing | 0.5 | at least 1 | no |" in figures_table(figures, {"a": 0.5})
    quick = figures_table(figures, {"a": 0.5, "quick": True})
    assert quick.startswith(QUICK)
    assert "| a thing | 0.5 |" in quick
    assert "asked" not in quick
