"""Which tensors of a net are stored how: the smallest coding that gives them back as they are."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.runtime._dense import dense_weight
from leveret.runtime._graph import Step
from leveret.runtime.codings._base import Array, Coding
from leveret.runtime.codings._planes import Planes, symbols_of_planes
from leveret.runtime.codings._symbols import code
from leveret.runtime.codings._tables import Sparse, Table
from leveret.runtime.ops._base import EPILOGUE, Op

__all__ = ["choose"]

# a coding is a step more to go wrong and takes time to read: it must be worth it
_WORTH = 0.95
_ENTRY = 80  # bytes of a tensor's own place in a file's header
_SMALLEST = 512  # bytes of a tensor that is looked at
_MOST_ENTRIES = 4097
_SAMPLE = 1 << 16


def choose(
    steps: Sequence[Step], ops: Sequence[Op], tensors: Mapping[str, Array], known: Mapping[str, Coding]
) -> dict[str, Coding]:
    """The coding of each tensor, or group of them, that becomes smaller by one; by its name in the file.

    Args:
        steps, ops, tensors: of the net.
        known: codings of tensors that nothing in the tensors themselves tells; those that don't give back the very
            tensor are passed over.
    """
    found: dict[str, Coding] = {}
    for step, op in zip(steps, ops, strict=True):
        for name, arrays, candidates in _places(step, op, tensors):
            if name in found or sum(array.nbytes for array in arrays.values()) < _SMALLEST:
                continue
            given = [known[name]] if name in known else []
            if best := _best(name, arrays, [*given, *candidates]):
                found[name] = best
    return found


def _places(
    step: Step, op: Op, tensors: Mapping[str, Array]
) -> Iterator[tuple[str, dict[str, Array], Iterable[Coding]]]:
    """What a step has that could be coded: its name, the tensors, and how they could."""
    if step.op == "sparse_linear":
        names = [step.tensors[role] for role in ("values", "columns", "starts")]
        if names == [f"{step.name}.{role}" for role in ("values", "columns", "starts")]:
            yield step.name, {name: tensors[name] for name in names}, _of_numbers(dense_weight(op), rows=True)
    for role, name in step.tensors.items():
        # the slope of every ReLU
        if role in EPILOGUE and (tensors[name] == tensors[name][:1]).all():
            yield name, {name: tensors[name]}, _of_numbers(tensors[name], rows=False)
    if "weight" not in step.tensors:
        return
    name = step.tensors["weight"]
    weight = tensors[name]
    if weight.dtype == np.uint64:
        planes = len(weight) if step.op.startswith("plane_") else 0
        channels = op.inputs[0].channels // op.values.get("groups", 1)
        yield name, {name: weight}, _of_planes(weight, planes, channels)
    elif weight.ndim > 1:
        yield name, {name: weight}, _of_numbers(weight, rows=False)


def _best(name: str, arrays: Mapping[str, Array], candidates: Iterable[Coding]) -> Coding | None:
    """The smallest candidate, if it is worth it and gives back the very tensors."""
    whole = sum(array.nbytes + _ENTRY for array in arrays.values())
    best, smallest = None, whole * _WORTH
    for coding in candidates:
        size = len(json.dumps(coding.attributes)) + sum(part.nbytes + _ENTRY for part in coding.parts.values())
        if size < smallest and _same(coding.tensors(name), arrays):
            best, smallest = coding, size
    return best


def _same(found: Mapping[str, Array], expected: Mapping[str, Array]) -> bool:
    """Whether they are the same to the bit."""
    return found.keys() == expected.keys() and all(
        found[name].dtype == array.dtype
        and found[name].shape == array.shape
        and found[name].tobytes() == array.tobytes()
        for name, array in expected.items()
    )


def _of_planes(weight: NDArray[np.uint64], planes: int, channels: int) -> Iterator[Coding]:
    symbols = symbols_of_planes(weight, planes, channels)
    if _entropy(np.bincount(symbols.ravel())) > _WORTH * max(planes, 1):
        return
    line = channels if symbols.shape[1] > channels else 0
    yield Planes(weight.shape, planes, channels, line, code(symbols, 2 ** max(planes, 1), line))


def _of_numbers(weight: Array, rows: bool) -> Iterator[Coding]:
    """Codings of numbers in a shape whose first side is the outputs."""
    flat = np.ascontiguousarray(weight).reshape(len(weight), -1)
    lines = _lines(weight.shape)
    if (entries := _entries(flat, rows)) is not None:
        symbols, table = entries
        for line in lines:
            yield Table(weight.shape, line, rows, code(symbols, len(table), line), table)
    if weight.dtype == np.float32:
        kept = flat != 0
        values = flat[kept]
        if len(values) and (rows or len(values) < _WORTH * flat.size):
            for line in lines:
                yield Sparse(weight.shape, line, rows, code(kept.astype(np.uint16), 2, line), values)


def _entries(flat: Array, rows: bool) -> tuple[NDArray[np.uint16], Array] | None:
    """Each number's place in a table, and the table; None where it would be too long.

    First comes the most frequent number, which is the one that neighbours may share; of `rows`, 0, which they leave
    out.
    """
    bits = flat.view(np.uint32) if flat.dtype == np.float32 else flat  # so that -0 isn't 0, and NaN is itself
    stride = max(1, flat.size // _SAMPLE)
    if len(np.unique(bits.ravel()[::stride])) > _MOST_ENTRIES:
        return None
    found, places, counts = np.unique(bits, return_inverse=True, return_counts=True)
    numbers = found.view(flat.dtype)
    first = int(np.flatnonzero(found == 0)[0]) if rows else int(counts.argmax())
    if len(numbers) > _MOST_ENTRIES:
        return None
    order = np.array([first, *(i for i in range(len(numbers)) if i != first)])
    number_of = np.empty(len(order), np.uint16)
    number_of[order] = np.arange(len(order))
    return number_of[places].reshape(flat.shape), numbers[order]


def _lines(shape: tuple[int, ...]) -> list[int]:
    """How far back a weight's neighbour may be: a window's place to the left, or the line above in a square image."""
    if len(shape) > 2:
        inputs, places = shape[-1], math.prod(shape[1:-1])
        return [0, inputs] if places > 1 and inputs > 1 else [0]
    side = math.isqrt(math.prod(shape[1:]))
    return [0, side] if side > 2 and side * side == shape[1] else [0]


def _entropy(counts: NDArray[Any]) -> float:
    """Bits a symbol, by how often each occurs."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())
