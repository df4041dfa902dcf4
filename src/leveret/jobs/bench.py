"""`bench`: how fast a packed model is on this machine, alone or beside other engines, and where its time goes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret._deprecated import renamed_argument
from leveret._threads import MOST_THREADS, default_threads, limited_threads
from leveret.errors import LeveretUsageError
from leveret.jobs._engines import Engine, Model, engines, export, lacking, onnxruntime_model, openvino_model
from leveret.jobs._environment import environment
from leveret.jobs._memory import peak_resident
from leveret.jobs._speed import REST, Speed, measure, torch_model
from leveret.report.contender import NOISY

__all__ = ["Bench", "LayerTime", "Timed", "run"]

_RUNS = 30  # of the layers
_ON_BYTES = ("byte_", "int8_", "plane_")  # operations that neither peak is of

# a process that only predicts: the file, the batch, threads
_ALONE = """
import sys
import numpy as np
from leveret import runtime
packed = runtime.load(sys.argv[1])
shape = (int(sys.argv[2]), *packed.input.shape)
images = packed.example(shape[0]) if hasattr(packed, "example") else np.zeros(
    shape, np.int64 if packed.input.vocabulary else np.uint8 if packed.input.mean else np.float32
)
packed(images, threads=int(sys.argv[3]))
"""


@dataclass(frozen=True)
class Timed:
    """One engine's figures, from pixels to logits.

    Attributes:
        key, title: "leveret", or a peer.
        ms_per_image: at batch 1.
        images_per_second: at the larger batch.
        peak_bytes: resident, of a process that only predicts with it; None where that process failed.
        weight_bytes: of the `.lvr` file, or of the float32 weights.
        same_shapes: whether all it gives has the shapes of what the packed model gives.
    """

    key: str
    title: str
    ms_per_image: float
    images_per_second: float
    peak_bytes: int | None
    weight_bytes: int
    same_shapes: bool = True


@dataclass(frozen=True)
class LayerTime:
    """One step of the packed model, at one batch size.

    Attributes:
        name, op: of the step; the first is the normalisation of the pixels.
        seconds: for one image: those of the batch, divided.
        share: of all steps' time.
        macs, binary_macs: multiply-accumulates for one image, on floats and on bits.
        of_peak: the time that its multiply-accumulates would take at this CPU's peaks over the time that it takes;
            None without any, without peaks, and of quantised values, for which no peak is measured.
    """

    name: str
    op: str
    seconds: float
    share: float
    macs: int
    binary_macs: int
    of_peak: float | None


@dataclass(frozen=True)
class Bench:
    """What was measured.

    Attributes:
        path, nbytes: of the file.
        threads, batch: that all used; the larger batch.
        noise: the median turn over the fastest, at its worst; above `NOISY` the fastest turns are given, not medians.
        models: the packed model first, then the peers.
        left_out: peers that could not be timed, and why.
        environment: versions, processor, kernels.
        peaks: multiply-accumulates a second of all threads together, `binary_macs` and `float_macs`; None unless
            layers were timed, or with numpy's reference kernels.
        profile: batch size to its layers, in order, and last all together; empty unless asked for.
        layers_noise: all layers' medians over their fastest runs; above `NOISY` the fastest are given.
        parts: of a model of several parts, batch size to a row for each part, one for what the route does between them,
            and last all together; empty of others.
        unit: what a sample is, "image" or "text".
    """

    path: str
    nbytes: int
    threads: int
    batch: int
    noise: float
    models: tuple[Timed, ...]
    left_out: dict[str, str]
    environment: dict[str, str]
    peaks: dict[str, float] | None
    profile: dict[int, tuple[LayerTime, ...]]
    layers_noise: float = 1.0
    parts: dict[int, tuple[LayerTime, ...]] = field(default_factory=dict)
    unit: str = "image"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@renamed_argument("batch", "batch_size", since="0.1", until="0.3")
def run(
    model: str | os.PathLike[str],
    *,
    against: str | Sequence[str] = (),
    threads: int | None = None,
    batch_size: int = 64,
    profile: bool = False,
    seconds: float = 3.0,
    progress: Callable[[str], None] | None = None,
) -> Bench:
    """Time a packed model on random pixels, token ids, or texts of 20 known words.

    Args:
        model: path of a `.lvr` file.
        against: other engines, which run the same layers in float32: some of "torch", "onnxruntime", "openvino", as a
            list or with commas between them.
        threads: of every engine; None takes `LEVERET_THREADS` or all cores.
        batch_size: the larger; the other is 1.
        profile: time each layer too, and this CPU's peaks.
        seconds: to spend on each batch size, all engines together.
        progress: is told what is being done.

    Raises:
        LeveretUsageError: `threads` or `batch_size` below 1, more threads than kernels start, or an engine that
            nobody knows.
        LeveretFormatError: the model is not a whole, valid .lvr file.
    """
    for name, value in (("threads", threads), ("batch_size", batch_size)):
        if value is not None and value < 1:
            raise LeveretUsageError(f"{name} must be at least 1, got {value}")
    if threads is not None and threads > MOST_THREADS:
        raise LeveretUsageError(f"threads must be at most {MOST_THREADS}, which the kernels start, got {threads:,}")
    chosen = engines(against if isinstance(against, str) else tuple(against))
    from leveret import runtime

    say = progress or (lambda _text: None)
    packed = runtime.load(model)
    count = threads or default_threads()
    images = _random_images(packed, batch_size)
    left_out: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        ours = _Contender("leveret", "Leveret", lambda x: packed(x, threads=count), _ALONE, model)
        ours.weight_bytes = nbytes = Path(model).stat().st_size
        contenders = [ours]
        for engine in chosen:
            say(f"building the float net for {engine.title}")
            try:
                contenders.append(_peer(engine, packed, model, images, count, Path(folder)))
            except _LeftOut as reason:
                left_out[engine.key] = str(reason)
        say("timing " + ", ".join(one.title for one in contenders))
        speeds = measure(
            {one.key: one.call for one in contenders},
            images,
            threads=count,
            batch=batch_size,
            seconds=seconds,
            rest=REST if len(contenders) > 1 else 0.0,
        )
        say("measuring memory")
        timed = tuple(_timed(one, speeds[one.key], batch_size, count) for one in contenders)
    noise = max(speed.noise for speed in speeds.values())
    peaks, steps = None, {}
    routed = getattr(packed, "route", "")
    if profile or routed:
        say("timing the layers" if profile else "timing the parts")
        peaks = _peaks(count) if profile else None
        with limited_threads(count):
            steps = {n: packed.profile(images[:n], threads=count, repeats=_RUNS) for n in sorted({1, batch_size})}
    layers_noise = max((_noise(taken) for taken in steps.values()), default=1.0)
    noisy = layers_noise > NOISY
    layers = _aligned({n: _layers(taken, n, noisy, peaks) for n, taken in steps.items()}) if profile else {}
    parts = _aligned({n: _layers(_by_part(taken), n, noisy, None) for n, taken in steps.items()}) if routed else {}
    where = environment(count) | {one.key: str(sys.modules[one.key].__version__) for one in contenders[1:]}
    unit = "text" if hasattr(packed, "encoder") else "image"
    return Bench(
        path=os.fspath(model),
        nbytes=nbytes,
        threads=count,
        batch=batch_size,
        noise=noise,
        models=timed,
        left_out=left_out,
        environment=where,
        peaks=peaks,
        profile=layers,
        layers_noise=layers_noise,
        parts=parts,
        unit=unit,
    )


class _LeftOut(Exception):
    """Why a peer can't take part."""


