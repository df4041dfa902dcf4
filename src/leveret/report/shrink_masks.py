"""The main job's report for masks: what became of the overlap, the bytes and the time when the net was shrunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leveret.report.blocks import Block, Facts, Page, Paragraph, Section, Table, Tile
from leveret.report.confusion import confusion_blocks
from leveret.report.contender import NOISY
from leveret.report.curves import learning_curves
from leveret.report.facts import made_with
from leveret.report.mask_blocks import Shown, commands, data_blocks, figures_table, share_or_none, strips
from leveret.report.mask_contender import MaskContender, mask_table
from leveret.report.seen import seen_in_words
from leveret.report.words import count, duration, factor, points, share, size, times
from leveret.training.metrics import SegmentationEvaluation

__all__ = ["shrink_masks_page"]

_SMALL = {"binary": "binary weights, which learned from it pixel by pixel,", "int8": "weights and values of one byte"}


def shrink_masks_page(
    data: Mapping[str, Any],
    metrics: Mapping[str, Any],
    contenders: Sequence[MaskContender],
    before: SegmentationEvaluation,
    after: SegmentationEvaluation,
    shown: Sequence[Shown],
) -> Page:
    """The page, ready to render.

    Args:
        data: `SegmentationData.as_dict()`, without paths of the machine.
        metrics: the content of `metrics.json`.
        contenders: the teacher first, the packed student last.
        before, after: these two on the test part.
        shown: some test images with what the packed student says, worst and best ones.
    """
    curves = {name: found["history"] for name, found in metrics["training"].items()}
    colors = [tuple(color) for color in data["colors"]]
    sections = [
        Section(
            "Comparison", tuple(_comparison(metrics, contenders)), "Same test images, same threads, timed in turns."
        ),
        Section("Use the model", (commands(),)),
        Section(
            "Classes", (_classes(data, before, after),), "Intersection over union of each class, on the test part."
        ),
        Section("Worst and best", tuple(strips(data, colors, shown)), "Test images by the packed net's own mIoU."),
        Section("Learning curves", tuple(learning_curves(curves))),
        Section("Mistakes", tuple(confusion_blocks(after, "pixels")), "Of the packed net, on the test images."),
        Section("Figures", (figures_table(metrics["test"]),), "Of the packed net, on the test images."),
        Section("Data", tuple(data_blocks(data))),
        Section("How it was made", tuple(_made(metrics, data))),
    ]
    return Page(
        title=f"A small net for the masks of {metrics['data']['name']}",
        lead=_lead(metrics, contenders, after),
        tiles=tuple(_tiles(metrics, contenders)),
        sections=tuple(section for section in sections if section.blocks),
        footer=f"Made by Leveret {metrics['environment'].get('leveret', '')}".strip(),
    )


def _lead(metrics: Mapping[str, Any], contenders: Sequence[MaskContender], after: SegmentationEvaluation) -> str:
    first, last = contenders[0], contenders[-1]
    small = _SMALL[metrics["recipe"]["method"]]
    return (
        f"A {metrics['recipe']['net']} with real weights learned {count(len(after.classes), 'class', 'classes')} of "
        f"pixels from {count(metrics['data']['train_images'], 'image', 'images')}; a net with {small} was packed "
        f"into a file of {size(last.bytes)}. On {count(last.images, 'test image', 'test images')} the packed net's "
        f"masks and the true ones overlap by {share(last.miou)} of their union, on average over the classes; the real "
        f"net's by {share(first.miou)}."
    )


def _tiles(metrics: Mapping[str, Any], contenders: Sequence[MaskContender]) -> list[Tile]:
    first, last = contenders[0], contenders[-1]
    _, _, high = metrics["image_change"]
    batches = last.images_per_second / first.images_per_second
    speed = (
        f"{first.ms_per_image:.3g} → {last.ms_per_image:.3g} ms an image, one by one; "
        f"in batches of {last.batch} {factor(batches, 'faster', 'slower')}"
    )
    smaller, faster = first.bytes / last.bytes, first.ms_per_image / last.ms_per_image
    return [
        # an image's own mIoU doesn't change by more than images differ in that
        Tile(
            share(last.miou),
            "mean IoU",
            f"{points(last.miou - first.miou)} against the real net; {share(last.pixel_accuracy)} of the pixels right",
            "good" if high >= 0 else "plain",
        ),
        Tile(factor(smaller, "smaller", "larger"), "size", f"{size(first.bytes)} → {size(last.bytes)}", _tone(smaller)),
        Tile(factor(faster, "faster", "slower"), "time", speed, _tone(faster)),
    ]


def _comparison(metrics: Mapping[str, Any], contenders: Sequence[MaskContender]) -> list[Block]:
    used = metrics["environment"].get("threads used", "")
    threads = "the same number of threads" if not used else "one thread" if used == "1" else f"{used} threads each"
    mean, low, high = metrics["image_change"]
    words = (
        "Mean IoU is intersection over union, the mean of the classes; pixels are the share of the labelled ones that "
        "is right. Time runs from pixels to maps of logits, one by one and in batches, as the median of many turns, "
        f"PyTorch in its faster memory layout, with {threads}, as suited the real net in PyTorch best. "
        "An operation is a multiply-accumulate for one image. The size is that of float32 weights, or of the packed "
        "file. The packed net names the same class as in PyTorch for "
        f"{share(metrics['agreement'])} of the test pixels. An image's own mean IoU changes by {points(mean)} on "
        f"average, {points(low)} to {points(high)} in 95 of 100 such test parts."
    )
    if metrics["binary_bytes_ratio"]:
        words += f" Its binary layers take {times(metrics['binary_bytes_ratio'])} fewer bytes than in float32."
    if metrics["timing_noise"] > NOISY:
        words += (
            f" The machine was busy meanwhile: the median turn took {times(metrics['timing_noise'])} the time of the "
            "fastest, so the fastest turn of each model was taken instead of the median."
        )
    return [mask_table(contenders, strong=len(contenders) - 1), Paragraph(words)]


def _classes(data: Mapping[str, Any], before: SegmentationEvaluation, after: SegmentationEvaluation) -> Table:
    pixels = after.confusion.sum(1)
    return Table(
        "IoU of each class, of the real net and of the packed small one",
        ("class", "real", "packed", "change", "precision", "recall", "of test pixels"),
        tuple(
            (
                name,
                share_or_none(before.iou[i]),
                share_or_none(after.iou[i]),
                _change(after.iou[i] - before.iou[i]),
                share_or_none(after.precision[i]),
                share_or_none(after.recall[i]),
                share(pixels[i] / max(pixels.sum(), 1)),
            )
            for i, name in enumerate(data["classes"])
        ),
        bars=(1, 2),
        scroll=len(pixels) > 24,
        wide=True,
    )


def _change(difference: float) -> str:
    return "–" if np.isnan(difference) else points(difference)


def _made(metrics: Mapping[str, Any], data: Mapping[str, Any]) -> list[Block]:
    trained = tuple(
        (f"{name}: {key}", value)
        for name, found in metrics["training"].items()
        if found["history"]
        for key, value in (
            ("epochs", f"{len(found['history']):,}"),
            ("time", duration(found["seconds"])),
            ("images seen", seen_in_words(found["samples_seen"], [found["history"]], data["samples"]["train"])),
        )
    )
    return [Facts("Training", trained), *made_with(metrics)]


def _tone(ratio: float) -> Any:
    return "good" if ratio >= 1 else "bad"
