"""Mutated `.lvr` files against the loader and the engine: none may crash, hang, or ask for absurd memory.

Half of the mutants are damaged anywhere, as a disk or a network would; most of those fail at the SHA-256. The others
are lies: the graph, the contract or a tensor is changed and the digest made right again, so that every check behind it
has to hold. A file that still loads is run on an image of zeros.

Each worker is a process of its own with a limit on its memory and a clock for each file; if it dies, the number of the
file that it died of is known, and `mutant(seeds, number)` makes that file again.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from leveret.experiments._fuzz_seeds import SEEDS, write_seeds

__all__ = ["FuzzResult", "fuzz", "mutant"]

_MEMORY = 3 << 30
# of CPU time for a file; the other clock is for what sleeps
_SECONDS, _ASLEEP = 20, 600
_CHUNK = 2000
_WORKER = "from leveret.experiments._fuzz import _work; import sys; _work(*sys.argv[1:])"

Content = tuple[dict[str, str], dict[str, np.ndarray]]


@dataclass
class FuzzResult:
    """What became of the mutants.

    Attributes:
        files: tried.
        loaded: of them, that were valid all the same, and ran.
        seeds, operations: nets that they are made from, and operations that those use together.
        crashes: number of a file to how its worker ended: a signal, an error of another kind, or a clock.
    """

    files: int = 0
    loaded: int = 0
    seeds: int = 0
    operations: int = 0
    crashes: dict[int, str] = field(default_factory=dict)


def fuzz(count: int, progress: Callable[[int], None] | None = None) -> FuzzResult:
    """Try `count` mutants of small nets that use every operation of the format, on all cores."""
    result = FuzzResult()
    chunks = [(first, min(first + _CHUNK, count)) for first in range(0, count, _CHUNK)]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        result.seeds, result.operations = write_seeds(Path(folder))
        parts = [pool.submit(_tried, folder, *chunk) for chunk in chunks]
        try:
            for part in as_completed(parts):
                found = part.result()
                result.files += found.files
                result.loaded += found.loaded
                result.crashes |= found.crashes
                if progress:
                    progress(result.files)
        finally:
            pool.shutdown(cancel_futures=True)
    return result


def _tried(folder: str, first: int, last: int) -> FuzzResult:
    """Files first..last-1, by one worker after the other: a new one where one died."""
    result = FuzzResult(files=last - first)
    while first < last:
        run = subprocess.run(
            [sys.executable, "-c", _WORKER, folder, str(first), str(last)], capture_output=True, text=True
        )
        lines = run.stdout.split()
        reached = int(next((line for line in reversed(lines) if line != "loaded"), first))
        result.loaded += lines.count("loaded")
        if run.returncode:
            words = run.stderr.strip().splitlines()
            result.crashes[reached] = words[-1][:300] if words else f"signal {-run.returncode}"
            reached += 1
        first = reached
    return result


def mutant(seeds: list[bytes], number: int) -> bytes:
    """File `number`: the same for the same seeds, but for the order in which safetensors writes its texts."""
    chance = random.Random(number)
    whole = bytearray(chance.choice(seeds))
    return _damaged(whole, chance) if number % 2 else _lying(bytes(whole), chance)


def _damaged(whole: bytearray, chance: random.Random) -> bytes:
    kind = chance.randrange(4)
    if kind == 0:
        del whole[chance.randrange(len(whole)) :]
    elif kind == 1:
        whole[0:8] = chance.randrange(1 << chance.choice((8, 16, 32, 63))).to_bytes(8, "little")
    elif kind == 2:  # somewhere in the header, where most of the meaning is
        header = int.from_bytes(whole[:8], "little")
        for _ in range(chance.randrange(1, 5)):
            whole[8 + chance.randrange(header)] = chance.randrange(256)
    else:
        for _ in range(chance.randrange(1, 9)):
            whole[chance.randrange(len(whole))] = chance.randrange(256)
    return bytes(whole)


def _lying(whole: bytes, chance: random.Random) -> bytes:
    from leveret.runtime import _format

    texts, tensors = _content(whole)
    for _ in range(chance.randrange(1, 4)):
        key = chance.choice(("graph", "graph", "graph", "input", "classes", "tensor"))
        if key == "tensor":
            name = chance.choice(sorted(tensors))
            tensors[name] = _other_tensor(tensors[name], chance)
        else:
            with contextlib.suppress(ValueError):  # an earlier lie left no JSON
                texts[key] = json.dumps(_changed(json.loads(texts[key]), chance))
    texts["sha256"] = _format._digest(texts, tensors)
    from safetensors.numpy import save

    return save(tensors, texts)


def _content(whole: bytes) -> Content:
    from safetensors.numpy import load

    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    return header["__metadata__"], {name: np.array(array) for name, array in load(whole).items()}


_WHOLE = [0, -1, 1, 2, 3, 7, 64, 4096, 65_536, 2**31, 2**63, 2**64, -(2**63)]
_ODD: list[Any] = [*_WHOLE, 0.5, 1e308, True, None, "", "input", []]


def _changed(value: Any, chance: random.Random) -> Any:
    """The value with one thing in it replaced, dropped, doubled or moved."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(sorted(value))
        changed = dict(value)
        if chance.random() < 0.1:
            del changed[key]
        else:
            changed[key] = _changed(value[key], chance)
        return changed
    if isinstance(value, list) and value and chance.random() < 0.9:
        at, items = chance.randrange(len(value)), list(value)
        what = chance.random()
        if what < 0.1:
            del items[at]
        elif what < 0.2:
            items.insert(at, value[chance.randrange(len(value))])
        else:
            items[at] = _changed(value[at], chance)
        return items
    if isinstance(value, int) and not isinstance(value, bool) and chance.random() < 0.5:
        return value + chance.choice((-1, 1, 2, -2))
    return chance.choice(_ODD)


