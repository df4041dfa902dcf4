"""The incremental experiment on a slice of digits, end to end: it goes on, and its page follows from its figures."""

import json
from dataclasses import replace
from functools import partial

import joblib
import numpy as np
import pytest

from leveret import experiments
from leveret.errors import LeveretUsageError
from leveret.experiments.incremental import _packed, _settings, _steps, _workers
from leveret.experiments.incremental._findings import findings
from leveret.experiments.incremental._rows import figures_of, rows_of
from leveret.nets import ConvNet

pytestmark = pytest.mark.filterwarnings("ignore::leveret.errors.LeveretWarning")


@pytest.fixture
def small(monkeypatch, digits):
    make = partial(ConvNet, 1, depth=2, widths=(4,))
    setting = _settings.Setting("fashion", "digits", (4, 3), 30, 2, 1, 1, make, seeds=1, max_classes=5, budget=14)
    monkeypatch.setitem(_settings.SETTINGS, "fashion", setting)

    def data_of(setting, data, seed):
        train = _settings._cut(digits.train, setting.each, np.random.default_rng(seed))
        return replace(
            digits, train=train, val=digits.val.subset(np.arange(60)), test=digits.test.subset(np.arange(120))
        )

    for module in (_steps, _workers, _packed):
        monkeypatch.setattr(module, "data_of", data_of)
    return setting


def test_a_slice_runs_end_to_end_and_goes_on(small, tmp_path, monkeypatch):
    work = _steps._Seed._grown

    def stops(self, method, *args):
        if method == "replay":
            (args[3] / "growth").mkdir(parents=True)  # as a growth that was stopped leaves one
            raise KeyboardInterrupt
        return work(self, method, *args)

    monkeypatch.setattr(_steps._Seed, "_grown", stops)
    with pytest.raises(KeyboardInterrupt):
        experiments.run("incremental", parts=["fashion"], out=tmp_path)
    done = []
    monkeypatch.setattr(_steps._Seed, "_grown", lambda self, m, *args: (done.append(m), work(self, m, *args))[1])
    experiments.run("incremental", parts=["fashion"], out=tmp_path)
    assert done == ["replay", "lwf", "fine-tune"]
    monkeypatch.setattr(_packed, "_SECONDS", 0.05)
    page = experiments.run("incremental", parts=["packed"], out=tmp_path)
    values = json.loads((tmp_path / "incremental.json").read_text())
    rows = {row["method"]: row for row in values["rows"] if row["step"] == 1}
    assert set(rows) == set(_settings.METHODS)
    for row in rows.values():
        assert {"dataset", "step", "method", "accuracy", "old_accuracy", "compute"} <= set(row)
    # how long a step took that was stopped in between isn't known
    assert "seconds" not in rows["replay"]
    assert "cpu_seconds" not in rows["replay"]
    assert all("cpu_seconds" in row for method, row in rows.items() if method != "replay")
    parts = [json.loads(path.read_text()) for path in (tmp_path / "runs").rglob("row.json")]
    took = sum(row.get("cpu_seconds", 0) for row in parts)
    assert values["parts"]["fashion"]["took_seconds"] == pytest.approx(took)
    assert rows["scratch"]["ratio"] == 1
    assert rows["fine-tune"]["compute"] < rows["tree"]["compute"]
    assert rows["lwf"]["compute"] > rows["fine-tune"]["compute"]
    assert {"gap_to_scratch", "compute_ratio", "forgetting", "packed_tree_slowdown"} <= set(values)
    text = page.read_text()
    assert "| – | – |" in text
    assert "learning without forgetting" in text
    assert "root: 2 groups of 7" in text
    assert (tmp_path / "incremental-fashion.png").exists()


def test_two_workers(small, tmp_path):
    with joblib.parallel_config("threading"):  # no processes, whose start takes seconds
        figures, details = _workers.workers(None, tmp_path, epochs=1, rounds=1)
    assert figures["workers_2_speedup"] == pytest.approx(details["one"] / details["two"])
    assert not list(tmp_path.iterdir())


def test_packed_needs_a_part_before_it(tmp_path):
    with pytest.raises(LeveretUsageError, match="run the part fashion or cifar first"):
        _packed.packed(None, tmp_path)


def seed_rows(tree, scratch, **more):
    common = {"old": 0.8, "new": 0.9, "before": 0.9, "old_alone": 0.89, "forgotten": 0.1, "seconds": 2.0}
    common["cpu_seconds"] = 1.0
    others = [{"step": 1, "method": m, "accuracy": 0.5, "compute": 5, **common} for m in ("replay", "lwf", "fine-tune")]
    return {
        "rows": [
            {"step": 0, "method": "base", "accuracy": 0.9, "compute": 7, "seconds": 1.0},
            {"step": 1, "method": "scratch", "accuracy": scratch, "compute": 100, **common, "forgotten": 0.09},
            {"step": 1, "method": "tree", "accuracy": tree, "compute": 38, **common, **more},
            {"step": 1, "method": "random", "accuracy": tree - 0.01, "compute": 38, **common},
            {"step": 1, "method": "flat", "accuracy": tree - 0.002, "compute": 38, **common},
            *others,
        ]
    }


def test_rows_and_figures_by_hand():
    more = {"branch_alone": 0.79, "all_beams": 0.81, "as_in_paper": 0.795}
    rows = rows_of("fashion", [seed_rows(0.8, 0.82, **more), seed_rows(0.78, 0.79, **more)])
    tree = next(row for row in rows if row["method"] == "tree")
    assert tree["accuracy"] == pytest.approx(0.79)
    assert tree["accuracy_spread"] == pytest.approx(np.std([0.8, 0.78], ddof=1))
    assert tree["gap"] == pytest.approx(0.015)
    assert tree["old_accuracy"] == tree["old"]
    assert (tree["seconds"], tree["cpu_seconds"]) == (2, 1)
    found = figures_of(rows)
    assert found["gap_to_scratch"] == pytest.approx(1.5)
    assert found["compute_ratio"] == pytest.approx(0.38)
    assert found["forgetting"] == pytest.approx(10)
    assert found["forgetting_scratch"] == pytest.approx(9)
    assert found["forgetting_alone"] == pytest.approx(1)
    assert found["over_random_partition"] == pytest.approx(1)
    assert found["over_branch_alone"] == pytest.approx(0)
    assert found["over_light_methods"] == pytest.approx(29)


def test_the_page_says_why_where_a_wish_is_not_met():
    more = {"branch_alone": 0.69, "all_beams": 0.71, "as_in_paper": 0.69}
    said = " ".join(findings({}, rows_of("x", [seed_rows(0.7, 0.82, **more)]))).replace("\n", " ")
    assert "12.00 points below training anew" in said
    assert "most of the gap is of the short training" in said
    assert "goes down by 9.00 points" in said
    assert "1.00 points were forgotten" in said
    assert "leaves give +1.00 points" in said
    some = [seed_rows(0.82 - gap, 0.82, **more) for gap in (0.004, 0.024)]
    said = " ".join(findings({}, rows_of("x", some))).replace("\n", " ")
    assert "1.40 ± 1.41 points below training anew" in said
    assert "not with every seed. One flat net that spends as many epochs is 1.60 points below" in said
    kept = {"forgotten": 0.0, "old": 0.9}
    said = " ".join(findings({}, rows_of("x", [seed_rows(0.82, 0.82, **more, **kept)])))
    assert "below training anew" not in said
    assert "forgotten" not in said
