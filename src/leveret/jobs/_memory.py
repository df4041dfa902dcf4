"""How much memory a process takes at most."""

from __future__ import annotations

import subprocess
import sys

__all__ = ["peak_resident"]

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
