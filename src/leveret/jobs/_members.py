"""All members of a comparison, side by side through joblib; a process that dies takes no other member with it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from pickle import PicklingError
from typing import Any

import joblib
from joblib.parallel import get_active_backend
from torch import nn

from leveret.errors import LeveretUsageError
from leveret.jobs._member import Member, failed_member

__all__ = ["how_many_workers", "make_members"]

Done = Callable[[Member, dict[str, Any]], None]


def how_many_workers(workers: int | None, members: int) -> int:
    """Processes at work at once: as asked, or as an outer `joblib.parallel_config` says, else one."""
    return max(1, min(int(joblib.effective_n_jobs(workers)), members))


def make_members(members: Sequence[Member], net: nn.Module, data: Any, workers: int | None, done: Done) -> None:
    """Make all members, `workers` at once, and tell of each as it is done.

    Args:
        members: those that aren't finished yet.
        net: the trained real net.
        data: from `leveret.load`.
        workers: processes; None: what an outer `joblib.parallel_config` says, else one, which is this one.
        done: called here with each member and its result, in the order in which they end.

    A member's own errors are part of its result. Where a process dies, of a kill or for want of memory, those members
    that were at work are made once more, one at a time; one whose process dies again has failed.

    Raises:
        LeveretUsageError: the net or the data can't be sent to other processes.
        OSError, KeyboardInterrupt: as `Member.make`.
    """
    pending = {member.key: member for member in members}

    def take(results: Iterable[dict[str, Any]]) -> None:
        for result in results:
            done(pending.pop(result["key"]), result)

    while pending:
        for member in pending.values():
            member.running.unlink(missing_ok=True)
        try:
            take(_run(list(pending.values()), net, data, workers))
        except BrokenExecutor:
            # a member whose result was on its way counts as at work too
            for member in [member for member in pending.values() if member.running.exists() or member.finished()]:
                try:
                    # two, since one alone would work in this process
                    take(_run([member], net, data, 2))
                except BrokenExecutor:
                    why = "its process died, twice: it was killed, or memory was short"
                    done(pending.pop(member.key), failed_member(member.key, why))


def _run(members: list[Member], net: nn.Module, data: Any, workers: int | None) -> Iterator[dict[str, Any]]:
    backend = get_active_backend()[0]
    streams = getattr(backend, "supports_return_generator", False)
    parallel = joblib.Parallel(n_jobs=workers, batch_size=1, return_as="generator_unordered" if streams else "list")
    try:
        yield from parallel(joblib.delayed(_make)(member, net, data, os.getpid()) for member in members)
    except (PicklingError, TypeError, AttributeError) as error:
        if "pickle" not in str(error).lower():
            raise
        raise LeveretUsageError(
            f"the net or the data can't be sent to other processes ({error}); define what they are made of in a module "
            "of its own, or take workers=1"
        ) from error


def _make(member: Member, net: nn.Module, data: Any, caller: int) -> dict[str, Any]:
    # joblib's processes work on when the one that asked was killed, and a resumed run would meet them in their folders
    if os.getppid() == caller:
        threading.Thread(target=_end_with, args=(caller,), daemon=True).start()
    return member.make(net, data)


def _end_with(caller: int) -> None:
    while os.getppid() == caller:
        time.sleep(0.5)
    os._exit(1)
