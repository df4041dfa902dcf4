"""Catalogues of methods under one key each: what an entry tells of itself, and which ones a user names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from leveret.errors import LeveretUsageError

__all__ = ["Entry", "named"]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Entry:
    """One method of a catalogue.

    Attributes:
        key: what users name it by, kebab-case.
        title: a few words.
        family: what it is like.
        paper: whose idea it is.
        what: what it does, in a sentence.
        maker: makes the net.
        options: the method's own parameters and their defaults.
    """

    key: str
    title: str
    family: str
    paper: str
    what: str
    maker: Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=dict)

    def with_defaults(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """All options, those given first.

        Raises:
            LeveretUsageError: one that the method lacks.
        """
        if unknown := [name for name in options if name not in self.options]:
            has = f"it has {', '.join(self.options)}" if self.options else "it has none"
            raise LeveretUsageError(f"method {self.key!r} has no option {unknown[0]!r}; {has}")
        return {**self.options, **options}


def named(methods: str | Iterable[str], known: Mapping[str, _T]) -> tuple[_T, ...]:
    """Those of `known` that are named, in its own order: "all", keys with commas between, or keys one by one.

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
