"""Means and spreads over seeds, as the page prints them."""

from __future__ import annotations

from typing import Any

__all__ = ["deviation", "error", "gained", "spread"]


def spread(found: Any) -> str:
    """Mean ± standard deviation of fractions `(seeds,)`, in percent; of one seed its value alone."""
    return f"{100 * found.mean():.2f}{_beside(found)}"


def gained(found: Any) -> str:
    """The same of differences, with a sign."""
    return f"{100 * found.mean():+.2f}{_beside(found)}"


def deviation(found: Any) -> float:
    """Standard deviation of fractions over seeds, in points; 0 of a single one."""
    return float(100 * found.std(ddof=1)) if len(found) > 1 else 0.0


def error(found: Any) -> float:
    """Standard error of the mean of fractions over seeds, in points."""
    return float(deviation(found) / len(found) ** 0.5)


def _beside(found: Any) -> str:
    return f" ± {deviation(found):.2f}" if len(found) > 1 else ""
