"""The experiment on context: models that differ in one thing, rows, words, the CRF's search, a whole small run."""

import dataclasses
import functools
import importlib.util
import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import leveret
from leveret.context import FCN, L2Norm, ParseNet, StridedCrossEntropy, street_backbone
from leveret.data import load_segmentation, median_frequency_weights
from leveret.errors import LeveretDataError, LeveretMissingError, LeveretTrainingError, LeveretUsageError
from leveret.experiments import _turns
from leveret.experiments._results import Results
from leveret.experiments.parsenet import _crf, _training
from leveret.experiments.parsenet._answers import Gain, batch_norm_answer, context_answer, reach_answer
from leveret.experiments.parsenet._lengths import lengths
from leveret.experiments.parsenet._models import BINARY, MODELS, NEAR
from leveret.experiments.parsenet._page import page
from leveret.experiments.parsenet._pictures import extremes
from leveret.experiments.parsenet._reach import reach_of
from leveret.experiments.parsenet._rows import best_of, differences, row, task, train_each
from leveret.experiments.parsenet._run import Run
from leveret.experiments.parsenet._settings import CAMVID, class_weights

RESULTS = Path("docs/results/parsenet.json")
ONNX = all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime"))


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """40 images of 40x32 pixels with squares of two colours on a dark ground, and a corner without labels."""
    folder = tmp_path_factory.mktemp("shapes")
    draw = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for i in range(40):
        labels = np.zeros((32, 40), np.uint8)
        for label in (1, 2):
            row, column = draw.integers(0, 20), draw.integers(0, 28)
            labels[row : row + 12, column : column + 12] = label
        pixels = np.array([[40, 40, 40], [220, 50, 50], [50, 200, 60]])[labels] + draw.normal(0, 15, (32, 40, 3))
        labels[:3, :3] = 255
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / "images" / f"{i:02}.png")
        Image.fromarray(labels).save(folder / "masks" / f"{i:02}.png")
    return load_segmentation(folder, cache=False, in_memory=True)


@pytest.fixture
def setting(shapes):
    return dataclasses.replace(
        CAMVID,
        title="Shapes",
        data=lambda folder: shapes,
        backbone=functools.partial(street_backbone, widths=(6, 8, 8), depths=(1, 1, 2)),
        near=functools.partial(street_backbone, widths=(6, 8, 8), depths=(1, 1, 1)),
        epochs=2,
        lr=0.02,
        crop=(32, 40),
    )


def test_models_differ_in_what_their_names_say(setting):
    assert list(MODELS) == ["fcn", "context", "parsenet", "fcn-bn", "context-bn", "parsenet-bn"]
    nets = {}
    for key, model in (*MODELS.items(), ("binary", BINARY)):
        torch.manual_seed(0)
        nets[key] = model.make(setting, 3, 3)
    kinds = {
        key: (
            type(net) is ParseNet,
            any(isinstance(part, L2Norm) for part in net.modules()),
            any(isinstance(part, torch.nn.BatchNorm2d) for part in net.modules()),
        )
        for key, net in nets.items()
    }
    assert kinds["fcn"] == (False, False, False)
    assert kinds["context"] == (True, False, False)
    assert kinds["parsenet"] == (True, True, False)
    assert [kinds[f"{key}-bn"] for key in ("fcn", "context", "parsenet")] == [
        (False, False, True),
        (True, False, True),
        (True, True, True),
    ]
    assert kinds["binary"] == (True, True, True)
    assert list(NEAR) == ["fcn-near", "parsenet-near", "fcn-bn-near", "parsenet-bn-near"]
    assert reach_of(NEAR["fcn-near"].make(setting, 3, 3).backbone) < reach_of(nets["fcn"].backbone)
    # of one seed all begin with the same backbone
    for key in ("context", "parsenet"):
        for end in ("", "-bn"):
            own, other = nets[key + end].backbone.state_dict(), nets[f"fcn{end}"].backbone.state_dict()
            assert all(torch.equal(own[name], other[name]) for name in other)


def test_class_weights_are_roots(shapes):
    weights = class_weights(shapes)
    assert weights.mean().item() == pytest.approx(1)
    wanted = median_frequency_weights(shapes.train)
    assert (weights[1] / weights[0]).item() == pytest.approx((wanted[1] / wanted[0]) ** 0.5)
    assert weights[1] > weights[0]


