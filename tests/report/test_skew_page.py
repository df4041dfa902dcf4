"""Blocks for skewed data: whole pages for two and for many classes, and tables that say what was measured."""

import copy
import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from leveret.metrics import Evaluation
from leveret.report import Figure, Page, Section, render
from leveret.report.facts import data_blocks
from leveret.report.skew import measures_table, shots_table, skew_blocks, threshold_table
from leveret.report.skew_bars import recall_figure, reliability_figure
from leveret.report.skew_curves import _thinned, precision_recall_figure, roc_figure
from leveret.training.metrics import choose_threshold, measure


def evaluation(k, n=400, names=None, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(k), rng.choice(k, n - k, p=np.arange(k, 0, -1) / (k * (k + 1) / 2))])
    logits = rng.normal(size=(n, k)).astype(np.float32)
    logits[np.arange(n), labels] += 2
    return Evaluation(logits, labels, tuple(names or (f"class {i}" for i in range(k))))


def counts(k):
    return (1000 * 100.0 ** (-np.arange(k) / k)).astype(int)


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids = []

    def handle_starttag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]


@pytest.mark.parametrize("k", [2, 3, 10, 40])
def test_a_page_for_any_number_of_classes(k):
    tested = evaluation(k)
    threshold = choose_threshold(evaluation(k, seed=1), criterion="f1", positive=None if k == 2 else 1, resamples=20)
    blocks = skew_blocks(tested, measure(tested, train_counts=counts(k), resamples=20), threshold)
    html = render(Page("Skew", "A lead.", (), (Section("Rare", tuple(blocks)),)))
    reader = Reader()
    reader.feed(html)
    assert len(reader.ids) == len(set(reader.ids))
    for target in re.findall(r'(?:href="|url\()#([\w-]+)', html):
        assert target in reader.ids
    assert "#01020" not in html
    assert sum(isinstance(b, Figure) for b in blocks) == 4
    assert all(b.alt and b.caption for b in blocks if isinstance(b, Figure))
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL)
    assert len(html) < 600_000


def test_names_of_classes_are_words():
    names = ("<script>x</script>", "$\\frac$ & 貝", "a class with a name that is far too long for a plot")
    tested = evaluation(3, names=names)
    html = render(Page("S", "L", (), (Section("R", tuple(skew_blocks(tested, measure(tested, resamples=0)))),)))
    assert "<script" not in html
    assert "far too long for a plot" in html  # in the words for those who can't see
    assert re.search(r"a class with…|a class wit…", html)


def test_the_table_says_what_was_measured():
    tested = evaluation(2, names=("ok", "broken"))
    found = measure(tested, train_counts=[900, 100], resamples=50)
    table = measures_table(found)
    rows = {row[0].replace("\u00ad", ""): row[1:] for row in table.rows}
    assert rows["area below precision-recall"][0] == f"{found['average_precision'].value:.3f}"
    assert rows["balanced accuracy"][0] == f"{100 * found['balanced_accuracy'].value:.2f} %"
    assert rows["balanced accuracy"][2] == "50.00 %"
    assert rows["accuracy"][2] == f"{100 * (tested.labels == 0).mean():.2f} %"
    assert rows["area below precision-recall"][2] == f"{(tested.labels == 1).mean():.3f}"
    assert "recall at 90 % precision" in rows
    assert table.columns[-1] == "always ok"
    assert table.caption == "On 400 samples, of broken"
    low, high = (f"{100 * v:.2f}" for v in (found["balanced_accuracy"].low, found["balanced_accuracy"].high))
    assert rows["balanced accuracy"][1] == f"{low} – {high}"
    without = {row[0]: row for row in measures_table(measure(tested, resamples=0)).rows}
    assert without["F1"][2] == "–"


