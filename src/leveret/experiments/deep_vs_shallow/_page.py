"""The page, rendered from the JSON file alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leveret.experiments._results import Figure, figures_table, markdown_table, part_heading
from leveret.experiments.deep_vs_shallow._findings import cell, findings, lateral_answer, objectives_answer
from leveret.experiments.deep_vs_shallow._plot import picture_of
from leveret.training import duration

__all__ = ["page"]

_FIGURES = {
    "subset_no_worse": Figure(
        "best subset on test at least as good as all members and as the best, on every set", "true", bool, "{}"
    ),
    "workers_2_speedup": Figure(
        "two worker processes against one, 8 members", "at least 1.7", lambda v: v >= 1.7, "{:.2f}"
    ),
    "kill_cost_members": Figure(
        "a worker killed in the middle costs, in times of a member", "at most 1", lambda v: v <= 1, "{:.2f}"
    ),
    "transfer_peak_mb": Figure(
        "peak memory of building 1,000,000 digits views, MB", "under 1,000", lambda v: v < 1000, "{:.0f}"
    ),
    "transfer_fit_ratio": Figure(
        "speed of fit on a transfer set, over in-memory data", "at least 0.9", lambda v: v >= 0.9, "{:.2f}"
    ),
}


def page(values: Mapping[str, Any]) -> str:
    """Markdown."""
    text = [
        "# Deep against shallow, measured",
        "",
        "Rendered from `deep-vs-shallow.json`, which the commands below wrote. After Urban et al., “Do deep",
        "convolutional nets really need to be deep and convolutional?” (ICLR 2017): teachers with searched",
        "hyper-parameters, their best subset, its mean logits on a transfer set, students of 0 to 4 convolutional",
        "layers at equal numbers of parameters. The paper's own students have 1 to 31.6 million, on CIFAR-10, from an",
        "ensemble of 16 teachers, and learn for hundreds of epochs; at 10 million its best MLP stays below 75 %.",
        "Accuracies are on the test part.",
        "",
        figures_table(_FIGURES, values),
    ]
    for part, details in values.get("parts", {}).items():
        text += part_heading(part, details)
        if part == "workers":
            text += _workers(details)
        elif part == "objectives":
            text += _objectives(details, values["objectives"])
        elif part == "transfer":
            text += _transfer(details)
        else:
            text += _dataset(part, details, [row for row in values["rows"] if row["dataset"] == part])
    return "\n".join(text) + "\n"


def _dataset(part: str, details: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    teachers = details["teachers"]
    seeds = details["seeds"]
    augment = ", ".join(f"{key} {value}" for key, value in details["augment"].items() if value)
    text = [
        f"{details['title']}: {len(teachers['members'])} teachers, {details['teacher_epochs']} epochs each; a transfer",
        f"set of {details['views']:,} views ({augment}). Students see {details['samples_seen']:,} of them, repeats",
        "counted; on hard labels they see the same views, each with its image's label. Hyper-parameters are the best",
        f"of {details['trials']} by validation accuracy on the first seed. {_seeds(seeds)}",
        "",
        markdown_table(
            ["", "validation", "test"],
            [
                (name, f"{teachers['validation'][key]:.2%}", f"{teachers[key]:.2%}")
                for name, key in (
                    ("best member", "best_member"),
                    ("all members alike", "full_ensemble"),
                    ("best subset, 20 bags", "subset"),
                )
            ],
        ),
        "",
        _subset_verdict(teachers),
        "",
        f"![Students by convolutional layers; gain by lateral links]({picture_of(part)})",
        "",
        "### Students",
        "",
        _students(rows),
        "",
        "The paper's findings:",
        "",
        markdown_table(["finding", "here", "figures"], findings(rows, teachers["subset"])),
    ]
    if any(row["lateral_steps"] for row in rows):
        text += ["", "### Lateral links", "", *_lateral(rows)]
    text += ["", "### Teachers", "", _teachers(teachers["members"])]
    return text


def _seeds(seeds: int) -> str:
    return f"Mean ± standard deviation of {seeds} seeds." if seeds > 1 else "One seed."


def _subset_verdict(teachers: Mapping[str, Any]) -> str:
    rivals = {"the full ensemble": "full_ensemble", "the best member": "best_member"}
    said = [
        f"{'at least as good as' if teachers['subset'] >= teachers[key] else 'worse than'} {name} "
        f"({100 * (teachers['subset'] - teachers[key]):+.2f} points)".replace("-", "−")
        for name, key in rivals.items()
    ]
    return f"On the test part the best subset is {' and '.join(said)}; without bags it has {teachers['unbagged']:.2%}."


def _accuracy(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "–"
    return f"{row['accuracy']:.2%}" + (f" ± {100 * row['spread']:.2f}" if row["seeds"] > 1 else "")


def _students(rows: Sequence[Mapping[str, Any]]) -> str:
    sizes = sorted({row["params"] for row in rows})
    header = ["convolutional layers"]
    for params in sizes:
        header += [f"{params:,}: hard labels", "distilled", "gain"]
    lines = []
    for conv in sorted({row["conv_layers"] for row in rows}):
        line = [str(conv)]
        for params in sizes:
            hard, soft = (cell(rows, conv, params, 0, distilled) for distilled in (False, True))
            gain = f"{100 * (soft['accuracy'] - hard['accuracy']):+.2f}" if hard and soft else "–"
            line += [_accuracy(hard), _accuracy(soft), gain.replace("-", "−")]
        lines.append(line)
    return markdown_table(header, lines)


def _lateral(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    steps = sorted({row["lateral_steps"] for row in rows})
    lines = [
        [f"{conv}", f"{params:,}", *(_accuracy(cell(rows, conv, params, t, True)) for t in steps)]
        for params in sorted({row["params"] for row in rows})
        for conv in sorted({row["conv_layers"] for row in rows})
    ]
    header = ["convolutional layers", "weights", *(f"t = {t}" for t in steps)]
    return [
        lateral_answer(rows),
        "",
        "All distilled. Links join all units of a hidden layer, and all channels at each place of a map; their weights",
        "are counted, so that layers are narrower where there are links. Hyper-parameters are those found without.",
        "A figure without a spread is of one seed.",
        "",
        markdown_table(header, lines),
    ]


def _teachers(members: Sequence[Mapping[str, Any]]) -> str:
    return markdown_table(
        ["share in the subset", "validation", "test", "weights", "training", "hyper-parameters"],
        [
            (
                f"{member['weight']:.1%}" if member["weight"] else "–",
                f"{member['val_accuracy']:.2%}",
                f"{member['test_accuracy']:.2%}",
                f"{member['parameters']:,}",
                duration(member["seconds"]),
                ", ".join(
                    f"{key.replace('_', ' ')} {value:.3g}" if isinstance(value, float) else f"{key} {value}"
                    for key, value in member["params"].items()
                ),
            )
            for member in members
        ],
    )


def _objectives(details: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    names = {
        "labels": "hard labels",
        "distilled": "L2 on standardised logits",
        "mixed": "L2 and labels, half each",
        "temperature-1": "soft labels, T = 1",
        "temperature-4": "soft labels, T = 4",
    }
    lines = []
    for conv in sorted({row["conv_layers"] for row in rows}):
        cells = {row["objective"]: row for row in rows if row["conv_layers"] == conv}
        lines.append([str(conv), *(_accuracy(cells.get(key)) for key in names)])
    return [
        f"{details['title']}, students of {rows[0]['params']:,} weights, the same views, the usual hyper-parameters",
        f"for all. {_seeds(details['seeds'])}",
        "",
        markdown_table(["convolutional layers", *names.values()], lines),
        "",
        objectives_answer(rows),
    ]


def _workers(details: Mapping[str, Any]) -> list[str]:
    one, two, killed = (duration(details[key]) for key in ("one_worker", "two_workers", "killed"))
    return [
        f"{details['members']} members on the digits, each with one thread, median of {details['turns']} turns:",
        f"{one} with one worker, {two} with two, {details['speedup']:.2f} times as fast. With a worker killed halfway",
        f"{killed}, {details['kill_cost']:.1f} s more; a member takes {details['member']:.1f} s.",
    ]


def _transfer(details: Mapping[str, Any]) -> list[str]:
    rows: list[tuple[str, ...]] = [("in memory", "–", "–", "–", "–", f"{details['fit']['memory']:,.0f}", "1")]
    for store in ("seeds", "pixels"):
        found = details[store]
        figures = [found[key] for key in ("views_per_second", "peak_mb", "loaded_mb", "disk_mb")]
        fit = f"{details['fit'][store]:,.0f}"
        rows.append((store, *(f"{figure:,.0f}" for figure in figures), fit, f"{found['fit_vs_memory']:.2f}"))
    return [
        f"`python benchmarks/transfer.py`, {details['threads']} threads: {details['views']:,} views of the digits,",
        "their logits stored and the views made anew from seeds, or both stored. The peak includes what is loaded",
        "before the first view, PyTorch and Lightning.",
        "",
        markdown_table(
            ["store", "built, views/s", "peak MB", "of it loaded", "disk MB", "fit, images/s", "of in memory"], rows
        ),
    ]