def test_camvid_needs_its_folder(tmp_path):
    with pytest.raises(LeveretUsageError, match="needs camvid"):
        CAMVID.data(None)
    with pytest.raises(LeveretDataError, match=r"there is no .*camvid-train\.parquet"):
        CAMVID.data(tmp_path)


@pytest.mark.shared_data
def test_camvid_has_its_parts(shared_data, monkeypatch, tmp_path):
    monkeypatch.setenv("LEVERET_CACHE", str(tmp_path))
    data = CAMVID.data(shared_data)
    assert [len(part) for part in (data.train, data.val, data.test)] == [367, 101, 233]
    assert data.classes[0] == "sky"
    assert len(data.classes) == 11
    masks = data.test.masks([0])
    assert masks.min() == -100
    assert masks.max() <= 10


def result(miou, val=0.5):
    same = {"pixel_accuracy": 0.8, "mean_class_accuracy": 0.6, "boundary_f1": 0.4}
    return {"miou": miou, "val": {"miou": val}, "training_seconds": 60.0, "iou": [miou, 0.5], **same}


def rows_of(**mious):
    return [row(key, MODELS[key], [result(miou) for miou in mious[key.replace("-", "_")]]) for key in MODELS]


def test_rows_by_hand():
    found = row("fcn", MODELS["fcn"], [result(0.4, 0.5), result(0.5, 0.7)])
    assert found["miou"] == pytest.approx(0.45)
    assert found["miou_spread"] == pytest.approx(0.5**0.5 * 0.1)
    assert found["iou"] == pytest.approx([0.45, 0.5])
    assert found["val_miou"] == pytest.approx(0.6)
    assert row("fcn", MODELS["fcn"], [result(0.4)])["miou_spread"] is None
    # what validates best is best, whatever the test says
    other = row("context", MODELS["context"], [result(0.9, 0.1), result(0.9, 0.1)])
    assert best_of([other, found]) is found
    assert differences(other, found) == (pytest.approx(0.45), pytest.approx(0.5**0.5 * 0.1))


@pytest.mark.parametrize(
    ("mean", "spread", "verdict"),
    [(0.02, 0.01, 1), (0.01, 0.02, 0), (-0.02, 0.01, -1), (0.02, None, 1), (0.005, None, 0), (-0.02, None, -1)],
)
def test_a_gain_counts_beyond_its_spread(mean, spread, verdict):
    assert Gain(mean, spread).verdict == verdict


PLAIN = {"fcn": (0.40, 0.41), "fcn_bn": (0.45, 0.46)}


@pytest.mark.parametrize(
    ("without", "with_it", "begins"),
    [
        # what normalising gives, without batch norm and with it, of two seeds each
        ((0.03, 0.04), (0.000, 0.004), "Yes: what the norm gives without batch norm is gone with it."),
        ((0.03, 0.04), (-0.02, -0.021), "Yes: what the norm gives without batch norm is gone with it. It even costs"),
        ((0.03, 0.04), (0.02, 0.021), "No: the norm still pays with batch norm, though less than without."),
        ((0.00, 0.01), (0.02, 0.021), "No: the norm still pays with batch norm, and more than without."),
        ((0.00, 0.01), (0.00, 0.01), "Needless, yes, but batch norm isn't what makes it so"),
        ((0.00, 0.01), (-0.02, -0.021), "Needless, yes, but not by batch norm's doing alone"),
    ],
)
def test_the_batch_norm_question_is_answered_by_the_figures(without, with_it, begins):
    rows = rows_of(
        **PLAIN,
        context=(0.40, 0.40),
        parsenet=tuple(0.40 + gain for gain in without),
        context_bn=(0.46, 0.46),
        parsenet_bn=tuple(0.46 + gain for gain in with_it),
    )
    answer = batch_norm_answer(rows)
    assert answer.startswith(begins)
    mean = 100 * np.mean(without)
    assert f"changes mIoU by {mean:+.1f} ± {100 * np.std(without, ddof=1):.1f} points without batch norm" in answer


def test_the_context_question_is_answered_by_the_figures():
    rows = rows_of(
        **PLAIN,
        context=(0.41, 0.42),
        parsenet=(0.43, 0.44),
        context_bn=(0.45, 0.46),
        parsenet_bn=(0.455, 0.458),
    )
    said = context_answer(rows)
    assert "without batch norm: +3.0 ± 0.0 points of mIoU, at least a point beyond the spread" in said
    assert "+1.0 ± 0.0 points of it from context as it is, +2.0 ± 0.0 points from normalising" in said
    assert "with it: +0.2 ± 0.5 points of mIoU, which is less than the spread" in said
    single = [row(one["model"], MODELS[one["model"]], [result(one["mious"][0])]) for one in rows]
    assert "There is one seed" in context_answer(single)
    assert "±" not in context_answer(single)


