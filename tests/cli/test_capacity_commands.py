"""Commands on a packed dynamic capacity net: predict with a budget, inspect, bench, export."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import leveret
from leveret import runtime
from leveret.capacity import DynamicCapacityNet
from leveret.errors import LeveretUsageError
from leveret.jobs import predict
from leveret.runtime import Budget


class Pixels:
    mean, std = (0.5,), (0.25,)


@pytest.fixture(scope="module")
def dcn(tmp_path_factory):
    torch.manual_seed(0)
    coarse = nn.Sequential(nn.Conv2d(1, 4, 7, 4), nn.ReLU())
    fine = nn.Sequential(nn.Conv2d(1, 8, 3, 2, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 3, 2), nn.ReLU())
    top = nn.Sequential(nn.Flatten(), nn.Linear(4 * 5 * 5, 3))
    net = DynamicCapacityNet(coarse, fine, top, 2, borders="crop").eval()
    path = tmp_path_factory.mktemp("dcn") / "dcn.lvr"
    example = torch.randn(2, 1, 24, 24)
    leveret.pack(net, example, normalization=Pixels, classes=("a", "b", "c")).save(path)
    return path


@pytest.fixture(scope="module")
def images(dcn):
    path = dcn.parent / "images.npz"
    np.savez(path, x=np.random.default_rng(0).integers(0, 256, (40, 1, 24, 24), dtype=np.uint8))
    return path


def shares(out):
    return [json.loads(line)["probability"] for line in out.splitlines()]


def test_predict_spends_a_budget_over_the_batch(run, dcn, images):
    packed = runtime.load(dcn)
    pixels = np.load(images)["x"]

    def expected(k):
        packed.k = k
        logits = packed(pixels).astype(np.float64)
        return (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).max(1)

    for options, k in (([], 2), (["--budget", "1.5"], Budget(patches=1.5)), (["--budget", "0"], 0)):
        code, out, err = run("predict", dcn, images, "--json", *options)
        assert (code, err) == (0, "")
        np.testing.assert_allclose(shares(out), expected(k), atol=2e-6)
    assert not np.allclose(expected(0), expected(2), atol=1e-4)


def test_a_budget_changes_nothing_about_the_callers_model(dcn, images):
    packed = runtime.load(dcn)
    assert len(list(predict.run(packed, [images], budget=0))) == 40
    assert packed.k == 2


@pytest.mark.parametrize("budget", ["-1", "nan", "inf"])
def test_a_budget_that_is_none(run, dcn, images, budget):
    code, out, err = run("predict", dcn, images, "--budget", budget)
    assert (code, out) == (2, "")
    assert "patches per image, at least 0" in err


def test_a_budget_of_more_places_than_there_are_is_noted(run, dcn, images):
    code, out, err = run("predict", dcn, images, "--budget", "100000")
    assert (code, len(out.splitlines())) == (0, 40)
    assert "the budget of 100,000 patches is more than the 25 that an image has" in err


def test_a_budget_for_another_model(run, model, pictures):
    code, out, err = run("predict", model, pictures, "--budget", "3")
    assert (code, out) == (2, "")
    assert "a budget is for dynamic capacity nets" in err
    assert "Traceback" not in err


def test_batches_are_as_large_as_the_parts_that_run_allow(dcn):
    packed = runtime.load(dcn)
    packed.k = 0
    assert predict.batch_size(packed) == 64


def test_inspect_shows_the_parts(run, dcn):
    code, out, _ = run("inspect", dcn)
    assert code == 0
    assert "route dynamic_capacity: k 2, grid 5x5, patch 5x5" in out
    assert "fine: 1x5x5 to 4x1x1, 2 times an image" in out
    assert ".lvr format 1.4" in out
    found = json.loads(run("inspect", dcn, "--json")[1])
    assert [part["name"] for part in found["route"]["parts"]] == ["coarse", "saliency", "fine", "top"]
    assert found["totals"]["macs"] == sum(layer["macs"] for layer in found["layers"])


def test_inspect_of_one_graph_has_no_route(run, model):
    assert json.loads(run("inspect", model, "--json")[1])["route"] is None


def test_bench_shows_the_parts(run, dcn, monkeypatch):
    from leveret.jobs import bench

    monkeypatch.setattr(bench, "_RUNS", 2)
    found = bench.run(dcn, threads=1, batch_size=4, seconds=0.02, against="torch")
    assert list(found.parts) == [1, 4]
    for rows in found.parts.values():
        assert [row.name for row in rows] == ["coarse", "saliency", "fine", "top", "dynamic_capacity", "all"]
        assert rows[-1].macs == sum(row.macs for row in rows[:-1]) > 0
    assert not found.profile
    assert "several and the route 'dynamic_capacity'" in found.left_out["torch"]
    from leveret.cli._show import show_bench

    show_bench(found)


def test_bench_profiles_all_parts_layers(run, dcn, monkeypatch, capsys):
    from leveret.cli._show import show_bench
    from leveret.jobs import bench

    monkeypatch.setattr(bench, "_RUNS", 2)
    found = bench.run(dcn, threads=1, batch_size=2, seconds=0.02, profile=True)
    names = [row.name for row in found.profile[1]]
    assert names[0] == "coarse.input"
    assert names[-2:] == ["dynamic_capacity", "all"]
    assert sum(row.seconds for row in found.parts[1][:-1]) == pytest.approx(found.profile[1][-1].seconds)
    show_bench(found)
    out = capsys.readouterr().out
    assert "saliency.1.back" in out
    assert out.count("dynamic_capacity") == 2


def test_export_is_refused_in_plain_words(run, dcn, tmp_path):
    pytest.importorskip("onnx")
    code, _, err = run("export", dcn, "-o", tmp_path / "net.onnx")
    assert code == 2
    assert "several parts, combined by the route 'dynamic_capacity', has no ONNX form" in err
    with pytest.raises(LeveretUsageError):
        leveret.export_onnx(dcn, tmp_path / "net.onnx")
