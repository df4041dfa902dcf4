"""The experiments on the judge and the budget: draws, machine texts, pages, and the cheap parts whole."""

import json
from pathlib import Path

import numpy as np
import pytest

from leveret import experiments
from leveret.experiments.budget._page import page as budget_page
from leveret.experiments.judge._digits import SHIFTS, disjoint, shifted
from leveret.experiments.judge._machine_text import chain
from leveret.experiments.judge._page import page as judge_page
from leveret.experiments.judge._plot import plots


def test_draws_share_nothing_and_shifts_change_b_alone():
    a, b = disjoint(300, 1)
    both = {image.tobytes() for image in a} & {image.tobytes() for image in b}
    assert len(both) < 3  # a few digits of the set are equal
    for shift, (_, strengths) in SHIFTS.items():
        same, changed = shifted(300, shift, strengths[-1], 1)
        assert np.array_equal(same, a)
        assert changed.shape == b.shape
        assert np.mean(changed != b) > 0
    moved = shifted(300, "a share moved by a pixel", 0.4, 1)[1]
    assert 0.3 < np.mean((moved != b).any((1, 2, 3))) < 0.5


def test_chains_say_only_what_they_have_heard():
    texts = ["the hare runs home", "the fox runs away", "a fox sleeps"]
    for memory in (1, 2):
        heard = {pair for text in texts for pair in zip(text.split(), text.split()[1:], strict=False)}
        made = chain(texts, memory, 40, 0)
        assert len(made) == 40
        assert {pair for text in made for pair in zip(text.split(), text.split()[1:], strict=False)} <= heard
    # one word back is enough to mix "the hare runs" with "runs away", two are not
    assert "the hare runs away" in chain(texts, 1, 200, 0)
    assert set(chain(texts, 2, 200, 0)) <= {*texts, "the hare runs away", "the fox runs home"}
    assert {word for text in chain(texts, 0, 40, 0) for word in text.split()} <= set(" ".join(texts).split())


def test_few_false_alarms_whole(tmp_path, monkeypatch):
    from leveret.experiments.judge import _null

    monkeypatch.setattr(_null, "_PERIOD", 2)
    path = experiments.run("judge", parts=["null"], seeds=4, out=tmp_path)
    values = json.loads((tmp_path / "judge.json").read_text())
    assert values["null_runs"] == 4
    assert 0 <= values["type1_rate"] <= 1
    assert set(values["parts"]["null"]["rates"]["logistic"]) == {"ranks", "binomial", "permutation", "mmd"}
    assert "4 times for each observer" in path.read_text()


def test_a_lifetime_whole(tmp_path):
    path = experiments.run("budget", parts=["lifetime"], out=tmp_path)
    assert json.loads((tmp_path / "budget.json").read_text())["lifetime_images"] == 67_171_680_000
    page = path.read_text()
    assert "67,171,680,000" in page
    assert "335,858,400,000" in page  # at the fighter pilot's rate


def test_pages_of_all_parts(tmp_path):
    rows = [
        {"shift": shift, "strength": s, "size": size, "observer": way, "power": 0.5, "runs": 3}
        for shift, (_, strengths) in SHIFTS.items()
        for s in strengths
        for size in (50, 200)
        for way in ("logistic, ranks", "mmd")
    ]
    stamp = {"command": "c", "date": "d", "machine": "m"}
    use = {
        "use": "drift", "a": "x", "b": "y", "expected": True, "different": True, "observer": "o", "samples": 10,
        "auc": 0.9, "p": 0.01, "mmd_p": None, "gave_away": ["detail"], "words": ["it s"], "agreement": 0.5,
    }  # fmt: skip
    peer = {"shift": "none", "strength": 0.0, "test": "ours", "found": 0.05, "seconds": 0.01}
    values = {
        "power": rows,
        "parts": {
            "power": {**stamp, "runs": 3, "cpu_seconds": 1.0},
            "uses": {**stamp, "rows": [use]},
            "peers": {**stamp, "rows": [peer], "size": 200, "runs": 3, "alibi_detect": False},
        },
    }
    page = judge_page(values)
    assert "same class: 50.0%; detail, “it s”" in page
    assert "alibi-detect was not installed" in page
    plots(values, tmp_path)
    assert (tmp_path / "judge-power.png").read_bytes().startswith(b"\x89PNG")
    took = {"seconds": 4.0, "cpu_seconds": 2.0}
    planned = {
        "net": "mlp", "data": "rows", "samples": 9, "parameters": 9, "macs": 9, "step_ms": 1.0, "planned": took,
        "took": took, "error": -0.125, "macs_per_second": 1e9,
    }  # fmt: skip
    page = budget_page({"planner_worst_error": 0.125, "parts": {"planner": {**stamp, "rows": [planned], "epochs": 3}}})
    assert "| mlp on rows |" in page
    assert "-12.5%" in page
    assert "| 12.5% | at most 25 % | yes |" in page


@pytest.mark.parametrize("name", ["judge", "budget"])
def test_what_is_published_is_what_its_figures_say(name):
    path = Path("docs/results") / f"{name}.json"
    if not path.exists():
        pytest.skip("no results yet")
    rendered = {"judge": judge_page, "budget": budget_page}[name](json.loads(path.read_text()))
    assert rendered == path.with_suffix(".md").read_text()
