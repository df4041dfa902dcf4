"""`Packed`: a net that runs on numpy and our kernels alone."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.runtime import _format, kernels
from leveret.runtime._contract import InputContract
from leveret.runtime._engine import build_engine
from leveret.runtime._graph import INPUT, Graph
from leveret.runtime._profile import StepTime, profile
from leveret.runtime._values import Value
from leveret.runtime.codings import Coding, choose, encoded
from leveret.runtime.ops import OPS, Op

if TYPE_CHECKING:
    from leveret.runtime.rules import RuleProgram

__all__ = ["InputContract", "LayerInfo", "Packed", "check_result", "check_work", "thread_count"]

# activations of a batch that may be alive at once, few enough for caches; larger batches are cut
_MEMORY = 8 << 20
# of one sample: a graph that asks for more is hostile or a mistake
_MOST_MEMORY = 2 << 30
# multiply-accumulates of one sample: thousands of times those of a large net for a CPU
_MOST_WORK = 1 << 42


@dataclass(frozen=True)
class LayerInfo:
    """One step of a packed net.

    Attributes:
        name, op: of the step.
        in_shape, out_shape: of one sample, channels first.
        bits: of a weight.
        parameters: numbers that were learned.
        bytes: in the file. Of tensors that several steps take, these and the parameters count at the first.
        macs, binary_macs: multiply-accumulates per sample, on floats or bytes, and on bits.
    """

    name: str
    op: str
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    bits: int
    parameters: int
    bytes: int
    macs: int
    binary_macs: int

    def times(self, number: float) -> LayerInfo:
        """With the multiply-accumulates of a step that is run so often for a sample, or for some samples alone."""
        return replace(self, macs=round(self.macs * number), binary_macs=round(self.binary_macs * number))


class Packed:
    """A packed net. Make one with `leveret.pack` or `leveret.runtime.load`.

    Attributes:
        input: what it takes.
        classes: names, in the order of the logits; may be empty.
        provenance: what the packer wrote down.
        format_version: of the file, or what a new file will be.
        rules: that its file carries, or None; `leveret.runtime.rules.heeded` gives the answer that heeds them.
        route: how several parts are combined, see `leveret.runtime.Routed`; empty of a net that is one graph.
    """

    route: ClassVar[str] = ""
    rules: RuleProgram | None = None
    _engine: Any | None = None  # that runs all steps in one call, where there is one

    def __init__(
        self,
        graph: Graph,
        tensors: Mapping[str, NDArray[Any]],
        contract: InputContract,
        classes: Sequence[str] = (),
        provenance: Mapping[str, Any] | None = None,
        format_version: str = _format.FORMAT_VERSION,
        codings: Mapping[str, Coding] | None = None,
    ) -> None:
        """Check everything and lay out the weights.

        `codings` say of tensors how they can be stored smaller, where that can't be found out from themselves.

        Raises:
            LeveretFormatError: names the step that is wrong, and how.
            LeveretUsageError: `LEVERET_ISA` names an instruction set that this machine lacks.
        """
        self.graph = graph
        self._hold(tensors, contract, classes, provenance, format_version, codings)
        self._ops = self._build()
        check_work(sum(op.work for op in self._ops))
        self._free = self._last_uses()
        self._bytes_per_sample = self._peak()
        kernels.isa()  # says what is wrong with LEVERET_ISA, before the first layer meets it
        self._engine = self._engine_for(contract)
        taken = self._bytes_per_sample if self._engine is None else self._engine.arena_bytes(1)
        if taken > _MOST_MEMORY:
            raise LeveretFormatError(
                f"one sample would take {taken >> 20:,} MB of memory; at most {_MOST_MEMORY >> 20:,} are allowed"
            )
        if self._engine is None:
            for op in self._ops:
                op.prepare()

    def _hold(
        self,
        tensors: Mapping[str, NDArray[Any]],
        contract: InputContract,
        classes: Sequence[str],
        provenance: Mapping[str, Any] | None,
        format_version: str,
        codings: Mapping[str, Coding] | None,
    ) -> None:
        self.tensors = dict(tensors)
        self.input = contract
        self.classes = tuple(classes)
        self.provenance = dict(provenance or {})
        self.format_version = format_version
        self._known = dict(codings or {})

    def __call__(self, images: NDArray[Any], *, threads: int | None = None) -> NDArray[np.float32]:
        """Logits `(n, num_classes)` float32, or maps of them `(n, num_classes, height, width)`.

        Args:
            images: `(n, channels, height, width)`, or one image without n: uint8 pixels, which are normalised as the
                input contract says, or float32, taken as normalised already. A net for texts takes int64 token ids
                `(n, length)`.
            threads: default `LEVERET_THREADS`, or every core.

        Raises:
            LeveretUsageError: another shape or dtype, or an id outside the vocabulary.
        """
        count = thread_count(threads)
        batch = self.input.checked(images)
        if self._engine is not None:  # which transposes maps itself
            return self._by_engine(batch, count, channels_first=True)
        result = self.results(batch, count)
        return result if result.ndim == 2 else np.ascontiguousarray(result.transpose(0, 3, 1, 2))

    def results(self, batch: NDArray[Any], threads: int) -> NDArray[np.float32]:
        """What the last step gives, channels last, of a batch that is as `input` has it, unchecked; 0 threads are the
        default."""
        if self._engine is not None:
            return self._by_engine(batch, threads, channels_first=False)
        parts = [self._run(part, threads) for part in self._parts(batch)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _by_engine(self, batch: NDArray[Any], threads: int, *, channels_first: bool) -> NDArray[np.float32]:
        result = self._result_memory(len(batch), channels_first)
        assert self._engine is not None
        self._engine.run(np.ascontiguousarray(batch), result, threads, channels_first)
        return result

    def predict(self, images: NDArray[Any], *, threads: int | None = None) -> NDArray[np.int64]:
        """The most likely class of each sample, `(n,)` int64; of each place, `(n, height, width)`, of a net of maps."""
        return self(images, threads=threads).argmax(1).astype(np.int64)

    def profile(self, images: NDArray[Any], *, threads: int | None = None, repeats: int = 20) -> list[StepTime]:
        """How long each step takes on a batch, in order, the normalisation first.

        Args:
            images, threads: as for a call.
            repeats: runs, of which each step's median counts.

        Raises:
            LeveretUsageError: another shape or dtype, no images, or no runs.
        """
        if repeats < 1:
            raise LeveretUsageError(f"repeats must be at least 1, got {repeats}")
        batch = self.input.checked(images)
        if not len(batch):
            raise LeveretUsageError("images must be at least one")
        return self._profile(batch, thread_count(threads), repeats)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a `.lvr` file, whole or not at all; weights are stored in the smallest way that keeps them as they are.

        Raises:
            LeveretError: it can't be written; an older file stays as it was.
        """
        metadata = {
            **self._described(),
            "input": self.input.to_json(),
            "classes": json.dumps(list(self.classes)),
            "provenance": json.dumps(self.provenance),
        }
        text, coded = encoded(self.tensors, self.codings)
        if self.codings:
            metadata["codings"] = text
        if self.rules is not None:
            from leveret.runtime.rules import stored

            metadata["rules"] = json.dumps(stored(self.rules))
        _format.write(path, metadata, coded)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Packed:
        """Read a `.lvr` file.

        Raises:
            LeveretFormatError: not a whole, valid file of a version that this Leveret reads; says what and where.
        """
        from leveret.runtime._load import load

        return load(path)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Of one sample's result: `(classes,)`, or `(classes, height, width)` of maps."""
        return self._ops[-1].output.shape

    @cached_property
    def codings(self) -> Mapping[str, Coding]:
        """How weights are stored that a file keeps smaller than the kernels take them; found when first asked for."""
        return choose(self.graph.steps, self._ops, self.tensors, self._known)

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors in the file."""
        return sum(self._stored_bytes.values())

    @property
    def binary_bytes_ratio(self) -> float | None:
        """How many times smaller the binary layers' weights, their scale α included, are than in float32.

        None without binary layers.
        """
        binary = [op for op in self._ops if op.bits == 1]
        if not binary:
            return None
        floats = sum(4 * op.weight_count for op in binary)
        ours = sum(
            op.arrays["weight"].nbytes + (op.arrays["scale"].nbytes if "scale" in op.arrays else 0) for op in binary
        )
        return floats / ours

    @property
    def ops(self) -> tuple[Op, ...]:
        """The operations, one a step of the graph."""
        return tuple(self._ops)

    def layers(self) -> list[LayerInfo]:
        """What each step is and costs."""
        counted: set[str] = set()
        layers = []
        for step, op in zip(self.graph.steps, self._ops, strict=True):
            own = {role: name for role, name in step.tensors.items() if name not in counted}
            counted.update(own.values())
            stored = sum(self._stored_bytes[name] for name in own.values())
            shapes = op.inputs[0].shape, op.output.shape
            layers.append(LayerInfo(step.name, step.op, *shapes, op.bits, op.parameters(own), stored, *op.macs()))
        return layers

    def __repr__(self) -> str:
        return (
            f"Packed({len(self._ops)} steps, {self.nbytes:,} bytes, input {self.input.shape}, "
            f"output {self.output_shape})"
        )

    def _profile(self, batch: NDArray[Any], threads: int, repeats: int) -> list[StepTime]:
        return profile(self, batch, threads, repeats)

    def _engine_for(self, contract: InputContract) -> Any | None:
        """The native engine, where there is one for all steps."""
        return build_engine(self.graph, self._ops, contract)

    def _described(self) -> dict[str, str]:
        """What a file's metadata say of how the tensors are combined."""
        return {"graph": self.graph.to_json()}

    def _build(self) -> list[Op]:
        values = {INPUT: self.input.value}
        used: set[str] = set()
        ops = []
        for step in self.graph.steps:
            try:
                if step.op not in OPS:
                    raise LeveretFormatError(f"unknown operation {step.op!r}; this Leveret knows {', '.join(OPS)}")
                arrays = {}
                for role, name in step.tensors.items():
                    if name not in self.tensors:
                        raise LeveretFormatError(f"tensor {name!r} is not in the file")
                    arrays[role] = self.tensors[name]
                    used.add(name)
                op = OPS[step.op]([values[name] for name in step.inputs], step.attributes, arrays)
            except LeveretFormatError as error:
                raise LeveretFormatError(f"step {step.name!r} ({step.op}): {error}") from None
            values[step.name] = op.output
            ops.append(op)
        check_result(ops[-1].output, self.classes)
        if unused := self.tensors.keys() - used:
            raise LeveretFormatError(f"no step uses tensor {sorted(unused)[0]!r}")
        return ops

    @cached_property
    def _stored_bytes(self) -> dict[str, int]:
        """Of each tensor, in the file; those that are coded together count at the first of them."""
        stored = {name: array.nbytes for name, array in self.tensors.items()}
        for name, coding in self.codings.items():
            first, *others = coding.names(name)
            stored[first] = sum(part.nbytes for part in coding.parts.values())
            stored |= dict.fromkeys(others, 0)
        return stored

    def _last_uses(self) -> list[list[str]]:
        """After each step, the values that nobody needs any more."""
        last: dict[str, int] = {}
        for i, step in enumerate(self.graph.steps):
            for name in step.inputs:
                last[name] = i
        free: list[list[str]] = [[] for _ in self.graph.steps]
        for name, i in last.items():
            free[i].append(name)
        return free

    def _peak(self) -> int:
        """Bytes of a sample's values alive at once, at the worst step."""
        sizes = {INPUT: self.input.value.nbytes}
        peak = alive = sizes[INPUT]
        for step, op, free in zip(self.graph.steps, self._ops, self._free, strict=True):
            sizes[step.name] = op.output.nbytes
            alive += sizes[step.name]
            peak = max(peak, alive + op.scratch_bytes)
            alive -= sum(sizes[name] for name in free)
        return peak

    def _result_memory(self, n: int, channels_first: bool = False) -> NDArray[np.float32]:
        """Where an engine writes the results of n samples."""
        last = self._ops[-1].output
        shape = (last.channels, *last.size) if channels_first else (*last.size, last.channels)
        return np.empty((n, *shape), np.float32)

    def _parts(self, batch: NDArray[Any]) -> list[NDArray[Any]]:
        """The batch, cut where its values would take too much memory."""
        most = max(1, _MEMORY // max(self._bytes_per_sample, 1))
        return [batch[i : i + most] for i in range(0, max(len(batch), 1), most)]

    def _run(self, batch: NDArray[Any], threads: int) -> NDArray[np.float32]:
        values: dict[str, NDArray[Any]] = {INPUT: self.input.laid_out(batch)}
        for step, op, free in zip(self.graph.steps, self._ops, self._free, strict=True):
            values[step.name] = op.run([values[name] for name in step.inputs], threads)
            for name in free:
                del values[name]
        return values[self.graph.steps[-1].name]


def check_result(last: Value, classes: Sequence[str]) -> None:
    """Raise `LeveretFormatError` where the last step doesn't give a logit for each class."""
    if last.kind != "floats":
        raise LeveretFormatError(f"the last step must give logits, rows or maps of floats; it gives {last.kind}")
    if classes and last.channels != len(classes):
        raise LeveretFormatError(f"the net gives {last.channels} logits for {len(classes)} classes")


def check_work(operations: int) -> None:
    """Raise `LeveretFormatError` where one sample would take so many operations that a file keeps a machine busy."""
    if operations > _MOST_WORK:
        raise LeveretFormatError(
            f"one sample would take {operations:.1e} operations; at most {_MOST_WORK:.1e} are allowed"
        )


def thread_count(threads: int | None) -> int:
    """As kernels count threads, where 0 is the default; raises `LeveretUsageError` below 1."""
    if threads is not None and threads < 1:
        raise LeveretUsageError(f"threads must be at least 1, got {threads}")
    return threads or 0
