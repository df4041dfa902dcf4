"""New classes without starting over: trees that grow, beside training anew, fine-tuning, replay and distillation.

    leveret reproduce incremental --data FOLDER [--part fashion] [--seeds 3] [-o docs/results]

FOLDER holds `fashion_mnist.npz` and `cifar10-{train,test}.parquet`. The parts fashion and cifar grow by class after
class; workers trains two leaves by one process and by two; packed times a grown tree against a single net, both of the
part fashion, or else cifar. Every step of every method and seed stays under `OUT/runs/incremental`: what was finished
is only read, and what was stopped goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leveret._files import write_text
from leveret.experiments._results import Results

__all__ = ["PARTS", "render", "run"]

PARTS = ("fashion", "cifar", "workers", "packed")

_NAME = "incremental"
_COMMAND = f"leveret reproduce {_NAME}"


def run(parts: list[str], seeds: int | None, data: Path | None, out: Path, quick: bool = False) -> Path:
    """Run the parts and render the page; see `leveret.experiments.run`."""
    for part in parts:
        results = Results(out / f"{_NAME}.json")
        runs = out / "runs" / _NAME
        figures, found = _part(part, seeds, data, runs, results.values, quick)
        repeated = f" --seeds {found['seeds']}" if "seeds" in found else ""
        results.record(part, figures, {"command": f"{_COMMAND} --part {part}{repeated}", **found})
        render(results.values, out)
    return out / f"{_NAME}.md"


def render(values: dict[str, Any], out: Path) -> None:
    """Draw the page and its pictures."""
    from leveret.experiments.incremental._page import page
    from leveret.experiments.incremental._plot import plots

    plots(values, out)
    write_text(out / f"{_NAME}.md", page(values))


def _part(
    part: str, seeds: int | None, data: Path | None, runs: Path, before: dict[str, Any], quick: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and details."""
    from leveret.experiments.incremental._quick import PACKED_SECONDS, QUICK, WORKERS_EPOCHS

    if part == "workers":
        from leveret.experiments.incremental._workers import workers

        tiny: dict[str, Any] = {"epochs": WORKERS_EPOCHS, "settings": QUICK, "rounds": 1}
        return workers(data, runs / part, **(tiny if quick else {}))
    if part == "packed":
        from leveret.experiments.incremental._packed import packed

        tiny = {"seconds": PACKED_SECONDS, "settings": QUICK}
        return packed(data, runs, **(tiny if quick else {}))
    from leveret.experiments.incremental._rows import figures_of, rows_of
    from leveret.experiments.incremental._settings import SETTINGS
    from leveret.experiments.incremental._steps import run_seed

    setting = (QUICK if quick else SETTINGS)[part]
    number = seeds or setting.seeds
    found = [run_seed(setting, data, runs / part, seed) for seed in range(number)]
    rows = [row for row in before.get("rows", []) if row["dataset"] != part] + rows_of(part, found)
    details = {
        "title": setting.title,
        "seeds": number,
        "steps": [len(step) for step in found[0]["steps"]],
        "classes": found[0]["steps"],
        "each": setting.each,
        "epochs": setting.epochs,
        "branch_epochs": setting.branch_epochs,
        "leaf_epochs": setting.leaf_epochs,
        "max_classes": setting.max_classes,
        "budget": setting.budget,
        "blend": setting.blend,
        "new_rate": setting.new_rate,
        "parameters": found[0]["parameters"],
        "operations": found[0]["operations"],
        "outlines": found[0]["outlines"],
        "reasons": found[0]["reasons"],
        # as long as a core was busy, whatever ran beside and whenever: steps that were finished before are only read
        "took_seconds": sum(row.get("cpu_seconds", row.get("seconds", 0.0)) for seed in found for row in seed["rows"]),
    }
    return {"rows": rows, **figures_of(rows)}, details
