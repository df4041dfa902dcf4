"""The experiment on dynamic capacity: nets and their operations, fresh images, what is tested, rows, and the page."""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import leveret
from leveret.capacity import EntropyGradient
from leveret.data import cluttered
from leveret.experiments.dynamic_capacity._nets import Parts, dynamic, paper_parts
from leveret.experiments.dynamic_capacity._outcome import _touching, curve, outcome, quality
from leveret.experiments.dynamic_capacity._page import page
from leveret.experiments.dynamic_capacity._plot import plots
from leveret.experiments.dynamic_capacity._rows import operations, row, task, train_all
from leveret.experiments.dynamic_capacity._settings import SETTINGS
from leveret.experiments.dynamic_capacity._training import Fresh

RESULTS = Path("docs/results/dynamic-capacity.json")


def test_the_papers_nets_count_as_in_the_paper():
    net = dynamic(paper_parts())
    assert net.geometry.grid(100, 100) == (23, 23)
    counted = net.operations(100, 100)
    fine = 100 * 100 * (9 * 24 + 9 * 24 * 24) + 2 * 50 * 50 * 9 * 24 * 24 + 23 * 23 * 9 * 24 * 24
    patch = 14 * 14 * (9 * 24 + 9 * 24 * 24) + 2 * 7 * 7 * 9 * 24 * 24 + 9 * 24 * 24
    top = 10 * 10 * 16 * 24 * 96 + 96 * 10
    assert (counted.whole, counted.patch, counted.top) == (fine, patch, top)
    # the paper's 84.8 and 27.7 million, which may count the top's passes otherwise
    assert counted.fine_net == pytest.approx(84.8e6, rel=0.03)
    assert counted.with_patches(8) == pytest.approx(27.7e6, rel=0.06)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_nets_fit_their_images(name):
    setting = SETTINGS[name]
    counts = {key: operations(setting, key) for key in ("coarse", "fine", "hints", "random")}
    assert counts["coarse"] < counts["random"] < counts["hints"] < counts["fine"] / 2.8
    net = dynamic(setting.parts)
    places = net.geometry.grid(setting.side, setting.side)
    assert net.coarse_geometry.grid(setting.side, setting.side) == places
    assert setting.methods[0] == "fine"  # the longest first, so that no core waits at the end


def test_no_image_comes_twice():
    sampler = Fresh(7, seed=3)
    drawn = []
    for epoch in range(4):
        sampler.set_epoch(epoch)
        drawn += list(sampler)
    assert len(sampler) == 7
    assert sorted(drawn) == list(range(28))
    assert drawn[:7] != sorted(drawn[:7])


def test_touching_by_hand():
    # a digit on columns 10 to 20 and rows 30 to 40
    digit = np.array([[10, 30, 20, 40]])
    boxes = torch.tensor([[30, 10, 40, 20], [39, 19, 45, 25], [40, 10, 50, 20], [0, 12, 31, 14], [30, 20, 40, 30]])
    assert _touching((boxes,), digit) == 3


def small_setting():
    def coarse():
        return nn.Sequential(nn.Conv2d(1, 6, 5, 4), nn.BatchNorm2d(6), nn.ReLU())

    def fine():
        return nn.Sequential(nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 6, 3, 2), nn.BatchNorm2d(6), nn.ReLU())

    def top():
        return nn.Sequential(nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(24, 10))

    parts = Parts(coarse, fine, top, k=3, patch_size=9, num_classes=10, channels=6)
    return dataclasses.replace(
        SETTINGS["mnist"],
        parts=parts,
        side=24,
        epochs=2,
        fresh=100,
        data=lambda folder, seed: cluttered(
            leveret.load("digits"), (24, 24), distractors=2, distractor_size=3, train=200, val=40, test=60
        ),
    )


def test_a_run_trains_resumes_tests_and_times(tmp_path, monkeypatch):
    setting = dataclasses.replace(small_setting(), methods=("fine", "hints", "joint", "attention"))
    monkeypatch.setattr("leveret.experiments.dynamic_capacity._rows.default_threads", lambda: 1)

    def data(seed):
        return setting.data(None, seed)

    found = train_all("mnist", setting, data, 2, tmp_path)
    assert [len(found[key]) for key in ("fine", "hints", "attention")] == [2, 2, 1]
    assert len(found["hints"][0]["history"]) == 2
    # what is finished is only read
    again = train_all("mnist", setting, lambda seed: pytest.fail("made again"), 2, tmp_path)
    assert again == found

    trained = task("mnist", setting, "hints", 0, tmp_path).trained()
    made = data(0)
    assert outcome(trained, made) == {key: found["hints"][0][key] for key in ("error", "coarse_error", "touching")}
    evaluated = leveret.evaluate(trained, made)
    assert found["hints"][0]["error"] == pytest.approx(1 - evaluated.accuracy)

    by_amount = curve(trained, made)
    assert trained.k == 3
    assert by_amount[0]["error"] == outcome(trained, made)["coarse_error"]
    others = quality(trained, made)
    assert isinstance(trained.selector, EntropyGradient)
    assert others["entropy"] == outcome(trained, made)

    rows = [row("mnist", setting, key, results) for key, results in found.items()]
    both = [result["error"] for result in found["fine"]]
    assert rows[0]["error"] == pytest.approx(np.mean(both))
    assert rows[0]["error_spread"] == pytest.approx(np.std(both, ddof=1))
    assert "coarse_error" not in rows[0]

    details = {
        "command": "c", "date": "d", "machine": "m", "title": "Small", "images": 200, "test_images": 60, "k": 3,
        "patch_size": 9, "hint_weight": 0.01, "rows": rows, "curve": by_amount, "quality": others,
    }  # fmt: skip
    values = {"parts": {"mnist": details}}
    text = page(values)
    assert (
        f"| fine everywhere | {100 * rows[0]['error']:.2f} % ± {100 * rows[0]['error_spread']:.2f} | 1.70 % |" in text
    )
    plots(values, tmp_path)
    assert (tmp_path / "dynamic-capacity-mnist.png").stat().st_size > 5000


def test_an_interrupted_training_is_no_result(tmp_path, monkeypatch):
    stopped = SimpleNamespace(interrupted=True, history=[])
    monkeypatch.setattr("leveret.experiments.dynamic_capacity._training.fit", lambda *_, **__: stopped)
    setting = small_setting()
    one = task("mnist", setting, "fine", 0, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        one.run(setting.data(None, 0))
    assert one.finished() is None


@pytest.mark.skipif(not RESULTS.exists(), reason="run from the project's folder, where docs/results stands")
def test_the_page_is_what_its_figures_say():
    assert RESULTS.with_suffix(".md").read_text(encoding="utf-8") == page(
        json.loads(RESULTS.read_text(encoding="utf-8"))
    )
