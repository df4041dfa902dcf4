"""A user's own functions of an example, from a Python file that is named on the command line.

A rule file can only name them: what is run is what the user asked to run, never what a file that came by mail says.

    # shouting.py
    def shouts(example, least=0.5):
        letters = [c for c in example["text"] if c.isalpha()]
        return sum(c.isupper() for c in letters) >= least * max(len(letters), 1)

Called with the example, a dict with its `text` or `tokens` and every column by its name, and what the rule names in
brackets; of sequences with `position`, too. It gives a truth: True, False or a number in [0, 1]; None says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.runtime.rules._evidence import Call
from leveret.runtime.rules._facts import Facts

__all__ = ["call_all", "call_tokens", "example_of", "load_functions"]

Functions = Mapping[str, Callable[..., Any]]


def load_functions(path: str | Path) -> dict[str, Callable[..., Any]]:
    """The functions that a Python file defines, by name; those that begin with _ are left out.

    Raises:
        LeveretUsageError: the file can't be read or run, or defines none.
    """
    file = Path(path)
    try:
        code = compile(file.read_text(encoding="utf-8"), str(file), "exec")
    except OSError as error:
        raise LeveretUsageError(f"{file} could not be read: {error.strerror or error}") from error
    except (SyntaxError, ValueError) as error:
        raise LeveretUsageError(f"{file} is no Python file: {error}") from error
    space: dict[str, Any] = {"__name__": file.stem, "__file__": str(file)}
    try:
        exec(code, space)
    except Exception as error:
        raise LeveretUsageError(f"{file} could not be run: {type(error).__name__}: {error}") from error
    found = {
        name: value
        for name, value in space.items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", None) == file.stem
    }
    if not found:
        raise LeveretUsageError(f"{file} defines no function")
    return found


def call_all(asked: Call, functions: Functions, facts: Facts) -> NDArray[np.float32]:
    """A function's truths of all examples, `(n,)`; NaN where it says nothing.

    Raises:
        LeveretDataError: it fails, or gives no truth; names the example.
    """
    return np.array([_called(asked, functions, example_of(facts, i), i) for i in range(len(facts))], np.float32)


def example_of(facts: Facts, index: int) -> dict[str, Any]:
    """One example as a function sees it."""
    example: dict[str, Any] = {name: values[index] for name, values in facts.columns.items()}
    if facts.texts is not None:
        example["text"] = facts.texts[index]
    if facts.tokens is not None:
        example["tokens"] = list(facts.tokens[index])
    return example


def call_tokens(asked: Call, functions: Functions, facts: Facts, index: int) -> NDArray[np.float32]:
    """A function's truths of one sequence's positions, `(length,)`."""
    assert facts.tokens is not None
    example = example_of(facts, index)
    return np.array(
        [
            _called(asked, functions, {**example, "position": position}, index)
            for position in range(len(facts.tokens[index]))
        ],
        np.float32,
    )


def _called(asked: Call, functions: Functions, example: dict[str, Any], index: int) -> float:
    try:
        value = functions[asked.function](example, *asked.arguments)
    except Exception as error:
        raise LeveretDataError(
            f"function {asked.function!r} failed on example {index} (from 0): {type(error).__name__}: {error}"
        ) from error
    if value is None:
        return math.nan
    if isinstance(value, bool | int | float | np.number | np.bool_) and 0 <= float(value) <= 1:
        return float(value)
    raise LeveretDataError(
        f"function {asked.function!r} must give True, False, a number in [0, 1] or None; it gave {value!r} for example "
        f"{index} (from 0)"
    )
