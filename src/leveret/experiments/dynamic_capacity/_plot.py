"""The page's pictures, drawn from the JSON file alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leveret.experiments._figure import panels, save

__all__ = ["CURVES_PICTURE", "plots"]

CURVES_PICTURE = "dynamic-capacity-{}.png"
_MARKS = {
    "fine": ("#444444", "s"),
    "coarse": ("#1f6fb4", "D"),
    "joint": ("#8a5fb0", "^"),
    "variance": ("#b8860b", "P"),
    "random": ("#2d8659", "v"),
}


def plots(values: Mapping[str, Any], out: Path) -> None:
    """Error against operations, a picture a dataset."""
    for part, details in values.get("parts", {}).items():
        if part != "speed":
            _curves(out / CURVES_PICTURE.format(part), details)


def _curves(path: Path, details: Mapping[str, Any]) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    figure, (panel,) = panels(1, 8.0, 4.2)
    curve = details["curve"]
    operations = [row["operations"] / 1e6 for row in curve]
    errors = [100 * row["error"] for row in curve]
    panel.plot(operations, errors, color="#c65d21", linewidth=1.8, marker="o", label="DCN with hints, by patches")
    for row, x, y in zip(curve, operations, errors, strict=True):
        panel.annotate(f"{row['k']}", (x, y), textcoords="offset points", xytext=(4, 6), fontsize=8.5, color="#c65d21")
    beside = [row for row in details["rows"] if row["method"] in _MARKS]
    for row in beside:
        colour, marker = _MARKS[row["method"]]
        at = row["operations"] / 1e6, 100 * row["error"]
        panel.scatter(*at, color=colour, marker=marker, s=46, label=row["title"], zorder=3)
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    panel.xaxis.set_major_formatter("{x:g}")
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_ylim(0, 1.12 * max([*errors, *(100 * row["error"] for row in beside)]))
    panel.set_xlabel("multiplications an image, millions")
    panel.set_ylabel("error, %")
    panel.set_title(details["title"], fontsize=10, loc="left")
    panel.legend(frameon=False, fontsize=8.5)
    save(figure, path)
