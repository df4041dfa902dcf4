"""Several nets on their way into one file: each lowered and fused by itself; tensors that are the same once."""

from __future__ import annotations

import hashlib
from typing import Any

from numpy.typing import NDArray
from torch import Tensor, nn

from leveret.errors import LeveretPackError
from leveret.packing._draft import Draft
from leveret.packing._fuse import fuse
from leveret.packing._lower import lower
from leveret.packing._storage import known_codings
from leveret.packing._trace import exported
from leveret.runtime.codings import Coding
from leveret.runtime.routes import Part

__all__ = ["Parts", "drafted"]


class Parts:
    """The parts of a net, by name.

    Attributes:
        parts: as the runtime takes them.
        tensors: of all of them.
        codings: how some of those can be stored smaller.
    """

    def __init__(self) -> None:
        self.parts: dict[str, Part] = {}
        self.tensors: dict[str, NDArray[Any]] = {}
        self.codings: dict[str, Coding] = {}
        self._known: dict[tuple[Any, ...], str] = {}

    def add(self, name: str, net: nn.Module, draft: Draft, shape: tuple[int, ...], *, features: bool = False) -> None:
        """Add a part; the draft is fused, and its steps' names get the part's in front.

        Args:
            net: that the draft was lowered from.
            shape: of its input, channels first.
            features: whether that is another part's features.
        """
        fuse(draft)
        for step in list(draft.steps):
            draft.rename(step, f"{name}.{step.name}")
        codings = known_codings(net, draft)
        graph, tensors = draft.finished()
        names = {own: self._name(own, array) for own, array in tensors.items()}
        for done in graph.steps:
            done.tensors = {role: names[own] for role, own in done.tensors.items()}
        self.codings |= {own: coding for own, coding in codings.items() if names[own] == own}
        self.parts[name] = Part(graph, shape, features)

    def _name(self, name: str, array: NDArray[Any]) -> str:
        """The name of a tensor in the file: of one that is there already, its own."""
        key = (array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).digest())
        if key not in self._known:
            self._known[key] = name
            self.tensors[name] = array
        return self._known[key]


def drafted(name: str, net: nn.Module, example: Tensor) -> Draft:
    """A part's net, lowered; errors name the part.

    Raises:
        LeveretPackError: an operation that the runtime lacks.
    """
    try:
        draft, _ = lower(exported(net, example))
    except LeveretPackError as error:
        raise LeveretPackError(f"{name}: {error}") from error
    return draft