def _other_tensor(array: np.ndarray, chance: random.Random) -> np.ndarray:
    kind = chance.randrange(5)
    if kind == 0:
        return array.reshape(-1)[: chance.randrange(array.size + 1)]
    if kind == 1:
        return array.reshape(chance.choice(((-1,), (1, -1), (*array.shape, 1))))
    if kind == 2:
        return array.astype(chance.choice((np.float32, np.uint8, np.int8, np.uint64, np.float64, np.int32)))
    if kind == 3:
        noise = np.random.default_rng(chance.randrange(1 << 30))
        return noise.integers(0, 256, array.nbytes, np.uint8).view(array.dtype).reshape(array.shape)
    return np.zeros(tuple(chance.choice((0, 1, 2, side, side + 1)) for side in array.shape), array.dtype)


@contextlib.contextmanager
def _clock() -> Iterator[None]:
    """Ends the process if what is done takes too long, but not because a machine is busy."""
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    signal.alarm(_ASLEEP)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)


def _work(folder: str, first: str, last: str) -> None:
    """Try files first..last-1: prints a number before each, `loaded` after one that ran."""
    import resource

    from leveret import runtime
    from leveret.errors import LeveretError

    warnings.simplefilter("ignore")
    seeds = [path.read_bytes() for path in sorted(Path(folder).glob(SEEDS))]
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    path = Path(folder) / f"mutant-{first}.lvr"
    for number in range(int(first), int(last)):
        print(number, flush=True)
        path.write_bytes(mutant(seeds, number))
        try:
            with _clock():
                packed = runtime.load(path)
        except LeveretError:
            continue
        if np.prod(packed.input.shape) < 1 << 16:
            dtype = np.int64 if packed.input.vocabulary else np.uint8 if packed.input.mean else np.float32
            with _clock():
                packed(np.zeros((1, *packed.input.shape), dtype), threads=1)
            print("loaded", flush=True)
    print(last, flush=True)
