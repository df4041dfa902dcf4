"""`Pair`: the samples of A and B as one array, each with its side, ready to be dealt out to halves.

Three things would make a test say "different" of samples that are alike, and are dealt with here:

- copies: an image that stands several times in A would be learned by heart in one half and met in the other. Images
  and texts count once a side;
- unequal sizes: guessing must be right for half of the samples, so the larger side is drawn down to the smaller;
- pairs: a sample that stands on both sides, alone or as twins, is one group, which stays in one half.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.data._arrays import Samples, samples_of
from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["LEAST", "Pair", "pair_of"]

LEAST = 10  # samples a side: fewer leave nothing to learn from
_SIDES = ("A", "B")


@dataclass(frozen=True)
class Pair:
    """Samples of A, then of B.

    Attributes:
        kind: "image", "table" or "text".
        values: uint8 images `(n, channels, height, width)`, float32 rows `(n, features)`, or a list of n texts.
        side: `(n,)` int64, 0 for A and 1 for B.
        groups: `(n,)` int64 from 0: samples that hang together.
        places: `(n,)` int64: where each stood in A or in B as it was given.
        features: names of a table's columns.
        copies: samples of each side that were left out as copies of others.
        left_out: samples of each side that were left out to make both equal, or few enough.
    """

    kind: Literal["image", "table", "text"]
    values: Any
    side: NDArray[np.int64]
    groups: NDArray[np.int64]
    places: NDArray[np.int64]
    features: tuple[str, ...]
    copies: tuple[int, int]
    left_out: tuple[int, int]

    @property
    def grouped(self) -> bool:
        """Whether any samples hang together."""
        return len(np.unique(self.groups)) < len(self.groups)

    @property
    def counts(self) -> tuple[int, int]:
        """Samples of A and of B."""
        of_b = int(self.side.sum())
        return len(self.side) - of_b, of_b

    def of(self, indices: ArrayLike) -> Any:
        """The values at `indices`."""
        chosen = np.asarray(indices, np.int64)
        return [self.values[i] for i in chosen] if self.kind == "text" else self.values[chosen]

    def fingerprint(self) -> str:
        """Changes when any sample does."""
        state = hashlib.sha256(self.kind.encode())
        for value in self.values:
            state.update(_bytes(value))
        for array in (self.side, self.groups):
            state.update(array.tobytes())
        return state.hexdigest()


def pair_of(
    a: Any,
    b: Any,
    *,
    groups: tuple[ArrayLike, ArrayLike] | None = None,
    paired: bool = False,
    copies: Literal["once", "keep"] | None = None,
    most: int | None = None,
    seed: int = 0,
    names: tuple[str, str] = _SIDES,
) -> Pair:
    """Lay A and B side by side.

    Args:
        a, b, groups, paired, copies, most, seed: as for `judge`.
        names: of A and B in messages.

    Raises:
        LeveretDataError: what can't be used, or too few samples.
        LeveretUsageError: an argument out of range, or a combination that can't be.
    """
    if most is not None and most < LEAST:
        raise LeveretUsageError(f"most must be at least {LEAST} samples a side, got {most}")
    if copies not in (None, "once", "keep"):
        raise LeveretUsageError(f"copies must be 'once' or 'keep', got {copies!r}")
    if paired and groups is not None:
        raise LeveretUsageError("pairs are groups already; give paired or groups")
    # samples that can't be used are named after the argument that holds them, where it has no name of its own
    called = ("a", "b") if tuple(names) == _SIDES else names
    first = samples_of(a, called[0])
    second = samples_of(b, called[1], first.fractions)
    _check_alike(first, second, names)
    sizes = len(first.values), len(second.values)
    generator = np.random.default_rng(seed)
    if paired:
        if sizes[0] != sizes[1]:
            raise LeveretDataError(f"paired samples must be as many on both sides, got {sizes[0]} and {sizes[1]}")
        kept = np.sort(generator.permutation(sizes[0])[:most])
        _check_enough((kept, kept), (0, 0), names)
        return _laid(first, second, (kept, kept), np.concatenate([kept, kept]), (0, 0), (sizes[0] - len(kept),) * 2)
    if groups is not None:
        if most is not None:
            raise LeveretUsageError("groups are taken whole; leave out most")
        everything = np.arange(sizes[0]), np.arange(sizes[1])
        _check_enough(everything, (0, 0), names)
        return _laid(first, second, everything, _joined_groups(groups, sizes), (0, 0), (0, 0))
    kept_a, kept_b = np.arange(sizes[0]), np.arange(sizes[1])
    if (copies or ("keep" if first.kind == "table" else "once")) == "once":
        kept_a, kept_b = _firsts(first.values), _firsts(second.values)
    gone = sizes[0] - len(kept_a), sizes[1] - len(kept_b)
    _check_enough((kept_a, kept_b), gone, names)  # before the larger side is drawn down to the smaller
    size = min(len(kept_a), len(kept_b), most or sizes[0])
    drawn = tuple(np.sort(generator.permutation(kept)[:size]) for kept in (kept_a, kept_b))
    left_out = len(kept_a) - size, len(kept_b) - size
    together = _twins(first, second, drawn) if first.kind != "table" else np.arange(2 * size)
    return _laid(first, second, (drawn[0], drawn[1]), together, gone, left_out)


def _check_alike(a: Samples, b: Samples, names: tuple[str, str]) -> None:
    """Refuse sides that differ in kind, shape or columns."""
    if a.kind != b.kind:
        raise LeveretDataError(f"{names[0]} holds {a.kind}s and {names[1]} {b.kind}s; both must be of one kind")
    if a.shape != b.shape:
        if a.kind == "table":
            told = f"{names[0]} holds rows of {_some(a.shape[0], 'number')} and {names[1]} of {b.shape[0]}"
        else:
            told = f"{names[0]} holds images of shape {a.shape} and {names[1]} of {b.shape} (channels, height, width)"
        raise LeveretDataError(f"{told}; both must be alike")
    if a.features != b.features:
        raise LeveretDataError(
            f"{names[0]} has the columns {', '.join(a.features)}, {names[1]} {', '.join(b.features)}; names and order "
            "must be alike"
        )


def _check_enough(
    kept: tuple[NDArray[np.int64], NDArray[np.int64]], copies: tuple[int, int], names: tuple[str, str]
) -> None:
    """Refuse a side that has too few samples, named as it is."""
    for name, found, gone in zip(names, kept, copies, strict=True):
        if len(found) < LEAST:
            besides = f", besides {_some(gone, 'copy', 'copies')} of others," if gone else ""
            raise LeveretDataError(
                f"{name} has {_some(len(found), 'sample')}{besides} to judge by; at least {LEAST} are needed, and "
                "hundreds to tell much"
            )


def _some(count: int, one: str, more: str = "") -> str:
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def _laid(
    a: Samples,
    b: Samples,
    kept: tuple[NDArray[np.int64], NDArray[np.int64]],
    together: NDArray[Any],
    copies: tuple[int, int],
    left_out: tuple[int, int],
) -> Pair:
    if a.kind == "text":
        values: Any = [a.values[i] for i in kept[0]] + [b.values[i] for i in kept[1]]
    else:
        values = np.concatenate([a.values[kept[0]], b.values[kept[1]]])
    side = np.repeat([0, 1], [len(kept[0]), len(kept[1])]).astype(np.int64)
    groups = np.unique(together, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return Pair(a.kind, values, side, groups, np.concatenate(kept), a.features, copies, left_out)


def _joined_groups(groups: tuple[ArrayLike, ArrayLike], sizes: tuple[int, int]) -> NDArray[Any]:
    """Those of A and of B one after the other; equal names are one group."""
    if len(groups) != 2:
        raise LeveretUsageError("groups must be two arrays, of A and of B")
    found = [np.asarray(part) for part in groups]
    for name, part, size in zip("AB", found, sizes, strict=True):
        if part.shape != (size,):
            raise LeveretDataError(f"groups of {name} must be one a sample, ({size},), got shape {part.shape}")
    if found[0].dtype.kind != found[1].dtype.kind or "O" in (found[0].dtype.kind, found[1].dtype.kind):
        found = [part.astype(np.str_) for part in found]
    return np.concatenate(found)


def _firsts(values: Sequence[Any]) -> NDArray[np.int64]:
    """The first of each value, in order."""
    seen: dict[bytes, int] = {}
    for i, value in enumerate(values):
        seen.setdefault(_digest(value), i)
    return np.fromiter(seen.values(), np.int64, len(seen))


def _twins(a: Samples, b: Samples, kept: tuple[NDArray[np.int64], ...]) -> NDArray[np.int64]:
    """A group a sample, but one for those of A and of B that are the same."""
    numbers: dict[bytes, int] = {}
    found = []
    for samples, places in zip((a, b), kept, strict=True):
        own = [_digest(samples.values[i]) for i in places]
        found += own
        for digest in own:
            numbers.setdefault(digest, len(numbers))
    groups = np.fromiter((numbers[digest] for digest in found), np.int64, len(found))
    if any(len(set(part)) < len(part) for part in (found[: len(kept[0])], found[len(kept[0]) :])):
        return np.arange(len(found))  # copies were to be kept: nothing says which of them are twins
    return groups


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(_bytes(value), digest_size=16).digest()


def _bytes(value: Any) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else np.ascontiguousarray(value).tobytes()