def test_reach_by_hand():
    # 3; 3 + 2·2; 7 + 2·4 and 2·8 more
    assert reach_of(street_backbone(widths=(4, 4, 4), depths=(1, 1, 2))) == 31
    assert reach_of(street_backbone(widths=(4,), depths=(1,))) == 3


def test_the_reach_question_is_answered_by_the_figures():
    far = rows_of(**PLAIN, context=(0.4, 0.4), parsenet=(0.41, 0.42), context_bn=(0.46, 0.46), parsenet_bn=(0.45, 0.46))
    mious = {"fcn-near": (0.3, 0.31), "parsenet-near": (0.35, 0.36), "fcn-bn-near": (0.3, 0.31)}
    mious["parsenet-bn-near"] = (0.3, 0.31)
    near = [row(key, NEAR[key], [result(miou) for miou in values]) for key, values in mious.items()]
    assert reach_answer(far, near) == (
        "Without batch norm: +5.0 ± 0.0 points for near layers, +1.0 ± 0.0 points for far ones, so that it replaces "
        "what the layers don't see. With it: +0.0 ± 0.0 points for near layers, +0.0 ± 0.0 points for far ones, so "
        "that it isn't for want of anything unseen that it gains no more."
    )


def test_extremes_by_hand():
    assert extremes([0.5, None, 0.1, 0.9, 0.3], 2) == ([2, 4], [3, 0])
    assert extremes([0.5, 0.1, 0.9], 3) == ([1], [2])


def test_turns_alternate_by_the_given_clock():
    ticks = iter(range(10_000))
    order = []
    calls = {name: functools.partial(order.append, name) for name in "ab"}
    times = _turns.in_turn(calls, rounds=3, clock=lambda: next(ticks))
    assert order[4:] == ["a", "b"] * 3
    assert times == {"a": [1.0] * 3, "b": [1.0] * 3}


def test_the_search_keeps_its_tries_and_takes_the_best(setting, shapes, tmp_path, monkeypatch):
    training = task(setting, "fcn", MODELS["fcn"], 0, tmp_path)
    train_each([training], lambda: shapes, "one")
    score = {"position_bandwidth": 5, "color_bandwidth": 20, "appearance": 3, "smoothness_bandwidth": 1}
    tried = []

    def searched(numbers, some, data):
        tried.append(numbers)
        if len(tried) == 6:
            raise KeyboardInterrupt
        return float(sum(numbers[name] == value for name, value in score.items()))

    monkeypatch.setattr(_crf, "_searched", searched)
    search = _crf.CRFSearch(key="crf", folder=tmp_path / "crf", threads=1, training=training)
    with pytest.raises(KeyboardInterrupt):
        search.run(shapes)
    found = search.run(shapes)
    assert found["status"] == "ok", found["why"]
    # each setting once, but for the one that was broken off
    assert len(tried) == found["tries"] + 1 == 14
    assert found["numbers"] == score | {"smoothness": 1}
    assert found["before"]["miou"] == pytest.approx(training.finished()["miou"])
    assert found["ms"] > 0
    assert search.finished() == found


def test_a_failed_training_is_an_error(setting, shapes, tmp_path):
    broken = dataclasses.replace(setting, stride=3)
    with pytest.raises(LeveretTrainingError, match=r"fcn-0: .*stride must be one of the backbone's"):
        train_each([task(broken, "fcn", MODELS["fcn"], 0, tmp_path)], lambda: shapes, "one")


def test_ctrl_c_leaves_no_result_and_a_later_run_goes_on(setting, shapes, tmp_path, monkeypatch):
    one = task(setting, "fcn", MODELS["fcn"], 0, tmp_path)
    whole = task(setting, "fcn", MODELS["fcn"], 0, tmp_path / "whole")
    train_each([whole], lambda: shapes, "one")

    def stopping(net, batch):
        if len(seen) == 5:  # in the second epoch, of four batches
            signal.raise_signal(signal.SIGINT)
        seen.append(batch)
        return true(2, class_weights(shapes))(net, batch)

    seen, true = [], StridedCrossEntropy
    monkeypatch.setattr(_training, "StridedCrossEntropy", lambda *_: stopping)
    with pytest.raises(KeyboardInterrupt):
        train_each([one], lambda: shapes, "one")
    assert one.finished() is None
    monkeypatch.undo()
    (resumed,) = train_each([one], lambda: shapes, "one")
    assert resumed["miou"] == whole.finished()["miou"]
    assert len(resumed["history"]) == 2


