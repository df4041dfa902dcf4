"""Print what a job says of one image after another, and count those that could not be read."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

from leveret.cli._guard import complain, say

__all__ = ["print_each"]


def print_each(
    found: Iterable[Any], words: Callable[[Any], Iterable[str]], *, as_json: bool, strict: bool, what: str = "images"
) -> None:
    """A line an image, or a text, on stdout, as soon as it is known; warnings of the others on stderr.

    Args:
        found: each has `source`, `error` (None where all went well) and `as_dict`.
        words: of one that went well: what its line says, between tabs.
        as_json: print JSON lines instead, also of those with an error.
        what: they are, for people.
        strict: exit with 1 where any had an error, and not only where all had.

    Raises:
        SystemExit: as `strict` says.
    """
    # paths come from file systems, which hold more than UTF-8
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    done = failed = 0
    for one in found:
        if one.error is not None:
            failed += 1
            complain(f"warning: {one.source}: {one.error}", "yellow")
        else:
            done += 1
        if as_json:
            say(json.dumps(one.as_dict()))
        elif one.error is None:
            say("\t".join(words(one)))
    if failed:
        of = f"{failed} of {done + failed} {what} could not be read"
        if strict or not done:
            complain(f"error: {of}", "red")
            raise SystemExit(1)
        complain(f"warning: {of}", "yellow")
