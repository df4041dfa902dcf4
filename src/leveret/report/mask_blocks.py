"""What every page about masks is made of: IoU of each class, strips of images with their masks, figures, the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.data.segmentation import colored
from leveret.report.blocks import Block, Commands, Facts, Gallery, Legend, Picture, Table
from leveret.report.facts import decisions
from leveret.report.pictures import data_uri
from leveret.report.words import share
from leveret.training.metrics import SegmentationEvaluation

__all__ = ["Shown", "classes_table", "commands", "data_blocks", "figures_table", "share_or_none", "strips"]

_PANEL = 320  # pixels of one picture of a strip, at most
_GAP = 6
_MANY = 24


@dataclass(frozen=True)
class Shown:
    """A test image with its labels and what the net said.

    Attributes:
        pixels: `(channels, height, width)` uint8.
        labels, said: `(height, width)`; a label below 0 is none.
        where: names it.
        iou: its own mIoU.
        worst: one of the worst rather than of the best.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[Any]
    said: NDArray[Any]
    where: str
    iou: float
    worst: bool


def classes_table(data: Mapping[str, Any], test: SegmentationEvaluation) -> Table:
    """IoU, precision and recall of each class: in the classes' order, or the worst first where there are many."""
    pixels = test.confusion.sum(1)
    order = np.arange(len(pixels))
    many = len(pixels) > _MANY
    if many:
        order = np.argsort(np.nan_to_num(test.iou, nan=2), kind="stable")
    train = np.array(data["class_counts"]["train"])
    shares = train / max(train.sum(), 1)
    return Table(
        "IoU, precision and recall of each class" + (", the worst first" if many else ""),
        ("class", "IoU", "precision", "recall", "of test pixels", "of training pixels"),
        tuple(
            (
                test.classes[i],
                *(share_or_none(values[i]) for values in (test.iou, test.precision, test.recall)),
                share(pixels[i] / max(pixels.sum(), 1)),
                share(shares[i]),
            )
            for i in order
        ),
        bars=(1,),
        scroll=many,
        wide=True,
    )


def strips(data: Mapping[str, Any], colors: Sequence[Any], shown: Sequence[Shown]) -> list[Block]:
    """The worst and the best images, each beside its true and its predicted mask, below a legend of the classes."""
    if not shown:
        return []
    ignored = any((one.labels < 0).any() for one in shown)
    items = tuple(
        (name, "#{:02x}{:02x}{:02x}".format(*color)) for name, color in zip(data["classes"], colors, strict=True)
    )
    blocks: list[Block] = [Legend(items, "no label" if ignored else "")]
    for title, worst, tone in (("The worst", True, "bad"), ("The best", False, "good")):
        pictures = tuple(_strip(one, data["classes"], colors) for one in shown if one.worst is worst)
        if pictures:
            titled = f"{title}: image, true mask, predicted mask"
            blocks.append(Gallery(titled, pictures, "bad" if tone == "bad" else "good", strips=True))
    return blocks


def _strip(one: Shown, names: Sequence[str], colors: Sequence[Any]) -> Picture:
    height, width = one.labels.shape
    times = max(1, 160 // max(height, width))
    step = -(-max(height, width) // _PANEL)
    base = np.broadcast_to(one.pixels, (3, height, width))
    said = np.where(one.labels < 0, -1, one.said.astype(np.int64))
    gap = np.full((3, height, max(1, round(_GAP * step / times))), 255, np.uint8)
    whole = np.concatenate([base, gap, colored(one.labels, colors), gap, colored(said, colors)], 2)
    whole = whole[:, ::step, ::step].repeat(times, 1).repeat(times, 2)
    known = one.labels >= 0
    wrong = known & (one.said != one.labels)
    lines = [f"{share(one.iou)} mIoU", one.where]
    if wrong.any():
        pairs = np.stack([one.labels[wrong], one.said[wrong]], 1).astype(np.int64)
        found, counts = np.unique(pairs, axis=0, return_counts=True)
        true, taken = found[counts.argmax()]
        part = counts.max() / known.sum()
        lines.append(f"mostly {names[true]} taken for {names[taken]}: {share(part)} of its pixels")
    alt = f"Test image {one.where}, its true mask and the predicted one, {share(one.iou)} mIoU"
    return Picture(data_uri(np.ascontiguousarray(whole), 3 * _PANEL + 2 * _GAP), alt, tuple(lines))


def commands() -> Commands:
    """What to do with the model."""
    return Commands(
        (
            ("leveret predict model.lvr a.jpg -o masks", "write the mask and an overlay, for images of any size"),
            ("leveret inspect model.lvr", "list the layers, their bytes and operations"),
            ("leveret bench model.lvr", "time it on this machine"),
        )
    )


def figures_table(found: Mapping[str, Any]) -> Table:
    """What the masks are worth in one number each, of `SegmentationEvaluation.as_dict()`."""
    tolerance = found["tolerance"]
    near = "a tolerance" if tolerance is None else f"{100 * tolerance:.2g} % of the diagonal"
    rows = (
        ("mean IoU", "miou", "intersection over union, the mean of the classes"),
        ("frequency-weighted IoU", "frequency_weighted_iou", "the same, classes weighted by their share of pixels"),
        ("pixel accuracy", "pixel_accuracy", "share of the labelled pixels that is right"),
        ("mean class accuracy", "mean_class_accuracy", "the mean recall of the classes"),
        ("boundary F1", "boundary_f1", f"outlines that lie within {near} of each other (Csurka et al., 2013)"),
        (
            "trimap accuracy",
            "trimap_accuracy",
            f"right pixels among those within {near} of an outline (Kohli et al., 2009)",
        ),
    )
    return Table(
        "Figures",
        ("figure", "value", "what it is"),
        tuple((title, share_or_none(found[key]), what) for title, key, what in rows),
        text=(2,),
        wide=True,
    )


def data_blocks(data: Mapping[str, Any]) -> list[Block]:
    """What was loaded, from `SegmentationData.as_dict()` without paths of the machine; each class's share of pixels."""
    channels, height, width = data["image_shape"]
    parts = data["samples"]
    skipped = data["skipped"]
    facts = (
        ("images", f"{'grey' if channels == 1 else 'colour'}, {height} x {width} pixels"),
        ("scaled by", f"{data['scale']:.4g}"),
        ("training, validation, test", f"{parts['train']:,}, {parts['val']:,}, {parts['test']:,}"),
        ("pairs found", f"{data['found']:,}"),
        ("skipped", f"{len(skipped):,}" if skipped else "none"),
    )
    rows = []
    totals = {name: max(sum(counts), 1) for name, counts in data["class_counts"].items()}
    for i, name in enumerate(data["classes"]):
        shares = (share(data["class_counts"][part][i] / totals[part]) for part in totals)
        rows.append((name, *shares, f"{data['class_images']['train'][i]:,}"))
    table = Table(
        "Share of the labelled pixels",
        ("class", *totals, "training images with it"),
        tuple(rows),
        scroll=len(rows) > 16,
    )
    return [Facts("Data", facts), *decisions(data), table]


def share_or_none(value: float | None) -> str:
    """A fraction as "97.25 %", or a dash where there is none."""
    return "–" if value is None or np.isnan(value) else share(float(value))
