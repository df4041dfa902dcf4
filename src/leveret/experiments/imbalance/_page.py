"""The page, rendered from the JSON file alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from leveret.experiments._results import Figure, figures_table, markdown_table, part_heading, wrapped
from leveret.experiments.imbalance._plot import MINING_PICTURE, TAILS_PICTURE

__all__ = ["beating_plain", "page"]

_Row = Mapping[str, Any]

_FIGURES = {
    "elpv_best_pr_auc": Figure("elpv, best method's area under precision and recall", "", None, "{:.4f}"),
    "elpv_imblearn_best_pr_auc": Figure("elpv, imbalanced-learn's best on the same features", "", None, "{:.4f}"),
    "elpv_plain_pr_auc": Figure("elpv, plain training", "", None, "{:.4f}"),
    "elpv_above_imblearn": Figure("elpv, best method over imbalanced-learn's", "above 0", lambda v: v > 0, "{:+.4f}"),
    "elpv_beating_plain": Figure(
        "elpv, methods that beat plain training beyond the seeds' spread", "at least 3", lambda v: v >= 3, "{}"
    ),
    "sampler_speedup": Figure(
        "FrequencySampler against WeightedRandomSampler, 10,000,000 indices, an epoch", "at least 10",
        lambda v: v >= 10, "{:.1f}x",
    ),
    "sampler_memory_ratio": Figure("the same, memory", "at most 0.1", lambda v: v <= 0.1, "{:.3f}"),
    "billion_mb": Figure("1,000,000,000 indices, MB beyond the labels", "under 200", lambda v: v < 200, "{:.0f}"),
}  # fmt: skip


def page(values: Mapping[str, Any]) -> str:
    """Markdown."""
    rows = values.get("rows", [])
    shown = dict(values)
    if "elpv_best_pr_auc" in values:
        shown["elpv_above_imblearn"] = values["elpv_best_pr_auc"] - values["elpv_imblearn_best_pr_auc"]
        shown["elpv_beating_plain"] = len(beating_plain([row for row in rows if row["dataset"] == "elpv"]))
    text = [
        "# When a class is rare, measured",
        "",
        wrapped(
            "Rendered from `imbalance.json`, which the commands below wrote. Every method of "
            "`leveret.balance.catalogue` trains the same net with the same budget of samples seen; methods that "
            "begin with the plainly trained net have its training besides, and members of ensembles the budget's "
            "epochs each. Figures are of the test part. A method beats plain training “beyond the spread” where its "
            "mean gain over the plain net of the same seed is larger than the standard deviation of those gains over "
            "the seeds."
        ),
        "",
        figures_table(_FIGURES, shown),
    ]
    for part, details in values.get("parts", {}).items():
        text += part_heading(part, details)
        if part == "elpv":
            text += _elpv(details, [row for row in rows if row["dataset"] == "elpv"])
        elif part == "mining":
            text += _mining(details)
        elif part == "sampler":
            text += _sampler(details)
        else:
            text += _tails(part, details, rows)
    return "\n".join(text) + "\n"


def beating_plain(rows: Sequence[_Row], figures: Sequence[str] = ("pr_auc", "balanced_accuracy")) -> list[str]:
    """Methods whose mean gain over plain training exceeds its spread, in any of the figures."""
    return [
        row["method"]
        for row in rows
        if row["method"] != "plain"
        and any(row[f"{figure}_gain"] > max(row[f"{figure}_gain_spread"], 0) for figure in figures)
    ]


def _elpv(details: Mapping[str, Any], rows: Sequence[_Row]) -> list[str]:
    names = ("pr_auc", "roc_auc", "balanced_accuracy", "recall_at_90")
    low, high = sorted(details["counts"])
    ranked = sorted(rows, key=lambda row: (row["method"] != "plain", -row["pr_auc"]))
    by_area, by_balance = (beating_plain(rows, [name]) for name in ("pr_auc", "balanced_accuracy"))
    return [
        wrapped(
            f"Solar cells at {details['side']} x {details['side']} pixels, {low:,} defective (probability 2/3 and "
            f"more) and {high:,} functional ones to train on, {details['test_samples']:,} to test; equal images "
            f"stand in one part. {details['epochs']} epochs. Mean ± standard deviation of {details['seeds']} seeds, "
            "each with a split of its own; “gain” is the mean difference from plain training on the same seed, ± its "
            f"deviation. A majority vote has {details['majority_accuracy']:.1%} accuracy."
        ),
        "",
        markdown_table(
            [
                "method",
                "PR area",
                "gain",
                "ROC area",
                "balanced accuracy",
                "gain",
                "recall at 90 % precision",
                "seconds",
            ],
            [
                (
                    row["title"],
                    _value(row, "pr_auc"),
                    _gain(row, "pr_auc"),
                    _value(row, "roc_auc"),
                    _value(row, "balanced_accuracy"),
                    _gain(row, "balanced_accuracy"),
                    _value(row, "recall_at_90"),
                    f"{row['seconds']:.0f}",
                )
                for row in ranked
            ],
        ),
        "",
        wrapped(
            f"Beyond the spread, plain training is beaten in PR area by {_listed(by_area)}; in balanced accuracy by "
            f"{_listed(by_balance)}."
        ),
        "",
        "### imbalanced-learn on the same features",
        "",
        "What enters the plain net's last layer, standardised, resampled by imbalanced-learn with its defaults, then",
        "a logistic regression whose strength is the best on the validation part.",
        "",
        markdown_table(
            ["sampler", "PR area", "ROC area", "balanced accuracy"],
            [(row["method"], *(_value(row, name) for name in names[:3])) for row in details["imbalanced_learn"]],
        ),
    ]


def _tails(part: str, details: Mapping[str, Any], rows: Sequence[_Row]) -> list[str]:
    text = [
        wrapped(
            f"{details['title']}, a ConvNet of {details['parameters']:,} weights, {details['epochs']} epochs, "
            f"{_of_seeds(details['seeds'])}. Many, medium and few: the mean recall of the classes "
            "with more than 100, 20 to 100 and fewer than 20 training images, or of thirds of the classes where "
            "there are no such groups. The test part is even, so that accuracy is balanced accuracy, too."
        ),
        "",
        f"![Accuracy on frequent and rare classes]({TAILS_PICTURE.format(part)})",
    ]
    for ratio, counts in details["counts"].items():
        found = [row for row in rows if row["dataset"] == f"{part}-{ratio}"]
        ranked = sorted(found, key=lambda row: (row["method"] != "plain", -row["accuracy"]))
        text += [
            "",
            f"### 1:{ratio}",
            "",
            f"{max(counts):,} to {min(counts):,} training images a class.",
            "",
            markdown_table(
                ["method", "accuracy", "gain", "many", "medium", "few", "PR area", "seconds"],
                [
                    (
                        row["title"],
                        _value(row, "accuracy"),
                        _gain(row, "accuracy"),
                        *(_value(row, name) for name in ("many", "medium", "few", "pr_auc")),
                        f"{row['seconds']:.0f}",
                    )
                    for row in ranked
                ],
            ),
            "",
            *_beaten(found, details["seeds"]),
        ]
    return text


def _of_seeds(seeds: int) -> str:
    return f"mean ± standard deviation of {seeds} seeds" if seeds > 1 else "one seed"


def _beaten(rows: Sequence[_Row], seeds: int) -> list[str]:
    if seeds < 2:
        return ["One seed has no spread."]
    return [wrapped(f"Beyond the spread, plain training is beaten by {_listed(beating_plain(rows, ['accuracy']))}.")]


def _mining(details: Mapping[str, Any]) -> list[str]:
    names = {"plain": "plain training", "unguarded": "mining alone", "guarded": "mining, guarded"}
    lines = []
    for key, name in names.items():
        run = details["runs"][key]
        last = run["history"][-1]
        least = min(row["val_loss"] for row in run["history"])
        said = run.get("diagnosis", {})
        lines.append(
            (
                name,
                f"{last['train_accuracy']:.2%}",
                f"{last['val_accuracy']:.2%}",
                f"{last['val_loss']:.3f}",
                f"{least:.3f}",
                f"{said['insistence']:.2f}" if said else "–",
                f"{run['wrong_of_picked']:.0%}" if said else "–",
                ("yes: " if said["overfits"] else "no: ") + said["why"] if said else "–",
            )
        )
    return [
        wrapped(
            f"{details['what']}. {details['epochs']} epochs. Mining takes the hardest {details['top']:.0%} of each "
            "batch; the guard is a half share of plain loss, and three epochs of nothing else first. Curves on the "
            "test part, whose labels are right and which no epoch was chosen by."
        ),
        "",
        f"![Training and test curves with and without the guard]({MINING_PICTURE})",
        "",
        markdown_table(
            [
                "",
                "training accuracy",
                "test accuracy",
                "test loss",
                "its least",
                "insistence",
                "wrong of the 20 most picked",
                "over-fits",
            ],
            lines,
        ),
    ]


def _sampler(details: Mapping[str, Any]) -> list[str]:
    names = {"frequency": "FrequencySampler", "weighted": "WeightedRandomSampler"}
    lines = [
        _cost(name, details["size"], details["size"], way, details[key][way])
        for way in ("index", "batch")
        for key, name in names.items()
    ]
    if "billion" in details:
        lines.append(_cost("FrequencySampler", details["large"], details["draws"], "batch", details["billion"]))
    return [
        wrapped(
            f"`python benchmarks/sampler.py`: {details['classes']} classes in a long tail of 1:100, labels of a byte "
            "each, one thread, each in a process of its own; seconds are the processor's, memory is the peak of what "
            "is private to the process beyond the labels. A billion labels stand in a memory map."
        ),
        "",
        markdown_table(["sampler", "labels", "draws", "taken by", "made, s", "epoch, s", "ns a draw", "MB"], lines),
        "",
        wrapped(
            f"An epoch's draws one by one take WeightedRandomSampler {details['speedup_by_index']:.1f} times as "
            f"long, by whole batches {details['speedup_by_batch']:.1f} times; memory is "
            f"{details['memory_ratio_by_index']:.1%} and {details['memory_ratio_by_batch']:.1%} of its."
        ),
    ]


def _cost(name: str, labels: int, draws: int, way: str, found: Mapping[str, float]) -> tuple[str, ...]:
    each = 1e9 * found["epoch"] / draws
    return (
        name,
        f"{labels / 1e6:,g} M",
        f"{draws / 1e6:,g} M",
        way,
        f"{found['made']:.2f}",
        f"{found['epoch']:.2f}",
        f"{each:,.0f}",
        f"{found['mb']:,.1f}",
    )


def _value(row: _Row, key: str) -> str:
    value = row.get(key, math.nan)
    if math.isnan(value):
        return "–"
    spread = row.get(f"{key}_spread", 0.0)
    if key.endswith("auc"):
        return f"{value:.3f}" + (f" ± {spread:.3f}" if spread else "")
    return f"{value:.1%}" + (f" ± {100 * spread:.1f}" if spread else "")


def _gain(row: _Row, key: str) -> str:
    if row["method"] == "plain":
        return ""
    gain, spread = row[f"{key}_gain"], row[f"{key}_gain_spread"]
    scale, digits = (1, 3) if key.endswith("auc") else (100, 1)
    text = f"{scale * gain:+.{digits}f}" + (f" ± {scale * spread:.{digits}f}" if spread else "")
    return text.replace("-", "−")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "none"
