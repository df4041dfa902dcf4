"""Word vectors that others trained: GloVe's text, word2vec's text or binary, or an .npz of words and vectors."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.text._vocabulary import PADDING, Vocabulary

__all__ = ["Vectors", "read_vectors"]

_LONGEST_WORD = 4096
_WIDEST = 10_000
_BLOCK = 1 << 20


class Vectors:
    """Words and a vector for each.

    Args:
        words: each once.
        values: `(words, dim)` float.
        name: of where they come from, for messages.

    Raises:
        LeveretDataError: shapes that don't fit, or a value that isn't finite.
    """

    def __init__(self, words: Sequence[str], values: NDArray[Any], name: str = "vectors") -> None:
        if values.ndim != 2 or len(values) != len(words) or not values.shape[1]:
            raise LeveretDataError(f"{name}: {len(words)} words need vectors (words, dim), got {values.shape}")
        if not len(words):
            raise LeveretDataError(f"{name} holds no word")
        self.values = np.ascontiguousarray(values, np.float32)
        self.name = name
        bad = ~np.isfinite(self.values).all(1)
        if bad.any():
            raise LeveretDataError(f"{name}: the vector of {words[int(bad.argmax())]!r} isn't finite")
        first: dict[str, int] = {}
        for i, word in enumerate(words):
            first.setdefault(word, i)  # of a word that stands twice the first counts
        if len(first) < len(words):
            self.values = self.values[list(first.values())]
        self.words = tuple(first)
        self._places = {word: i for i, word in enumerate(self.words)}

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self.values.shape[1]

    def scaled(self, deviation: float) -> Vectors:
        """The same, multiplied so that all numbers together have this standard deviation.

        What suits a net depends on it: word2vec's vectors have about 0.15, those of GloVe with 100 numbers 0.5.
        """
        if not deviation > 0:
            raise LeveretUsageError(f"deviation must be above 0, got {deviation}")
        return Vectors(self.words, self.values * (deviation / max(float(self.values.std()), 1e-12)), self.name)

    def first(self, count: int) -> Vectors:
        """Those of the first words, which in most files are the most frequent."""
        return Vectors(self.words[:count], self.values[:count], self.name)

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._places

    def __getitem__(self, word: str) -> NDArray[np.float32]:
        return self.values[self._places[word]]

    def table(
        self, vocabulary: Vocabulary, generator: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """A row for each id of a vocabulary, `(ids, dim)`, and which of them have a vector here.

        A word is looked up as it is, then in lower case. One without a vector, as the unknown word, gets numbers drawn
        evenly about 0 with the variance of those that have one (Kim, 2014, section 3.1). Padding is 0.

        Raises:
            LeveretDataError: no word of the vocabulary has a vector.
        """
        places = np.full(len(vocabulary), -1)
        for i, word in enumerate(vocabulary, len(vocabulary) - len(vocabulary.words)):
            places[i] = self._places.get(word, self._places.get(word.lower(), -1))
        found = places >= 0
        if not found.any():
            first = ", ".join(map(repr, self.words[:3]))
            raise LeveretDataError(
                f"{self.name} has a vector for none of the {len(vocabulary.words):,} words; its first words are {first}"
            )
        known = self.values[places[found]]
        width = np.sqrt(3 * known.var())
        rows = generator.uniform(-width, width, (len(vocabulary), self.dim)).astype(np.float32)
        rows[found] = known
        rows[PADDING] = 0
        return rows, found

    def __repr__(self) -> str:
        return f"Vectors({len(self):,} words, {self.dim} numbers each, from {self.name})"


def read_vectors(path: str | Path, words: Collection[str] | None = None, *, dim: int | None = None) -> Vectors:
    """Read word vectors; what a file is shows in its name and its first bytes.

    Args:
        path: GloVe's text (a word and its numbers a line), word2vec's text (the same below a line with both sizes) or
            binary, each perhaps as .gz; or an .npz file of `words` `(n,)` and `vectors` `(n, dim)`.
        words: keep only these, where the file has them; else all, which takes memory for all.
        dim: that the vectors must have.

    Raises:
        LeveretDataError: the file is missing, cut off, damaged, of uneven or another width, or holds none of `words`;
            says in which line or word.
    """
    path = Path(path)
    if not path.is_file():
        raise LeveretDataError(f"there is no file of vectors {path}")
    wanted = None if words is None else frozenset(words)
    try:
        if zipfile.is_zipfile(path):
            found = _npz(path, wanted)
        else:
            with _opened(path) as file:
                found = _rows(file, path, wanted)
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise LeveretDataError(f"{path} could not be read: {error}") from error
    if not found[0]:
        raise LeveretDataError(f"{path} holds {'no vector' if wanted is None else 'a vector of none of the words'}")
    vectors = Vectors(*found, name=path.name)
    if dim is not None and vectors.dim != dim:
        raise LeveretDataError(f"{path} has vectors of {vectors.dim} numbers, not {dim}")
    return vectors


def _opened(path: Path) -> Any:
    return gzip.open(path) if path.suffix == ".gz" else open(path, "rb")


def _npz(path: Path, wanted: frozenset[str] | None) -> tuple[list[str], NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            words, vectors = file["words"], file["vectors"]
    except KeyError:
        raise LeveretDataError(f"{path} must hold words (n,) and vectors (n, dim)") from None
    except ValueError as error:
        raise LeveretDataError(f"{path} is damaged, or holds no plain arrays: {error}") from error
    if words.ndim != 1 or vectors.ndim != 2 or len(words) != len(vectors) or vectors.dtype.kind not in "fiu":
        raise LeveretDataError(
            f"{path} must hold words (n,) and numbers, vectors (n, dim); got {words.shape} and {vectors.dtype} "
            f"{vectors.shape}"
        )
    names = [str(word) for word in words]
    if wanted is None:
        return names, vectors
    kept = [i for i, name in enumerate(names) if name in wanted]
    return [names[i] for i in kept], vectors[kept]


def _rows(file: IO[bytes], path: Path, wanted: frozenset[str] | None) -> tuple[list[str], NDArray[Any]]:
    first = file.readline(1 << 20)
    sizes = first.split()
    if len(sizes) == 2 and all(size.isdigit() for size in sizes):
        count, dim = int(sizes[0]), int(sizes[1])
        if not count or not 1 <= dim <= _WIDEST:
            raise LeveretDataError(f"{path} says that it holds {count} vectors of {dim} numbers")
        if _is_binary(file, dim):
            return _binary(file, path, count, dim, wanted)
        return _text(file, path, 2, dim, count, wanted)
    if not first:
        raise LeveretDataError(f"{path} is empty")
    dim = len(first.rstrip().split(b" ")) - 1
    if not 1 <= dim <= _WIDEST:
        raise LeveretDataError(f"{path}, line 1: a word and its numbers must stand here, got {_shown(first)}")
    file.seek(0)
    return _text(file, path, 1, dim, None, wanted)


def _is_binary(file: IO[bytes], dim: int) -> bool:
    """Whether what follows the sizes is binary: in text the first line has a word and `dim` numbers."""
    place = file.tell()
    line = file.readline(64 * (dim + 64))
    file.seek(place)
    parts = line.rstrip().split(b" ")
    try:
        [float(part) for part in parts[-dim:]]
    except ValueError:
        return True
    return len(parts) <= dim


def _text(
    file: IO[bytes], path: Path, number: int, dim: int, count: int | None, wanted: frozenset[str] | None
) -> tuple[list[str], NDArray[Any]]:
    """Lines of a word and numbers; words may hold spaces, as some of GloVe's do."""
    names: list[str] = []
    rows: list[NDArray[Any]] = []
    seen = 0
    for number, line in enumerate(file, number):  # noqa: B020 - counts on
        parts = line.rstrip().rsplit(b" ", dim)
        if len(parts) != dim + 1 or not parts[0]:
            got = len(line.rstrip().split(b" ")) - 1
            raise LeveretDataError(
                f"{path}, line {number}: {got} numbers where {dim} must stand, as in the first line; the file is cut "
                f"off or damaged there: {_shown(line)}"
            )
        seen += 1
        word = parts[0].decode("utf-8", "replace")
        if wanted is not None and word not in wanted:
            continue
        try:
            rows.append(np.array(parts[1:], np.float32))
        except ValueError:
            raise LeveretDataError(f"{path}, line {number}: not all are numbers: {_shown(line)}") from None
        names.append(word)
    if count is not None and seen != count:
        raise LeveretDataError(f"{path} is cut off: it says {count:,} vectors and holds {seen:,}")
    return names, np.stack(rows) if rows else np.empty((0, dim), np.float32)


