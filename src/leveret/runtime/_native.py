"""The compiled kernels, where there are any, and which instruction set is in use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from leveret.errors import LeveretUsageError

try:
    from leveret.runtime import _kernels as module
except ImportError:  # no compiler was at hand
    module = None  # type: ignore[assignment]

__all__ = [
    "Peaks",
    "available_isas",
    "default_threads",
    "isa",
    "module",
    "peaks",
    "set_isa",
    "use_reference",
    "using_isa",
]


class Peaks(NamedTuple):
    """The most multiply-accumulates a second that one core can do: on bits, on floats."""

    binary_macs: float
    float_macs: float


_use_reference = module is None or os.environ.get("LEVERET_ISA") == "reference"


def use_reference() -> bool:
    """Whether numpy computes, because it was asked for or nothing was compiled."""
    return _use_reference


def available_isas() -> list[str]:
    """Instruction sets that this machine can run, the best first; "reference" is numpy."""
    return [*(module.available_isas() if module is not None else []), "reference"]


def isa() -> str:
    """The instruction set in use.

    Raises:
        LeveretUsageError: `LEVERET_ISA` names one that this machine lacks.
    """
    wish = os.environ.get("LEVERET_ISA", "")
    if module is None and wish not in ("", "reference"):
        raise LeveretUsageError(f"LEVERET_ISA must be reference where no kernels were compiled, got {wish!r}")
    if _use_reference:
        return "reference"
    try:
        return module.isa()
    except ValueError as error:
        raise LeveretUsageError(str(error)) from None


def set_isa(name: str) -> None:
    """Use another instruction set from now on; layers that were made keep theirs.

    Raises:
        LeveretUsageError: this machine lacks it.
    """
    global _use_reference
    if name not in available_isas():
        raise LeveretUsageError(f"the instruction set must be one of {', '.join(available_isas())}, got {name!r}")
    _use_reference = name == "reference"
    if not _use_reference:
        module.set_isa(name)


@contextmanager
def using_isa(name: str) -> Iterator[None]:
    """Use another instruction set for a while; see `set_isa`."""
    before = isa()
    set_isa(name)
    try:
        yield
    finally:
        set_isa(before)


def default_threads() -> int:
    """How many threads `threads=0` means."""
    if module is not None:
        return module.default_threads()
    given = os.environ.get("LEVERET_THREADS", "")
    return int(given) if given.isdigit() and int(given) > 0 else os.cpu_count() or 1


def peaks(seconds: float = 0.05) -> Peaks | None:
    """Measure, for `seconds` each, what a core can do with the set in use; None with "reference"."""
    return None if _use_reference else Peaks(*module.peaks(seconds))
