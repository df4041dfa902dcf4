"""How many threads a process works with."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

__all__ = ["MOST_THREADS", "default_threads", "limited_threads"]

# that the kernels start, see src/kernels/threads/pool.cpp
MOST_THREADS = 256


def default_threads() -> int:
    """`LEVERET_THREADS`, or the cores that this process may use."""
    given = os.environ.get("LEVERET_THREADS", "")
    if given.isdecimal() and int(given) > 0:
        return min(int(given), MOST_THREADS)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Torch, where it is loaded, and numpy's products, which take every core otherwise, use so many threads."""
    torch = sys.modules.get("torch")
    with ExitStack() as stack:
        if torch is not None:
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(threads)
        with suppress(ImportError):  # scikit-learn brings it
            from threadpoolctl import threadpool_limits

            stack.enter_context(threadpool_limits(threads, "blas"))
        yield
