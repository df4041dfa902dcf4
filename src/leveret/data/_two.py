"""`load_two`: two sources without labels, brought to one form, so that they can be held against each other."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from leveret.data._load import array_source, common_shape, decoding_bar, silent
from leveret.data._pixels import decode_all
from leveret.data._types import Skipped
from leveret.data._unlabelled import Unlabelled, read_unlabelled
from leveret.data.images import probe_image
from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning

__all__ = ["TwoSources", "load_two"]

_PROBED = 200
_KINDS = {"pixels": "image", "encoded": "image", "table": "table", "text": "text"}


@dataclass
class TwoSources:
    """Samples of A and of B in one form.

    Attributes:
        kind: "image", "table" or "text".
        values: of both: uint8 images `(n, channels, height, width)`, rows `(n, features)`, or texts as an object array.
        where: names each sample of both.
        features: names of a table's columns.
        skipped: what could not be used, of both.
        notes: what was decided.
    """

    kind: str
    values: tuple[Any, Any]
    where: tuple[list[str], list[str]]
    features: tuple[str, ...] = ()
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def load_two(
    a: str | Path,
    b: str | Path,
    *,
    most: int | None = None,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    image_column: str | None = None,
    text_column: str | None = None,
    strict: bool = False,
    seed: int = 0,
    progress: bool = False,
) -> TwoSources:
    """Read two sources; see `read_unlabelled` for what they may be.

    Args:
        a, b: of one kind.
        most: samples of each that are drawn at random, before any image is decoded.
        size: height and width that images are scaled to. Default: what most of both have, at most 128 a side.
        channels: 1 or 3. Default: 1 if every image is grey.
        image_column, text_column: names in a table.
        strict: make unreadable samples an error instead of a counted warning.
        seed: of the draw.
        progress: show a bar while decoding.

    Raises:
        LeveretDataError: a source is missing or can't be used, or the two are of different kinds.
        LeveretUsageError: an argument out of range.

    Warns:
        LeveretWarning: samples could not be read and were skipped.
    """
    sides = (size,) if isinstance(size, int) else (size or ())
    if any(not 1 <= side <= 4096 for side in sides) or channels not in (None, 1, 3):
        raise LeveretUsageError(f"size must be in 1..4096 and channels 1 or 3, got {size!r} and {channels!r}")
    columns = {"image_column": image_column, "text_column": text_column}
    found = [read_unlabelled(str(source), **columns) for source in (a, b)]
    kinds = [_KINDS[source.kind] for source in found]
    if kinds[0] != kinds[1]:
        raise LeveretDataError(f"{a} holds {kinds[0]}s and {b} {kinds[1]}s; both must be of one kind")
    notes = [f"{name}: {note}" for name, source in zip((a, b), found, strict=True) for note in source.notes]
    generator = np.random.default_rng(seed)
    for i, name in enumerate((a, b)):
        if most is not None and len(found[i]) > most:
            notes.append(f"{name}: {most:,} of {len(found[i]):,} samples were drawn at random")
            found[i] = found[i].chosen(np.sort(generator.permutation(len(found[i]))[:most]))
    skipped = [each for source in found for each in source.skipped]
    if kinds[0] == "image":
        asked = None if size is None else ((size, size) if isinstance(size, int) else tuple(size))
        values, bad = _images(found, (str(a), str(b)), asked, channels, notes, progress)
        for i, reasons in enumerate(bad):
            skipped += [Skipped(found[i].where[place], reason) for place, reason in reasons.items()]
            keep = np.setdiff1d(np.arange(len(found[i])), list(reasons)).astype(np.int64)
            values[i], found[i] = values[i][keep], found[i].chosen(keep)
    else:
        values = [_plain(source) for source in found]
    if skipped:
        listed = "; ".join(f"{each.where}: {each.reason}" for each in skipped[:3])
        more = f"; and {len(skipped) - 3} more" if len(skipped) > 3 else ""
        text = f"{len(skipped)} samples could not be used and were skipped ({listed}{more})"
        if strict:
            raise LeveretDataError(f"{text} (strict)")
        warnings.warn(LeveretWarning(text), stacklevel=2)
    features = found[0].features
    if features != found[1].features:
        if set(features) != set(found[1].features):
            raise LeveretDataError(f"{a} has the columns {', '.join(features)}, {b} {', '.join(found[1].features)}")
        values[1] = values[1][:, [found[1].features.index(name) for name in features]]
    where = found[0].where, found[1].where
    return TwoSources(kinds[0], (values[0], values[1]), where, features, skipped, notes)


def _plain(source: Unlabelled) -> Any:
    return np.array(source.items, object) if source.kind == "text" else source.items


def _images(
    found: list[Unlabelled],
    names: tuple[str, str],
    asked: tuple[int, ...] | None,
    channels: int | None,
    notes: list[str],
    progress: bool,
) -> tuple[list[Any], list[dict[int, str]]]:
    """Pixels of both in one shape, and the reasons of those that can't be decoded."""
    sizes = [_usual_size(source) for source in found]
    arrays = [source.items.shape[1:] for source in found if source.kind == "pixels"]
    shape: Any = arrays[0] if arrays else common_shape([*found[0].items, *found[1].items], asked, channels, notes)
    if asked is None and arrays and any(own[1:] != shape[1:] for own in arrays):
        raise LeveretDataError(
            f"{names[0]} holds images of {sizes[0]} pixels and {names[1]} of {sizes[1]}, which alone tells them apart; "
            "choose one size for both to look further"
        )
    if arrays:
        shape = (channels or max(own[0] for own in arrays), *(asked or shape[1:]))
    if sizes[0] != sizes[1]:
        notes.append(
            f"{names[0]} holds images of mostly {sizes[0]} pixels and {names[1]} of {sizes[1]}, which alone tells them "
            f"apart; the observer saw both at {shape[1]}x{shape[2]}"
        )
    values, bad = [], []
    for source in found:
        if source.kind == "pixels":
            _, made, reasons = array_source(source.items, shape[1:], shape[0], [])
        else:
            bar = decoding_bar if progress else silent
            made, reasons = decode_all(list(source.items), shape, "", None, bar, [])
        values.append(made.fetch(np.arange(len(source))))
        bad.append(reasons)
    return values, bad


def _usual_size(source: Unlabelled) -> str:
    """Height and width of most, as a text."""
    if source.kind == "pixels":
        return f"{source.items.shape[2]}x{source.items.shape[3]}"
    counts: Counter[tuple[int, int]] = Counter()
    for item in source.items[:: max(1, len(source) // _PROBED)]:
        try:
            counts[probe_image(item)[:2]] += 1
        except LeveretDataError:
            continue
    if not counts:
        raise LeveretDataError("none of the images can be read")
    (height, width), _ = counts.most_common(1)[0]
    return f"{height}x{width}"
