"""`leveret fit` on images with masks, and what comes after it: a model, a report, masks of other images; resume."""

import json

import numpy as np
import pytest
from PIL import Image
from segmentation_files import SmallFCN, scene

from leveret import runtime
from leveret.data import load_segmentation
from leveret.errors import LeveretPackError, LeveretUsageError
from leveret.jobs import _segment_recipe, _segment_trial, segment
from leveret.jobs._segment_recipe import segment_recipe
from leveret.training import _history


@pytest.fixture
def small_nets(monkeypatch):
    monkeypatch.setattr(_segment_recipe, "named_segmenter", lambda name, channels, classes: SmallFCN(classes, channels))


QUICK = {"net": SmallFCN, "epochs": 2, "batch_size": 4, "lr": 0.02, "crop": 24, "progress": False, "threads": 1}


def test_a_run_leaves_all_that_is_needed(shapes, tmp_path):
    out = tmp_path / "out"
    result = segment.run(shapes, out, **QUICK)
    assert {path.name for path in out.iterdir()} == {"config.json", "metrics.json", "model.lvr", "net", "report.html"}
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics == result.metrics
    assert len(metrics["result"]["history"]) == 2
    assert metrics["test"]["images"] == 5
    page = (out / "report.html").read_text()
    for word in ("Worst and best", "square", "boundary F1", "Confusion matrix, in % of each true class", "#dc3232"):
        assert word in page
    packed = runtime.load(result.model)
    assert packed.classes == ("background", "square", "stripe")
    assert packed.provenance["palette"] == [[40, 40, 40], [220, 50, 50], [50, 200, 60]]
    assert packed.input.shape == (3, 32, 40)
    before = (out / "report.html").stat().st_mtime_ns
    assert segment.run(shapes, out, resume=True, **QUICK).metrics == metrics
    assert (out / "report.html").stat().st_mtime_ns == before
    with pytest.raises(LeveretUsageError, match=r"recipe\.epochs was 2, now 3"):
        segment.run(shapes, out, resume=True, **{**QUICK, "epochs": 3})
    with pytest.raises(LeveretUsageError, match="finished run already"):
        segment.run(shapes, out, **QUICK)


def test_a_stopped_run_goes_on(shapes, tmp_path, monkeypatch):
    """Also without a model, as of a net that doesn't pack."""

    def refuse(*arguments):
        raise LeveretPackError("no kernel for it")

    monkeypatch.setattr(_segment_trial, "pack_segmenter", refuse)
    whole = segment.run(shapes, tmp_path / "whole", **QUICK)
    before, after = _history.History.on_train_epoch_start, _history.History.on_train_epoch_end

    def stop(self, trainer, module):
        after(self, trainer, module)
        if len(self.rows) == 1:
            self.stopped = True

    def stopping(self, trainer, module):
        before(self, trainer, module)
        if getattr(self, "stopped", False):
            raise KeyboardInterrupt

    monkeypatch.setattr(_history.History, "on_train_epoch_end", stop)
    monkeypatch.setattr(_history.History, "on_train_epoch_start", stopping)
    with pytest.raises(segment.JobInterrupted, match="To go on"):
        segment.run(shapes, tmp_path / "out", **QUICK)
    monkeypatch.setattr(_history.History, "on_train_epoch_start", before)
    resumed = segment.run(shapes, tmp_path / "out", resume=True, **QUICK)
    assert resumed.model is None
    assert resumed.metrics["result"]["notes"] == ["not packed: no kernel for it"]
    assert resumed.metrics["test"] == whole.metrics["test"]


def test_recipes(shapes, small_nets):
    data = load_segmentation(shapes)
    assert segment_recipe(data).augment.size == (32, 32)
    assert segment_recipe(data, quick=True).epochs == 16
    median = segment_recipe(data, class_weights="median")
    assert (median.objective(data).class_weights.numpy() > 0).all()
    for arguments in ({"net": "unet"}, {"epochs": 0}, {"batch_size": 1}, {"lr": 0.0}, {"class_weights": "inverse"}):
        with pytest.raises(LeveretUsageError):
            segment_recipe(data, **arguments)


def test_the_command_line(shapes, small_nets, tmp_path, run):
    out = tmp_path / "out"
    code, said, _ = run("data", shapes, "--sheet", tmp_path / "sheet.png")
    assert code == 0
    assert "square" in said
    assert (tmp_path / "sheet.png").exists()
    code, said, _ = run("data", shapes, "--json")
    assert json.loads(said)["kind"] == "segmentation"
    code, said, errors = run(
        "fit",
        shapes,
        "-o",
        out,
        "--task",
        "segment",
        "--epochs",
        "2",
        "--crop",
        "24x32",
        "--class-weights",
        "median",
        "-q",
    )
    assert code == 0, errors
    assert "mean IoU" in said
    pixels, _ = scene(np.random.default_rng(5), (70, 50))
    Image.fromarray(pixels).save(tmp_path / "new.png")
    code, said, errors = run("predict", out / "model.lvr", tmp_path / "new.png", "-o", tmp_path / "masks")
    assert code == 0, errors
    assert said.split("\t")[1] == str(tmp_path / "masks" / "new.png")
    with Image.open(tmp_path / "masks" / "new.png") as mask:
        assert mask.size == (50, 70)
    code, _, errors = run("predict", out / "model.lvr", tmp_path / "new.png")
    assert code == 2
    assert "-o masks/" in errors
    code, _, errors = run("predict", out / "model.lvr", tmp_path / "gone.png", "-o", tmp_path / "masks")
    assert code == 1
    assert "no such file" in errors


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--balance", "focal"], "masks have --class-weights"),
        (["--task", "guess"], "task must be"),
        (["--ignore-index", "x"], "ignore-index must be"),
        (["--crop", "x"], "crop must be"),
    ],
)
def test_wrong_command_lines(shapes, tmp_path, run, arguments, said):
    code, _, errors = run("fit", shapes, "-o", tmp_path / "out", *arguments)
    assert code in (1, 2)
    assert said in " ".join(errors.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


def test_jobs_of_classes_refuse_masks(shapes, tmp_path, run):
    for command in ("compare", "distill"):
        code, _, errors = run(command, shapes, "-o", tmp_path / "out")
        assert code == 2
        assert "leveret shrink, with --task segment" in errors
    assert not (tmp_path / "out").exists()


def test_crops_are_of_masks_alone(tmp_path, run):
    code, _, errors = run("fit", "digits", "-o", tmp_path / "out", "--crop", "4")
    assert code == 2
    assert "of images with masks" in errors
