"""One model's figures in a comparison, and what two of them say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from leveret.report.words import factor, points, share, size

__all__ = ["NOISY", "Contender", "headlines"]

# the median turn over the fastest, above which a machine counts as busy
NOISY = 1.8


@dataclass(frozen=True)
class Contender:
    """Figures of one model.

    Attributes:
        key, title, what: short identifier, name, and a few words on it.
        accuracy, interval: on the test part, fractions, with the 95 % interval.
        samples: in the test part.
        loss: mean cross-entropy, in nats.
        bytes: of the weights (float32) or of the file.
        ms_per_image: at batch 1.
        images_per_second: at batch `batch`.
        macs, binary_macs: multiply-accumulates an image, on floats and on single bits.
    """

    key: str
    title: str
    what: str
    accuracy: float
    interval: tuple[float, float]
    samples: int
    loss: float
    bytes: int
    ms_per_image: float
    images_per_second: float
    batch: int
    macs: int
    binary_macs: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "interval": list(self.interval)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Contender:
        """What `as_dict` gave."""
        return cls(**{**values, "interval": tuple(values["interval"])})


def headlines(contenders: Sequence[Contender]) -> list[str]:
    """Three sentences on the last contender against the first: accuracy, bytes, time; losses are said as losses."""
    first, last = contenders[0], contenders[-1]
    change = last.accuracy - first.accuracy
    accuracy = (
        f"accuracy: {share(last.accuracy)} on {last.samples:,} test images, {points(change)} against the "
        f"{first.title}'s {share(first.accuracy)}"
    )
    return [
        accuracy,
        f"size: {factor(first.bytes / last.bytes, 'smaller', 'larger')}, {size(first.bytes)} to {size(last.bytes)}",
        f"time: {factor(first.ms_per_image / last.ms_per_image, 'faster', 'slower')} one by one "
        f"({first.ms_per_image:.3g} to {last.ms_per_image:.3g} ms an image), "
        f"{factor(last.images_per_second / first.images_per_second, 'faster', 'slower')} in batches of {last.batch}",
    ]
