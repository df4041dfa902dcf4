"""By what a transfer set knows its teachers, its data and its augmentation again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

__all__ = ["of_augment", "of_data", "of_samples", "of_teachers"]

_SAMPLED = 64
# of the keys, the draws and what `Augment.views` does with them: another number refuses older seeds
_VIEWS_VERSION = 1


def of_teachers(teachers: Sequence[nn.Module]) -> dict[str, Any]:
    """Their number, and the SHA-256 of how they are built and of all parameters and buffers, bit by bit."""
    found = hashlib.sha256()
    for teacher in teachers:
        # an ensemble's weights, a layer's links and strides stand in no parameter
        found.update(f"{teacher!r}\n".encode())
        for name, value in (*teacher.named_parameters(), *teacher.named_buffers()):
            found.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
            found.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return {"number": len(teachers), "sha256": found.hexdigest()}


def of_data(data: Any) -> dict[str, Any]:
    """Classes, image shape and number of samples as they are; labels, normalisation and some pixels as a SHA-256."""
    normalization = [[float(value) for value in row] for row in (data.normalization.mean, data.normalization.std)]
    found = hashlib.sha256(repr(normalization).encode())
    found.update(np.ascontiguousarray(data.train.labels, dtype="<i8").tobytes())
    return {
        "classes": list(data.classes),
        "image_shape": list(data.image_shape),
        "samples": len(data.train),
        "sha256": _with_pixels(found, data.train),
    }


def of_samples(samples: Any, labels: Any = None) -> dict[str, Any] | None:
    """Number, and some pixels as a SHA-256, with all labels where there are any; None for no sample."""
    if samples is None or len(samples) == 0:
        return None
    found = hashlib.sha256(b"" if labels is None else np.ascontiguousarray(labels, dtype="<i8").tobytes())
    return {"samples": len(samples), "sha256": _with_pixels(found, samples)}


def of_augment(augment: Any, by_keys: bool) -> dict[str, Any] | None:
    """Name and, where it has `as_dict()`, settings; None for no augmentation."""
    if augment is None:
        return None
    named = augment if hasattr(augment, "__qualname__") else type(augment)
    found: dict[str, Any] = {"name": f"{named.__module__}.{named.__qualname__}"}
    if hasattr(augment, "as_dict"):
        found["settings"] = augment.as_dict()
    if by_keys:
        found["views"] = _VIEWS_VERSION
    return found


def _with_pixels(found: Any, samples: Any) -> str:
    places: Iterable[Any] = np.unique(np.linspace(0, len(samples) - 1, _SAMPLED).astype(np.int64))
    found.update(np.ascontiguousarray(samples.fetch(places)).tobytes())
    return found.hexdigest()
