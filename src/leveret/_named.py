"""What a user names of a catalogue: "all", keys with commas between, or keys one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from leveret.errors import LeveretUsageError

__all__ = ["named"]

_T = TypeVar("_T")


def named(methods: str | Iterable[str], known: Mapping[str, _T]) -> tuple[_T, ...]:
    """Those of `known` that are named, in its own order.

    Raises:
        LeveretUsageError: an unknown key, or none at all; lists those that there are.
    """
    keys = [key.strip() for key in methods.split(",")] if isinstance(methods, str) else list(methods)
    keys = [key for key in keys if key]
    if unknown := [key for key in keys if key != "all" and key not in known]:
        raise LeveretUsageError(f"there is no method {unknown[0]!r}; there are: all, {', '.join(known)}")
    if not keys:
        raise LeveretUsageError(f"methods names none; there are: all, {', '.join(known)}")
    return tuple(method for key, method in known.items() if "all" in keys or key in keys)
