"""How much memory a process takes at most."""

from __future__ import annotations

import contextlib
import gc
import subprocess
import sys

__all__ = ["forget_peak", "peak_resident"]

# the process reports its own peak: what the system keeps for a child begins with what its parent held when it forked
_REPORT = """
try:
    lines = open("/proc/self/status").read().splitlines()
    print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
except OSError:
    import resource
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


def peak_resident(code: str, *arguments: str) -> int:
    """Peak resident bytes of a Python process that runs `code`, with `arguments` in its `sys.argv`.

    Raises:
        subprocess.CalledProcessError: the code failed; its `stderr` says why.
    """
    command = [sys.executable, "-c", code + _REPORT, *arguments]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(run.stdout.splitlines()[-1]) << 10


def forget_peak() -> None:
    """Let the peak of this process count from here, after what it no longer holds is given back; on Linux alone."""
    gc.collect()
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")
