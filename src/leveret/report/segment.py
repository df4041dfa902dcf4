"""The report of a segmentation: how good the masks are, class by class, and what the worst and the best look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leveret.report.blocks import Block, Facts, Page, Paragraph, Section, Tile
from leveret.report.confusion import confusion_blocks
from leveret.report.curves import learning_curves
from leveret.report.facts import came_up, made_with
from leveret.report.mask_blocks import Shown, classes_table, commands, data_blocks, figures_table, strips
from leveret.report.seen import seen_fact
from leveret.report.words import count, duration, share, size
from leveret.training.metrics import SegmentationEvaluation

__all__ = ["Shown", "segment_page"]


def segment_page(
    data: Mapping[str, Any], metrics: Mapping[str, Any], test: SegmentationEvaluation, shown: Sequence[Shown]
) -> Page:
    """The page, ready to render.

    Args:
        data: `SegmentationData.as_dict()`, without paths of the machine.
        metrics: the content of `metrics.json`.
        test: the net on that part.
        shown: some test images, worst and best ones.
    """
    colors = [tuple(color) for color in data["colors"]]
    sections = [
        Section("Classes", (classes_table(data, test),), "Intersection over union of each class, on the test part."),
        Section("Worst and best", tuple(strips(data, colors, shown)), "Test images by their own mIoU."),
        Section("Use the model", (commands(),) if metrics["packed"] else ()),
        Section("Learning", tuple(learning_curves({metrics["recipe"]["net"]: metrics["result"]["history"]}))),
        Section("Mistakes", tuple(confusion_blocks(test, "pixels")), "On the test part."),
        Section("Figures", (figures_table(metrics["test"]),), "On the test part."),
        Section("Data", tuple(data_blocks(data))),
        Section("How it was made", tuple(_made(metrics, data))),
    ]
    return Page(
        title=f"Masks learned from {metrics['data']['name']}",
        lead=_lead(metrics, test),
        tiles=tuple(_tiles(metrics, test)),
        sections=tuple(section for section in sections if section.blocks),
        footer=f"Made by Leveret {metrics['environment'].get('leveret', '')}".strip(),
    )


def _lead(metrics: Mapping[str, Any], test: SegmentationEvaluation) -> str:
    known = np.flatnonzero(~np.isnan(test.iou))
    lead = (
        f"A {metrics['recipe']['net']} that gives each pixel one of {count(len(test.classes), 'class', 'classes')}. On "
        f"{count(len(test.image_iou), 'test image', 'test images')} its masks and the true ones overlap by "
        f"{share(test.miou)} of their union, on average over the classes"
    )
    if len(known) < 2:
        return f"{lead}."
    best, worst = (test.classes[known[int(pick(test.iou[known]))]] for pick in (np.argmax, np.argmin))
    return f"{lead}: most for {best}, least for {worst}."


def _tiles(metrics: Mapping[str, Any], test: SegmentationEvaluation) -> list[Tile]:
    result = metrics["result"]
    tiles = [
        Tile(share(test.miou), "mean IoU", "intersection over union, the mean of the classes"),
        Tile(
            share(test.pixel_accuracy), "pixel accuracy", f"{share(test.mean_class_accuracy)} of each class, on average"
        ),
    ]
    if result["bytes"]:
        tiles.append(Tile(size(result["bytes"]), "model.lvr", f"{result['parameters']:,} weights"))
    return tiles


def _made(metrics: Mapping[str, Any], data: Mapping[str, Any]) -> list[Block]:
    result = metrics["result"]
    facts = (
        ("epochs", f"{result['epochs']:,}"),
        seen_fact(result, data["samples"]["train"], "images seen"),
        ("best epoch", str(result["best_epoch"])),
        ("time", duration(result["seconds"])),
    )
    blocks: list[Block] = [Facts("Training", facts), *came_up(result)]
    if metrics["data"]["test_images"] < 50:
        few = count(metrics["data"]["test_images"], "test image", "test images")
        blocks.append(Paragraph(f"With {few} small differences may be chance."))
    return [*blocks, *made_with(metrics)]
