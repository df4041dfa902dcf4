"""Means and spreads over seeds, as the page prints them."""

from __future__ import annotations

from typing import Any

__all__ = ["deviation", "gained", "spread"]


def spread(found: Any) -> str:
    """Mean ± standard deviation of fractions `(seeds,)`, in percent."""
    return f"{100 * found.mean():.2f} ± {deviation(found):.2f}"


def gained(found: Any) -> str:
    """The same of differences, with a sign."""
    return f"{100 * found.mean():+.2f} ± {deviation(found):.2f}"


def deviation(found: Any) -> float:
    """Standard deviation of fractions over seeds, in points; 0 of a single one."""
    return float(100 * found.std(ddof=1)) if len(found) > 1 else 0.0
