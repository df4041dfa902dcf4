"""One model's figures in a comparison of nets for masks, and what two of them say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from leveret.report.blocks import Table
from leveret.report.words import factor, operations, points, share, size

__all__ = ["MaskContender", "mask_headlines", "mask_table"]


@dataclass(frozen=True)
class MaskContender:
    """Figures of one model.

    Attributes:
        key, title, what: short identifier, name, and a few words on it.
        miou, pixel_accuracy: on the test part, fractions.
        images: in the test part.
        bytes: of the weights (float32) or of the file.
        ms_per_image: at batch 1, from pixels to maps of logits.
        images_per_second: at batch `batch`.
        macs, binary_macs: multiply-accumulates an image, on floats or bytes, and on single bits.
    """

    key: str
    title: str
    what: str
    miou: float
    pixel_accuracy: float
    images: int
    bytes: int
    ms_per_image: float
    images_per_second: float
    batch: int
    macs: int
    binary_macs: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MaskContender:
        """What `as_dict` gave."""
        return cls(**values)


def mask_headlines(contenders: Sequence[MaskContender]) -> list[str]:
    """Three sentences on the last contender against the first: mIoU, bytes, time; losses are said as losses."""
    first, last = contenders[0], contenders[-1]
    return [
        f"mean IoU: {share(last.miou)} on {last.images:,} test images, {points(last.miou - first.miou)} against the "
        f"{first.title}'s {share(first.miou)}",
        f"size: {factor(first.bytes / last.bytes, 'smaller', 'larger')}, {size(first.bytes)} to {size(last.bytes)}",
        f"time: {factor(first.ms_per_image / last.ms_per_image, 'faster', 'slower')} one by one "
        f"({first.ms_per_image:.3g} to {last.ms_per_image:.3g} ms an image), "
        f"{factor(last.images_per_second / first.images_per_second, 'faster', 'slower')} in batches of {last.batch}",
    ]


def mask_table(contenders: Sequence[MaskContender], strong: int | None = None) -> Table:
    """A row a model; operations on bits have a column where there are any."""
    bits = any(c.binary_macs for c in contenders)
    kinds = ("float operations", "bit operations") if bits else ("operations",)
    return Table(
        "Models on the same test images",
        ("model", "mean IoU", "pixels", "size", "ms/image", f"images/s, by {contenders[0].batch}", *kinds),
        tuple(
            (
                f"{c.title}: {c.what}",
                share(c.miou),
                share(c.pixel_accuracy),
                size(c.bytes),
                f"{c.ms_per_image:.3g}",
                f"{c.images_per_second:,.0f}",
                *(operations(number) for number in (c.macs, c.binary_macs)[: len(kinds)]),
            )
            for c in contenders
        ),
        strong=strong,
        cards=True,
    )
