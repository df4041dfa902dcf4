"""Quick runs for real, the tiniest; and the stand-ins that all of them read."""

from __future__ import annotations

import json

import numpy as np
import pytest

import leveret
from leveret import experiments
from leveret.data import load_segmentation
from leveret.experiments._cells import cells
from leveret.experiments._datasets import FILES
from leveret.experiments._needs import NEEDS, missing
from leveret.experiments._results import QUICK
from leveret.experiments._standins import standins


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return standins(tmp_path_factory.mktemp("standins"))


def test_stand_ins_are_all_that_experiments_take(folder):
    assert missing([key for key in NEEDS if key in (*FILES, "camvid")], folder) == []


def test_stand_ins_are_the_same_every_time_and_written_once(folder, tmp_path):
    other = standins(tmp_path / "other")
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    for name in names:
        if not name.endswith(".npz"):
            assert (folder / name).read_bytes() == (other / name).read_bytes(), name
            continue
        one, two = np.load(folder / name), np.load(other / name)
        assert all(np.array_equal(one[key], two[key]) for key in one.files), name
    before = (other / "mnist.npz").stat().st_mtime_ns
    standins(other)
    assert (other / "mnist.npz").stat().st_mtime_ns == before


def test_stand_ins_have_what_the_real_sets_have(folder, monkeypatch):
    monkeypatch.setenv("LEVERET_CACHE", str(folder / "cache"))
    mnist = leveret.load(folder / "mnist.npz")
    assert mnist.image_shape == (1, 28, 28)
    assert mnist.num_classes == 10
    assert leveret.load(folder / "cifar10").image_shape == (3, 32, 32)
    streets = load_segmentation(folder / "camvid", in_memory=True)
    found = set(np.unique(streets.train.masks(np.arange(len(streets.train)))).tolist())
    assert found >= set(range(12))
    texts = leveret.load(folder / "sst2")
    assert sum(" but " in text for text in texts.train.fetch(np.arange(len(texts.train)))) > 40
    rare = cells(50, 0, folder).train.class_counts().min()
    assert rare > 20


def test_a_quick_run(tmp_path, run):
    """Through the command line, page and all."""
    code, out, err = run("reproduce", "budget", "--quick", "--part", "lifetime", "-o", tmp_path)
    assert (code, err) == (0, "")
    page = (tmp_path / "budget.md").read_text()
    assert out == f"{tmp_path / 'budget.md'}\n"
    assert page.count(QUICK) == 2
    assert "leveret reproduce budget --part lifetime --quick" in page
    index = (tmp_path / "index.md").read_text()
    assert QUICK in index
    assert "open questions" not in index.split("##", 1)[1]  # a quick run answers none
    assert "[lifetime](budget.md#lifetime)" in index


def test_a_quick_run_trains_on_stand_ins(tmp_path, folder, monkeypatch):
    monkeypatch.setattr("leveret.experiments._standins.standins", lambda _: folder)
    monkeypatch.setenv("LEVERET_CACHE", str(tmp_path / "cache"))
    found = experiments.run("shrink", parts=["hashed"], out=tmp_path, quick=True)
    values = json.loads((tmp_path / "shrink.json").read_text())
    details = values["parts"]["hashed"]
    assert details["what"] == "784-32-10"
    assert details["quick"] is True
    assert details["took_seconds"] > 0
    assert QUICK in found.read_text()
    # what was finished is only read
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("net.pt")}
    assert len(before) == 3
    experiments.run("shrink", parts=["hashed"], out=tmp_path, quick=True)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("net.pt")}
