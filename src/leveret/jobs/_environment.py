"""Where figures were measured: versions and the kind of processor; no names or paths of the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

__all__ = ["environment"]


def environment(threads: int) -> dict[str, str]:
    """What a reader needs in order to judge the figures."""
    from leveret import __version__

    found = {
        "leveret": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": str(os.cpu_count() or "unknown"),
        "threads used": str(threads),
        "kernels": _kernels(),
    }
    for name in ("torch", "numpy", "pytorch-lightning"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _kernels() -> str:
    try:
        from leveret.runtime.kernels import isa

        return str(isa())
    except ImportError:
        return "reference"
