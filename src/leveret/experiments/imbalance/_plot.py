"""The page's pictures, drawn from the JSON file alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from leveret.experiments._figure import panels, save

__all__ = ["MINING_PICTURE", "TAILS_PICTURE", "plots"]

TAILS_PICTURE = "imbalance-{}.png"
MINING_PICTURE = "imbalance-mining.png"
_COLOURS = ("#c65d21", "#1f6fb4", "#2d8659")


def plots(values: Mapping[str, Any], out: Path) -> None:
    """Draw what there is of long tails and of mining."""
    parts = values.get("parts", {})
    for part in ("fashion", "cifar"):
        if part in parts:
            rows = {
                ratio: [row for row in values["rows"] if row["dataset"] == f"{part}-{ratio}"]
                for ratio in parts[part]["counts"]
            }
            _tails(out / TAILS_PICTURE.format(part), rows, parts[part]["title"])
    if "mining" in parts:
        _mining(out / MINING_PICTURE, parts["mining"])


def _tails(path: Path, rows: Mapping[str, Sequence[Mapping[str, Any]]], title: str) -> None:
    """Accuracy on many, medium and few, a row a method."""
    figure, axes = panels(len(rows), 10.4, 0.32 * max(len(found) for found in rows.values()) + 1.4)
    for panel, (ratio, found) in zip(axes, rows.items(), strict=True):
        ranked = sorted(found, key=lambda row: row["accuracy"])
        for place, row in enumerate(ranked):
            shown = [100 * row[name] for name in ("many", "medium", "few")]
            panel.plot([min(shown), max(shown)], [place, place], color="#bbbbbb", linewidth=1.2, zorder=1)
            for colour, value in zip(_COLOURS, shown, strict=True):
                panel.scatter(value, place, color=colour, s=26, zorder=2)
            panel.scatter(100 * row["accuracy"], place, color="black", marker="|", s=90, linewidths=1.6, zorder=3)
        panel.set_yticks(range(len(ranked)), [row["title"] for row in ranked])
        panel.set_xlabel("accuracy, %")
        panel.set_title(f"{title}, 1:{ratio}", fontsize=10, loc="left")
    marks = [("many", _COLOURS[0], "o"), ("medium", _COLOURS[1], "o"), ("few", _COLOURS[2], "o"), ("all", "black", "|")]
    for name, colour, marker in marks:
        axes[0].scatter([], [], color=colour, marker=marker, label=name)
    figure.legend(*axes[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=4, fontsize=9)
    save(figure, path)


def _mining(path: Path, details: Mapping[str, Any]) -> None:
    """Accuracy and loss over the epochs, training and test."""
    figure, axes = panels(2, 10.4, 4.0)
    names = {"plain": "plain training", "unguarded": "mining alone", "guarded": "mining, guarded"}
    for colour, (key, name) in zip(_COLOURS, names.items(), strict=True):
        history = details["runs"][key]["history"]
        epochs = [row["epoch"] for row in history]
        for panel, figure_name, scale in ((axes[0], "accuracy", 100), (axes[1], "loss", 1)):
            test = [scale * row[f"val_{figure_name}"] for row in history]
            panel.plot(epochs, test, color=colour, linewidth=1.6, label=f"{name}, test")
        train = [100 * row["train_accuracy"] for row in history]
        axes[0].plot(epochs, train, color=colour, linewidth=1.1, linestyle="--", label=f"{name}, training")
    for panel, unit in zip(axes, ("accuracy, %", "test loss, nats"), strict=True):
        panel.set_xlabel("epoch")
        panel.set_ylabel(unit)
        panel.legend(frameon=False, fontsize=8.5)
    save(figure, path)
