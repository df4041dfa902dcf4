"""`load_segmentation`: from images with masks to `SegmentationData`."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.data._load import decoding_bar, skipped_text
from leveret.data._pixels import cache_folder
from leveret.data._split import check_fractions, hold_out
from leveret.data._types import LoadReport, Normalization, Skipped
from leveret.data.images import probe_image
from leveret.data.segmentation._classes import Entry, classes_file, read_classes
from leveret.data.segmentation._data import SegmentationData
from leveret.data.segmentation._masks import MOST_CLASSES, MaskReader
from leveret.data.segmentation._pairs import Pairs, RawPairs, is_segmentation, read_pair_folder, read_pair_tables
from leveret.data.segmentation._palette import default_palette
from leveret.data.segmentation._scan import Scan, no_bar, scan
from leveret.data.segmentation._split import PairSource, SegmentationSplit
from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning

__all__ = ["load_segmentation"]

_LARGEST_DEFAULT = 512
_PROBED = 500


def load_segmentation(
    source: str | Path,
    *,
    seed: int = 0,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    val_fraction: float = 0.1,
    test_fraction: float = 0.2,
    image_column: str | None = None,
    mask_column: str | None = None,
    classes: str | Path | Sequence[Any] | None = None,
    ignore_index: int | None = 255,
    strict: bool = False,
    cache: str | Path | bool | None = None,
    progress: bool = False,
    in_memory: bool = False,
) -> SegmentationData:
    """Load images with masks, split, and ready to train on.

    Every pair is decoded once, to find what can't be used and how often classes occur; the outcome is cached. Pixels
    are not kept unless `in_memory` says so: batches are decoded as they are fetched.

    Args:
        source: a folder with `images/` and `masks/`, files of equal stems, or with `train/` (`val/`, `test/`) folders
            of those two; or parquet files with an image and a mask column, one file or the common beginning of
            `…-train.parquet` and `…-test.parquet`.
        seed: of the splits.
        size: height and width, or one number for squares: all images are scaled by the one factor with which the usual
            one covers it. Default: 1, or less where the longer side would exceed 512 pixels.
        channels: 1 or 3. Default: 1 if every image is grey.
        val_fraction, test_fraction: shares held out for the parts that the source lacks.
        image_column, mask_column: names in a table. Default: the usual ones.
        classes: names in the order of the masks' values, or a file with names and colours, see `read_classes`. Default:
            `classes.txt` or `classes.json` in the source's folder; else the numbers.
        ignore_index: a value of masks (in colour: the grey of that value) whose pixels have no label; None for none.
        strict: make unusable samples an error instead of a counted warning.
        cache: folder for what was found; None takes `LEVERET_CACHE` or the user's cache folder, False keeps nothing.
        progress: show a bar while looking at the pairs.
        in_memory: hold each pair once it was fetched, as uint8 pixels and int16 labels, so that later epochs decode
            nothing; for small sets.

    Raises:
        LeveretDataError: the source is missing or can't be used; a mask holds a value or a colour that no class has.
        LeveretUsageError: an argument out of range.

    Warns:
        LeveretWarning: samples were skipped: an image without a mask, another size than its mask's, damaged files,
            masks without any label; `data.report` lists them.
    """
    _check(size, channels, val_fraction, test_fraction, ignore_index)
    path = Path(source)
    raw = _read(path, image_column, mask_column)
    whole, places = _joined(raw)
    report = LoadReport(found=len(whole) + len(raw.skipped), skipped=raw.skipped, notes=raw.notes)
    if not len(whole):
        raise LeveretDataError(f"{source} holds no image with a mask")
    reader = _reader(path, classes, ignore_index, report.notes)
    native, grey = _headers(whole)
    channels = channels or (1 if grey else 3)
    kept = None if cache is False else cache_folder() if cache in (None, True) else Path(str(cache))
    found = scan(
        whole.images, whole.masks, reader, channels, raw.fingerprint, kept, decoding_bar if progress else no_bar
    )
    _refuse_beyond(found, whole, reader, classes)
    reader, pixels = _named(reader, found, whole, report.notes)
    report.skipped += [Skipped(whole.where[i], reason) for i, reason in found.bad.items()]
    if strict and report.skipped:
        raise LeveretDataError(f"{source}: {skipped_text(report)} (strict)")
    gone = np.fromiter(found.bad, np.int64)
    places = {name: part[~np.isin(part, gone)] for name, part in places.items()}
    if not len(places.get("all", places.get("train", ()))):
        first = next(iter(found.bad.values()), "there is none")
        raise LeveretDataError(f"{source}: no training image can be used; the first: {first}")
    shape, scale = _shape(native, found.sizes, channels, size, report.notes)
    samples = PairSource(whole.images, whole.masks, whole.where, reader, shape, scale, in_memory)
    splits = _split(samples, places, pixels, seed, val_fraction, test_fraction, report.notes)
    _warn_of_classes(splits, reader, report)
    for text in [skipped_text(report)] * bool(report.skipped) + report.warnings:
        warnings.warn(LeveretWarning(f"{source}: {text}"), stacklevel=2)
    named = reader.classes
    return SegmentationData(
        name=path.resolve().name if path.is_dir() else path.stem,
        source=str(source),
        kind="segmentation",
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
        classes=tuple(entry.name for entry in named),
        image_shape=shape,
        normalization=_normalization(found, splits["train"].places),
        report=report,
        colors=tuple(e.color or c for e, c in zip(named, _colors(named), strict=True)),
        scale=scale,
    )


def _check(size: Any, channels: Any, val_fraction: float, test_fraction: float, ignore_index: Any) -> None:
    sides = (size,) if isinstance(size, int) else (size or ())
    if any(not isinstance(side, int) or not 1 <= side <= 16_384 for side in sides) or len(sides) > 2:
        raise LeveretUsageError(f"size must be one or two whole numbers in 1..16384, got {size!r}")
    if channels not in (None, 1, 3):
        raise LeveretUsageError(f"channels must be 1 or 3, got {channels!r}")
    if ignore_index is not None and not (isinstance(ignore_index, int) and 0 <= ignore_index <= 65_535):
        raise LeveretUsageError(f"ignore_index must be a value of masks in 0..65535, or None; got {ignore_index!r}")
    check_fractions(val_fraction, test_fraction)


def _read(path: Path, image_column: str | None, mask_column: str | None) -> RawPairs:
    if path.is_dir() and (image_column is None and mask_column is None) and not _tables_only(path):
        return read_pair_folder(path)
    return read_pair_tables(path, image_column, mask_column)


def _tables_only(path: Path) -> bool:
    return not any((path / name).is_dir() for name in ("images", "masks", "train")) and is_segmentation(path)


def _joined(raw: RawPairs) -> tuple[Pairs, dict[str, NDArray[np.int64]]]:
    """All parts one after the other, and where each part's samples stand."""
    parts = list(raw.parts.values())
    ends = np.cumsum([0, *(len(part) for part in parts)])
    places = {name: np.arange(ends[i], ends[i + 1]) for i, name in enumerate(raw.parts)}
    joined = (Chained([getattr(part, name) for part in parts]) for name in ("images", "masks", "where"))
    return Pairs(*joined), places


