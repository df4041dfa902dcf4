"""`ShardedArray`: an array larger than memory, in `.npy` files of equally many rows that are mapped when read."""

from __future__ import annotations

import itertools
import math
import mmap
import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret._files import replacing
from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["ShardedArray", "check_rows", "write_rows"]

# each open map takes a file descriptor, of which macOS gives 256 and Linux 1024 by default
_OPEN_MAPS = 100


class ShardedArray:
    """Rows in the files `name-00000.npy`, `name-00001.npy`, … of a folder; all have `shard_size` rows but the last.

    Files are mapped when a row of theirs is first asked for, and the hundred that were used last stay mapped. To other
    processes it goes by its paths, not its content. Reading from several threads is safe.

    Attributes:
        shape: of the whole array.
        dtype: of each element.
        shards: number of files.
    """

    def __init__(
        self, folder: Path, name: str, size: int, row: tuple[int, ...], dtype: type[Any], shard_size: int
    ) -> None:
        self.folder = folder
        self.name = name
        self.shape = (size, *row)
        self.dtype = np.dtype(dtype)
        self.shard_size = shard_size
        self.shards = -(-size // shard_size)
        self._maps: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self.shape[0]

    def path(self, shard: int) -> Path:
        """Where a shard stands."""
        return self.folder / f"{self.name}-{shard:05}.npy"

    def rows(self, shard: int) -> range:
        """The rows that a shard holds."""
        return range(shard * self.shard_size, min(len(self), (shard + 1) * self.shard_size))

    def fault(self, shard: int) -> str | None:
        """What is wrong with the file of a shard; None if it is whole.

        Raises:
            FileNotFoundError: there is none.
        """
        path, wanted = self.path(shard), (len(self.rows(shard)), *self.shape[1:])
        try:
            found = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise
        except (OSError, ValueError, EOFError) as error:
            return f"is not a whole .npy file ({' '.join(str(error).split())})"
        if found.shape != wanted or found.dtype != self.dtype or not found.flags.c_contiguous:
            return f"holds {found.shape} {found.dtype}, not {wanted} {self.dtype}"
        if (extra := path.stat().st_size - found.offset - found.nbytes) > 0:
            return f"has {extra} bytes too many"
        return None

    def fetch(self, indices: ArrayLike) -> NDArray[Any]:
        """The rows at `indices`, in their order and as often as they are named: `(n, …)`, a copy.

        Raises:
            LeveretUsageError: a row below 0 or beyond the last.
            LeveretDataError: a file is missing or damaged; names it.
        """
        indices = np.asarray(indices, dtype=np.int64)
        check_rows(indices, len(self))
        if self.shards == 1:
            return self._map(0)[indices]
        # in the files' own order: a file is visited once, and read from its beginning to its end
        order = np.argsort(indices)
        ordered = indices[order]
        shards = ordered // self.shard_size
        within = ordered - shards * self.shard_size
        gathered = np.empty((len(indices), *self.shape[1:]), self.dtype)
        starts = np.flatnonzero(np.diff(shards, prepend=-1)).tolist()
        for start, end in itertools.pairwise([*starts, len(indices)]):
            self._map(int(shards[start])).take(within[start:end], axis=0, out=gathered[start:end], mode="clip")
        found = np.empty_like(gathered)
        found[order] = gathered
        return found

    def _map(self, shard: int) -> NDArray[Any]:
        with self._lock:
            if shard in self._maps:
                self._maps.move_to_end(shard)
                return self._maps[shard]
            shape = (len(self.rows(shard)), *self.shape[1:])
            content = math.prod(shape) * self.dtype.itemsize
            try:
                with open(self.path(shard), "rb") as file:
                    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                # what the header says was checked when the store was opened; here, that all of the file is there still
                start = 10 + int.from_bytes(mapped[8:10], "little")
                if len(mapped) != start + content:
                    raise ValueError(f"it has {len(mapped):,} bytes, not {start + content:,}")
                array = np.frombuffer(mapped, self.dtype, offset=start).reshape(shape)
            except (OSError, ValueError) as error:
                raise LeveretDataError(
                    f"{self.path(shard)} is missing or damaged ({error}); build the transfer set again, which makes "
                    "only what is missing"
                ) from error
            if len(self._maps) >= _OPEN_MAPS:
                self._maps.popitem(last=False)
            self._maps[shard] = array
            return array

    def __getstate__(self) -> dict[str, Any]:
        # a map doesn't travel to another process; its path does
        return {name: value for name, value in vars(self).items() if name not in ("_maps", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _maps=OrderedDict(), _lock=threading.Lock())

    def __repr__(self) -> str:
        return f"ShardedArray({str(self.folder)!r}, {self.name!r}, {self.shape} {self.dtype}, {self.shards} files)"


def check_rows(indices: NDArray[np.int64], size: int) -> None:
    """Complain of an index that is no row of `size`.

    Raises:
        LeveretUsageError: names the first such index.
    """
    if len(indices) and not (indices.min() >= 0 and indices.max() < size):
        bad = indices[(indices < 0) | (indices >= size)][0]
        raise LeveretUsageError(f"there are {size} rows, from 0, and row {bad} was asked for")


def write_rows(path: Path, shape: tuple[int, ...], dtype: type[Any], pieces: Iterable[NDArray[Any]]) -> None:
    """Write a `.npy` file of `shape` from pieces of its rows, one in memory at a time, whole or not at all.

    Not through a memory map, where a full disk would end the process.

    Raises:
        LeveretError: it can't be written; names `path`.
    """
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for piece in pieces:
            file.write(np.ascontiguousarray(piece, dtype=dtype).data)