def _binary(
    file: IO[bytes], path: Path, count: int, dim: int, wanted: frozenset[str] | None
) -> tuple[list[str], NDArray[Any]]:
    names: list[str] = []
    rows: list[NDArray[Any]] = []
    for word, values in _records(file, path, count, dim):
        if wanted is None or word in wanted:
            names.append(word)
            rows.append(values)
    return names, np.stack(rows) if rows else np.empty((0, dim), np.float32)


def _records(file: IO[bytes], path: Path, count: int, dim: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Each word, a space, and its numbers as float32, least byte first; perhaps a new line behind."""
    held = b""
    place = 0
    for i in range(count):
        end = held.find(b" ", place, place + _LONGEST_WORD)
        if end < 0 or len(held) - end - 1 < 4 * dim:
            held, place = held[place:] + file.read(_BLOCK), 0
            end = held.find(b" ", 0, _LONGEST_WORD)
        if end < 0 or len(held) - end - 1 < 4 * dim:
            raise LeveretDataError(
                f"{path} is cut off, or no word2vec file: it says {count:,} vectors, and ends in {i:,}"
            )
        word = held[place:end].lstrip(b"\n").decode("utf-8", "replace")
        yield word, np.frombuffer(held, "<f4", dim, end + 1).copy()
        place = end + 1 + 4 * dim


def _shown(line: bytes) -> str:
    return repr(line[:60].decode("utf-8", "replace"))
