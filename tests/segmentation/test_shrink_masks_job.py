"""`leveret shrink` on images with masks: a float net, a small one of it, packed, compared; stopped and resumed."""

import functools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from leveret import runtime
from leveret.context import ParseNet, street_backbone
from leveret.data import load_segmentation
from leveret.errors import LeveretUsageError
from leveret.jobs import _mask_contenders, _segment_recipe, _shrink_job, _shrink_masks_recipe, shrink_masks
from leveret.jobs._shrink_masks_recipe import mask_shrink_recipe
from leveret.shrink.binary import BiRealBlock, XnorConv2d
from leveret.shrink.int8 import Int8Conv2d
from leveret.training import evaluate


def small(name, channels, classes, widths=(8, 12), block=None):
    backbone = street_backbone(channels, widths=(8, 12), depths=(1, 2), block=block)
    return ParseNet(backbone, classes, stride=2, in_channels=channels)


@pytest.fixture(autouse=True)
def small_nets(monkeypatch):
    for module in (_segment_recipe, _shrink_masks_recipe):
        monkeypatch.setattr(module, "named_segmenter", small)
    monkeypatch.setattr(_shrink_job, "_SECONDS", {False: 0.02, True: 0.02})
    monkeypatch.setattr(_mask_contenders, "best_threads", lambda *_: 1)


shrink = functools.partial(shrink_masks.run, epochs=2, crop=24, progress=False)


def test_a_run_leaves_a_small_model_and_says_what_it_costs(shapes, tmp_path):
    out = tmp_path / "out"
    result = shrink(shapes, out)
    names = {path.name for path in out.iterdir()}
    assert names == {"config.json", "metrics.json", "model.lvr", "report.html", "student", "teacher"}
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics == json.loads(json.dumps(result.metrics))
    teacher, packed_teacher, student, packed = result.models
    assert [one.key for one in result.models] == ["teacher", "teacher_packed", "student", "packed"]
    assert packed.bytes == (out / "model.lvr").stat().st_size
    assert packed_teacher.bytes == (out / "teacher" / "model.lvr").stat().st_size
    assert packed_teacher.miou == pytest.approx(teacher.miou, abs=1e-3)
    assert packed.miou == pytest.approx(student.miou, abs=0.02)
    assert metrics["agreement"] > 0.99
    assert metrics["miou_change"] == packed.miou - teacher.miou
    assert all(one.ms_per_image > 0 and one.images == 5 for one in result.models)
    assert len(result.headlines) == 3
    model = runtime.load(out / "model.lvr")
    assert model.provenance["net"] == "parsenet, binary"
    assert model.provenance["palette"] == [[40, 40, 40], [220, 50, 50], [50, 200, 60]]
    assert {op.bits for op in model.ops} == {1, 32}
    # what is said of the model is true of the file
    found = evaluate(model, load_segmentation(shapes))
    assert found.miou == packed.miou
    assert found.confusion.tolist() == metrics["test"]["confusion"]
    page = (out / "report.html").read_text()
    for word in ("Worst and best", "IoU of each class, of the real net", "small, packed", "boundary F1"):
        assert word in page
    before = (out / "report.html").stat().st_mtime_ns
    assert shrink(shapes, out, resume=True).metrics == metrics
    assert (out / "report.html").stat().st_mtime_ns == before
    with pytest.raises(LeveretUsageError, match=r"recipe\.teacher\.epochs was 2, now 3"):
        shrink(shapes, out, epochs=3, resume=True)
    with pytest.raises(LeveretUsageError, match="finished run already"):
        shrink(shapes, out)


@pytest.mark.parametrize("where", ["train_student", "_report"])
def test_a_stopped_run_goes_on_where_it_was(shapes, tmp_path, monkeypatch, where):
    def stop(*_, **__):
        raise KeyboardInterrupt

    trained = []
    train = _segment_recipe.SegmentRecipe.train

    def counted(self, net, data, out, **changed):
        result = train(self, net, data, out, **changed)
        trained.append((changed["stage"], [row["epoch"] for row in result.history]))
        return result

    with monkeypatch.context() as patched:
        owner = _shrink_masks_recipe.MaskShrinkRecipe if where == "train_student" else shrink_masks._Job
        patched.setattr(owner, where, stop)
        kept = "keeps the teacher" + ("" if where == "train_student" else ", the student")
        with pytest.raises(shrink_masks.JobInterrupted, match=kept) as stopped:
            shrink(shapes, tmp_path / "out")
    again = f"leveret shrink {shapes} -o {tmp_path}/out --task segment --epochs 2 --crop 24 --resume"
    assert str(stopped.value).endswith(again)
    weights = (tmp_path / "out/teacher/last.ckpt").stat().st_mtime_ns
    monkeypatch.setattr(_segment_recipe.SegmentRecipe, "train", counted)
    resumed = shrink(shapes, tmp_path / "out", resume=True)
    assert (tmp_path / "out/teacher/last.ckpt").stat().st_mtime_ns == weights
    assert trained == [("teacher", [1, 2]), ("activations", [1]), ("weights", [1])]
    assert [row["stage"] for row in resumed.metrics["training"]["student"]["history"]] == ["activations", "weights"]
    assert (tmp_path / "out/report.html").exists()


