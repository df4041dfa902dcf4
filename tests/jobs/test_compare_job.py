"""The comparison: its members, its folder, and every way in which one of them may fail."""

import dataclasses
import json
import os
import time
from pathlib import Path

import compare_nets
import joblib
import numpy as np
import pytest
from torch import nn

import leveret
import warm_processes
from leveret import LeveretUsageError
from leveret.jobs import compare
from leveret.training._parallel import how_many_workers

QUIET = {"progress": False, "epochs": 1, "tune_epochs": 2, "batch_size": 50}


@pytest.fixture(scope="module")
def data(digits):
    """200 digits to train on: four batches an epoch."""
    return dataclasses.replace(
        digits,
        train=digits.train.subset(np.arange(200)),
        val=digits.val.subset(np.arange(60)),
        test=digits.test.subset(np.arange(100)),
    )


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(compare, "_TIMING_SECONDS", {False: 0.005, True: 0.005})


def test_makes_packs_measures_and_reports(data, tmp_path):
    options = {"magnitude": {"sparsity": 0.5}}
    net = compare_nets.Tiny()
    result = compare.run(data, tmp_path, methods="magnitude,int8,xnor", net=net, options=options, **QUIET)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics == json.loads(json.dumps(result.metrics))
    real, *others = result.rows
    assert real["key"] == "real"
    assert {row["key"] for row in others} == {"magnitude", "int8", "xnor"}
    assert [row["accuracy"] for row in others] == sorted((row["accuracy"] for row in others), reverse=True)
    for row in result.rows:
        packed = leveret.runtime.load(tmp_path / "methods" / row["key"] / "model.lvr")
        assert packed.provenance["method"] == row["key"]
        assert row["accuracy"] == leveret.evaluate(packed, data).accuracy
        assert row["bytes"] == (tmp_path / "methods" / row["key"] / "model.lvr").stat().st_size
        assert row["interval"][0] <= row["accuracy"] <= row["interval"][1]
        assert row["agreement"] >= 0.99
        assert row["ms_per_image"] > 0
        assert row["images_per_second"] > 0
        assert row["status"] == "ok"
        assert not (tmp_path / "methods" / row["key"] / "training").exists()
    by_key = {row["key"]: row for row in result.rows}
    assert by_key["magnitude"]["options"]["sparsity"] == 0.5
    assert by_key["xnor"]["epochs"] == 2
    assert by_key["int8"]["epochs"] == 0
    page = (tmp_path / "report.html").read_text()
    for row in result.rows:
        assert row["title"] in page
        assert row["paper"] in page
    # the given net stays as it was
    assert all((a == b).all() for a, b in zip(net.parameters(), compare_nets.Tiny().parameters(), strict=True))


@pytest.mark.parametrize("net", [compare_nets.Interrupted, compare_nets.Killed])
def test_a_stopped_run_goes_on_and_makes_nothing_twice(data, tmp_path, net, monkeypatch):
    mark = tmp_path / "stops"
    mark.touch()
    monkeypatch.setattr(compare_nets.Interrupted, "stops", str(mark))
    run = {"methods": ["share", "w4a4"], "net": net, **QUIET}
    with pytest.raises((compare.JobInterrupted, compare_nets.Dead)) as stopped:
        compare.run(data, tmp_path / "out", **run)
    if net is compare_nets.Interrupted:
        assert "keeps the real net, real, share. To go on" in str(stopped.value)
        with pytest.raises(LeveretUsageError, match="a run that was stopped already; go on with it by --resume"):
            compare.run(data, tmp_path / "out", **run)
    mark.unlink()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.lvr")}
    assert len(kept) == 2
    checkpoint = tmp_path / "out/methods/w4a4/training/tuning/last.ckpt"
    assert checkpoint.exists()
    result = compare.run(data, tmp_path / "out", resume=True, **run)
    assert all(path.stat().st_mtime_ns == then for path, then in kept.items())
    row = next(row for row in result.rows if row["key"] == "w4a4")
    assert row["status"] == "ok"
    assert row["epochs"] == 2
    # the same as if nothing had happened
    whole = compare.run(data, tmp_path / "whole", **run)
    assert {r["key"]: r["accuracy"] for r in whole.rows} == {r["key"]: r["accuracy"] for r in result.rows}
    # a finished run is only read
    assert compare.run(data, tmp_path / "out", resume=True, **run).metrics == json.loads(json.dumps(result.metrics))