@dataclass
class _Contender:
    """An engine ready to run, and what a process of its own is to run."""

    key: str
    title: str
    call: Model
    alone: str
    file: str | os.PathLike[str]
    weight_bytes: int = 0
    same_shapes: bool = True


def _peer(engine: Engine, packed: Any, model: Any, images: NDArray[Any], threads: int, folder: Path) -> _Contender:
    if missing := lacking(engine):
        raise _LeftOut(missing)
    if getattr(packed, "route", ""):
        raise _LeftOut(f"it runs one graph, and this model has several and the route {packed.route!r} between them")
    from leveret.jobs._float_net import FloatNet, same_shapes
    from leveret.jobs._operations import float_bytes

    try:
        net = FloatNet(packed).eval()
        file = model
        if engine.key == "torch":
            call = torch_model(net, packed.input if packed.input.mean else None, images, threads)
        else:
            file = folder / "model.onnx"
            if not file.exists():
                export(packed, file)
            make = {"onnxruntime": onnxruntime_model, "openvino": openvino_model}[engine.key]
            call, _, _ = make(file, tuple(sorted({1, len(images)})), threads)
        expected = packed(images[:1], threads=threads).shape[1:]
        same = same_shapes(net, packed) and all(call(images[:n]).shape == (n, *expected) for n in (1, len(images)))
    except Exception as error:  # of an engine: whatever it is, the others go on
        words = str(error).split()
        raise _LeftOut(f"failed: {' '.join(words)[:300] or type(error).__name__}") from error
    return _Contender(engine.key, engine.title, call, engine.alone, file, float_bytes(net), same)


