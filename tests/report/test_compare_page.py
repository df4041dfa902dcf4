"""The comparison's page: who is on the front, names that can be read, and what failed."""

import itertools

import numpy as np
import pytest
from test_page import job, read

from leveret.report import render
from leveret.report.compare import compare_page, marks
from leveret.report.figures import axes_of, drawing
from leveret.report.labels import place_labels
from leveret.report.tradeoff import Point, front, tradeoff


def test_the_front_holds_those_that_none_beats():
    costs, accuracies = [5, 1, 3, 3, 2, 9], [0.9, 0.5, 0.8, 0.85, 0.5, 0.9]
    assert front(costs, accuracies) == [1, 3, 0]
    assert front([], []) == []
    rng = np.random.default_rng(0)
    costs, accuracies = rng.integers(1, 9, 40).tolist(), rng.integers(1, 9, 40).tolist()
    places = list(zip(costs, accuracies, strict=True))

    def beaten(i):
        (c, a) = places[i]
        return any(d <= c and b >= a and (d, b) != (c, a) for d, b in places)

    assert {places[i] for i in front(costs, accuracies)} == {places[i] for i in range(40) if not beaten(i)}


@pytest.mark.parametrize("spread", [0.0, 0.02, 1.0])
def test_names_lie_on_no_other_name_and_on_no_point(spread):
    rng = np.random.default_rng(1)
    points = [(1 + spread * rng.random(), spread * rng.random(), f"method-number-{i}") for i in range(24)]
    with drawing():
        figure, axes = axes_of(5.6, 8.2)
        for x, y, _ in points:
            axes.plot(x, y, "o")
        axes.set_xlim(0.5, 2.5)
        axes.set_ylim(-0.5, 1.5)
        boxes = place_labels(figure, axes, points, ["black"] * len(points), [(0.5, 0.01), (2.5, 0.01)])
        line = tuple(72 / figure.dpi * v for end in ((0.5, 0.01), (2.5, 0.01)) for v in axes.transData.transform(end))
    for a, b in itertools.combinations([*boxes, line], 2):
        assert min(a[2], b[2]) <= max(a[0], b[0]) or min(a[3], b[3]) <= max(a[1], b[1])


def test_a_plot_bears_perfect_and_equal_models():
    points = [Point("a", 1.0, 1.0, True), Point("b", 1.0, 1.0), Point("c", 2.0, 0.1)]
    figure = tradeoff(points, 100, "size", "bytes", lambda cost: f"{cost} B")
    assert "a, 1.0 B, 100.00 %" in figure.alt
    assert ">c<" in figure.svg.replace(" ", "")
    tradeoff([Point("only", 3.0, 0.5)], 10, "size", "bytes", str)


def row(key, **changes):
    values = {
        "key": key, "title": f"the {key}", "family": "binary", "paper": "A & B, 2016", "what": "Does <this>.",
        "options": {"sparsity": 0.9, "batch_size": None}, "status": "ok", "why": "", "accuracy": 0.95,
        "interval": [0.93, 0.97], "samples": 300, "loss": 0.1, "bytes": 40_000, "ms_per_image": 0.1, "batch": 64,
        "images_per_second": 9000.0, "agreement": 1.0, "epochs": 12, "seconds": 3.0, "diverged": False, "notes": [],
    }  # fmt: skip
    return {**values, **changes}


def metrics(**changes):
    rows = [
        row("real", family="real", bytes=300_000, accuracy=0.96, options={}),
        row("small"),
        row("broken", diverged=True, notes=["left as it is: layer 'stem' pads with 'reflect'"], accuracy=0.5),
        {**row("lost"), "status": "failed", "why": "RuntimeError: <boom>"},
        {**row("odd"), "status": "unfit", "why": "nothing to make binary"},
    ]
    values = {
        "data": {"name": "shells", "classes": 10, "test_images": 300}, "methods": rows, "timing_noise": 1.1,
        "recipe": {"net": "convnet", "parameters": 75242, "epochs": 30, "tune_epochs": 12},
        "training": {"history": [], "seconds": 9.0}, "environment": {"leveret": "0.1.0"},
    }  # fmt: skip
    return {**values, **changes}


def test_the_page_is_whole_and_says_what_failed():
    html = render(compare_page(job().data, metrics()))
    tags = read(html)
    assert not [tag for tag, _ in tags if tag in ("script", "link")]
    for text in ("the small", "A &amp; B, 2016", "Does &lt;this&gt;.", "RuntimeError: &lt;boom&gt;", "sparsity 0.9"):
        assert text in html
    assert "diverged: best epoch, layers left real" in html
    assert "7.5x" in html  # smaller than the real net
    assert "batch size" not in html.split("By family")[1].split("Data")[0]
    assert html.count("<figure") == 2
    assert "busy" not in html
    assert "busy" in render(compare_page(job().data, metrics(timing_noise=2.5)))


def test_a_page_without_a_single_result_is_a_page():
    rows = [{**row("real", family="real"), "status": "failed", "why": "out of luck"}]
    html = render(compare_page(job().data, metrics(methods=rows)))
    assert "out of luck" in html
    assert "<figure" not in html


def test_marks_are_short():
    assert marks(row("a")) == ""
    assert (
        marks(row("a", notes=["the packed model names another class than PyTorch for 5 %"])) == "differs from PyTorch"
    )
    assert marks({**row("a"), "status": "unfit"}) == "doesn't fit"
