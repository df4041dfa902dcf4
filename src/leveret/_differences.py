"""What differs between two plain values, in words."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["differences", "named_differences"]

_MOST = 3


def differences(then: Any, now: Any, name: str = "") -> list[str]:
    """What differs between two JSON values, as "seed was 0, now 1"."""
    if isinstance(then, dict) and isinstance(now, dict):
        found = []
        for key in dict.fromkeys((*then, *now)):
            found += differences(then.get(key), now.get(key), f"{name}.{key}" if name else key)
        return found
    return [] if then == now else [f"{name} was {_short(then)}, now {_short(now)}"]


def named_differences(then: Any, now: Any) -> str:
    """The first few differences as one text, and how many more there are; empty where there is none."""
    found = differences(then, now)
    more = len(found) - _MOST
    return "; ".join(found[:_MOST]) + (f"; and {more} more" if more > 0 else "")


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"
