"""The main job with everything real: killed in the middle, resumed, and its model used."""

import os
import sys
import time

import numpy as np
import pytest

import warm_processes
from leveret.cli import main
from leveret.jobs import inspect, predict, shrink

# enough for the student's few batches an epoch to tell two classes apart
EPOCHS = 8


@pytest.fixture
def stripes(tmp_path):
    """120 images of 8x8 with horizontal or vertical stripes."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    lines = np.where(np.arange(8) % 2, 200, 30)
    x = np.where(y[:, None, None], lines[:, None] + np.zeros((8, 8)), lines[None] + np.zeros((8, 8)))
    x = (x + rng.normal(0, 20, x.shape)).clip(0, 255).astype(np.uint8)
    np.savez(tmp_path / "stripes.npz", x=x, y=y)
    return tmp_path / "stripes.npz"


def shrunk(cache, source, out):
    os.environ["LEVERET_CACHE"] = str(cache)
    sys.argv = ["leveret", "shrink", str(source), "-o", str(out), "--epochs", str(EPOCHS), "-q"]
    main()


def test_killed_resumed_and_used(stripes, tmp_path):
    out = tmp_path / "out"
    process = warm_processes.start(shrunk, tmp_path / "cache", stripes, out)
    end = time.monotonic() + 120
    while not (out / "teacher" / "last.ckpt").exists() and time.monotonic() < end and process.is_alive():
        time.sleep(0.02)
    process.kill()
    process.join()
    assert not (out / "report.html").exists()

    result = shrink.run(stripes, out, epochs=EPOCHS, resume=True, progress=False, data_options={"cache": False})
    assert {path.name for path in out.iterdir()} == {
        "config.json", "metrics.json", "model.lvr", "report.html", "student", "teacher"
    }  # fmt: skip
    rows = result.metrics["training"]["teacher"]["history"]
    assert [row["epoch"] for row in rows] == list(range(1, EPOCHS + 1))
    assert result.metrics["agreement"] == 1
    packed = result.models[-1]
    layers = inspect.run(out / "model.lvr")
    assert packed.binary_macs == layers.totals["binary_macs"] > 0
    assert packed.binary_macs == result.models[1].binary_macs

    with np.load(stripes) as arrays:
        said = [p.top[0][0] for p in predict.run(out / "model.lvr", [stripes])]
        right = np.mean([int(name) == label for name, label in zip(said, arrays["y"], strict=True)])
    assert abs(right - packed.accuracy) < 0.35
    assert right > 0.6
