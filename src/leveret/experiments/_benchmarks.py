"""The project's own benchmarks, which are scripts beside the package, as modules."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from leveret.errors import LeveretUsageError

__all__ = ["benchmark"]


def benchmark(name: str) -> Any:
    """The module `benchmarks/NAME.py` of the checkout that is the current folder.

    Raises:
        LeveretUsageError: there is none.
    """
    folder = Path("benchmarks").resolve()
    if not (folder / f"{name}.py").is_file():
        raise LeveretUsageError(f"this part runs benchmarks/{name}.py: call it from a checkout of the project")
    if str(folder) not in sys.path:  # they import one another
        sys.path.insert(0, str(folder))
    return importlib.import_module(name)