def _timed(one: _Contender, speed: Speed, batch: int, threads: int) -> Timed:
    try:
        peak = peak_resident(one.alone, os.fspath(one.file), str(batch), str(threads))
    except (subprocess.CalledProcessError, ValueError, IndexError):
        peak = None
    return Timed(
        one.key, one.title, speed.ms_per_image, speed.images_per_second, peak, one.weight_bytes, one.same_shapes
    )  # fmt: skip


def _random_images(packed: Any, count: int) -> NDArray[Any]:
    if hasattr(packed, "example"):
        return packed.example(count)
    rng = np.random.default_rng(0)
    shape = (count, *packed.input.shape)
    if packed.input.vocabulary is not None:
        return rng.integers(0, packed.input.vocabulary, shape)
    if packed.input.mean is None:
        return rng.normal(size=shape).astype(np.float32)
    return rng.integers(0, 256, shape, dtype=np.uint8)


def _peaks(threads: int) -> dict[str, float] | None:
    """Of as many cores as the threads can run on."""
    from leveret.runtime import kernels

    one = kernels.peaks()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return None if one is None else {name: min(threads, cores) * value for name, value in one._asdict().items()}


def _by_part(steps: Sequence[Any]) -> list[Any]:
    """The steps of each part of a model together; their names begin with the part's."""
    found: dict[str, list[Any]] = {}
    for step in steps:
        found.setdefault(step.name.partition(".")[0], []).append(step)
    sums = ("seconds", "fastest", "macs", "binary_macs")
    return [
        replace(own[0], name=name, op="", **{key: sum(getattr(step, key) for step in own) for key in sums})
        for name, own in found.items()
    ]


def _noise(steps: Sequence[Any]) -> float:
    return sum(step.seconds for step in steps) / sum(step.fastest for step in steps)


def _layers(steps: Sequence[Any], n: int, noisy: bool, peaks: dict[str, float] | None) -> tuple[LayerTime, ...]:
    """A row a step for one image of a batch of n, and last all together."""
    rows = [(s.name, s.op, (s.fastest if noisy else s.seconds) / n, s.macs // n, s.binary_macs // n) for s in steps]
    total = sum(row[2] for row in rows)
    rows.append(("all", "", total, sum(row[3] for row in rows), sum(row[4] for row in rows)))
    without = {"all"} if any(s.op.startswith(_ON_BYTES) for s in steps) else set()
    return tuple(
        LayerTime(
            *(name, op, seconds, seconds / total, macs, bits),
            None if name in without or op.startswith(_ON_BYTES) else _of_peak(seconds, macs, bits, peaks),
        )
        for name, op, seconds, macs, bits in rows
    )


def _aligned(found: dict[int, tuple[LayerTime, ...]]) -> dict[int, tuple[LayerTime, ...]]:
    """The same rows for each batch size: of a tree, one image runs but some of the parts that a batch runs."""
    *smaller, most = found.values()
    known = [{row.name: row for row in rows} for rows in smaller]
    absent = {row.name: LayerTime(row.name, row.op, 0.0, 0.0, 0, 0, None) for row in most}
    rows = [tuple(own.get(name, none) for name, none in absent.items()) for own in known]
    return dict(zip(found, [*rows, most], strict=True))


def _of_peak(seconds: float, macs: int, binary_macs: int, peaks: dict[str, float] | None) -> float | None:
    if peaks is None or not macs + binary_macs:
        return None
    return (macs / peaks["float_macs"] + binary_macs / peaks["binary_macs"]) / seconds