def test_recipes(shapes):
    data = load_segmentation(shapes)
    recipe = mask_shrink_recipe(data)
    assert recipe.student_epochs == (32, 48)
    assert mask_shrink_recipe(data, quick=True).student_epochs == (6, 10)
    assert mask_shrink_recipe(data, epochs=1).student_epochs == (1, 1)
    binary = [layer for layer in recipe.student().modules() if isinstance(layer, XnorConv2d)]
    assert len(binary) == 2
    whole = mask_shrink_recipe(data, method="int8")
    assert "student" not in whole.describe()
    teacher = whole.teacher.make_net().eval()
    quantised = whole.train_student(teacher, data, None).net
    whole_numbers = [name for name, layer in quantised.named_modules() if isinstance(layer, Int8Conv2d)]
    assert whole_numbers == ["backbone.stages.1.0.0", "backbone.stages.1.1.0"]
    images = torch.from_numpy(data.normalization.apply(data.test.fetch([0, 1])))
    assert (quantised(images) - teacher(images)).abs().max() < 0.1 * teacher(images).abs().max()
    for arguments in ({"net": "unet"}, {"net": teacher}, {"method": "ternary"}, {"epochs": 0}, {"class_weights": "x"}):
        with pytest.raises(LeveretUsageError):
            mask_shrink_recipe(data, **arguments)


class OfColors(nn.Module):
    """Green is a stripe, and what is red is one too, whatever the masks say; the rest is background."""

    def forward(self, x):
        return 4 * torch.stack([0 * x[:, 0], 0 * x[:, 0] - 9, x[:, :2].amax(1) - 2], 1)


def test_a_binary_net_learns_what_the_teacher_says(shapes):
    """Rather than what the masks say, and all epochs of both stages."""
    data = load_segmentation(shapes)
    recipe = replace(mask_shrink_recipe(data, epochs=25, crop=(32, 40), batch_size=4), student_lr=0.01)
    student = recipe.train_student(OfColors(), data, None, progress=False)
    assert [row["samples_seen"] for row in student.history] == [16 * (i + 1) for i in range(25)]  # of 17, by fours
    pixels = data.test.fetch(np.arange(5))
    images = torch.from_numpy(data.normalization.apply(pixels))
    with torch.no_grad():
        said, wanted = student.net.eval()(images).argmax(1), OfColors()(images).argmax(1)
    assert (said == wanted).float().mean() > 0.9
    assert (said == 1).float().mean() < 0.01


def test_a_net_for_smaller_tiles_is_measured_by_tiles(shapes):
    """As `predict` uses it, and whatever the tiles' size."""
    data = load_segmentation(shapes)
    images = data.test.fetch(np.arange(3))

    def model(pixels):
        return np.stack([pixels[:, 0] < 128, pixels[:, 0] >= 128, 0 * pixels[:, 0]], 1).astype(np.float32)

    whole = _mask_contenders.masks_of(model, data, None)(images)
    assert (_mask_contenders.masks_of(model, data, (32, 40))(images) == whole).all()
    assert (_mask_contenders.masks_of(model, data, (12, 17))(images) == whole).all()
    assert whole.any()


def test_shrinking_masks_from_the_command_line(shapes, tmp_path, run):
    out = tmp_path / "out"
    code, said, errors = run("shrink", shapes, "-o", out, "--epochs", "1", "--crop", "24x32", "--class-weights",
                             "median", "-q", "--net", "fcn", "--method", "int8")  # fmt: skip
    assert code == 0, errors
    assert "mean IoU" in said
    assert "small, packed" in said
    config = json.loads((out / "config.json").read_text())
    assert config["run"]["recipe"]["teacher"]["class_weights"] == "median"
    assert config["run"]["recipe"]["net"] == "fcn"
    model = runtime.load(out / "model.lvr")
    assert model.provenance["net"] == "fcn, int8"
    assert {op.bits for op in model.ops} == {8, 32}
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["models"]["packed"]["miou"] == evaluate(model, load_segmentation(shapes)).miou
    assert metrics["training"]["student"]["history"] == []
    assert metrics["models"]["student"]["bytes"] < metrics["models"]["teacher"]["bytes"]
    assert "a net with weights and values of one byte was packed" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--method", "ternary"], "method must be one of binary, int8"),
        (["--net", "resnet18"], "must be one of parsenet, fcn, pyramid"),
        (["--label-column", "x"], "this is about masks"),
        (["--task", "guess"], "task must be"),
    ],
)
def test_wrong_command_lines_of_shrink(shapes, tmp_path, run, arguments, said):
    code, _, errors = run("shrink", shapes, "-o", tmp_path / "out", *arguments)
    assert code in (1, 2)
    assert said in " ".join(errors.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--crop", "8"], "of images with masks"),
        (["--method", "int8"], "leveret compare has all methods"),
        (["--mask-column", "x"], "of images with masks"),
    ],
)
def test_options_of_masks_are_refused_for_classes(tmp_path, run, arguments, said):
    code, _, errors = run("shrink", "digits", "-o", tmp_path / "out", "--task", "classify", *arguments)
    assert code == 2
    assert said in errors
    assert not (tmp_path / "out").exists()


def test_binary_blocks_are_asked_for(monkeypatch, shapes):
    asked = []
    monkeypatch.setattr(
        _shrink_masks_recipe,
        "named_segmenter",
        lambda *a, **options: asked.append(options) or small("", 3, 3, block=options["block"]),
    )
    mask_shrink_recipe(load_segmentation(shapes)).student()
    assert asked == [{"widths": (32, 96, 192, 192), "block": BiRealBlock}]
