"""What tells one loaded source from another, so that work kept for one isn't taken for the other's."""

from __future__ import annotations

from typing import Any

__all__ = ["data_identity"]


def data_identity(data: Any) -> dict[str, Any]:
    """What a resumed run must have in common, as plain values; the source may have moved."""
    return {
        "classes": list(data.classes),
        "image_shape": list(data.image_shape),
        "samples": {name: len(getattr(data, name)) for name in ("train", "val", "test")},
        # sums over many pixels may differ in their last digits from one machine to the next
        "mean": [round(value, 5) for value in data.normalization.mean],
        "std": [round(value, 5) for value in data.normalization.std],
    }