def compared_by_two(hold, run):
    os.environ["HOLD"] = str(hold)
    compare.run(net=compare_nets.Held, workers=2, **run)


def test_a_killed_run_leaves_no_worker_behind_and_goes_on(data, tmp_path):
    run = {"source": data, "out": tmp_path / "out", "methods": "trained-on,share", **QUIET, "tune_epochs": 3}
    hold = tmp_path / "hold"
    hold.touch()
    process = warm_processes.start(compared_by_two, hold, run)
    methods = tmp_path / "out/methods"
    started = [methods / key / "training/tuning/last.ckpt" for key in ("trained-on", "share")]
    wait_for(lambda: all(path.exists() for path in started), process)
    workers = [int((methods / key / "running").read_text()) for key in ("trained-on", "share")]
    assert process.pid not in workers
    process.kill()
    process.join()
    wait_for(lambda: not any(map(alive, workers)))
    result = compare.run(net=compare_nets.Held, resume=True, **run)
    assert [row["status"] for row in result.rows] == ["ok"] * 3
    assert [row["epochs"] for row in result.rows[1:]] == [3, 3]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition, process=None):
    end = time.monotonic() + 300  # for machines with much else to do
    while not condition():
        assert time.monotonic() < end
        assert process is None or process.is_alive()
        time.sleep(0.05)


def test_a_crash_or_a_dead_process_is_reported_and_the_rest_goes_on(data, tmp_path):
    methods = "int8,bwn,xnor"
    result = compare.run(data, tmp_path, methods=methods, net=compare_nets.Troubled, workers=2, **QUIET)
    by_key = {row["key"]: row for row in result.rows}
    assert [row["status"] for row in result.rows] == ["ok", "ok", "failed", "failed"]
    assert by_key["bwn"]["why"] == "RuntimeError: a bug in the user's own net"
    assert "process died" in by_key["xnor"]["why"]
    page = (tmp_path / "report.html").read_text()
    assert "a bug in the user&#39;s own net" in page
    assert "its process died, three times" in page
    assert "misbehave" in (tmp_path / "methods/bwn/error.txt").read_text()


def test_a_diverging_method_counts_with_its_best_epoch_and_is_marked(data, tmp_path):
    result = compare.run(data, tmp_path, methods="w4a4", net=compare_nets.Diverging, **{**QUIET, "tune_epochs": 3})
    row = result.rows[1]
    assert row["status"] == "ok"
    assert row["diverged"]
    assert row["epochs"] == 1
    page = (tmp_path / "report.html").read_text()
    assert "diverged: best epoch" in page
    assert "fine-tuning diverged" in page


def test_a_method_that_diverges_at_once_has_failed(data, tmp_path):
    result = compare.run(data, tmp_path, methods="share", net=compare_nets.Tiny, tune_lr=1e30, **QUIET)
    assert result.rows[1]["status"] == "failed"
    assert "no epoch was finished" in result.rows[1]["why"]


def dense():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))


def test_what_does_not_fit_stops_before_any_work_or_is_left_out(data, tmp_path):
    # the two layers that it has are its ends
    run = {"methods": "int8,separable", "net": dense, **QUIET}
    with pytest.raises(LeveretUsageError, match=r"method 'separable' doesn't fit: nothing to make.*--skip-unfit"):
        compare.run(data, tmp_path / "out", **run)
    assert not (tmp_path / "out").exists()
    result = compare.run(data, tmp_path / "out", skip_unfit=True, **run)
    assert [row["status"] for row in result.rows] == ["ok", "ok", "unfit"]
    assert "doesn&#39;t fit" in (tmp_path / "out/report.html").read_text()


