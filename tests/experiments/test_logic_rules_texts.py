"""The experiment on SST-2: its data, a training of every method, its figures after every seed, the page's words."""

from pathlib import Path

import numpy as np
import pytest

from leveret.data import from_arrays
from leveret.experiments.logic_rules import _sentences, _sst2
from leveret.experiments.logic_rules._page import page
from leveret.text import Vectors

TEXTS = ["a dull start but a great end", "great", "dull", "great cast but dull", "but great", "a butter film"]
LABELS = [1, 1, 0, 0, 1, 0]
STAMP = {"command": "c", "date": "d", "machine": "m"}


def tiny():
    words = sorted({word for text in TEXTS for word in text.split()})
    vectors = Vectors(words, np.random.default_rng(0).normal(size=(len(words), 6)))
    data = from_arrays(
        TEXTS * 4, LABELS * 4, x_val=TEXTS, y_val=LABELS, x_test=TEXTS, y_test=LABELS, classes=_sentences.CLASSES
    )
    return _sentences.Sentences(data, vectors)


def test_but_is_a_word_and_its_clauses_are_further_examples():
    assert _sentences.with_word(TEXTS).tolist() == [True, False, False, True, True, False]
    data = _sentences.with_clauses(tiny().data)
    # "but great" has nothing before it, and a butter is no but
    assert list(data.train.fetch(np.arange(24, 32))) == ["a great end", "dull"] * 4
    assert data.train.labels[24:].tolist() == [1, 0] * 4
    assert len(data.test) == 6


def test_the_rule_is_the_papers():
    program = _sentences.but_rule().program
    truths = program.truths(np.array([[0.8], [np.nan]], np.float32))
    assert truths[0, 0] == pytest.approx([(2 - 0.8) / 2, (1 + 0.8) / 2])
    assert truths[1, 0] == pytest.approx([1, 1])


@pytest.mark.parametrize("method", ["plain", "clauses", "rules", "unlabelled", "control"])
def test_a_training_of_each_method(tmp_path, method):
    fraction = 0.5 if method in ("unlabelled", "control") else 1.0
    task = _sentences.TextTraining(method, tmp_path, 1, method, fraction, 2, 0.5, 0.0, 0.5, 0)
    result = task.run(tiny())
    assert result["status"] == "ok", result["why"]
    assert (result["but"], result["fires"]) == (3, 2)
    assert result["train"] == (32 if method == "clauses" else 24)
    assert {"p", "q", "but_p", "but_q", "changed"} <= set(result)
    assert task.finished()["q"] == result["q"]
    assert not (tmp_path / "training").exists()


def test_the_control_is_taught_by_what_it_says_itself(tmp_path, monkeypatch):
    taught = []

    class Told(_sentences.RuleDistillation):
        def _teacher(self, net, batch, log_p):
            found = super()._teacher(net, batch, log_p)
            taught.append(float((found[0] - log_p).abs().max()))
            return found

    monkeypatch.setattr(_sentences, "RuleDistillation", Told)
    for method in ("control", "unlabelled"):
        taught.clear()
        task = _sentences.TextTraining(method, tmp_path / method, 1, method, 0.5, 2, 0.5, 0.0, 0.5, 0)
        assert task.run(tiny())["status"] == "ok"
        assert (max(taught) < 1e-5) is (method == "control")


def test_accuracies_of_all_and_of_those_with_but():
    said, labels = {"p": np.array([0, 1, 1, 1]), "q": np.array([0, 1, 0, 0])}, np.array([0, 0, 0, 1])
    found = _sentences.accuracies(said, labels, np.array([False, True, True, False]))
    assert found == {"p": 0.5, "q": 0.5, "but_p": 0.0, "but_q": 0.5}


def test_fewer_labels_leave_the_others_out():
    task = _sentences.TextTraining("r", Path(), 1, "rules", 0.25, 1, 0.5, 0.0, 0.5, 0)
    train = task.data_of(tiny().data).train
    assert len(train) == 6
    assert (train.labels >= 0).all()


