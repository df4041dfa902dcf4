"""The experiment on rare classes: rows over seeds, what beats plain training, the page, the wrong labels."""

import json
from pathlib import Path

import numpy as np
import pytest

from leveret.experiments.imbalance._mining import _mislabelled
from leveret.experiments.imbalance._nets import small_net
from leveret.experiments.imbalance._page import beating_plain, page
from leveret.experiments.imbalance._plot import plots
from leveret.experiments.imbalance._rows import merged, rows_of

RESULTS = Path("docs/results/imbalance.json")


def metrics(plain, focal, failed=False):
    def row(key, area):
        figures = {"pr_auc": area, "balanced_accuracy": 0.5 + area / 10, "threshold": {"threshold": 0.5}}
        return {
            "key": key, "title": key, "status": "ok", "figures": figures, "seconds": 2.0, "samples_seen": 100,
        }  # fmt: skip

    rows = [row("plain", plain), row("focal", focal)]
    if failed:
        rows.append({"key": "ldam-drw", "status": "failed"})
    return {"methods": rows}


def test_rows_have_means_spreads_and_gains_by_seed():
    rows = rows_of("cells", [metrics(0.5, 0.75, failed=True), metrics(0.75, 0.875)])
    assert [row["method"] for row in rows] == ["plain", "focal"]
    focal = rows[1]
    assert focal["dataset"] == "cells"
    assert focal["seeds"] == 2
    assert focal["pr_auc"] == 0.8125
    assert focal["pr_auc_spread"] == pytest.approx(np.std([0.75, 0.875], ddof=1))
    assert focal["pr_auc_gain"] == pytest.approx(0.1875)
    assert focal["pr_auc_gain_spread"] == pytest.approx(np.std([0.25, 0.125], ddof=1))
    assert rows[0]["pr_auc_gain"] == 0
    assert "threshold" not in focal


def test_beyond_the_spread():
    def row(method, gain, spread):
        return {"method": method, "pr_auc_gain": gain, "pr_auc_gain_spread": spread}

    rows = [row("plain", 0, 0), row("a", 0.02, 0.01), row("b", 0.01, 0.02), row("c", -0.1, 0.01), row("d", 0.01, 0.0)]
    assert beating_plain(rows, ["pr_auc"]) == ["a", "d"]


def test_rows_of_other_datasets_are_kept():
    before = {"rows": [{"dataset": "a", "n": 1}, {"dataset": "b", "n": 1}]}
    assert merged(before, [{"dataset": "a", "n": 2}]) == [{"dataset": "a", "n": 2}, {"dataset": "b", "n": 1}]
    assert merged({}, [{"dataset": "a", "n": 2}]) == [{"dataset": "a", "n": 2}]


def test_the_page_of_one_part(tmp_path):
    history = [{"epoch": i, "train_accuracy": 0.5, "val_accuracy": 0.5, "val_loss": 1 / i} for i in (1, 2)]
    said = {"insistence": 0.75, "overfits": True, "why": "picks don't change"}
    runs = {key: {"history": history} for key in ("plain", "unguarded", "guarded")}
    runs["unguarded"] |= {"diagnosis": said, "wrong_of_picked": 0.9}
    values = {
        "sampler_speedup": 12.0,
        "parts": {
            "mining": {
                "command": "c", "date": "d", "machine": "m", "what": "Images", "epochs": 2, "top": 0.2, "runs": runs,
            }
        },
    }  # fmt: skip
    text = page(values)
    assert "| 12.0x | at least 10 | yes |" in text
    assert "| mining alone | 50.00% | 50.00% | 0.500 | 0.500 | 0.75 | 90% | yes: picks don't change |" in text
    plots(values, tmp_path)
    assert (tmp_path / "imbalance-mining.png").stat().st_size > 1000


def test_a_tenth_of_the_labels_is_wrong_and_the_test_part_right(digits):
    made, wrong = _mislabelled(digits)
    assert len(made.train) == len(digits.train) == len(wrong)
    # all are chosen, in their order
    assert np.array_equal(made.train.labels != digits.train.labels, wrong)
    assert 0.05 < wrong.mean() < 0.15
    assert np.array_equal(made.val.labels, digits.test.labels)


def test_the_nets_are_of_their_data():
    for part, classes in (("elpv", 2), ("fashion", 10), ("cifar", 10)):
        assert small_net(part)().classifier.out_features == classes


@pytest.mark.skipif(not RESULTS.exists(), reason="run from the project's folder, where docs/results stands")
def test_the_page_is_what_its_figures_say():
    assert RESULTS.with_suffix(".md").read_text(encoding="utf-8") == page(
        json.loads(RESULTS.read_text(encoding="utf-8"))
    )