def test_the_threshold_s_table_and_its_mark():
    chosen_on, tested = evaluation(2, names=("ok", "broken"), seed=3), evaluation(2, names=("ok", "broken"))
    threshold = choose_threshold(chosen_on, criterion=("recall", 0.7), resamples=20)
    here = {row[0]: row for row in threshold_table(threshold, tested).rows}
    assert here["recall"][1] == f"{100 * threshold.measure(tested)['recall'].value:.2f} %"
    assert here["recall"][3] == f"{100 * threshold.figures['recall'].value:.2f} %"
    alone = threshold_table(threshold)
    assert alone.columns == ("figure", "where chosen", "interval")
    figure = precision_recall_figure(tested, threshold=threshold)
    recall = 100 * threshold.measure(tested)["recall"].value
    assert f"gives {recall:.1f} % recall" in figure.alt
    assert f"threshold {threshold.value:.3g}" in figure.svg
    assert "threshold" not in precision_recall_figure(tested).svg
    other = roc_figure(tested, positive="ok", threshold=threshold)
    assert "threshold" not in other.svg


def test_shots():
    tested = evaluation(3)
    table = shots_table(measure(tested, train_counts=[500, 50, 5], resamples=0))
    assert [row[:3] for row in table.rows] == [
        ("many-shot", "1", "500 – 500"),
        ("medium-shot", "1", "50 – 50"),
        ("few-shot", "1", "5 – 5"),
        ("all", "3", ""),
    ]
    assert table.rows[0][3] == f"{100 * tested.recall[0]:.2f} %"
    assert not [b for b in skew_blocks(tested, measure(tested, resamples=0)) if "training" in getattr(b, "caption", "")]


def test_classes_that_are_not_there():
    whole = evaluation(4)
    rows = whole.labels != 2
    tested = Evaluation(whole.logits[rows], whole.labels[rows], whole.classes)
    found = measure(tested, train_counts=[90, 9, 0, 1], resamples=10)
    assert "class 2" not in precision_recall_figure(tested).alt
    assert "class 2" in recall_figure(found).svg
    one = Evaluation(whole.logits[:1], whole.labels[:1], whole.classes)
    skew_blocks(one, measure(one, resamples=5))


def test_the_worst_of_many_classes_are_drawn():
    tested = evaluation(40)
    figure = roc_figure(tested)
    assert "the 12 of the smallest areas out of 40 classes" in figure.caption
    assert "One in 3 of 40 classes is named" in recall_figure(measure(tested, resamples=0)).caption


def test_reliability_in_words():
    """Always 0.9 sure, right for half: 40 points too sure."""
    p = np.log(np.tile([0.9, 0.1], (40, 1))).astype(np.float32)
    figure = reliability_figure(Evaluation(p, np.arange(40) % 2, ("a", "b")))
    assert "error is 0.400" in figure.alt
    assert "40.0 points surer than right" in figure.alt
    assert "Pale" not in figure.caption
    assert "b" in reliability_figure(Evaluation(p, np.arange(40) % 2, ("a", "b")), positive=1).alt


def test_lines_lose_only_what_nobody_sees():
    x = np.linspace(0, 100, 100_001)
    thin_x, thin_y = _thinned(x, x)
    assert len(thin_x) < 500
    assert (thin_x[0], thin_x[-1]) == (0, 100)
    assert np.abs(np.diff(thin_x)).max() < 0.6
    np.testing.assert_array_equal(thin_x, thin_y)


@pytest.mark.parametrize("rare", [True, False])
def test_data_says_that_it_is_skewed(digits, rare):
    data = copy.copy(digits)
    if rare:
        labels = digits.train.labels
        data.train = digits.train.subset(np.concatenate([np.flatnonzero(labels != 3), np.flatnonzero(labels == 3)[:4]]))
    facts = str(data_blocks(data.as_dict())[0])
    console = Console(record=True, width=160, file=io.StringIO())
    console.print(data.summary())
    text = console.export_text()
    assert ("accuracy alone misleads" in facts) == rare
    assert ("skewed: '3' is 1:" in text) == rare


def test_importing_the_room_stays_cheap():
    code = "import sys, leveret.report; print([m for m in ('torch', 'matplotlib', 'sklearn') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
