"""Names that changed and still work for a while: who uses the old one is told what stands in its place, and how long.

A version that renames something takes the old name along, to the end of the next minor version. What is said is a
`LeveretFutureWarning`, which Python shows to everyone and not to developers alone:

- an argument of another name: `@renamed_argument("batch", "batch_size", since="0.1", until="0.3")`;
- a function or class that has another name or home: `__getattr__ = moved(__name__, {"old": "leveret.room:new"}, …)`;
- an option of the command line: `renamed_option("--batch", "--batch-size", …)` where the old one was given.

What is past its time is found by tests/test_deprecated.py, which fails once the version named by `until` is reached.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from leveret.errors import LeveretFutureWarning, LeveretUsageError

__all__ = ["moved", "renamed_argument", "renamed_option"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def renamed_argument(old: str, new: str, *, since: str, until: str) -> Callable[[_Function], _Function]:
    """Let a function take a keyword argument by its old name, too.

    Args:
        old, new: names; the function knows the new one alone.
        since: the version in which it was renamed.
        until: the version that no longer takes the old one.

    Raises:
        LeveretUsageError: by the function, where both are given.
    """

    def add(function: _Function) -> _Function:
        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            if old in kwargs:
                if new in kwargs:
                    raise LeveretUsageError(
                        f"{function.__name__} got {new} and {old}, as it was called; give {new} alone"
                    )
                _warn(f"the argument {old} of {function.__name__}", new, since, until)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return called  # type: ignore[return-value]

    return add


def moved(module: str, places: Mapping[str, str], *, since: str, until: str) -> Callable[[str], Any]:
    """A module's `__getattr__` that finds what is elsewhere now.

    Args:
        module: `__name__`.
        places: old name to "package.module:name".
        since, until: as for `renamed_argument`.
    """

    def find(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home, _, now = places[name].partition(":")
        _warn(f"{module}.{name}", f"{home}.{now}", since, until)
        return getattr(importlib.import_module(home), now)

    return find


def renamed_option(old: str, new: str, *, since: str, until: str) -> None:
    """Say that an option of the command line, which was given, has another name now; `new` may be a sentence's end."""
    _warn(old, new, since, until, level=3)


def _warn(old: str, new: str, since: str, until: str, level: int = 4) -> None:
    message = f"{old} is called {new} since version {since}; the old name goes with version {until}"
    warnings.warn(message, LeveretFutureWarning, stacklevel=level - 1)
