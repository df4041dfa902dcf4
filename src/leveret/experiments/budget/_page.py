"""The page, rendered from the JSON file alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leveret.experiments._results import Figure, figures_table, markdown_table, part_heading, wrapped
from leveret.report.words import operations

__all__ = ["page"]

_FIGURES = {
    "lifetime_images": Figure(
        "images in 71 years at 45 a second, two thirds awake", "67,171,680,000", lambda v: v == 67_171_680_000, "{:,}"
    ),
    "planner_worst_error": Figure(
        "the planner's worst error in processor time, of three nets", "at most 25 %", lambda v: v <= 0.25, "{:.1%}"
    ),
}


def page(values: Mapping[str, Any]) -> str:
    """Markdown."""
    text = [
        "# Budgets, measured",
        "",
        wrapped("Rendered from `budget.json`, which the commands below wrote."),
        "",
        figures_table(_FIGURES, values),
    ]
    for part, details in values.get("parts", {}).items():
        text += [*part_heading(part, details), *(_lifetime(details) if part == "lifetime" else _planner(details))]
    return "\n".join(text) + "\n"


def _lifetime(details: Mapping[str, Any]) -> list[str]:
    low, high = details["images_range"]
    rows = [
        (
            each["title"],
            each["value"],
            f"{each['low']} – {each['high']}",
            " – ".join(f"{n:,}" for n in each["images"]),
            each["why"],
        )
        for each in details["assumptions"]
    ]
    return [
        wrapped(
            f"{details['seconds']:,.0f} seconds of life, {details['awake_seconds']:,.0f} of them awake, "
            f"{details['images']:,} images, beside {details['neurons']:,} neurons: {details['images_per_neuron']:.2f} "
            f"images for each. With every assumption at its lowest or highest: {low:,} to {high:,}."
        ),
        "",
        markdown_table(["assumption", "value", "range", "images, by this one alone", "since"], rows),
    ]


def _planner(details: Mapping[str, Any]) -> list[str]:
    rows = [
        (
            f"{row['net']} on {row['data']}",
            f"{row['samples']:,}",
            f"{row['parameters']:,}",
            operations(row["macs"]),
            f"{row['step_ms']:.1f}",
            f"{row['planned']['cpu_seconds']:.1f}",
            f"{row['took']['cpu_seconds']:.1f}",
            f"{row['error']:+.1%}",
            f"{row['planned']['seconds']:.0f} / {row['took']['seconds']:.0f}",
            operations(row["macs_per_second"]),
        )
        for row in details["rows"]
    ]
    header = [
        "net", "samples", "weights", "MACs a sample", "step, CPU ms", "planned, CPU s", "took, CPU s", "error",
        "planned / took, by the clock", "MACs/s",
    ]  # fmt: skip
    return [
        wrapped(
            f"`leveret budget --data …` timed some steps of each net; then `fit` trained it for {details['epochs']} "
            "epochs, as `leveret fit` does, on one thread. Errors are of the processor's time; the clock's holds "
            "while the machine is as busy as it was then. MACs of convolutions and linear layers, three times those "
            "forwards; a net of words has hardly any, which is why steps are timed and not counted."
        ),
        "",
        markdown_table(header, rows),
    ]
