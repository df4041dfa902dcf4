"""`load`: from whatever a user has to `Data`."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret._extras import installed
from leveret.data._cluttered_source import cluttered_source, in_clutter
from leveret.data._digits import read_digits
from leveret.data._folder import read_folder
from leveret.data._labels import check_classes, encode_labels
from leveret.data._measure import measure
from leveret.data._npz import read_npz
from leveret.data._pixels import ArraySource, TextSource, cache_folder, decode_all
from leveret.data._raw import Part, Raw
from leveret.data._split import check_fractions, split_parts
from leveret.data._table import Columns, read_hub, read_table, table_files
from leveret.data._types import Data, LoadReport, Skipped, Source
from leveret.data.images import probe_image
from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning

__all__ = ["array_source", "common_shape", "decoding_bar", "load", "read_source", "silent", "skipped_text"]

_LARGEST_DEFAULT = 128
_PROBED = 500


def load(
    source: str | Path = "digits",
    *,
    seed: int = 0,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    val_fraction: float = 0.1,
    test_fraction: float = 0.2,
    image_column: str | None = None,
    label_column: str | None = None,
    text_column: str | None = None,
    unlabelled: bool = False,
    strict: bool = False,
    one_class: bool = False,
    cache: str | Path | bool | None = None,
    progress: bool = False,
) -> Data:
    """Load a source of labelled images, texts or rows of numbers, split, and ready to train on.

    Args:
        source: one of
            "digits" (scikit-learn's, always at hand);
            a folder with a folder of images per class, or with train/ (val/) test/ folders of those; or the same of
            .txt files;
            a `.npz` file with `x_train, y_train, x_test, y_test` or `x, y`;
            a parquet, csv, tsv or jsonl file, a folder of them, or the common prefix of `…-train.parquet` and
            `…-test.parquet`, with an image column (bytes or paths) or a text column, and a label column; where there is
            neither and all other columns hold numbers, they are the features of a table;
            "hf:NAME" or "hf:NAME:CONFIG", a dataset of the Hugging Face hub;
            "cluttered-digits", or "cluttered:SOURCE": images of any of these, laid among pieces of others on a larger
            canvas, by `seed`, made as they are fetched; see `cluttered`. The canvas is `size`.
        seed: of the splits.
        size: height and width that images are scaled to, one number for squares. Default: the size that all have, or
            the most common one, at most 128 pixels a side.
        channels: 1 or 3. Default: 1 if every image is grey.
        val_fraction: share of the training samples held out for validation, where the source has no such part.
        test_fraction: share of all samples held out for the test, where the source has no such part.
        image_column, label_column, text_column: names in a table. Default: the usual ones.
        unlabelled: keep a table's rows without a label, in the training part and with the label −100, for objectives
            that learn from such samples, too. Else they are skipped and counted.
        strict: make unreadable samples an error instead of a counted warning.
        one_class: let a source have a single class, as one may that others are joined with.
        cache: folder for decoded images; None takes `LEVERET_CACHE` or the user's cache folder, False uses none.
        progress: show a bar while decoding.

    Raises:
        LeveretDataError: the source is missing or can't be used; says what and where.
        LeveretUsageError: an argument out of range.

    Warns:
        LeveretWarning: samples were skipped, or a class is too small; `data.report` lists them.
    """
    _check_arguments(size, channels, val_fraction, test_fraction)
    if (inner := cluttered_source(str(source))) is not None:
        loaded = load(
            inner,
            seed=seed,
            channels=channels,
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            image_column=image_column,
            label_column=label_column,
            text_column=text_column,
            unlabelled=unlabelled,
            strict=strict,
            one_class=one_class,
            cache=cache,
            progress=progress,
        )
        return in_clutter(loaded, str(source), size, seed)
    raw, name = read_source(str(source), Columns(image_column, label_column, text_column, unlabelled))
    labels, classes = encode_labels(raw)
    report = LoadReport(skipped=raw.skipped, notes=raw.notes, warnings=raw.warnings)
    report.found = sum(len(part) for part in raw.parts.values()) + len(raw.skipped)
    whole, places = _joined(raw)
    shape, samples, bad = _samples(raw, whole, size, channels, cache, progress)
    report.skipped += [Skipped(whole.where[i], reason) for i, reason in bad.items()]
    if bad:
        gone = np.fromiter(bad, np.int64)
        for part in places:
            keep = ~np.isin(places[part], gone)
            places[part], labels[part] = places[part][keep], labels[part][keep]
    _only_training(places, labels, whole, report)
    labels, classes = check_classes(labels, classes, raw, one_class=one_class)
    if raw.kind == "text":
        _note_empty(whole, raw)
    if strict and report.skipped:
        raise LeveretDataError(f"{source}: {skipped_text(report)} (strict)")
    beside = {name: _column(values) for name, values in whole.columns.items()}
    fractions = val_fraction, test_fraction
    splits = split_parts(samples, places, labels, len(classes), seed, *fractions, report.notes, columns=beside)
    if report.skipped:
        warnings.warn(LeveretWarning(f"{source}: {skipped_text(report)}"), stacklevel=2)
    for text in report.warnings:
        warnings.warn(LeveretWarning(f"{source}: {text}"), stacklevel=2)
    kind: Any = raw.kind if raw.kind in ("table", "text") else "image"
    normalization = measure(splits["train"], kind)
    parts = splits["train"], splits["val"], splits["test"]
    return Data(name, str(source), kind, *parts, classes, shape, normalization, report, raw.features)


def _check_arguments(size: Any, channels: Any, val_fraction: float, test_fraction: float) -> None:
    sides = (size,) if isinstance(size, int) else (size or ())
    if any(not isinstance(side, int) or not 1 <= side <= 4096 for side in sides) or len(sides) > 2:
        raise LeveretUsageError(f"size must be one or two whole numbers in 1..4096, got {size!r}")
    if channels not in (None, 1, 3):
        raise LeveretUsageError(f"channels must be 1 or 3, got {channels!r}")
    check_fractions(val_fraction, test_fraction)


def read_source(source: str, columns: Columns) -> tuple[Raw, str]:
    """A source as it was read, and a short name for it; raises as `load`."""
    if source == "digits":
        return read_digits(), "digits"
    if source.startswith("hf:"):
        return read_hub(source[3:], columns), source[3:].split("/")[-1]
    path = Path(source)
    if path.suffix.lower() == ".npz":
        if not path.is_file():
            raise LeveretDataError(f"there is no file {path}")
        return read_npz(path), path.stem
    files = table_files(path)
    if files and not (path.is_dir() and _has_folders(path)):
        return read_table(files, columns), path.stem
    if path.is_dir():
        return read_folder(path), path.resolve().name
    if path.exists():
        raise LeveretDataError(
            f"{path} is a file of a kind that can't be loaded; known are .npz, .parquet, .csv, .tsv, .jsonl and folders"
        )
    raise LeveretDataError(
        f"there is no {path}: a source is 'digits', a folder of class folders, a .npz, .parquet, .csv or .jsonl file, "
        "hf:NAME, 'cluttered-digits' or cluttered:SOURCE"
    )


def _has_folders(path: Path) -> bool:
    return any(child.is_dir() and child.name != "data" and not child.name.startswith(".") for child in path.iterdir())


def _joined(raw: Raw) -> tuple[Part, dict[str, NDArray[np.int64]]]:
    """All parts one after the other, and where each part's samples stand."""
    parts = list(raw.parts.values())
    ends = np.cumsum([0, *(len(part) for part in parts)])
    places = {name: np.arange(ends[i], ends[i + 1]) for i, name in enumerate(raw.parts)}
    if raw.kind in ("pixels", "table"):
        items: Any = parts[0].items if len(parts) == 1 else np.concatenate([part.items for part in parts])
    else:
        items = [item for part in parts for item in part.items]
    names = dict.fromkeys(name for part in parts for name in part.columns)
    columns = {name: [v for part in parts for v in part.columns.get(name, [None] * len(part))] for name in names}
    return Part(items, np.empty(ends[-1]), [where for part in parts for where in part.where], columns), places


def _column(values: Any) -> NDArray[Any]:
    """Numbers as such, all else as objects."""
    found = np.asarray(values)
    if found.dtype.kind in "iufb":
        return found
    column = np.empty(len(values), object)
    column[:] = values
    return column


def _only_training(places: Any, labels: Any, whole: Part, report: LoadReport) -> None:
    """Samples without a label are for training alone: of other parts they are skipped."""
    for name, column in labels.items():
        known = column >= 0
        if name in ("all", "train"):
            if not known.all():
                report.notes.append(f"{int((~known).sum())} of {len(known)} samples have no label and only train")
        elif not known.all():
            report.skipped += [Skipped(whole.where[i], "no label") for i in places[name][~known]]
            places[name], labels[name] = places[name][known], column[known]


def _samples(
    raw: Raw, whole: Part, size: Any, channels: int | None, cache: Any, progress: bool
) -> tuple[tuple[int, int, int], Source, dict[int, str]]:
    if raw.kind == "text":
        return (0, 0, 0), TextSource([str(text) for text in whole.items]), {}
    if raw.kind == "table":
        return (0, 0, 0), ArraySource(np.asarray(whole.items)), {}
    asked = None if size is None else ((size, size) if isinstance(size, int) else tuple(size))
    if raw.kind == "pixels":
        pixels = np.asarray(whole.items)
        return array_source(pixels, asked, channels, raw.notes)
    shape = common_shape(whole.items, asked, channels, raw.notes)
    folder = None if cache is False else cache_folder() if cache in (None, True) else Path(cache)
    source, bad = decode_all(
        list(whole.items), shape, raw.fingerprint, folder, decoding_bar if progress else silent, raw.notes
    )
    return shape, source, bad


def _note_empty(texts: Part, raw: Raw) -> None:
    """Say how many texts have no word: they stay, and count as such."""
    empty = [i for i, text in enumerate(texts.items) if not str(text).strip()]
    if empty:
        raw.warnings.append(f"{len(empty)} texts hold no word, the first is {texts.where[empty[0]]}")


def array_source(
    pixels: NDArray[np.uint8], asked: tuple[int, ...] | None, channels: int | None, notes: list[str]
) -> tuple[tuple[int, int, int], Source, dict[int, str]]:
    """Pixels in the size and with the channels that are asked for: their shape, a source of them, and what failed."""
    own = pixels.shape[1:]
    if channels == 1 and own[0] == 3:
        luma = np.tensordot(pixels, np.array([0.299, 0.587, 0.114]), axes=(1, 0))
        pixels = luma.round().astype(np.uint8)[:, None]
    elif channels == 3 and own[0] == 1:
        pixels = np.repeat(pixels, 3, axis=1)
    if asked is not None and asked != pixels.shape[2:]:
        from PIL import Image, ImageOps

        resized = [
            np.stack(
                [
                    np.asarray(ImageOps.fit(Image.fromarray(plane), (asked[1], asked[0]), Image.Resampling.BICUBIC))
                    for plane in image
                ]
            )
            for image in pixels
        ]
        pixels = np.stack(resized)
        notes.append(f"images were scaled from {own[1]}x{own[2]} to {asked[0]}x{asked[1]}")
    shape: Any = pixels.shape[1:]
    return tuple(int(n) for n in shape), ArraySource(pixels), {}  # type: ignore[return-value]


def common_shape(
    items: Any, asked: tuple[int, ...] | None, channels: int | None, notes: list[str]
) -> tuple[int, int, int]:
    """The shape that images are brought to, from the headers of a sample of them spread over the source."""
    step = max(1, len(items) // _PROBED)
    headers = []
    for item in items[::step]:
        try:
            headers.append(probe_image(item))
        except LeveretDataError:
            continue
    if not headers:
        raise LeveretDataError("none of the images can be read")
    if channels is None:
        channels = 1 if all(grey for *_, grey in headers) else 3
    if asked is not None:
        return channels, asked[0], asked[1]
    counts = Counter((height, width) for height, width, _ in headers)
    (height, width), share = counts.most_common(1)[0]
    if share <= len(headers) // 2:
        height = int(np.median([h for h, *_ in headers]))
        width = int(np.median([w for _, w, _ in headers]))
    native = (height, width)
    shrink = min(1.0, _LARGEST_DEFAULT / max(native))
    height, width = max(1, round(height * shrink)), max(1, round(width * shrink))
    if len(counts) > 1:
        notes.append(f"images of {len(counts)} sizes were brought to {height}x{width}; size= chooses another")
    elif native != (height, width):
        notes.append(f"images were scaled from {native[0]}x{native[1]} to {height}x{width}; size= chooses another")
    return channels, height, width


def skipped_text(report: LoadReport) -> str:
    listed = "; ".join(f"{skipped.where}: {skipped.reason}" for skipped in report.skipped[:3])
    more = f"; and {len(report.skipped) - 3} more" if len(report.skipped) > 3 else ""
    return f"{len(report.skipped)} of {report.found} samples could not be used and were skipped ({listed}{more})"


def silent(items: Iterable[Any], total: int) -> Iterable[Any]:
    """In place of a bar: the items alone."""
    return items


def decoding_bar(items: Iterable[Any], total: int) -> Iterator[Any]:
    if not installed("rich"):
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, "decoding images", total=total, transient=True, console=Console(stderr=True))
