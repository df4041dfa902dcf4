"""Dynamic capacity nets: the paper's cluttered digits, and the review's question, whether it pays on larger images.

    leveret reproduce dynamic-capacity --data FOLDER [--part mnist] [--seeds 3] [-o docs/results]

FOLDER holds `mnist.npz` and `camvid-{train,test}.parquet`; the part elpv needs the package elpv-dataset. The part
speed times nets that the part mnist trained. Trainings stay under `OUT/runs/dynamic-capacity`: what was finished is
only read, and what was stopped goes on.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from leveret._files import write_text
from leveret.experiments._results import Results

__all__ = ["PARTS", "render", "run"]

PARTS = ("mnist", "elpv", "streets", "speed")  # what speed times, the others train

_NAME = "dynamic-capacity"
_COMMAND = f"leveret reproduce {_NAME}"
_KEYS = {"coarse": "coarse_error", "fine": "fine_error", "joint": "dcn_error", "hints": "dcn_hints_error"}
_ALGORITHMIC = ("variance", "edges")


def run(parts: list[str], seeds: int | None, data: Path | None, out: Path, quick: bool = False) -> Path:
    """Run the parts and render the page; see `leveret.experiments.run`."""
    for part in parts:
        results = Results(out / f"{_NAME}.json")
        runs = out / "runs" / _NAME
        if part == "speed":
            figures, found = _speed(data, runs, quick)
        else:
            figures, found = _dataset(part, seeds, data, runs / part, results.values, quick)
        repeated = f" --seeds {found['seeds']}" if "seeds" in found else ""
        results.record(part, figures, {"command": f"{_COMMAND} --part {part}{repeated}", **found})
        render(results.values, out)
    return out / f"{_NAME}.md"


def render(values: dict[str, Any], out: Path) -> None:
    """Draw the page and its pictures."""
    from leveret.experiments.dynamic_capacity._page import page
    from leveret.experiments.dynamic_capacity._plot import plots

    plots(values, out)
    write_text(out / f"{_NAME}.md", page(values))


def _dataset(
    part: str, seeds: int | None, data: Path | None, runs: Path, before: dict[str, Any], quick: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    from leveret.experiments.dynamic_capacity._outcome import curve, quality
    from leveret.experiments.dynamic_capacity._rows import row, task, train_all
    from leveret.experiments.dynamic_capacity._settings import QUICK, SETTINGS

    setting = (QUICK if quick else SETTINGS)[part]
    number = seeds or setting.seeds
    made = partial(setting.data, data)
    found = train_all(part, setting, made, number, runs)
    rows = [row(part, setting, method, results) for method, results in found.items()]
    net = task(part, setting, "hints", 0, runs).trained()
    tested = made(0)
    details = {
        "title": setting.title,
        "seeds": number,
        "epochs": setting.epochs,
        "images": setting.epochs * (setting.fresh or len(tested.train)),
        "test_images": len(tested.test),
        "hint_weight": setting.hint_weight,
        "k": setting.parts.k,
        "patch_size": setting.parts.patch_size,
        "rows": rows,
        "curve": curve(net, tested),
        "quality": quality(net, tested),
    }
    by_method = {row["method"]: row for row in rows}
    if part != "mnist":
        kept = [row for row in before.get("large", []) if row["dataset"] != part]
        return {"large": [*kept, *rows]}, details
    figures = {figure: by_method[key]["error"] for key, figure in _KEYS.items()}
    figures["random_error"] = by_method["random"]["error"]
    figures["algorithmic_error"] = min(by_method[key]["error"] for key in _ALGORITHMIC)
    figures["mult_ratio"] = by_method["fine"]["operations"] / by_method["hints"]["operations"]
    return figures, details


def _speed(data: Path | None, runs: Path, quick: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    from leveret.experiments.dynamic_capacity._rows import task
    from leveret.experiments.dynamic_capacity._settings import QUICK, SETTINGS
    from leveret.experiments.dynamic_capacity._speed import ROUNDS, speed

    rows = []
    for part in ("mnist", "elpv", "streets"):
        setting = (QUICK if quick else SETTINGS)[part]
        tasks = {key: task(part, setting, key, 0, runs / part) for key in ("coarse", "fine", "hints")}
        if all(found.finished() for found in tasks.values()):
            nets = {key: found.trained() for key, found in tasks.items()}
            rows += [{"dataset": part, **row} for row in speed(nets, setting.data(data, 0), 1 if quick else ROUNDS)]
    figures = {}
    for batch in (1, 64):
        ms = {
            row["net"]: row["ms"]
            for row in rows
            if row["dataset"] == "mnist" and row["engine"] == "Leveret" and row["batch"] == batch
        }
        figures[f"speedup_b{batch}"] = ms["fine"] / ms["hints"]
    return figures, {"rows": rows}
