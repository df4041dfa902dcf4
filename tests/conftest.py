"""What many tests share: the embedded digits, loaded once, and a small slice of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# tiny nets on many threads only wait for each other; set before torch is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest

import leveret
import warm_processes
from leveret.runtime import kernels

warm_processes.for_joblib()


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    yield
    warm_processes.end_all()


@pytest.fixture(autouse=True)
def torch_is_an_oracle(monkeypatch: pytest.MonkeyPatch) -> None:
    """XNOR layers compute by floats, so that PyTorch says what the kernels must give; tests of bits ask for them."""
    from leveret.shrink.binary import _layers

    monkeypatch.setattr(_layers._BinaryInput, "bit_kernels", False)


@pytest.fixture(params=kernels.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each instruction set that this machine can run, numpy's reference last."""
    with kernels.using_isa(request.param):
        yield request.param


@pytest.fixture(scope="session")
def digits() -> Any:
    return leveret.load("digits")


@pytest.fixture(scope="session")
def few_digits(digits: Any) -> Any:
    """200 digits to train on, 60 to validate, 100 to test: the fields that training and evaluation read."""
    return SimpleNamespace(
        name="few digits",
        train=digits.train.subset(np.arange(200)),
        val=digits.val.subset(np.arange(60)),
        test=digits.test.subset(np.arange(100)),
        classes=digits.classes,
        image_shape=digits.image_shape,
        normalization=digits.normalization,
    )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real datasets, for tests marked `shared_data`."""
    return Path(os.environ["LEVERET_SHARED_DATA"])


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Call `leveret` with arguments: (exit code, stdout, stderr)."""

    from leveret.cli import main

    def call(*args: Any) -> tuple[Any, str, str]:
        monkeypatch.setattr(sys, "argv", ["leveret", *map(str, args)])
        code: Any = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        return code, *capsys.readouterr()

    return call


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folder = os.environ.get("LEVERET_SHARED_DATA")
    if folder and Path(folder).is_dir():
        return
    reason = "needs real datasets: set LEVERET_SHARED_DATA to the folder that holds them"
    for item in items:
        if item.get_closest_marker("shared_data"):
            item.add_marker(pytest.mark.skip(reason=reason))
