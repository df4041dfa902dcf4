"""Figures as a person reads them."""

from __future__ import annotations

__all__ = ["count", "duration", "factor", "operations", "points", "share", "short", "size", "times"]


def share(value: float) -> str:
    """A fraction as "97.25 %"."""
    return f"{100 * value:.2f} %"


def points(value: float) -> str:
    """A difference of fractions, in percentage points with its sign: "−1.30 points"."""
    text = f"{abs(100 * value):.2f}"
    return f"{'' if float(text) == 0 else '+' if value > 0 else '−'}{text} points"


def size(nbytes: float) -> str:
    """Bytes as "812 B", "98.3 kB", "1.24 MB"; a kB is 1000 bytes."""
    if nbytes < 1000:
        return f"{nbytes:.0f} B"
    for unit in ("kB", "MB"):
        nbytes /= 1000
        if nbytes < 999.5:
            return f"{nbytes:.3g} {unit}"
    return f"{nbytes / 1000:.3g} GB"


def operations(number: float) -> str:
    """A number of operations as "312", "1.2 k", "38.5 M", "1.8 G", "1.2 T"; nothing for none."""
    if not number:
        return "–"
    for unit, value in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= 0.9995 * value:
            return f"{number / value:.3g} {unit}"
    return f"{number:.0f}"


def times(ratio: float) -> str:
    """A factor as "12x", "1.8x"."""
    return f"{ratio:.0f}x" if ratio >= 19.5 else f"{ratio:.1f}x" if ratio >= 1.95 else f"{ratio:.2f}x"


def count(number: int, one: str, many: str) -> str:
    """ "1 class", "1,200 classes"."""
    return f"{number:,} {one if number == 1 else many}"


def duration(seconds: float) -> str:
    """Seconds as "0.8 s", "42 s", "3 min 5 s", "1 h 2 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def factor(ratio: float, better: str, worse: str) -> str:
    """A ratio in words that are true either way: "2.0x faster", "1.25x slower"."""
    return f"{times(ratio)} {better}" if ratio >= 1 else f"{times(1 / ratio)} {worse}"


def short(name: str, most: int = 18) -> str:
    """A name cut to a length, with "…" for the rest."""
    return name if len(name) <= most else name[: most - 1] + "…"
