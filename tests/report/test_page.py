"""The page: whole, self-contained, escaped, and readable without eyes."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from leveret.metrics import Evaluation
from leveret.report import Contender, Facts, Page, Section, Table, Tile, headlines, render, write_page
from leveret.report.main_job import MainJob, main_job_page
from leveret.report.samples import Sample

VOID = {"meta", "img", "br", "link", "path", "use", "input", "hr"}


class Reader(HTMLParser):
    """Collects tags and complains about those that aren't closed."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.tags = []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def read(html):
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader.tags


def contender(key="teacher", **changes):
    values = {
        "key": key, "title": key, "what": "a net", "accuracy": 0.97, "interval": (0.95, 0.98), "samples": 300,
        "loss": 0.1, "bytes": 1_200_000, "ms_per_image": 0.8, "images_per_second": 4000.0, "batch": 64,
        "macs": 38_500_000, "binary_macs": 0,
    }  # fmt: skip
    return Contender(**{**values, **changes})


def job(classes=10, n=300, names=None, **changes):
    rng = np.random.default_rng(0)
    names = tuple(names or (f"class {i}" for i in range(classes)))
    labels = rng.integers(0, classes, n)
    logits = rng.normal(size=(n, classes)).astype(np.float32)
    logits[np.arange(n), labels] += 3
    row = {"stage": "teacher", "train_loss": 1.0, "val_accuracy": 0.9, "seconds": 1.0, "samples_seen": 10}
    stages = [{**row, "epoch": e, "stage": s} for s in ("activations", "weights") for e in (1, 2)]
    sample = Sample(rng.integers(0, 255, (1, 8, 8), dtype=np.uint8), names[0], names[-1], 0.7)
    values = {
        "data": {
            "name": "shells", "image_shape": [1, 8, 8], "classes": list(names), "found": n, "warnings": [],
            "samples": {"train": 100, "val": 10, "test": n}, "notes": ["a note"],
            "class_counts": {part: [1] * classes for part in ("train", "val", "test")},
            "skipped": [{"where": "x.png", "reason": "empty (0 bytes)"}],
        },
        "contenders": (contender(), contender("packed", bytes=100_000, ms_per_image=0.4, images_per_second=16000.0)),
        "evaluation": Evaluation(logits, labels, names),
        "teacher_history": [{**row, "epoch": e} for e in (1, 2, 3)],
        "student_history": stages,
        "samples": [sample, Sample(sample.pixels, names[0], names[0], 0.99)],
        "recipe": {"net": "convnet", "augment": {"flip": False}},
        "environment": {"leveret": "0.1.0", "processor": "a CPU"},
        "agreement": 0.9996,
        "timing_noise": 1.1,
        "binary_bytes_ratio": 31.2,
    }  # fmt: skip
    return MainJob(**{**values, **changes})


@pytest.mark.parametrize("classes", [2, 10, 17, 100])
def test_is_whole_self_contained_and_labelled(classes):
    html = render(main_job_page(job(classes)))
    tags = read(html)
    assert not [t for t, _ in tags if t in ("script", "link", "iframe")]
    for _, attributes in tags:
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png"))
    assert not re.search(r"url\((?!#)|@import", html)
    assert all(a.get("alt") for t, a in tags if t == "img")
    assert all(a.get("aria-label") for _, a in tags if a.get("role") in ("img", "region"))
    assert all(a.get("scope") for t, a in tags if t == "th")
    assert sum(t == "h1" for t, _ in tags) == 1
    ids = [a["id"] for _, a in tags if "id" in a]
    assert len(ids) == len(set(ids))
    for target in re.findall(r'(?:href="|url\()#([\w-]+)', html):
        assert target in ids
    assert "prefers-color-scheme: dark" in html


def test_sections_of_the_main_job():
    titles = [section.title for section in main_job_page(job()).sections]
    assert titles == ["Comparison", "Use the model", "Sample predictions", "Learning curves", "Mistakes", "Classes",
                      "Data", "How it was made"]  # fmt: skip


def test_names_are_escaped():
    nasty = ("<script>alert(1)</script>", 'a" onload="x', "$\\frac$ & 貝")
    for names in (nasty, (*nasty, *map(str, range(20)))):
        html = render(main_job_page(job(len(names), names=names)))
        assert "<script" not in html
        assert not [a for _, a in read(html) if "onload" in a]
        assert "&lt;script&gt;alert(1)" in html


def test_a_name_that_utf8_cannot_hold(tmp_path):
    write_page(Page("caf\udce9", "lead"), tmp_path / "r.html")
    assert "caf?" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_the_plots_take_the_pages_colours():
    html = render(main_job_page(job()))
    assert "var(--a)" in html
    assert "#01020" not in html
    assert "font-family" not in html.split("</style>")[1]


def test_losses_are_said_as_losses():
    first, last = contender(), contender("packed", accuracy=0.9, ms_per_image=1.6, images_per_second=2000.0)
    accuracy, size, speed = headlines((first, last))
    assert "90.00 %" in accuracy
    assert "−7.00 points" in accuracy
    assert size.startswith("size: 1.00x smaller")
    assert "2.0x slower one by one" in speed
    assert "2.0x slower in batches" in speed
    tiles = main_job_page(job(contenders=(first, last))).tiles
    assert [tile.tone for tile in tiles] == ["plain", "good", "bad"]
    assert tiles[2].value == "2.0x slower"


def test_a_busy_machine_is_admitted():
    assert "machine was busy" not in render(main_job_page(job()))
    assert "machine was busy" in render(main_job_page(job(timing_noise=3.0)))


def test_without_validation_mistakes_or_samples():
    labels = np.arange(30) % 3
    perfect = Evaluation(np.eye(3, dtype=np.float32)[labels], labels, ("a", "b", "c"))
    rows = [{"stage": "teacher", "epoch": 1, "train_loss": 1.0, "seconds": 1.0, "samples_seen": 5}]
    page = main_job_page(
        job(3, names="abc", evaluation=perfect, samples=[], teacher_history=rows, student_history=rows)
    )
    assert "Sample predictions" not in [section.title for section in page.sections]
    assert "Commonest confusions" not in render(page)


def test_any_method_can_make_a_page():
    page = Page("Forest", "A lead.", (Tile("3", "trees"),), (Section("One", (Facts("f", (("a", "b"),)),)),))
    html = render(page)
    read(html)
    assert "<h1>Forest</h1>" in html


def test_a_table_needs_as_many_cells_as_columns():
    with pytest.raises(ValueError, match="row 1 of 'T' has 1 cells, there are 2 columns"):
        Table("T", ("a", "b"), (("1", "2"), ("3",)))
