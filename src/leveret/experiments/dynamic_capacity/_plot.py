"""The page's pictures, drawn from the JSON file alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leveret.experiments._figure import panels, save

__all__ = ["CURVES_PICTURE", "plots"]

CURVES_PICTURE = "dynamic-capacity-{}.png"


def plots(values: Mapping[str, Any], out: Path) -> None:
    """Error against operations, a picture a dataset."""
    for part, details in values.get("parts", {}).items():
        if part != "speed":
            _curves(out / CURVES_PICTURE.format(part), details)


def _curves(path: Path, details: Mapping[str, Any]) -> None:
    figure, (panel,) = panels(1, 8.0, 4.2)
    curve = details["curve"]
    operations = [row["operations"] / 1e6 for row in curve]
    errors = [100 * row["error"] for row in curve]
    panel.plot(operations, errors, color="#c65d21", linewidth=1.8, marker="o", label="DCN with hints, by patches")
    for row, x, y in zip(curve, operations, errors, strict=True):
        panel.annotate(f"{row['k']}", (x, y), textcoords="offset points", xytext=(4, 6), fontsize=8.5, color="#c65d21")
    for row, colour, marker in zip(
        (row for row in details["rows"] if row["method"] in ("coarse", "fine", "joint", "random")),
        ("#666666", "#1f6fb4", "#8a5fb0", "#2d8659"),
        "sD^v",
        strict=False,
    ):
        panel.scatter(
            row["operations"] / 1e6, 100 * row["error"], color=colour, marker=marker, s=46, label=row["title"], zorder=3
        )
    panel.set_xscale("log")
    panel.set_ylim(bottom=0)
    panel.set_xlabel("multiplications an image, millions")
    panel.set_ylabel("error, %")
    panel.set_title(details["title"], fontsize=10, loc="left")
    panel.legend(frameon=False, fontsize=8.5)
    save(figure, path)
