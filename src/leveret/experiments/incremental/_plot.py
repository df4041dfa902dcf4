"""The page's picture, drawn from the JSON file alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leveret.experiments._figure import panels, save
from leveret.experiments.incremental._settings import METHODS

__all__ = ["PICTURE", "plots"]

PICTURE = "incremental-{}.png"
_COLOURS = {
    "scratch": "black",
    "tree": "#c65d21",
    "random": "#e3a87f",
    "flat": "#1f6fb4",
    "replay": "#2d8659",
    "lwf": "#7a5ba8",
    "fine-tune": "#999999",
}
_APART = 0.06  # classes


def plots(values: Mapping[str, Any], out: Path) -> None:
    """Accuracy on all classes seen, and on the old ones, after each step; a picture a dataset."""
    for part in ("fashion", "cifar"):
        if part not in values.get("parts", {}):
            continue
        rows = [row for row in values["rows"] if row["dataset"] == part]
        seen, count = [], 0
        for size in values["parts"][part]["steps"]:
            count += size
            seen.append(count)
        first = next(row for row in rows if row["step"] == 0)
        figure, axes = panels(2, 10.4, 4.2)
        for panel, key, title in ((axes[0], "accuracy", "all classes seen"), (axes[1], "old", "old classes")):
            for i, (method, colour) in enumerate(_COLOURS.items()):
                own = {row["step"]: row for row in rows if row["method"] == method}
                steps = sorted(own)
                places, means = [seen[step] for step in steps], [100 * own[step][key] for step in steps]
                if key == "accuracy":
                    places, means = [seen[0], *places], [100 * first["accuracy"], *means]
                # beside one another, since several are nearly alike
                places = [place + _APART * (i - len(_COLOURS) // 2) for place in places]
                spreads = [100 * own[step].get(f"{key}_spread", 0.0) for step in steps]
                dashed = "--" if method in ("scratch", "random") else "-"
                panel.plot(places, means, dashed, color=colour, marker="o", markersize=4, label=METHODS[method][0])
                panel.errorbar(places[-len(spreads) :], means[-len(spreads) :], spreads, fmt="none", ecolor=colour)
            panel.set_xticks(seen if key == "accuracy" else seen[1:])
            panel.set_xlabel("classes")
            panel.set_title(f"{values['parts'][part]['title']}, accuracy on {title}, %", fontsize=10, loc="left")
        axes[0].legend(frameon=False, fontsize=8.5)
        save(figure, out / PICTURE.format(part))
