"""`Routed`: a packed net of several parts, and a route that says how they are combined."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError
from leveret.runtime import _format
from leveret.runtime._contract import InputContract
from leveret.runtime._graph import Graph, Step
from leveret.runtime._packed import Packed, check_result
from leveret.runtime._profile import StepTime, profile_parts
from leveret.runtime.codings import Coding
from leveret.runtime.routes._part import Part, parts_to_json

__all__ = ["Routed"]


class Routed(Packed):
    """A packed net of several parts, each planned and run by the engine by itself.

    All that a `Packed` says of its steps this one says of all parts' steps, in the order of the parts. A route is a
    subclass: it says which parts there are, how they are combined, and what else its file holds.

    Class attributes:
        route: its name in the file.
        part_names: the parts that it has, in order; the last one gives the logits.
        optional: those of them that may be missing.
        takes_ids: whether it takes token ids rather than images.

    Attributes:
        parts: by name; each a `Packed`.
    """

    route: ClassVar[str]
    part_names: ClassVar[tuple[str, ...]]
    optional: ClassVar[frozenset[str]] = frozenset()
    takes_ids: ClassVar[bool] = False
    _part_type: ClassVar[type[Packed]] = Packed

    def __init__(
        self,
        parts: Mapping[str, Part],
        settings: Mapping[str, Any],
        tensors: Mapping[str, NDArray[Any]],
        contract: InputContract,
        classes: Sequence[str] = (),
        provenance: Mapping[str, Any] | None = None,
        format_version: str = _format.FORMAT_VERSION,
        codings: Mapping[str, Coding] | None = None,
    ) -> None:
        """Check everything and lay out the weights.

        Raises:
            LeveretFormatError: names the part, and the step or setting that is wrong, and how.
            LeveretUsageError: `LEVERET_ISA` names an instruction set that this machine lacks.
        """
        self._hold(tensors, contract, classes, provenance, format_version, codings)
        if (contract.vocabulary is not None) is not self.takes_ids:
            kinds = ("token ids", "images") if self.takes_ids else ("images", "token ids")
            raise LeveretFormatError(f"the route {self.route!r} takes {kinds[0]}, not {kinds[1]}")
        self._given = {name: parts[name] for name in self._order(parts)}
        self.parts = {name: self._planned(name, part) for name, part in self._given.items()}
        self.graph = Graph([step for part in self._given.values() for step in part.graph.steps])
        self._ops = [op for part in self.parts.values() for op in part.ops]
        used = {name for step in self.graph.steps for name in step.tensors.values()}
        if unused := self.tensors.keys() - used:
            raise LeveretFormatError(f"no step uses tensor {sorted(unused)[0]!r}")
        try:
            self._set_up(settings)
        except LeveretFormatError as error:
            raise LeveretFormatError(f"route {self.route!r}: {error}") from None
        check_result(self._last.output, self.classes)

    @abstractmethod
    def _set_up(self, settings: Mapping[str, Any]) -> None:
        """Check the settings, and that the parts fit together; raises `LeveretFormatError`."""

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """What `_set_up` is given when the file is read again."""

    @abstractmethod
    def results(self, batch: NDArray[Any], threads: int) -> NDArray[np.float32]:
        """As of `Packed`."""

    @abstractmethod
    def stages(self, batch: NDArray[Any], threads: int) -> list[tuple[str, NDArray[Any]]]:
        """Run a batch; gives each part that is run, in order, and what it takes."""

    @abstractmethod
    def runs(self) -> Mapping[str, float]:
        """How often each part is run for an image, about, as the net is set now."""

    @abstractmethod
    def described(self) -> dict[str, Any]:
        """The route's settings in plain values, for people."""

    @property
    def output_shape(self) -> tuple[int, ...]:
        return self._last.output.shape

    def layers(self) -> list[Any]:
        """What each step is and costs; multiply-accumulates for as often as its part is run for an image."""
        runs = self.runs()
        often = [runs[name] for name, part in self.parts.items() for _ in part.graph.steps]
        return [layer.times(number) for layer, number in zip(super().layers(), often, strict=True)]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({', '.join(self.parts)}; {self.nbytes:,} bytes, input {self.input.shape}, "
            f"output {self.output_shape})"
        )

    @property
    def _last(self) -> Any:
        """The operation that gives the logits."""
        return self._ops[-1]

    def _profile(self, batch: NDArray[Any], threads: int, repeats: int) -> list[StepTime]:
        return profile_parts(self, batch, threads, repeats)

    def _described(self) -> dict[str, str]:
        only = Step(self.route, self.route, ["input"])
        return {
            "graph": Graph([only]).to_json(),
            "parts": parts_to_json(self._given),
            "route": json.dumps({"name": self.route, **self._settings()}),
        }

    def _order(self, parts: Mapping[str, Part]) -> list[str]:
        """The names of its parts, as a route of other parts for every net may choose them itself."""
        if missing := [name for name in self.part_names if name not in parts and name not in self.optional]:
            raise LeveretFormatError(f"route {self.route!r}: part {missing[0]!r} is missing")
        if more := sorted(parts.keys() - set(self.part_names)):
            raise LeveretFormatError(f"route {self.route!r}: it has no part {more[0]!r}")
        return [name for name in self.part_names if name in parts]

    def _planned(self, name: str, part: Part) -> Packed:
        own = {tensor for step in part.graph.steps for tensor in step.tensors.values()}
        try:
            tensors = {tensor: self.tensors[tensor] for tensor in own if tensor in self.tensors}
            return self._part_type(part.graph, tensors, part.contract(self.input))
        except LeveretFormatError as error:
            raise LeveretFormatError(f"part {name!r}: {error}") from None
