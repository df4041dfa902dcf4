"""How many samples a training saw, different ones, and the time that a human would need to see as many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from leveret.budget import seen

__all__ = ["seen_by_all", "seen_fact", "seen_in_words"]


def seen_in_words(samples: int, histories: Iterable[Iterable[Mapping[str, Any]]], total: int) -> str:
    """A sentence on what one or several trainings saw together.

    Args:
        samples: shown, repeats counted, of all trainings.
        histories: the rows of each training's epochs. Stages of several may see other parts of the data: where the
            largest number of different samples isn't all, there may have been more.
        total: samples of the training part.
    """
    lasts = [row for history in histories for row in {row["stage"]: row for row in history}.values()]
    found = [int(row["unique_seen"]) for row in lasts if row.get("unique_seen") is not None]
    if not found or len(found) < len(lasts):
        return seen(samples).in_words
    most = max(found)
    return seen(samples, min(most, samples), at_least=len(found) > 1 and most < total).in_words


def seen_fact(result: Mapping[str, Any], total: int, what: str = "samples seen") -> tuple[str, str]:
    """A training's line among its facts.

    Args:
        result: with `samples_seen` and `history`.
        total: samples of the training part.
        what: its name.
    """
    return what, seen_in_words(result["samples_seen"], [result["history"]], total)


def seen_by_all(histories: Iterable[Iterable[Mapping[str, Any]]], total: int) -> str:
    """As `seen_in_words`, of trainings whose stages each count from 0."""
    runs = [list(history) for history in histories]
    lasts = [row for history in runs for row in {row["stage"]: row for row in history}.values()]
    return seen_in_words(sum(row.get("samples_seen", 0) for row in lasts), runs, total)