class Chained(Sequence[Any]):
    """Sequences one after the other, of which none is copied."""

    def __init__(self, parts: Sequence[Sequence[Any]]) -> None:
        self.parts = parts
        self.ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(index)
        part = int(np.searchsorted(self.ends, index, side="right"))
        return self.parts[part][int(index) - (int(self.ends[part - 1]) if part else 0)]


def _reader(path: Path, classes: Any, ignore_index: int | None, notes: list[str]) -> MaskReader:
    if classes is None:
        classes = classes_file(path if path.is_dir() else path.parent) if path.parent.is_dir() else None
        if classes is not None:
            notes.append(f"classes were read from {classes.name}")
    entries = () if classes is None else read_classes(classes)
    if ignore_index is not None and ignore_index < len(entries) and not entries[ignore_index].ignored:
        notes.append(f"{entries[ignore_index].name!r}, which has the value {ignore_index}, is ignored")
        entries = tuple(replace(e, ignored=True) if i == ignore_index else e for i, e in enumerate(entries))
    if len(entries) > MOST_CLASSES:
        raise LeveretDataError(f"there are {len(entries)} classes; masks can have {MOST_CLASSES}")
    return MaskReader(entries, ignore_index)


def _headers(whole: Pairs) -> tuple[Counter[tuple[int, int]], bool]:
    """How often sizes occur, and whether all images are grey, from the headers of some spread over the source."""
    sizes: Counter[tuple[int, int]] = Counter()
    grey = True
    for i in range(0, len(whole), max(1, len(whole) // _PROBED)):
        try:
            height, width, is_grey = probe_image(whole.images[i])
        except LeveretDataError:
            continue
        sizes[height, width] += 1
        grey &= is_grey
    if not sizes:
        raise LeveretDataError("none of the images can be read")
    return sizes, grey


def _refuse_beyond(found: Scan, whole: Pairs, reader: MaskReader, classes: Any) -> None:
    if not found.beyond:
        return
    place, reason = next(iter(found.beyond.items()))
    more = f" ({len(found.beyond)} masks in all)" if len(found.beyond) > 1 else ""
    raise LeveretDataError(
        f"{whole.where[place]}: {reason}{more}. Name all classes, or the value that has no label with ignore_index; it "
        f"is {reader.ignore_index} now"
    )


def _named(reader: MaskReader, found: Scan, whole: Pairs, notes: list[str]) -> tuple[MaskReader, NDArray[np.int64]]:
    """The reader with names for what the masks hold, and the pixels of each class."""
    if reader.entries:
        if not any(entry.color for entry in reader.entries):
            reader = _with_palette(reader, found, whole)
        pixels = found.pixels
    else:
        values = found.pixels.sum(0)
        top = int(np.flatnonzero(values).max(initial=0))
        entries = tuple(Entry(str(i), None, i == reader.ignore_index) for i in range(top + 1))
        reader = _with_palette(replace(reader, entries=entries), found, whole)
        pixels = found.pixels[:, [i for i in range(top + 1) if i != reader.ignore_index]]
        notes.append(f"the masks hold the values up to {top}; classes= gives them names")
    if len(reader.classes) < 2:
        hint = (
            "; masks of black and white need classes with colours: background 0 0 0, then object 255 255 255"
            if reader.ignore_index == 255
            else ""
        )
        raise LeveretDataError(f"segmentation needs at least two classes, the masks have {len(reader.classes)}{hint}")
    return reader, pixels


def _with_palette(reader: MaskReader, found: Scan, whole: Pairs) -> MaskReader:
    """With the colours of the first mask's palette, where it has one with a colour for each value."""
    first = next((i for i in range(len(whole)) if i not in found.bad), None)
    colors = () if first is None else reader.palette_of(whole.masks[first])
    number = len(reader.entries)
    if len(set(colors[:number])) < number or len(set(map(tuple, colors[:number]))) < 2:
        return reader
    entries = tuple(replace(e, color=c) for e, c in zip(reader.entries, colors, strict=False))
    return replace(reader, entries=entries)


def _colors(named: Sequence[Entry]) -> list[tuple[int, int, int]]:
    """A colour for each class that no other has."""
    own = {entry.color for entry in named if entry.color}
    spare = [color for color in default_palette(2 * len(named) + 2) if color not in own]
    return spare[: len(named)]


def _shape(
    sizes: Counter[tuple[int, int]], found: NDArray[np.int64], channels: int, size: Any, notes: list[str]
) -> tuple[tuple[int, int, int], float]:
    """Of what `fetch` gives, and by what images are scaled before."""
    (height, width), most = sizes.most_common(1)[0]
    if most <= sum(sizes.values()) // 2:
        usable = found[found[:, 0] > 0]
        height, width = (int(n) for n in np.median(usable, axis=0))
    if size is not None:
        asked = (size, size) if isinstance(size, int) else size
        scale = max(asked[0] / height, asked[1] / width)
    else:
        scale = min(1.0, _LARGEST_DEFAULT / max(height, width))
        asked = (max(1, round(height * scale)), max(1, round(width * scale)))
    if scale != 1:
        notes.append(f"images are scaled by {scale:.4g}, so that {height}x{width} covers {asked[0]}x{asked[1]}")
    if len(sizes) > 1:
        notes.append(
            f"images of {len(sizes)} sizes are cut about their centre to {asked[0]}x{asked[1]}, or continued from "
            "their border where they are smaller; training with crops sees all of them"
        )
    return (channels, asked[0], asked[1]), scale


def _split(
    samples: PairSource,
    places: dict[str, NDArray[np.int64]],
    pixels: NDArray[np.int64],
    seed: int,
    val_fraction: float,
    test_fraction: float,
    notes: list[str],
) -> dict[str, SegmentationSplit]:
    generator = np.random.default_rng(seed)
    parts = {"train" if name == "all" else name: part for name, part in places.items()}
    for name, fraction in (("test", test_fraction), ("val", val_fraction)):
        if name in parts:
            continue
        if name == "val" and "all" in places:
            # a share of all samples, as for the test part
            fraction = fraction / (1 - test_fraction)
        part = parts["train"]
        keep, held = (part[chosen] for chosen in hold_out(np.zeros(len(part), np.int64), fraction, generator))
        parts["train"], parts[name] = keep, held
        if len(held):
            notes.append(f"{len(held)} images were held out as the {name} part (seed {seed})")
    return {
        name: SegmentationSplit(name, samples, parts[name], pixels[parts[name]]) for name in ("train", "val", "test")
    }


def _warn_of_classes(splits: dict[str, SegmentationSplit], reader: MaskReader, report: LoadReport) -> None:
    names = [entry.name for entry in reader.classes]
    unseen = [name for name, count in zip(names, splits["train"].class_counts(), strict=True) if not count]
    if unseen:
        report.warnings.append(
            f"no training mask holds {', '.join(map(repr, unseen[:5]))}{', …' if len(unseen) > 5 else ''}: a net can't "
            "learn it"
        )


def _normalization(found: Scan, train: NDArray[np.int64]) -> Normalization:
    """Of the training part's pixels, as for classification; a constant channel is divided by 1."""
    count = found.sizes[train].prod(1).sum() * 255.0
    mean = found.sums[train].sum(0) / count
    std = np.sqrt(np.maximum(found.squares[train].sum(0) / (count * 255) - mean**2, 0))
    std = np.where(std < 1e-4, 1.0, std)
    return Normalization(tuple(float(m) for m in mean), tuple(float(s) for s in std))
