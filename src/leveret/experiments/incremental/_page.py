"""The page, rendered from the JSON file alone; what it says of the figures follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leveret.experiments._results import Figure, figures_table, markdown_table, part_heading, wrapped
from leveret.experiments.incremental._findings import findings
from leveret.experiments.incremental._plot import PICTURE
from leveret.experiments.incremental._settings import METHODS

__all__ = ["page"]

_Row = Mapping[str, Any]

_FIGURES = {
    "gap_to_scratch": Figure(
        "tree below training anew, points, worst step", "at most 1.5", lambda v: v <= 1.5, "{:.2f}"
    ),
    "compute_ratio": Figure(
        "compute of growing against training anew, worst step", "at most 0.40", lambda v: v <= 0.4, "{:.3f}"
    ),
    "forgetting": Figure("accuracy lost on old classes, points, worst step", "at most 1", lambda v: v <= 1, "{:.2f}"),
    "forgetting_scratch": Figure("the same of training anew", "", None, "{:.2f}"),
    "forgetting_alone": Figure("the tree's, old classes told among themselves", "", None, "{:.2f}"),
    "over_light_methods": Figure(
        "tree over the best of replay, distillation and fine-tuning, points, least", "", None, "{:+.2f}"
    ),
    "over_random_partition": Figure("error-driven partition over a random one, points, mean", "", None, "{:+.2f}"),
    "over_branch_alone": Figure("leaves over the branch's net alone, points, mean", "", None, "{:+.2f}"),
    "workers_2_speedup": Figure("two leaves by two workers, against one", "at least 1.7", lambda v: v >= 1.7, "{:.2f}"),
    "packed_tree_slowdown": Figure("packed tree against a single net, ms an image", "", None, "{:.2f}x"),
}  # fmt: skip

# tried in November 2026, with PyTorch's CPU build
_AVALANCHE = (
    "Avalanche's strategies are not among the rows, for it doesn't install beside the PyTorch that is here. "
    "avalanche-lib 0.6.0 imports torchvision; left to itself, pip replaces PyTorch's CPU build by one with CUDA for "
    "it, and torchvision's wheel of the version that fits doesn't load on the CPU build (operator torchvision::nms "
    "does not exist). Replay and learning without forgetting are `leveret.grow`'s own, policies `memory` and `none`."
)


def page(values: Mapping[str, Any]) -> str:
    """Markdown."""
    text = [
        "# New classes without starting over, measured",
        "",
        wrapped(
            "Rendered from `incremental.json`, which the commands below wrote. A net learns the first classes; then "
            "others come, step by step. Each method takes them up on its own and goes on from what it had; all have "
            "the same net, and all but training anew the same epochs. Compute is multiply-accumulates: training "
            "samples shown, times those of a pass forward of the net that was trained on them, times 3 for the pass "
            "back, and the preview's. Accuracy is of the test samples of all classes seen so far. Seconds are the "
            "clock's, whatever else ran beside, and those that a core was busy, of steps that ran without a stop. "
            "A growth's share of them is larger than its share of the compute: its batches are half as large, and each "
            "node is measured."
        ),
        "",
        figures_table(_FIGURES, values),
        "",
        wrapped(_AVALANCHE),
    ]
    for part, details in values.get("parts", {}).items():
        text += part_heading(part, details)
        rows = [row for row in values.get("rows", []) if row["dataset"] == part]
        text += {"workers": _workers, "packed": _packed}[part](details) if not rows else _dataset(part, details, rows)
    return "\n".join(text) + "\n"


def _dataset(part: str, details: Mapping[str, Any], rows: Sequence[_Row]) -> list[str]:
    steps = " + ".join(map(str, details["steps"]))
    together = details["branch_epochs"] + details["leaf_epochs"]
    text = [
        wrapped(
            f"{details['title']}, classes {steps}, {details['each']:,} training samples of each; a ConvNet of "
            f"{details['parameters']:,} weights. Training anew and the first net take {details['epochs']} epochs. A "
            f"growth takes {details['branch_epochs']} of the branch and {details['leaf_epochs']} of each leaf whose "
            f"classes the branch still confuses; what grows flat takes {together}. A sample of a new class is drawn "
            f"{details['new_rate']:g} times as often as one of an old class. A leaf of more than "
            f"{details['max_classes']} classes branches. A tree asks one leaf, within whose group the branch's own say "
            f"counts {details['blend']:g}. {_seeds(details)}"
        ),
        "",
        wrapped(
            f"Replay keeps {details['budget']:,} samples by herding, and draws all classes alike often. Learning "
            "without forgetting has no old sample: it tells the new classes apart among themselves, as in its paper, "
            f"and distils the old ones at a temperature of 2. These two and fine-tuning take {together} epochs, too."
        ),
        "",
        f"![accuracy after each step]({PICTURE.format(part)})",
        "",
    ]
    for step in range(1, len(details["steps"])):
        own = {row["method"]: row for row in rows if row["step"] == step}
        seen = sum(details["steps"][: step + 1])
        names = ", ".join(details["classes"][step])
        text += [f"Step {step}, {seen} classes, new are {names}:", "", _table(own), ""]
    text += findings(details, rows)
    outline = details["outlines"]["tree"]
    text += ["", "The tree at the end, of the first seed:", "", "```", *outline, "```", ""]
    text += [
        "and why, step by step:",
        "",
        *(f"{i}. {'; '.join(said)}." for i, said in enumerate(details["reasons"], 1)),
    ]
    return text


def _seeds(details: Mapping[str, Any]) -> str:
    if details["seeds"] == 1:
        return "One seed."
    return f"Mean ± standard deviation of {details['seeds']} seeds."


def _table(rows: Mapping[str, _Row]) -> str:
    columns = [
        "method",
        "all classes",
        "old, before",
        "old, after",
        "old among old",
        "new",
        "compute",
        "seconds",
        "core seconds",
    ]
    return markdown_table(
        columns,
        [
            (
                METHODS[method][0],
                _value(rows[method], "accuracy"),
                *(f"{100 * rows[method][key]:.2f}" for key in ("before", "old", "old_alone", "new")),
                f"{rows[method]['ratio']:.2f}",
                *(_seconds(rows[method].get(key)) for key in ("seconds", "cpu_seconds")),
            )
            for method in METHODS
            if method in rows
        ],
    )


def _value(row: _Row, key: str) -> str:
    spread = f" ± {100 * row[f'{key}_spread']:.2f}" if row["seeds"] > 1 else ""
    return f"{100 * row[key]:.2f}{spread}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _workers(details: Mapping[str, Any]) -> list[str]:
    return [
        wrapped(
            f"Two leaves of five classes each, {details['samples'] // 2:,} samples and {details['epochs']} epochs a "
            f"leaf, each on one thread: one after the other in one process {details['one']:.0f} s, by two processes "
            f"at once {details['two']:.0f} s, their start included; medians of {len(details['turns']['1'])} turns."
        )
    ]


def _packed(details: Mapping[str, Any]) -> list[str]:
    rows = [
        (
            {"tree": "tree", "single": "single net"}[row["net"]],
            f"{100 * row['accuracy']:.2f}",
            f"{row['bytes'] / 1000:.0f} kB",
            f"{row['macs'] / 1e6:.2f} M",
            f"{row['ms_1']:.3f}",
            f"{row['ms_64']:.3f}",
        )
        for row in details["rows"]
    ]
    columns = ["packed", "accuracy", "size", "MACs", "ms an image", f"in batches of {details['batch']}"]
    tree, single = details["rows"]
    nets, slower = tree["macs"] / single["macs"], tree["ms_1"] / single["ms_1"]
    return [
        wrapped(
            f"The first seed's nets after the last step of {details['dataset']}, one thread. Of each image the tree "
            "runs the branch, and of the leaves the one that the branch picks: with images of all classes alike, "
            f"{nets:.1f} nets of the single one's size on average, and it takes {slower:.1f} times as long. What is "
            "beyond the nets is of picking and putting together, in numpy."
        ),
        "",
        markdown_table(columns, rows),
    ]
