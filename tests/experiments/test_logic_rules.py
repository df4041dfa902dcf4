"""The experiment on rules: its exact part is measured, the page is rendered, a training is cheap and resumable."""

import json
from pathlib import Path

import numpy as np
import pytest

from leveret.data import few_labels, from_arrays
from leveret.experiments import run
from leveret.experiments.logic_rules import _images
from leveret.experiments.logic_rules._page import page

RESULTS = Path("docs/results/logic-rules.json")


def test_the_exact_part(tmp_path):
    written = run("logic-rules", parts=["exact"], out=tmp_path, quick=True)
    values = json.loads((tmp_path / "logic-rules.json").read_text())
    assert values["exact_objective_gap"] < 1e-6
    assert values["exact_chain_difference"] < 1e-9
    assert values["exact_paths_differing"] == 0
    assert "10 random cases each" in written.read_text()


def tiny():
    generator = np.random.default_rng(0)
    x = generator.integers(0, 256, (80, 28, 28)).astype(np.uint8)
    names = np.array(_images.CLASSES)[np.arange(80) % 10]
    kind_of = {name: kind for kind, classes in _images.KINDS.items() for name in classes}
    data = from_arrays(x, names, classes=_images.CLASSES, val_fraction=0.0, test_fraction=0.25,
                       columns={"kind": [kind_of[str(n)] for n in names]})  # fmt: skip
    return few_labels(data, per_class=2)


def test_a_training(tmp_path, monkeypatch):
    monkeypatch.setattr(
        _images, "_net", lambda: _images.nn.Sequential(_images.nn.Flatten(), _images.nn.Linear(784, 10))
    )
    data = tiny()
    for method, batch_size in (("plain", 8), ("rules", 16)):
        task = _images.ImageTraining(method, tmp_path / method, 1, method, 0, 1, batch_size)
        result = task.run(data)
        assert result["status"] == "ok", result["why"]
        assert result["q"] >= result["p"]
        assert task.finished()["p"] == result["p"]


def test_the_page_of_the_images_part(monkeypatch):
    monkeypatch.setattr(_images, "garments", lambda *_: tiny())
    monkeypatch.setattr(_images, "source_of", lambda *_: Path())
    monkeypatch.setattr(_images, "cost_ratio", lambda *_: 1.1)
    results = iter([(0.7, 0.8), (0.75, 0.82), (0.72, 0.79), (0.76, 0.83)])

    def done(self):
        p, q = next(results)
        return {"status": "ok", "p": p, "q": q, "kept": 0.9, "seconds": 3.0}

    monkeypatch.setattr(_images.ImageTraining, "finished", done)
    figures, details = _images.measure(2, None, Path("runs"))
    assert figures["images_plain"] == pytest.approx(0.71)
    assert figures["images_q"] == pytest.approx(0.825)
    stamp = {"command": "c", "date": "d", "machine": "m"}
    text = page({**figures, "parts": {"images": {**details, **stamp}}})
    assert "| p: labels and rule | 75.50 ± 0.71 | +4.50 ± 0.71 |" in text
    assert "| a training step with rules over one without | 1.10 | at most 1.5 | yes |" in text


@pytest.mark.skipif(not RESULTS.exists(), reason="not measured yet")
def test_the_page_is_rendered_from_its_figures():
    values = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert RESULTS.with_suffix(".md").read_text(encoding="utf-8") == page(values)


def test_every_part_has_a_page():
    from leveret.experiments import logic_rules
    from leveret.experiments.logic_rules import _page

    assert set(logic_rules.PARTS) == set(_page._PARTS)
