"""Where batches come from: arrays in memory, a memory-mapped cache of decoded images, or decoding on the way."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.data.images import decode_image
from leveret.errors import LeveretDataError

__all__ = ["WORKERS", "ArraySource", "StreamSource", "TextSource", "cache_folder", "decode_all", "in_chunks"]

_CACHE_VERSION = 1
WORKERS = min(8, os.cpu_count() or 1)

Shape = tuple[int, int, int]


class ArraySource:
    """Pixels in an array or a memory map, `(n, channels, height, width)` uint8; or a table's rows, `(n, features)`."""

    def __init__(self, pixels: NDArray[Any]) -> None:
        self.pixels = pixels

    def fetch(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        # memory maps read fastest in their own order
        return np.asarray(self.pixels[indices])


class TextSource:
    """Texts in a list."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts

    def lengths(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Spaces in each text: about as many as it has words."""
        return np.fromiter((self.texts[i].count(" ") for i in indices), np.int64, len(indices))

    def fetch(self, indices: NDArray[np.int64]) -> list[str]:
        return [self.texts[i] for i in indices]


class StreamSource:
    """Encoded images, decoded in a few threads each time that they are fetched."""

    def __init__(self, items: Sequence[Any], shape: Shape) -> None:
        self.items = items
        self.shape = shape
        self._pool: ThreadPoolExecutor | None = None

    def fetch(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(WORKERS)
        images = list(self._pool.map(lambda i: decode_image(self.items[i], self.shape), indices))
        return np.stack(images) if images else np.empty((0, *self.shape), np.uint8)

    def __getstate__(self) -> dict[str, Any]:
        # threads don't travel to another process
        return {"items": self.items, "shape": self.shape, "_pool": None}


def cache_folder() -> Path:
    """Where decoded images are kept: `LEVERET_CACHE`, or `leveret` in the user's cache folder."""
    if given := os.environ.get("LEVERET_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "leveret"


def decode_all(
    items: Sequence[Any], shape: Shape, fingerprint: str, cache: Path | None, track: Any, notes: list[str]
) -> tuple[ArraySource | StreamSource, dict[int, str]]:
    """Decode every image once: into the cache if it fits there, else into memory, else only to see that it can be.

    Args:
        items: paths or bytes.
        shape: `(channels, height, width)`.
        fingerprint: of the source's content.
        cache: folder of the cache; None for none.
        track: wraps an iterable and shows its progress.
        notes: gets a line on what was done.

    Returns:
        A source with a place per item (zeros where it can't be decoded), and the reasons of those that can't.
    """
    size = len(items) * int(np.prod(shape))
    entry = None
    if cache is not None and fingerprint:
        key = hashlib.sha256(f"{_CACHE_VERSION}|{fingerprint}|{shape}|{len(items)}".encode()).hexdigest()[:32]
        entry = cache / key
        if (ready := _from_cache(entry, len(items), shape)) is not None:
            notes.append("decoded images were found in the cache")
            return ready
        if (built := _into_cache(entry, items, shape, size, track, notes)) is not None:
            return built
    if size <= _free_memory() // 4:
        pixels = np.zeros((len(items), *shape), np.uint8)
        return ArraySource(pixels), _decode_into(pixels, items, shape, track)
    notes.append("images are decoded batch by batch, since they fit neither into the cache nor into memory")
    return StreamSource(items, shape), _decode_into(None, items, shape, track)


def _from_cache(entry: Path, count: int, shape: Shape) -> tuple[ArraySource, dict[int, str]] | None:
    try:
        pixels = np.load(entry / "pixels.npy", mmap_mode="r")
        bad = {int(i): str(reason) for i, reason in json.loads((entry / "bad.json").read_text()).items()}
    except (OSError, ValueError, AttributeError):
        return None
    if pixels.shape != (count, *shape) or pixels.dtype != np.uint8:
        return None
    return ArraySource(pixels), bad


def _into_cache(
    entry: Path, items: Sequence[Any], shape: Shape, size: int, track: Any, notes: list[str]
) -> tuple[ArraySource, dict[int, str]] | None:
    """Build the entry beside its place and rename it whole; None where there is no room or no permission."""
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        if size > shutil.disk_usage(entry.parent).free // 2:
            notes.append(f"decoded images ({size / 1e9:.1f} GB) would not fit into the cache")
            return None
        work = Path(tempfile.mkdtemp(prefix=".building-", dir=entry.parent))
    except OSError as error:
        notes.append(f"the cache could not be used ({error.strerror or error})")
        return None
    try:
        pixels = np.lib.format.open_memmap(work / "pixels.npy", "w+", np.uint8, (len(items), *shape))
        bad = _decode_into(pixels, items, shape, track)
        pixels.flush()
        del pixels
        (work / "bad.json").write_text(json.dumps(bad))
        shutil.rmtree(entry, ignore_errors=True)
        try:
            work.rename(entry)
        except OSError:  # another process was first; its entry holds the same
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        notes.append(f"the cache could not be written ({error.strerror or error})")
        return None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return _from_cache(entry, len(items), shape)


def _decode_into(pixels: NDArray[np.uint8] | None, items: Sequence[Any], shape: Shape, track: Any) -> dict[int, str]:
    bad: dict[int, str] = {}

    def one(i: int) -> None:
        try:
            image = decode_image(items[i], shape)
        except LeveretDataError as error:
            bad[i] = str(error)
        else:
            if pixels is not None:
                pixels[i] = image

    with ThreadPoolExecutor(WORKERS) as pool:
        for _ in track(in_chunks(pool, one, len(items)), len(items)):
            pass
    return dict(sorted(bad.items()))


def in_chunks(pool: ThreadPoolExecutor, one: Any, count: int, chunk: int = 256) -> Iterable[None]:
    """Run `one` over all indices with a bounded queue, so that Ctrl-C need not wait for all of them."""

    def run() -> Iterator[None]:
        for start in range(0, count, chunk):
            yield from pool.map(one, range(start, min(start + chunk, count)))

    return run()


def _free_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 1 << 30
