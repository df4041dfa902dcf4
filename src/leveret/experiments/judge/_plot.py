"""Power over the number of samples, a panel a shift."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leveret.experiments._figure import panels, save

__all__ = ["POWER_PICTURE", "plots"]

POWER_PICTURE = "judge-power.png"

_STYLES = {
    "logistic, ranks": ("#1b6e53", "-"),
    "logistic, binomial": ("#1b6e53", ":"),
    "knn, ranks": ("#b3432b", "-"),
    "mmd": ("#3b5b92", "--"),
    "net, ranks": ("#111111", ""),
}


def plots(values: Mapping[str, Any], out: Path) -> None:
    """Draw what there is."""
    rows = values.get("power", [])
    if not rows:
        return
    shifts = list(dict.fromkeys(row["shift"] for row in rows))
    figure, axes = panels(len(shifts), 4.1 * len(shifts), 3.6)
    for panel, shift in zip(axes, shifts, strict=True):
        of_shift = [row for row in rows if row["shift"] == shift]
        strengths = sorted({row["strength"] for row in of_shift})
        strength = strengths[1]
        for observer, (colour, line) in _STYLES.items():
            found = [row for row in of_shift if row["observer"] == observer and row["strength"] == strength]
            sizes, power = [row["size"] for row in found], [row["power"] for row in found]
            panel.plot(
                sizes,
                power,
                line or " ",
                marker="o" if line != "" else "*",
                ms=4 if line else 9,
                color=colour,
                label=observer,
            )
        panel.axhline(0.05, color="#999999", linewidth=0.8)
        panel.set_xscale("log")
        panel.set_xticks([50, 100, 200, 400], ["50", "100", "200", "400"])
        panel.minorticks_off()
        panel.set_ylim(-0.03, 1.03)
        panel.set_title(f"{shift}: {strength:g}", fontsize=10)
        panel.set_xlabel("samples a side")
    axes[0].set_ylabel("share of runs that noticed")
    axes[-1].legend(fontsize=8, frameon=False, loc="upper left")
    save(figure, out / POWER_PICTURE)
