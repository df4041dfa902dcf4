"""Two worker processes against one, on the embedded digits; and what a worker costs that is killed in the middle."""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leveret.data import load
from leveret.distill import ConvTeachers, TeacherEnsemble
from leveret.errors import LeveretError

__all__ = ["FULL", "QUICK", "Setting", "workers"]


@dataclass(frozen=True)
class Setting:
    """How long, and how often.

    Attributes:
        members: of an ensemble.
        turns: of one worker and two.
        epochs: of each member.
    """

    members: int = 8
    turns: int = 3
    epochs: int = 40

    @property
    def search(self) -> ConvTeachers:
        """Every member the same net, so that turns compare."""
        return ConvTeachers(epochs=self.epochs, widths=(32, 32), depths=(5, 5), batch_size=64)


FULL = Setting()
QUICK = Setting(members=2, turns=1, epochs=6)


def workers(runs: Path, setting: Setting = FULL) -> dict[str, Any]:
    """Median seconds with one and with two workers, in turns; then with two of which one is killed halfway."""
    data = load("digits")
    _train(data, runs, 2, setting)  # processes that are started once are there for all turns
    taken: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(setting.turns):
        for number in (1, 2):
            taken[number].append(_train(data, runs, number, setting))
    one, two = (statistics.median(taken[number]) for number in (1, 2))
    killed = [_train(data, runs, 2, setting, kill_after=two / 2) for _ in range(setting.turns)]
    return {
        "members": setting.members,
        "turns": setting.turns,
        "one_worker": one,
        "two_workers": two,
        "speedup": one / two,
        "killed": statistics.median(killed),
        "kill_cost": statistics.median(killed) - two,
        # two share a core's cache and memory, so a member takes longer than alone
        "member": 2 * two / setting.members,
    }


def _train(data: Any, runs: Path, number: int, setting: Setting, kill_after: float | None = None) -> float:
    out = runs / "teachers"
    shutil.rmtree(out, ignore_errors=True)
    killer = threading.Timer(kill_after, _kill_one, (out,)) if kill_after is not None else None
    if killer is not None:
        killer.start()
    start = time.perf_counter()
    ensemble = TeacherEnsemble.train(
        data,
        setting.members,
        out=out,
        search=setting.search,
        sampler="random",
        workers=number,
        threads=1,
        progress=False,
    )
    taken = time.perf_counter() - start
    if killer is not None:
        killer.join()
    if len(ensemble) != setting.members:
        raise LeveretError(f"only {len(ensemble)} of {setting.members} members were trained")
    if killer is not None and not (out / "killed").exists():
        raise LeveretError("no worker was at work when one was to be killed")
    return taken


def _kill_one(out: Path) -> None:
    """The process of one of the members at work."""
    for path in sorted(out.glob("member-*/running")):
        os.kill(int(path.read_text()), signal.SIGKILL)
        (out / "killed").touch()
        return
