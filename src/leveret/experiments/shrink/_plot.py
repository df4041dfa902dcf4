"""The page's pictures, PNG files beside it, drawn from the JSON file alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leveret.experiments._figure import panels, save

__all__ = ["PICTURES", "plots"]

PICTURES = {"obs": "shrink-obs.png", "ensemble": "shrink-ensemble.png"}

_COLOURS = ("#777777", "#c65d21", "#1f6fb4")


def plots(values: Mapping[str, Any], out: Path) -> None:
    """Draw those whose figures are there."""
    if "obs" in values.get("parts", {}):
        _draw(out / PICTURES["obs"], list(values["parts"]["obs"]["nets"].values()), _curves)
    if values.get("ensemble"):
        _draw(out / PICTURES["ensemble"], ["bytes", "ms"], lambda axes, key: _rivals(axes, key, values["ensemble"]))


def _draw(path: Path, shown: list[Any], draw: Any) -> None:
    figure, axes = panels(len(shown), 4.6 * len(shown), 3.4)
    for panel, content in zip(axes, shown, strict=True):
        draw(panel, content)
        panel.legend(frameon=False, fontsize=9)
    save(figure, path)


def _curves(axes: Any, net: Mapping[str, Any]) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    names = {"magnitude": "magnitude", "obd": "Optimal Brain Damage", "obs": "Optimal Brain Surgeon"}
    for colour, (method, name) in zip(_COLOURS, names.items(), strict=True):
        points = [(100 * row["sparsity"], 100 * row[method]) for row in net["points"]]
        axes.plot(*zip(*points, strict=True), color=colour, marker="o", markersize=3.5, label=name)
    axes.axhline(100 * net["dense_error"], color="black", linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("weights taken, %")
    axes.set_ylabel("test error, %")
    axes.set_title(net["what"].split(",")[0], fontsize=10, loc="left")


def _rivals(axes: Any, key: str, rows: list[Mapping[str, Any]]) -> None:
    rival = {"bytes": "same_bytes", "ms": "same_time"}[key]
    names = {"ensemble": "k binary nets, k from 1", rival: "one real net"}
    for colour, (kind, name) in zip(_COLOURS[1:], names.items(), strict=True):
        found = [row[kind] for row in rows]
        axes.errorbar(
            [one[key] / (1000 if key == "bytes" else 1) for one in found],
            [100 * one["accuracy"] for one in found],
            [100 * one["spread"] for one in found],
            color=colour,
            marker="o",
            markersize=3.5,
            linewidth=1.2,
            capsize=2,
            label=name,
        )
    axes.set_xlabel({"bytes": "file, kB", "ms": "ms an image, one thread"}[key])
    axes.set_ylabel("test accuracy, %")
    axes.set_title({"bytes": "at equal bytes", "ms": "at equal time"}[key], fontsize=10, loc="left")
