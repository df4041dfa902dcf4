"""Metrics of segmentation, streaming over images: what is held is counts, never maps.

Intersection over union of class c: `tp / (tp + fp + fn)` over all pixels of all images, as in PASCAL VOC; mIoU is its
mean over the classes that occur, in the labels or in what was said. Pixels without a label (negative) count nowhere.

Along boundaries two figures say how true outlines are, which the others hardly see:

- the boundary F1 of Csurka, Larlus and Perronnin ("What is a good evaluation measure for semantic segmentation?", BMVC
  2013, section 3): for each class of an image, precision is the share of its predicted boundary within a tolerance of
  the true one, recall the share of the true one within a tolerance of the predicted; their harmonic mean, averaged over
  the image's classes, then over images. As there, the tolerance is 0.75 % of the image's diagonal;
- the trimap accuracy of Kohli, Ladický and Torr (IJCV 2009, section 6): the share of pixels that are right, of those
  within the tolerance of a true boundary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError

__all__ = ["SegmentationEvaluation", "SegmentationMeter", "iou_per_class", "mean_iou"]

Labels = NDArray[Any]


def iou_per_class(confusion: NDArray[Any]) -> NDArray[np.float64]:
    """Intersection over union of each class, `(k,)`, from counts `(k, k)` (row = true class); NaN for one that neither
    the labels nor the predictions hold."""
    both = np.diag(confusion).astype(np.float64)
    either = confusion.sum(0) + confusion.sum(1) - both
    return np.divide(both, either, out=np.full(len(both), np.nan), where=either > 0)


def mean_iou(confusion: NDArray[Any]) -> float:
    """The mean over the classes that occur; NaN without any."""
    return _mean(iou_per_class(confusion))


@dataclass(frozen=True)
class SegmentationEvaluation:
    """What maps of classes are worth.

    Attributes:
        confusion: `(k, k)` int64 pixels: row = true class, column = predicted class.
        classes: names.
        image_iou: `(n,)` mIoU of each image by itself, in order.
        boundary_f1: in 0..1; NaN where it wasn't measured, or no image has a boundary.
        trimap_accuracy: in 0..1, or NaN, alike.
        tolerance: share of the diagonal for these two.
        loss: mean cross-entropy of the labelled pixels, in nats; NaN where only classes were given.
    """

    confusion: NDArray[np.int64]
    classes: tuple[str, ...]
    image_iou: NDArray[np.float64]
    boundary_f1: float
    trimap_accuracy: float
    tolerance: float
    loss: float

    @cached_property
    def iou(self) -> NDArray[np.float64]:
        """Of each class, `(k,)`; NaN for one that doesn't occur."""
        return iou_per_class(self.confusion)

    @property
    def miou(self) -> float:
        """The mean over the classes that occur."""
        return _mean(self.iou)

    @property
    def pixel_accuracy(self) -> float:
        """Share of the labelled pixels that is right."""
        return float(np.trace(self.confusion) / max(self.confusion.sum(), 1))

    @property
    def recall(self) -> NDArray[np.float64]:
        """Per class: of its pixels, the share found; NaN for a class without pixels."""
        there = self.confusion.sum(1)
        return np.divide(np.diag(self.confusion), there, out=np.full(len(there), np.nan), where=there > 0)

    @property
    def precision(self) -> NDArray[np.float64]:
        """Per class: of the pixels said to be of it, the share that is; NaN for a class never said."""
        said = self.confusion.sum(0)
        return np.divide(np.diag(self.confusion), said, out=np.full(len(said), np.nan), where=said > 0)

    @property
    def mean_class_accuracy(self) -> float:
        """The mean recall of the classes that the labels hold."""
        return _mean(self.recall)

    @property
    def frequency_weighted_iou(self) -> float:
        """IoU weighted by each class's share of the labelled pixels (Long et al., CVPR 2015, section 5)."""
        shares = self.confusion.sum(1) / max(self.confusion.sum(), 1)
        return float(np.nansum(shares * self.iou))

    # by the names that a monitor asks for
    @property
    def accuracy(self) -> float:
        """Share of labelled pixels whose class was said: `pixel_accuracy`."""
        return self.pixel_accuracy

    def as_dict(self) -> dict[str, Any]:
        """The figures, for JSON; None for what has none."""
        figures = {
            name: _plain(getattr(self, name))
            for name in (
                "miou", "pixel_accuracy", "mean_class_accuracy", "frequency_weighted_iou", "boundary_f1",
                "trimap_accuracy", "tolerance", "loss",
            )
        }  # fmt: skip
        rows = zip(self.classes, self.iou, self.precision, self.recall, self.confusion.sum(1), strict=True)
        return {
            "images": len(self.image_iou),
            "pixels": int(self.confusion.sum()),
            **figures,
            "confusion": self.confusion.tolist(),
            "per_class": [
                {"class": name, "iou": _plain(i), "precision": _plain(p), "recall": _plain(r), "pixels": int(n)}
                for name, i, p, r, n in rows
            ],
        }


