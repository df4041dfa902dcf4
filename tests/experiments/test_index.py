"""The overview of all results: papers' figures beside ours, and the answers that follow from the figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leveret.experiments import EXPERIMENTS
from leveret.experiments._index import _answers, figures, page
from leveret.experiments._index._papers import COMPARED
from leveret.experiments._index._questions import QUESTIONS
from leveret.experiments._kept import Kept

RESULTS = Path("docs/results")


def shrink(**more):
    stamp = {"command": "leveret reproduce shrink --part deep", "date": "2026-01-02", "machine": "m"}
    details = {**stamp, "seed": 0, "seconds": 61.0, **more}
    return {"lenet300_ratio": 60.0, "lenet300_error": 0.0148, "parts": {"deep": details}}


def test_a_papers_figure_beside_ours():
    text = page({"shrink": shrink()})
    assert (
        "| LeNet-300-100, times smaller | 40.00x | 60.00x | 1.50 times the paper's | [deep](shrink.md#deep) |" in text
    )
    assert "| … its error | 1.58 % | 1.48 % | −0.10 points | [deep](shrink.md#deep) |" in text
    assert "LeNet-5" not in text  # it wasn't measured
    assert "| [deep](shrink.md#deep) | `leveret reproduce shrink --part deep` | 0 | 2026-01-02 |" in text
    assert "| trainings 1 min 1 s |" in text
    assert "Not run: obs, hashed, mnist, cifar, ensemble." in text
    assert "| took" not in text
    assert "| 3 min 0 s |" in page({"shrink": shrink(took_seconds=180.0)})


def test_the_worst_step_is_credited_to_the_part_that_it_is_of():
    gaps = {("fashion", 1): (0.011, 0.40), ("cifar", 1): (0.010, 0.38), ("cifar", 2): (0.015, 0.36)}
    rows = [{"dataset": d, "step": s, "method": "tree", "gap": g, "ratio": r} for (d, s), (g, r) in gaps.items()]
    rows.append({"dataset": "fashion", "step": 1, "method": "replay", "gap": 0.2, "ratio": 0.9})
    stamp = {"command": "c", "date": "d", "machine": "m"}
    values = {"rows": rows, "gap_to_scratch": 1.5, "compute_ratio": 0.4}
    text = page({"incremental": {**values, "parts": {"fashion": stamp, "cifar": stamp}}})
    assert "worst step | – | +1.50 points | – | [cifar](incremental.md#cifar) |" in text
    assert "worst step | – | 0.40x | – | [fashion](incremental.md#fashion) |" in text


def test_figures_for_programs():
    found = figures({"shrink": shrink()})
    smaller, error = found["compared"]
    assert smaller == {
        "experiment": "shrink", "part": "deep", "figure": "LeNet-300-100, times smaller", "unit": "x", "ours": 60.0,
        "paper": 40, "remark": smaller["remark"],
    }  # fmt: skip
    assert (error["ours"], error["paper"]) == (pytest.approx(1.48), 1.58)
    assert set(found["answers"]) == {question.text for question in QUESTIONS}
    quick = figures({"shrink": {**shrink(), "quick": True}})
    assert (quick["quick"], quick["answers"]) == (True, {})


def test_what_was_not_noted_is_said():
    stamp = {"command": "c", "date": "d", "machine": "m"}
    text = page({"judge": {"type1_rate": 0.04, "parts": {"null": stamp, "uses": stamp}}})
    assert "| [null](judge.md#null) | `c` | not recorded | d | not recorded |" in text
    assert "| [uses](judge.md#uses) | `c` | 0 | d | not recorded |" in text
    assert "| false alarms at the level of 5 % | 5.00 % | 4.00 % | −1.00 points |" in text


def test_every_experiment_has_figures_and_nothing_recorded_is_no_fault():
    assert set(COMPARED) == set(EXPERIMENTS)
    for name, rows in COMPARED.items():
        assert {row.part for row in rows if isinstance(row.part, str)} <= set(EXPERIMENTS[name].parts)
    assert {question.experiment for question in QUESTIONS} <= set(EXPERIMENTS)
    text = page({})
    assert text.count("Not answered: `leveret reproduce ") == len(QUESTIONS)
    assert text.count("| not run |") == len(EXPERIMENTS)


@pytest.mark.parametrize(("close", "verdict"), [(0.012, "yes"), (0.019, "a little"), (0.02, "no"), (0.03, "no")])
def test_whether_a_closer_look_pays(close, verdict):
    errors = {"coarse": (0.02, 10), "fine": (0.01, 60), "hints": (close, 20)}
    rows = [{"method": key, "error": error, "operations": cost} for key, (error, cost) in errors.items()]
    said = _answers.closer_look({"parts": {"elpv": {"rows": rows, "seeds": 2}}})
    assert said.startswith(f"On solar cells, which are real: {verdict}; {close:.2%} error against 2.00%")
    assert "3.0 times fewer operations than those (2 seeds)" in said
    assert said.endswith("On cluttered digits; On digits in street scenes of a megapixel: not measured.")


@pytest.mark.parametrize(("gain", "said"), [(0.01, "beyond twice"), (0.001, "the seeds don't tell from 0")])
def test_what_learning_with_a_rule_gains(gain, said):
    cnn = [0.80, 0.81, 0.82]
    rows = {
        "cnn": cnn,
        "projected": [value + 0.02 for value in cnn],
        "p": [value + gain + noise for value, noise in zip(cnn, (-0.002, 0, 0.002), strict=True)],
        "q": [value + 0.03 for value in cnn],
    }
    text = _answers.projection({"parts": {"sst2": {"rows": rows, "seeds": 3}}})
    assert said in text
    assert "gains +2.00 ± 0.00 points" in text
    assert f"testing without it +{100 * gain:.2f} ± 0.20" in text


def test_what_few_labels_gain_and_how_much_of_it_is_the_rules():
    rows = [
        {"fraction": 0.1, "unlabelled": False, "cnn": 0.70, "p": 0.71},
        {"fraction": 0.1, "unlabelled": True, "cnn": 0.70, "p": 0.74},
    ]
    text = _answers.few_labels({"fractions": rows})
    assert "+1.00 at 10% of the labels alone; +4.00 at 10% with the other sentences" in text
    assert "add +3.00 on average, of which the rule's own part isn't known" in text
    rows[1]["control"] = 0.735
    assert "the rule's own part is +0.50" in _answers.few_labels({"fractions": rows})


def test_which_of_the_five_help():
    def row(dataset, method, gain):
        return {
            "dataset": dataset, "method": method, "accuracy_gain": gain, "accuracy_gain_spread": 0.01,
            "pr_auc_gain": -gain, "pr_auc_gain_spread": 0.01,
        }  # fmt: skip

    rows = [row("fashion-10", "plain", 0.0), row("elpv", "plain", 0.0)]
    rows += [row("fashion-10", "hard-mining", 0.02), row("elpv", "hard-mining", 0.02)]
    rows += [row("fashion-10", "cluster-centres", 0.005), row("elpv", "cluster-centres", -0.02)]
    text = _answers.five_methods({"rows": rows})
    assert "beaten by cluster centres on elpv; hard mining on fashion 1:10." in text
    assert text.endswith("Nowhere by pseudo-classes or balanced subsets or frequency sampling.")


@pytest.mark.skipif(not RESULTS.exists(), reason="run from the project's folder, where docs/results stands")
def test_the_page_is_what_its_figures_say():
    kept = Kept(RESULTS)
    results = {name: values for name in EXPERIMENTS if (values := kept.results(name))}
    assert (RESULTS / "index.md").read_text(encoding="utf-8") == page(results)
    assert json.loads((RESULTS / "index.json").read_text(encoding="utf-8")) == figures(results)


@pytest.mark.skipif(not RESULTS.exists(), reason="run from the project's folder, where docs/results stands")
def test_every_link_of_the_page_has_its_place():
    import re

    text = (RESULTS / "index.md").read_text(encoding="utf-8")
    for file, _, place in set(re.findall(r"\]\(([\w-]+\.md)(#([\w-]+))?\)", text)):
        there = (RESULTS / file).read_text(encoding="utf-8")
        assert not place or f"\n## {place}\n" in there, (file, place)


def test_published_results_have_what_is_asked_of_them():
    if not RESULTS.exists():
        pytest.skip("run from the project's folder, where docs/results stands")
    for path in RESULTS.glob("*.json"):
        assert json.loads(path.read_text(encoding="utf-8")).get("quick") is None, f"{path} is of a quick run"
