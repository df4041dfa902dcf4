"""Other processes that are there at once: forked from a server that has imported PyTorch and the training loop.

A process that imports them itself takes four seconds of a core for that, and a suite that starts fifty of them waits
for hardly anything else. The server is a program of its own (its hash seed is another than the tests'), it has never
computed anything. Under xdist it starts before any test, so that no test's environment stays with it; else with the
first process that is asked for.

- `for_joblib()`: joblib's workers come from the server; conftest.py calls it. Tests of what happens to joblib's own
  processes when their parent is killed start from `start`, whose joblib is as users have it.
- `start(function, *args)`: a process that calls the function, in the environment as it is then; `end_all()`, after each
  test, ends those that a failed one left, for whose end pytest would wait.
- `instead_of_spawn(monkeypatch)`: so do those of `torch.multiprocessing.spawn` and Lightning's `ddp_spawn`.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

IMPORTED = ["leveret.training", "leveret.distill", "leveret.shrink", "leveret.packing", "leveret.jobs", "leveret.cli"]

_context = multiprocessing.get_context("forkserver")
_started: list[Any] = []


def for_joblib() -> None:
    from joblib.externals.loky.backend.context import set_start_method

    _context.set_forkserver_preload(IMPORTED)
    set_start_method("forkserver", force=True)
    if "PYTEST_XDIST_WORKER" in os.environ:
        multiprocessing.forkserver.ensure_running()


def start(function: Callable[..., Any], *args: Any, said: Path | None = None) -> Any:
    """A process at work on `function(*args)`, which is of a module's top; what it prints goes to the file `said`."""
    process = _context.Process(target=_called, args=(dict(os.environ), list(sys.path), said, function, args))
    process.start()
    _started.append(process)
    return process


def end_all() -> None:
    while _started:
        process = _started.pop()
        if process.is_alive():
            process.kill()
        process.join()


def instead_of_spawn(monkeypatch: pytest.MonkeyPatch) -> None:
    real = multiprocessing.get_context
    monkeypatch.setattr(multiprocessing, "get_context", lambda how=None: real("forkserver" if how == "spawn" else how))


def _called(
    environment: dict[str, str], path: list[str], said: Path | None, function: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = path
    if said is not None:
        file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
    function(*args)
