"""Memory that is kept from one batch to the next while a net is trained.

The C library gives large blocks back to the system as they are freed, and the system hands them out again page by page,
each zeroed first. Each batch frees all that it computed; of large images a fifth of a step went into those pages.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["memory_kept"]

# of mallopt(3)
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_NEVER = 2**31 - 1
_BLOCKS = 65_536  # the library's own default
_LARGE = 32 << 20  # bytes; where its moving threshold ends
_CHOSEN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_", "GLIBC_TUNABLES")

_lock = threading.Lock()
_running = 0


@contextmanager
def memory_kept() -> Iterator[None]:
    """Freed memory stays with this process meanwhile; when the last such block ends, the system has it back.

    Nothing is changed where the C library isn't glibc, or where the environment says how it is to allocate.
    """
    global _running
    set_option = _options()
    if set_option is None:
        yield
        return
    with _lock:
        _running += 1
        if _running == 1:
            set_option(_TRIM_THRESHOLD, _NEVER)
            set_option(_MMAP_MAX, 0)
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if _running == 0:
                set_option(_MMAP_MAX, _BLOCKS)
                set_option(_MMAP_THRESHOLD, _LARGE)
                set_option(_TRIM_THRESHOLD, 2 * _LARGE)
                ctypes.CDLL(None).malloc_trim(0)


def _options() -> Callable[[int, int], Any] | None:
    """The library's `mallopt`, where there is one and nobody chose its options already."""
    if any(name in os.environ for name in _CHOSEN):
        return None
    try:
        os.confstr("CS_GNU_LIBC_VERSION")
        found: Callable[[int, int], Any] = ctypes.CDLL(None).mallopt
    except (ValueError, OSError, AttributeError):
        return None
    return found