def test_a_whole_run(setting, shapes, tmp_path, monkeypatch):
    monkeypatch.setattr(_turns, "_LEAST_SECONDS", 1e-4)
    monkeypatch.setattr(_crf, "GRID", {name: values[:1] for name, values in _crf.GRID.items()})
    results = Results(tmp_path / "parsenet.json")
    run = Run(setting, None, tmp_path, results)
    for part in (run.crf, run.speed):
        with pytest.raises(LeveretUsageError, match="the part camvid"):
            part()
    run.camvid(1)
    # a second run trains only what is new, and one more seed has a spread
    first = (tmp_path / "runs" / "parsenet" / "parsenet-bn-0" / "result.json").read_text()
    assert results.values["rows"][0]["miou_spread"] is None
    run.camvid(2)
    assert (tmp_path / "runs" / "parsenet" / "parsenet-bn-0" / "result.json").read_text() == first
    run.crf()
    run.reach(1)
    run.speed()
    parts = ["camvid", "crf", "reach", "speed"]
    if ONNX:
        run.packed()
        parts.append("packed")
    else:
        with pytest.raises(LeveretMissingError, match="needs onnx"):
            run.packed()

    values = json.loads((tmp_path / "parsenet.json").read_text())
    assert [one["model"] for one in values["rows"]] == list(MODELS)
    for one in values["rows"]:
        assert {"model", "batch_norm", "miou", "miou_spread", "pixel_accuracy", "ms", "torch_ms"} <= set(one)
        assert one["ms"] > 0
    by_model = {one["model"]: one for one in values["rows"]}
    assert values["fcn_miou"] == by_model["fcn"]["miou"]
    assert values["parsenet_miou"] == by_model["parsenet"]["miou"]
    assert values["best_miou"] in [one["miou"] for one in values["rows"]]
    assert set(values) >= {"context_cost", "crf_ms", *(["int8_miou", "binary_miou"] if ONNX else [])}
    # as it is kept the net gives the figures of its row
    net = task(setting, "parsenet-bn", MODELS["parsenet-bn"], 1, run.runs).trained(shapes)
    assert isinstance(net, FCN)
    assert leveret.evaluate(net, shapes).miou == pytest.approx(by_model["parsenet-bn"]["mious"][1])
    if ONNX:
        engines = {(one["net"], one["engine"]): one for one in values["parts"]["packed"]["rows"]}
        for other in ("PyTorch", "ONNX Runtime"):
            assert engines["float", "Leveret"]["miou"] == pytest.approx(engines["float", other]["miou"], abs=0.01)

    text = (tmp_path / "parsenet.md").read_text()
    assert text == page(values)
    for part in parts:
        assert f"## {part}" in text
    for name in ("masks", "miou", "crf"):
        assert f"(parsenet-{name}.png)" in text
        assert (tmp_path / f"parsenet-{name}.png").stat().st_size > 5000


def test_lengths_by_hand(setting, shapes):
    torch.manual_seed(0)
    net = MODELS["context"].make(setting, 3, 3).eval()
    found = lengths(net, shapes)
    assert found["strides"] == [4, 8]
    images = torch.from_numpy(shapes.normalization.apply(shapes.test.fetch(np.arange(len(shapes.test)))))
    with torch.no_grad():
        maps = net.backbone(images)
    assert found["maps"] == pytest.approx([one.square().sum(1).sqrt().mean().item() for one in maps[1:]], rel=1e-4)
    assert found["context"] == pytest.approx(maps[2].mean((2, 3)).norm(dim=1).mean().item(), rel=1e-4)


@pytest.mark.skipif(not RESULTS.exists(), reason="run from the project's folder, where docs/results stands")
def test_the_page_is_what_its_figures_say():
    assert RESULTS.with_suffix(".md").read_text(encoding="utf-8") == page(
        json.loads(RESULTS.read_text(encoding="utf-8"))
    )
