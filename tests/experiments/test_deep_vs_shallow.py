"""`leveret reproduce deep-vs-shallow`: a small one from beginning to end, its page, and what it says of given rows."""

from __future__ import annotations

import json

import pytest

from leveret import experiments
from leveret.distill import ConvTeachers
from leveret.experiments import deep_vs_shallow
from leveret.experiments.deep_vs_shallow import _settings
from leveret.experiments.deep_vs_shallow._findings import cell, findings, lateral_answer, objectives_answer
from leveret.experiments.deep_vs_shallow._page import page
from leveret.experiments.deep_vs_shallow._students import OBJECTIVES
from leveret.training import Augment

SMALL = _settings.Dataset(
    title="Few digits",
    teachers=ConvTeachers(epochs=1, widths=(8, 16), depths=(2, 3)),
    members=2,
    passes=1,
    augment=Augment(shift=1),
    conv_layers=(0, 1),
    params=(3_000, 5_000),
    steps=(0, 1),
    epochs=1,
    trials=1,
)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(_settings.DATASETS, "fashion", SMALL)
    monkeypatch.setattr(deep_vs_shallow, "source_of", lambda part, data: "digits")
    monkeypatch.setattr("leveret.experiments.deep_vs_shallow._students.default_threads", lambda: 1)
    monkeypatch.setattr("leveret.experiments.deep_vs_shallow._ensembles.default_threads", lambda: 1)


def test_a_dataset_from_beginning_to_end(small, tmp_path, capsys):
    made = experiments.run("deep-vs-shallow", parts=["fashion"], out=tmp_path)
    values = json.loads((tmp_path / "deep-vs-shallow.json").read_text())
    # two kinds of layers, two sizes; plain: distilled and hard, linked: distilled
    assert len(values["rows"]) == 2 * 2 * 3
    for row in values["rows"]:
        assert row["dataset"] == "fashion"
        assert 0 <= row["accuracy"] <= 1
        assert row["parameters"] == pytest.approx(row["params"], rel=0.02)
    assert (
        set(values["subset_acc"]) == set(values["full_ensemble_acc"]) == set(values["best_member_acc"]) == {"fashion"}
    )
    text = made.read_text()
    assert text == page(values)
    assert "Few digits: 2 teachers" in text
    assert (tmp_path / "deep-vs-shallow-fashion.png").stat().st_size > 10_000
    # a second run trains nothing
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("net.safetensors")}
    experiments.run("deep-vs-shallow", parts=["fashion"], out=tmp_path)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("net.safetensors")}
    assert values["rows"] == json.loads((tmp_path / "deep-vs-shallow.json").read_text())["rows"]


def test_every_objective_has_its_row(small, tmp_path):
    experiments.run("deep-vs-shallow", parts=["objectives"], seeds=1, out=tmp_path)
    values = json.loads((tmp_path / "deep-vs-shallow.json").read_text())
    assert [(one["conv_layers"], one["objective"]) for one in values["objectives"]] == [
        (conv, objective) for conv in (0, 1) for objective in OBJECTIVES
    ]
    assert len({one["accuracy"] for one in values["objectives"]}) > 5
    assert "| soft labels, T = 1 |" in (tmp_path / "deep-vs-shallow.md").read_text()


def test_the_answer_on_objectives_is_that_of_the_rows():
    gains = {"labels": 0.0, "mixed": 0.01, "temperature-1": 0.02}
    found = [
        {"conv_layers": conv, "objective": objective, "accuracy": 0.5 + conv / 10 + gain}
        for conv in (0, 1)
        for objective, gain in gains.items()
    ]
    assert "mixed +1.00 points ± 0.00; temperature-1 +2.00 points ± 0.00" in objectives_answer(found)


def row(conv, params, steps, distilled, accuracy, spread=0.0, seeds=1):
    return {
        "dataset": "fashion",
        "conv_layers": conv,
        "params": params,
        "lateral_steps": steps,
        "distilled": distilled,
        "accuracy": accuracy,
        "spread": spread,
        "seeds": seeds,
    }


def rows(*, hard=0.02, linked=0.01):
    found = []
    for params, base in ((1000, 0.5), (2000, 0.6)):
        for conv, more in enumerate((0.0, 0.2, 0.25)):
            found.append(row(conv, params, 0, True, base + more))
            found.append(row(conv, params, 0, False, base + more - hard))
            found.append(row(conv, params, 1, True, base + more + linked))
    return found


def test_findings_are_those_of_the_rows():
    held = findings(rows(), 0.9)
    assert [verdict for _, verdict, _ in held] == ["held"] * 5
    assert "up in 4 of 4 steps" in held[0][2]
    assert "+20.00 points, +20.00 points by size; the largest later step is +5.00 points" in held[1][2]
    assert "in 6 of 6 cells, by +2.00 points ± 0.00 on average" in held[3][2]
    not_held = findings([dict(one, accuracy=1 - one["accuracy"]) for one in rows()], 0.3)
    assert {verdict for _, verdict, _ in not_held} == {"not here"}


@pytest.mark.parametrize(("linked", "verdict"), [(0.01, "Links help at"), (-0.01, "Links hurt at")])
def test_the_answer_on_links_is_that_of_the_rows(linked, verdict):
    said = lateral_answer(rows(linked=linked))
    assert said.startswith(verdict)
    assert f"ahead in {6 if linked > 0 else 0} of 6 cells" in said


def test_what_is_within_the_noise_is_no_difference():
    found = rows(linked=0.0)
    for i, one in enumerate(row for row in found if row["lateral_steps"]):
        one["accuracy"] += (-1) ** i * 0.01
    assert lateral_answer(found).startswith("Links make no difference beyond the noise at equal parameters")


def test_cells_are_found():
    assert cell(rows(), 1, 2000, 1, True)["accuracy"] == pytest.approx(0.81)
    assert cell(rows(), 3, 2000, 1, True) is None


def test_the_page_is_what_its_figures_say():
    from pathlib import Path

    path = Path("docs/results/deep-vs-shallow.json")
    if not path.exists():
        pytest.skip("nothing was measured yet")
    assert path.with_suffix(".md").read_text() == page(json.loads(path.read_text()))