class SegmentationMeter:
    """Counts, image by image.

    Args:
        classes: names, or how many there are.
        tolerance: of the boundary's figures, as a share of the image's diagonal; at least a pixel. None measures none,
            which is quicker.

    Example:
        >>> meter = SegmentationMeter(data.classes)
        >>> for start in range(0, len(data.test), 16):
        ...     images, masks = data.test.fetch_pairs(range(start, min(start + 16, len(data.test))))
        ...     meter.update(net(images), masks)
        >>> meter.compute().miou

    Raises:
        LeveretUsageError: an argument out of range.
    """

    def __init__(self, classes: Sequence[str] | int, *, tolerance: float | None = 0.0075) -> None:
        names = tuple(map(str, range(classes))) if isinstance(classes, int) else tuple(classes)
        if len(names) < 1:
            raise LeveretUsageError("there must be at least one class")
        if tolerance is not None and not 0 < tolerance < 1:
            raise LeveretUsageError(f"tolerance must be a share of the diagonal in (0, 1), or None; got {tolerance}")
        self.classes = names
        self.tolerance = tolerance
        self.confusion = np.zeros((len(names), len(names)), np.int64)
        self._image_iou: list[float] = []
        self._boundary: list[float] = []
        self._band = np.zeros(2, np.int64)  # right, and all pixels
        self._loss = 0.0
        self._with_loss = 0

    def update(self, outputs: NDArray[Any], labels: Labels) -> None:
        """Count a batch.

        Args:
            outputs: logits `(n, k, height, width)` float, or classes `(n, height, width)` integers.
            labels: `(n, height, width)` integers; negative where a pixel has none.

        Raises:
            LeveretUsageError: shapes that don't fit, or classes beyond the known ones.
        """
        outputs, labels = np.asarray(outputs), np.asarray(labels)
        k = len(self.classes)
        logits = outputs.ndim == 4
        if (outputs.shape[0], *outputs.shape[2 if logits else 1 :]) != labels.shape or (
            logits and outputs.shape[1] != k
        ):
            raise LeveretUsageError(
                f"outputs must be logits (n, {k}, height, width) or classes (n, height, width) for labels of shape "
                f"{labels.shape}; got {outputs.shape}"
            )
        said = outputs.argmax(1) if logits else outputs
        if labels.size and (labels.max() >= k or said.max() >= k or said.min() < 0):
            raise LeveretUsageError(f"labels and classes must be below {k}; got {labels.max()} and {said.max()}")
        for i in range(len(labels)):
            self._count(said[i], labels[i])
            if logits:
                self._add_loss(outputs[i], labels[i])

    def compute(self) -> SegmentationEvaluation:
        """The figures of all that was counted so far."""
        return SegmentationEvaluation(
            confusion=self.confusion.copy(),
            classes=self.classes,
            image_iou=np.array(self._image_iou, np.float64),
            boundary_f1=_mean(np.array(self._boundary)),
            trimap_accuracy=float(self._band[0] / self._band[1]) if self._band[1] else float("nan"),
            tolerance=float("nan") if self.tolerance is None else self.tolerance,
            loss=self._loss / self._with_loss if self._with_loss else float("nan"),
        )

    def _count(self, said: Labels, labels: Labels) -> None:
        k = len(self.classes)
        known = labels >= 0
        pairs = labels[known].astype(np.int64) * k + said[known]
        counts = np.bincount(pairs, minlength=k * k).reshape(k, k)
        self.confusion += counts
        self._image_iou.append(mean_iou(counts))
        if self.tolerance is not None and known.any():
            radius = max(1, round(self.tolerance * float(np.hypot(*labels.shape))))
            self._boundary.append(boundary_f1(said, labels, radius))
            band = known & near(class_edges(labels, known), radius)
            self._band += ((said == labels)[band].sum(), band.sum())

    def _add_loss(self, logits: NDArray[Any], labels: Labels) -> None:
        rows, columns = np.nonzero(labels >= 0)
        if not len(rows):
            return
        values = logits[:, rows, columns].astype(np.float64)
        top = values.max(0)
        logsum = np.log(np.exp(values - top).sum(0)) + top
        self._loss += float((logsum - values[labels[rows, columns], np.arange(len(rows))]).sum())
        self._with_loss += len(rows)


def boundary_f1(said: Labels, labels: Labels, radius: int) -> float:
    """The boundary F1 of one image, the mean over the classes that its labels or its prediction draw a boundary of.

    Args:
        said, labels: `(height, width)`; nothing is drawn where a label is missing.
        radius: of the tolerance, in pixels.

    Returns:
        NaN where there is no boundary.
    """
    known = labels >= 0
    scores = []
    for c in np.unique(labels[known]):
        true = edges_of(labels == c, known)
        found = edges_of((said == c) & known, known)
        if not true.any() and not found.any():
            continue
        if not true.any() or not found.any():
            scores.append(0.0)
            continue
        precision = near(true, radius)[found].mean()
        recall = near(found, radius)[true].mean()
        scores.append(float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0)
    return float(np.mean(scores)) if scores else float("nan")


def edges_of(inside: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of a region with a neighbour of four that is labelled and not of it; the image's border is no edge."""
    out = ~inside & known
    found = np.zeros_like(inside)
    found[:-1] |= out[1:]
    found[1:] |= out[:-1]
    found[:, :-1] |= out[:, 1:]
    found[:, 1:] |= out[:, :-1]
    return found & inside


def class_edges(labels: Labels, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels with a neighbour of four of another class; both have labels."""
    found = np.zeros(labels.shape, bool)
    for a, b in (((slice(None, -1),), (slice(1, None),)), ((..., slice(None, -1)), (..., slice(1, None)))):
        turns = (labels[a] != labels[b]) & known[a] & known[b]
        found[a] |= turns
        found[b] |= turns
    return found


def near(pixels: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Pixels at most `radius` away from one of `pixels` `(height, width)`, by Euclid."""
    from scipy.ndimage import maximum_filter1d

    found = np.zeros_like(pixels)
    for down in range(-min(radius, len(pixels) - 1), min(radius, len(pixels) - 1) + 1):
        reach = int(np.sqrt(radius * radius - down * down))
        rows = pixels[max(0, -down) : len(pixels) - max(0, down)].view(np.uint8)
        found[max(0, down) : len(pixels) - max(0, -down)] |= maximum_filter1d(
            rows, 2 * reach + 1, axis=1, mode="constant"
        ).view(bool)
    return found


def _mean(values: NDArray[np.float64]) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
