"""The rules that a packed file carries beside its net."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leveret.errors import LeveretPackError, LeveretUsageError
from leveret.runtime.rules import RuleProgram

__all__ = ["carried_rules"]


def carried_rules(rules: Any, classes: Sequence[str]) -> RuleProgram:
    """The program of a rule set, as a file can carry it.

    Args:
        rules: a `RuleSet`, or its program.
        classes: that the file names.

    Raises:
        LeveretPackError: rules that call a user's functions, which are code, or ask other nets.
        LeveretUsageError: rules for other classes.
    """
    program: RuleProgram = getattr(rules, "program", rules)
    if program.classes != tuple(classes):
        raise LeveretUsageError(f"the rules are for the classes {program.classes}, the file names {tuple(classes)}")
    for what, names in (("call the functions", program.functions), ("ask the nets", program.nets)):
        if names:
            raise LeveretPackError(
                f"the rules {what} {', '.join(map(repr, names))}, which a file can't carry: pack without rules, for p"
            )
    return program
