"""The report of one training: how good the net is, on rare classes too, and how it came to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leveret.metrics import Evaluation
from leveret.report.blocks import Block, Commands, Facts, Page, Paragraph, Section, Table, Tile
from leveret.report.capacity import capacity_blocks, capacity_tile
from leveret.report.confusion import confusion_blocks
from leveret.report.curves import learning_curves
from leveret.report.explanation import Explanation
from leveret.report.facts import came_up, data_blocks, flat, made_with
from leveret.report.figure_names import COLUMNS
from leveret.report.rules import rule_blocks, rule_tile
from leveret.report.samples import Sample, galleries
from leveret.report.seen import seen_fact
from leveret.report.skew import skew_blocks
from leveret.report.tables import per_class_table
from leveret.report.texts import WrongText, wrong_texts
from leveret.report.words import count, duration, points, share, size

__all__ = ["fit_page"]

_SKEWED = 1.5
_LISTED = (
    ("leveret inspect model.lvr", "list the layers, their bytes and operations"),
    ("leveret bench model.lvr", "time it on this machine"),
)


def fit_page(
    data: Mapping[str, Any],
    metrics: Mapping[str, Any],
    test: Evaluation,
    validation: Evaluation | None,
    samples: Sequence[Sample],
    looks: Sequence[Explanation] = (),
    mistakes: Sequence[WrongText] = (),
) -> Page:
    """The page, ready to render.

    Args:
        data: `Data.as_dict()`, without paths of the machine.
        metrics: the content of `metrics.json`.
        test, validation: the net on those parts.
        samples: some test images, right and wrong ones.
        looks: of a dynamic capacity net: test images with where it looked closer.
        mistakes: of texts: those that got a wrong class, the surest first.
    """
    unit = "texts" if metrics["data"]["kind"] == "text" else "images"
    sections = [
        # of skewed classes the next section has them all, with intervals
        Section("Figures", () if _skewed(metrics) else tuple(_figures(metrics)), "On the test part."),
        Section("Rare and frequent classes", tuple(_skew(metrics, test, validation))),
        Section(
            "The closer look",
            tuple(capacity_blocks(metrics["capacity"], looks)) if "capacity" in metrics else (),
            "Coarse layers see the whole image; fine ones only the patches on which the answer depends most.",
        ),
        Section(
            "Rules",
            tuple(rule_blocks(metrics["rules"])) if "rules" in metrics else (),
            "The net learned from labels and from a teacher: itself, made to heed the rules. On the test part.",
        ),
        Section("Use the model", tuple(_commands(metrics))),
        Section("Learning", tuple(learning_curves({metrics["method"]["title"]: metrics["result"]["history"]}))),
        Section("Sample predictions", tuple(galleries(samples)) if samples else ()),
        Section(
            "Worst mistakes",
            tuple(wrong_texts(mistakes)),
            "Test texts; a word counts by how much less likely the answer is without it.",
        ),
        Section("Mistakes", tuple(confusion_blocks(test, unit)), "On the test part."),
        Section("Classes", (per_class_table(test, unit),)),
        Section("Data", tuple(data_blocks(data))),
        Section("How it was made", tuple(_made(metrics))),
    ]
    return Page(
        title=f"A net trained on {metrics['data']['name']}",
        lead=_lead(metrics),
        tiles=tuple(_tiles(metrics, test)),
        sections=tuple(section for section in sections if section.blocks),
        footer=f"Made by Leveret {metrics['environment'].get('leveret', '')}".strip(),
    )


def _skewed(metrics: Mapping[str, Any]) -> bool:
    return bool(metrics["data"]["ratio"] > _SKEWED)


def _lead(metrics: Mapping[str, Any]) -> str:
    figures, samples = metrics["figures"], metrics["data"]["test_samples"]
    tested = count(samples, "test sample", "test samples")
    how = metrics["method"]["title"] + (" with rules" if "rules" in metrics else "")
    since = f", chosen since {metrics['chosen_since']}" if metrics["chosen_since"] else ""
    if not _skewed(metrics):
        return f"Trained by {how}{since}. Of {tested} it is right for {share(figures['accuracy'])}."
    return (
        f"Trained by {how}{since}. Of {tested} it finds {share(figures['balanced_accuracy'])} of each class on "
        f"average; it is right for {share(figures['accuracy'])} of all, where a majority vote would be right for "
        f"{share(figures['majority_accuracy'])} without having learned anything."
    )


def _tiles(metrics: Mapping[str, Any], test: Evaluation) -> list[Tile]:
    figures, result = metrics["figures"], metrics["result"]
    low, high = test.interval
    accuracy = Tile(share(figures["accuracy"]), "accuracy", f"95 % interval {100 * low:.1f} – {100 * high:.1f} %")
    tiles = [accuracy]
    if _skewed(metrics):
        above = figures["accuracy"] - figures["majority_accuracy"]
        tiles = [
            Tile(share(figures["balanced_accuracy"]), "balanced accuracy", "the mean recall of all classes"),
            Tile(f"{figures['pr_auc']:.3f}", "area under precision and recall", "1 is perfect"),
            Tile(share(figures["accuracy"]), "accuracy", f"{points(above)} against a majority vote"),
        ]
    if "capacity" in metrics:
        tiles.append(capacity_tile(metrics["capacity"]))
    if "rules" in metrics:
        tiles.append(rule_tile(metrics["rules"]))
    if result["bytes"]:
        tiles.append(Tile(size(result["bytes"]), "model.lvr", f"{result['parameters']:,} weights"))
    return tiles


def _figures(metrics: Mapping[str, Any]) -> list[Block]:
    figures = metrics["figures"]
    rows = tuple(
        (column.title, column.form(figures[column.key]), column.what) for column in COLUMNS if column.key in figures
    )
    blocks: list[Block] = [Table("Figures", ("figure", "value", "what it is"), rows, text=(2,))]
    if metrics["data"]["test_samples"] < 1000:
        said = f"With {metrics['data']['test_samples']:,} test samples small differences may be chance."
        blocks.append(Paragraph(said))
    return blocks


def _skew(metrics: Mapping[str, Any], test: Evaluation, validation: Evaluation | None) -> list[Block]:
    if not _skewed(metrics):
        return []
    from leveret.training.metrics import choose_threshold, measure

    counts = metrics["data"]["train_counts"]
    rare = int(counts[1] <= counts[0]) if len(counts) == 2 else None
    threshold = None
    if rare is not None and validation is not None and len(set(validation.labels.tolist())) == 2:
        threshold = choose_threshold(validation, positive=rare)
    return list(skew_blocks(test, measure(test, train_counts=np.asarray(counts), positive=rare), threshold))


def _commands(metrics: Mapping[str, Any]) -> list[Block]:
    lines: tuple[tuple[str, str], ...] = ()
    carried = metrics.get("rules", {}).get("packs")
    if metrics["packed"] and metrics["data"]["kind"] == "text":
        lines = (
            ("leveret predict model.lvr texts.txt", "say the class of each line; also of .csv, .jsonl and .parquet"),
            *((("leveret predict model.lvr new.txt --heed", "the same with the rules"),) if carried else ()),
            *_LISTED,
        )
        return [Commands(lines)]
    if metrics["packed"]:
        lines = (
            ("leveret predict model.lvr photo.png", "say the class of an image, a folder of images or an array file"),
            *((("leveret predict model.lvr photo.png --facts new.csv", "by rules, too"),) if carried else ()),
            *_LISTED,
        )
    if metrics["packed"] or "capacity" in metrics:
        lines += (("leveret explain . photo.png -o where.png", "draw where it looked, from this folder"),)
    return [Commands(lines)] if lines else []


def _made(metrics: Mapping[str, Any]) -> list[Block]:
    result, method = metrics["result"], metrics["method"]
    facts = (
        ("method", f"{method['title']} ({method['key']}): {method['what']}"),
        ("source", method["paper"]),
        ("set to", ", ".join(f"{name} {value}" for name, value in flat(metrics["options"])) or "–"),
        ("epochs", f"{result['epochs']:,}"),
        seen_fact(result, sum(metrics["data"]["train_counts"])),
        ("time", duration(result["seconds"])),
    )
    blocks: list[Block] = [Facts("Training", facts), *came_up(result)]
    return [*blocks, *made_with(metrics)]