def test_a_layer_that_does_not_fit_is_named_or_left_as_it_is(data, tmp_path):
    def reflecting():
        net = compare_nets.Tiny()
        net.body[3].padding_mode = "reflect"
        return net

    run = {"methods": "bwn", "net": reflecting, **QUIET}
    with pytest.raises(LeveretUsageError, match=r"method 'bwn' doesn't fit: layer 'body.3' pads with 'reflect'"):
        compare.run(data, tmp_path / "out", **run)
    row = compare.run(data, tmp_path / "out", skip_unfit=True, **run).rows[1]
    assert row["status"] == "ok"
    assert row["notes"][0].startswith("left as it is: layer 'body.3' pads")


def test_refuses_another_run_and_names_the_difference(data, tmp_path):
    run = {"methods": "int8", "net": dense, **QUIET}
    compare.run(data, tmp_path, **run)
    with pytest.raises(LeveretUsageError, match="a finished run already; name another folder"):
        compare.run(data, tmp_path, **run)
    for change, difference in (
        ({"seed": 3}, "seed was 0, now 3"),
        ({"tune_epochs": 5}, r"recipe\.tune_epochs was 2, now 5"),
        ({"methods": "int8,share"}, r"methods\.share was null, now"),
        ({"net": compare_nets.Tiny}, r'recipe\.net was "Sequential", now "Tiny"'),
        ({"options": {"int8": {"method": "max"}}}, r'methods\.int8\.method was "mse", now "max"'),
        ({"skip_unfit": True}, "skip_unfit was false, now true"),
    ):
        with pytest.raises(LeveretUsageError, match=difference):
            compare.run(data, tmp_path, resume=True, **{**run, **change})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"methods": "int9"}, "no method 'int9'; there are: all, real"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"epochs": 0, "net": dense}, "or 0 for a net that is given as trained"),
        ({"tune_epochs": 0}, "tune_epochs must be at least 1"),
        ({"net": "lenet"}, "net must be one of convnet, resnet20, resnet18, or a torch.nn.Module"),
        ({"net": lambda: 3}, "a function that gives one"),
        ({"lr": -1.0}, "lr must be above 0"),
        ({"options": {"xnor": {}}}, "options are given for 'xnor', which is not among the methods"),
        ({"options": {"int8": {"bits": 8}}}, "method 'int8' has no option 'bits'"),
        ({"methods": "share", "options": {"share": {"bits": 99}}}, "method 'share' doesn't fit: bits must be"),
    ],
)
def test_what_is_out_of_range_is_refused_before_anything(data, tmp_path, wrong, message):
    with pytest.raises(LeveretUsageError, match=message):
        compare.run(data, tmp_path / "out", **{"methods": "int8", **QUIET, **wrong})
    assert not (tmp_path / "out").exists()


def test_a_given_net_is_taken_as_trained(data, tmp_path):
    net = dense()
    result = compare.run(data, tmp_path, methods="real", net=net, **{**QUIET, "epochs": 0})
    assert result.rows[0]["accuracy"] == leveret.evaluate(net, data).accuracy
    assert result.metrics["training"]["history"] == []


def test_workers_are_those_of_an_outer_configuration():
    assert how_many_workers(None, 8) == 1
    assert how_many_workers(3, 2) == 2
    with joblib.parallel_config(backend="threading", n_jobs=3):
        assert how_many_workers(None, 8) == 3


def test_progress_names_each_method_and_the_time_left(data, tmp_path, capsys):
    compare.run(data, tmp_path, methods="int8", net=dense, **{**QUIET, "progress": True})
    out, err = capsys.readouterr()
    assert out == ""
    assert "making 2 methods, 1 worker" in err
    assert "1/2  real" in err
    assert "left" in err.split("1/2  real")[1].splitlines()[0]
    assert Path(tmp_path / "report.html").exists()