def measured(monkeypatch, gain):
    given = tiny()
    monkeypatch.setattr(_sst2, "source_of", lambda *_: Path())
    monkeypatch.setattr(_sst2, "sentences", lambda *_: given)
    monkeypatch.setattr(_sst2, "cost_ratio", lambda *_: 1.2)

    def done(self):
        p = 0.8 + 0.01 * self.seed + (gain if self.method in ("rules", "unlabelled") else 0)
        found = {"p": p, "q": p + 0.002, "but_p": p, "but_q": p + 0.02, "train": 24 + 8 * (self.method == "clauses")}
        return {**found, "status": "ok", "seconds": 3.0, "but": 237, "fires": 210, "changed": 5}

    monkeypatch.setattr(_sentences.TextTraining, "finished", done)
    return list(_sst2.measure(3, None, Path("runs")))


def test_figures_stand_after_every_seed(monkeypatch):
    steps = measured(monkeypatch, 0.01)
    assert [details["seeds"] for _, details in steps] == [1, 1, 2, 2, 3, 3]
    assert [len(figures["fractions"]) for figures, _ in steps] == [0, 6, 6, 6, 6, 6]
    figures, details = steps[-1]
    assert figures["sst2_cnn"] == pytest.approx(0.81)
    assert figures["sst2_p"] == pytest.approx(0.82)
    assert figures["sst2_projected"] == pytest.approx(0.812)
    assert figures["sst2_but_q"] == pytest.approx(0.84)
    assert figures["sst2_p_gain"] == pytest.approx(1)
    row = next(row for row in figures["fractions"] if row["fraction"] == 0.1 and row["unlabelled"])
    assert (row["seeds"], row["cnn"], row["q"]) == (3, pytest.approx(0.81), pytest.approx(0.822))
    text = " ".join(page({**figures, "parts": {"sst2": {**details, **STAMP}}}).split())
    assert "| p: learned with the rule | 82.00 ± 1.00 | +1.00 ± 0.00 | 82.00 ± 1.00 | +1.00 ± 0.00 | 88.8 |" in text
    assert "p is +1.00 points from the CNN on all sentences, as 0.5 were asked" in text
    assert '+1.00 points from the CNN on those with "but", where 2 were asked: missed' in text
    assert 'On those with "but" q gains +3.00 over the CNN; projecting' in text
    assert "gains +2.00, 67% of it" in text
    assert "over seeds is 0.00 on all sentences, so that a difference is shown;" in text
    assert row["control"] == pytest.approx(0.81)
    assert "| 10% | without a rule | 81.00 ± 1.00 | 81.20 ± 1.00 | 81.00 ± 1.00 | 81.20 ± 1.00 |" in text
    assert "p with the rule over p without, points: 5%: +1.00 ± 0.00; 10%: +1.00 ± 0.00;" in text
    details["fractions"] = [one for one in details["fractions"] if one["method"] != "control"]
    text = " ".join(page({**figures, "parts": {"sst2": {**details, **STAMP}}}).split())
    assert "the rule's part in those gains isn't known" in text


def test_the_page_says_why_nothing_was_gained(monkeypatch):
    figures, details = measured(monkeypatch, 0.0)[-1]
    text = " ".join(page({**figures, "parts": {"sst2": {**details, **STAMP}}}).split())
    assert "p is +0.00 points from the CNN on all sentences, where 0.5 were asked: missed" in text
    assert "Why p gains no more" in text
    assert "gains +0.20, no less: what q gains needs no learning from the rule" in text
    assert "so that a difference is not shown" in text
    assert "| gain of p over the CNN, points | 0.00 | at least 0.5 | no |" in text


def test_the_cost_ratio_is_near_one():
    assert 0.3 < _sst2.cost_ratio(tiny(), 139, 3) < 10
