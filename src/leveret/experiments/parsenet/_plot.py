"""The page's chart, drawn from the JSON file alone: mIoU of each seed, and what ParseNet changes class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from leveret.experiments._figure import panels, save

__all__ = ["MIOU_PICTURE", "plot"]

MIOU_PICTURE = "parsenet-miou.png"
_WITHOUT, _WITH = "#1f6fb4", "#c65d21"


def plot(values: Mapping[str, Any], out: Path) -> None:
    """Writes `out/parsenet-miou.png`."""
    rows = values["rows"]
    figure, (left, right) = panels(2, 9.6, 4.0)
    _seeds(left, rows)
    _classes(right, rows, values["parts"]["camvid"]["classes"])
    save(figure, out / MIOU_PICTURE)


def _seeds(panel: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    titles = list(dict.fromkeys(row["title"] for row in rows))
    for row in rows:
        at = titles.index(row["title"]) + (0.2 if row["batch_norm"] else -0.2)
        colour = _WITH if row["batch_norm"] else _WITHOUT
        label = None if titles.index(row["title"]) else "with batch norm" if row["batch_norm"] else "without batch norm"
        values = [100 * value for value in row["mious"]]
        panel.scatter([at] * len(values), values, color=colour, s=24, alpha=0.7, label=label, zorder=3)
        mean = 100 * row["miou"]
        panel.hlines(mean, at - 0.1, at + 0.1, color=colour, linewidth=2)
        panel.annotate(f"{mean:.1f}", (at + 0.1, mean), textcoords="offset points", xytext=(2, -3), fontsize=8)
    # room for the legend
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.2 * (high - low))
    panel.set_xticks(range(len(titles)), titles, fontsize=8.5)
    panel.set_xlim(-0.5, len(titles) - 0.4)
    panel.set_ylabel("mIoU, %")
    panel.set_title("a dot a seed; lines are means", fontsize=10, loc="left")
    panel.legend(frameon=False, fontsize=8.5, ncols=2, loc="upper left")


def _classes(panel: Any, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    by_key = {row["model"]: np.array(row["iou"]) for row in rows}
    order = np.argsort(by_key["fcn-bn"])
    places = np.arange(len(names))
    for end, shift, colour, label in (
        ("", 0.19, _WITHOUT, "without batch norm"),
        ("-bn", -0.19, _WITH, "with batch norm"),
    ):
        change = 100 * (by_key[f"parsenet{end}"] - by_key[f"fcn{end}"])[order]
        panel.barh(places + shift, change, 0.36, color=colour, label=label)
    panel.axvline(0, color="#444444", linewidth=0.8)
    panel.set_yticks(places, [f"{names[i]} ({100 * by_key['fcn-bn'][i]:.0f} %)" for i in order], fontsize=8.5)
    panel.set_xlabel("IoU of ParseNet over FCN, points")
    panel.set_title("class by class; in brackets FCN with batch norm", fontsize=10, loc="left")
    panel.legend(frameon=False, fontsize=8.5)
