"""Two worker processes against one, on the embedded digits; and what a worker costs that is killed in the middle."""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import threading
import time
from pathlib import Path
from typing import Any

from leveret.data import load
from leveret.distill import ConvTeachers, TeacherEnsemble
from leveret.errors import LeveretError

__all__ = ["workers"]

_MEMBERS = 8
_TURNS = 3
# every member the same net, so that turns compare
_SEARCH = ConvTeachers(epochs=40, widths=(32, 32), depths=(5, 5), batch_size=64)


def workers(runs: Path) -> dict[str, Any]:
    """Median seconds with one and with two workers, in turns; then with two of which one is killed halfway."""
    data = load("digits")
    _train(data, runs, 2)  # processes that are started once are there for all turns
    taken: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(_TURNS):
        for number in (1, 2):
            taken[number].append(_train(data, runs, number))
    one, two = (statistics.median(taken[number]) for number in (1, 2))
    killed = [_train(data, runs, 2, kill_after=two / 2) for _ in range(_TURNS)]
    return {
        "members": _MEMBERS,
        "turns": _TURNS,
        "one_worker": one,
        "two_workers": two,
        "speedup": one / two,
        "killed": statistics.median(killed),
        "kill_cost": statistics.median(killed) - two,
        # two share a core's cache and memory, so a member takes longer than alone
        "member": 2 * two / _MEMBERS,
    }


def _train(data: Any, runs: Path, number: int, kill_after: float | None = None) -> float:
    out = runs / "teachers"
    shutil.rmtree(out, ignore_errors=True)
    killer = threading.Timer(kill_after, _kill_one, (out,)) if kill_after is not None else None
    if killer is not None:
        killer.start()
    start = time.perf_counter()
    ensemble = TeacherEnsemble.train(
        data, _MEMBERS, out=out, search=_SEARCH, sampler="random", workers=number, threads=1, progress=False
    )
    taken = time.perf_counter() - start
    if killer is not None:
        killer.join()
    if len(ensemble) != _MEMBERS:
        raise LeveretError(f"only {len(ensemble)} of {_MEMBERS} members were trained")
    if killer is not None and not (out / "killed").exists():
        raise LeveretError("no worker was at work when one was to be killed")
    return taken


def _kill_one(out: Path) -> None:
    """The process of one of the members at work."""
    for path in sorted(out.glob("member-*/running")):
        os.kill(int(path.read_text()), signal.SIGKILL)
        (out / "killed").touch()
        return
