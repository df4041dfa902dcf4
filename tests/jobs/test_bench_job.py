"""Timing a packed model: who takes part, who doesn't and why, and what is said of the layers. No figure is judged."""

import importlib.util

import numpy as np
import pytest
import torch

import leveret
from leveret.data import Normalization
from leveret.jobs import _engines, bench
from leveret.runtime import InputContract, Packed, kernels
from leveret.runtime._graph import Graph, Step
from leveret.shrink.binary import BiRealBlock


@pytest.fixture(scope="module")
def packed():
    torch.manual_seed(0)
    net = leveret.ConvNet(1, 3, depth=3, widths=(8, 16), block=BiRealBlock)
    return leveret.pack(net, torch.randn(2, 1, 8, 8), normalization=Normalization((0.3,), (0.4,)))


@pytest.fixture(scope="module")
def model(packed, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.lvr"
    packed.save(path)
    return path


def test_alone(model):
    told = []
    found = bench.run(model, threads=1, batch_size=3, seconds=0, progress=told.append)
    [ours] = found.models
    assert (ours.key, ours.weight_bytes, found.nbytes) == ("leveret", model.stat().st_size, model.stat().st_size)
    assert ours.ms_per_image > 0
    assert ours.images_per_second > 0
    assert ours.peak_bytes > 5e6
    assert (found.threads, found.batch, found.left_out, found.peaks, found.profile) == (1, 3, {}, None, {})
    assert told == ["timing Leveret", "measuring memory"]


def test_layers(packed, model):
    found = bench.run(model, threads=1, batch_size=3, profile=True, seconds=0)
    assert list(found.profile) == [1, 3]
    for *rows, whole in found.profile.values():
        assert [(row.name, row.op) for row in rows[1:]] == [(layer.name, layer.op) for layer in packed.layers()]
        assert [(row.macs, row.binary_macs) for row in rows[1:]] == [
            (layer.macs, layer.binary_macs) for layer in packed.layers()
        ]
        assert sum(row.share for row in rows) == pytest.approx(1)
        assert whole.seconds == pytest.approx(sum(row.seconds for row in rows))
        assert whole.binary_macs == sum(row.binary_macs for row in rows)
        if kernels.isa() != "reference":
            assert [row.of_peak is None for row in rows] == [not row.macs + row.binary_macs for row in rows]
    assert found.as_dict()["profile"][3][-1]["name"] == "all"


def test_numpy_has_layers_but_no_peak(model):
    with kernels.using_isa("reference"):
        found = bench.run(model, threads=1, batch_size=1, profile=True, seconds=0)
    assert found.peaks is None
    assert list(found.profile) == [1]
    assert {row.of_peak for row in found.profile[1]} == {None}


def test_shares_of_the_peak():
    steps = [
        leveret.runtime.StepTime("a", "conv2d", 0.5, 0.25, 20, 0),
        leveret.runtime.StepTime("b", "x", 0.5, 0.25, 0, 80),
    ]
    peaks = {"float_macs": 100.0, "binary_macs": 1000.0}
    a, b, whole = bench._layers(steps, 2, False, peaks)
    assert (a.seconds, a.macs, a.of_peak) == (0.25, 10, pytest.approx(0.4))
    assert (b.binary_macs, b.of_peak) == (40, pytest.approx(0.16))
    assert (whole.share, whole.of_peak) == (1, pytest.approx(0.28))
    assert bench._layers(steps, 2, True, peaks)[0].of_peak == pytest.approx(0.8)
    assert bench._noise(steps) == 2
    on_bytes = leveret.runtime.StepTime("c", "int8_conv2d", 0.5, 0.25, 20, 0)
    assert [row.of_peak is None for row in bench._layers([steps[0], on_bytes], 2, False, peaks)] == [False, True, True]


def test_against_everyone(model):
    engines = [key for key in _engines.ENGINES if _engines.lacking(_engines.ENGINES[key]) is None]
    found = bench.run(model, against=engines, threads=1, batch_size=3, seconds=0)
    assert [one.key for one in found.models] == ["leveret", *engines]
    assert found.left_out == {}
    for peer in found.models[1:]:
        assert peer.same_shapes
        assert peer.peak_bytes > 5e6
        assert peer.weight_bytes > found.nbytes
        assert found.environment[peer.key]
    assert len({peer.weight_bytes for peer in found.models[1:]}) == 1


def test_floats_instead_of_pixels(packed, tmp_path):
    Packed(packed.graph, packed.tensors, InputContract((1, 8, 8))).save(tmp_path / "m.lvr")
    found = bench.run(tmp_path / "m.lvr", against="torch", threads=1, batch_size=2, seconds=0)
    assert [one.peak_bytes is not None for one in found.models] == [True, True]


def test_who_is_not_installed_is_named_and_the_others_go_on(model, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name.startswith("on") else real(name))
    found = bench.run(model, against="onnxruntime,torch", threads=1, batch_size=2, seconds=0)
    assert [one.key for one in found.models] == ["leveret", "torch"]
    assert found.left_out == {
        "onnxruntime": 'needs onnx, onnxscript, onnxruntime: pip install "leveret[bench]"'
    }  # fmt: skip


def test_who_fails_is_named_and_the_others_go_on(model, monkeypatch):
    def broken(*_):
        raise RuntimeError("no such\n  instruction")

    monkeypatch.setattr(bench, "torch_model", broken)
    found = bench.run(model, against="torch", threads=1, batch_size=2, seconds=0)
    assert [one.key for one in found.models] == ["leveret"]
    assert found.left_out == {"torch": "failed: no such instruction"}


def test_a_process_that_fails_has_no_peak(model, monkeypatch):
    monkeypatch.setattr(bench, "_ALONE", "1 / 0")
    assert bench.run(model, threads=1, batch_size=2, seconds=0).models[0].peak_bytes is None


def test_another_shape_is_noticed(model, monkeypatch):
    monkeypatch.setattr(bench, "torch_model", lambda *_: lambda images: np.zeros((len(images), 4)))
    [_, peer] = bench.run(model, against="torch", threads=1, batch_size=2, seconds=0).models
    assert not peer.same_shapes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"threads": 99_999}, "threads must be at most 256"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"against": "x"}, "'x'"),
    ],
)
def test_wrong_arguments(model, options, words):
    with pytest.raises(leveret.LeveretUsageError, match=words):
        bench.run(model, **options)


def test_a_model_of_texts(tmp_path):
    steps = [Step("rows", "embedding", ["input"], {}, {"weight": "t"}), Step("mean", "global_avg_pool", ["rows"])]
    text = Packed(Graph(steps), {"t": np.ones((9, 3), np.float32)}, InputContract((5,), vocabulary=9))
    text.save(tmp_path / "text.lvr")
    found = bench.run(tmp_path / "text.lvr", against="torch", seconds=0, threads=1, batch_size=2)
    assert [row.key for row in found.models] == ["leveret", "torch"]
    assert all(row.ms_per_image > 0 and row.same_shapes for row in found.models)
