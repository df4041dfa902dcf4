"""CIFAR-10, one net made small in six ways, as `leveret reproduce shrink --part cifar` recorded it."""

import json

from _style import COLORS, FOLDER, picture

recorded = json.loads((FOLDER.parent / "results" / "shrink.json").read_text(encoding="utf-8"))
rows = [row for row in recorded["parts"]["cifar"]["rows"] if row["dataset"] == "cifar"]
SHORT = {"ternary weights, 3-bit activations": "ternary", "BinaryConnect, stochastic": "stochastic"}

# where names would lie over one another: points up, and whether left of the dot
PLACES = {
    ("bytes", "real"): (3, True),
    ("bytes", "ternary"): (2, False),
    ("bytes", "bwn"): (-9, False),
    ("bytes", "binaryconnect"): (6, False),
    ("ms", "real"): (-11, True),
    ("ms", "bwn"): (0, True),
    ("ms", "ternary"): (0, True),
    ("ms", "binaryconnect"): (5, True),
    ("ms", "binaryconnect-stochastic"): (0, True),
}

with picture("compare", 1, 2, 3.3, sharey=True) as ((left, right),):
    for axes, key, unit, scale in ((left, "bytes", "file, kB", 1e-3), (right, "ms", "time of an image, ms", 1.0)):
        best = 101.0
        for row in sorted(rows, key=lambda row: row[key]):
            error, x = 100 * row["error"], scale * row[key]
            front = error < best  # none is as small, or as fast, and as accurate
            best = min(best, error)
            axes.scatter(x, error, s=42, color=COLORS["accent" if front else "grid"], zorder=3)
            name = SHORT.get(row["name"], row["name"])
            name = "Binary-Weight" if name.startswith("Binary-Weight") else name
            down, left_of = PLACES.get((key, row["key"]), (3, False))
            axes.annotate(
                name,
                (x, error),
                xytext=(-7 if left_of else 7, down),
                textcoords="offset points",
                ha="right" if left_of else "left",
                fontsize=8.5,
                color=COLORS["ink" if front else "faint"],
            )
        axes.set_xscale("log")
        axes.set_xlabel(unit)
        axes.minorticks_off()
    left.set_xticks([50, 100, 200, 500, 1_000], ["50", "100", "200", "500", "1000"])
    right.set_xticks([0.05, 0.1, 0.2, 0.4], ["0.05", "0.1", "0.2", "0.4"])
    left.set_ylim(15.5, 35)
    left.set_ylabel("test error, %")
