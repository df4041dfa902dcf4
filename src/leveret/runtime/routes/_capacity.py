"""`PackedCapacity`: a dynamic capacity net, packed; coarse everywhere, fine where it matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.runtime._packed import check_work, thread_count
from leveret.runtime.routes._amounts import (
    Amount,
    Budget,
    UntilSure,
    amount_from_json,
    amount_to_json,
    bought,
    checked_amount,
)
from leveret.runtime.routes._look import CapacityLook
from leveret.runtime.routes._refining import Refining, Run
from leveret.runtime.routes._routed import Routed
from leveret.runtime.routes._windows import Axis, Windows

__all__ = ["PackedCapacity"]

_AXES = ("rows", "columns")
_MOST_COST = 1 << 62


class PackedCapacity(Routed):
    """A packed `leveret.capacity.DynamicCapacityNet`. Make one with `leveret.pack` or `leveret.runtime.load`.

    Parts: `coarse`, from images to coarse features; `saliency`, from those (or, of selectors that ask the image alone,
    from images) to the scores of places, behind the coarse logits where it has them; `fine`, from patches to fine
    vectors; `whole`, the fine layers on a whole image, where such a run can stand for patches; `top`, from features to
    logits. Source: Almahairi et al., "Dynamic Capacity Networks", ICML 2016, section 2.

    All patches of a batch go through `fine` in one call. Where so many are asked for that whole images cost fewer
    operations, `whole` runs instead, as in PyTorch.

    Attributes:
        k: how many places of each image get a fine look: a whole number, `UntilSure` or a `Budget`, as of the net that
            was packed. May be set anew at any time; raises `LeveretUsageError` where it is none, or beyond the grid.
        grid: rows and columns of places.
        asks_images: whether the scores of places follow from the images, else from the coarse features.
    """

    route = "dynamic_capacity"
    part_names = ("coarse", "saliency", "fine", "whole", "top")
    optional = frozenset({"whole"})

    def _set_up(self, settings: Mapping[str, Any]) -> None:
        if wrong := settings.keys() ^ {"k", "costs", *_AXES}:
            key = sorted(wrong)[0]
            raise LeveretFormatError(f"setting {key!r} is {'not known' if key in settings else 'missing'}")
        axes = [Axis.from_json(name, settings[name]) for name in _AXES]
        costs = settings["costs"]
        whole = isinstance(costs, list) and len(costs) == 2 and all(type(n) is int for n in costs)
        if not whole or not all(1 <= n <= _MOST_COST for n in costs):
            raise LeveretFormatError(f"costs must be two whole numbers of at least 1, got {str(costs)[:100]}")
        self._axes, self._costs = axes, (costs[0], costs[1])
        self._check_parts()
        places = self.grid[0] * self.grid[1]
        if "whole" not in self.parts:
            self._costs = costs[0], costs[0] * places
        self._windows = Windows(axes, self.input, self.grid, self.parts["fine"], self.parts.get("whole"))
        # places all refined, whatever k is set to later
        fine = self._work("fine") * places
        check_work(self._work("coarse") + self._work("saliency") + fine + self._work("top"))
        try:
            self.k = amount_from_json(settings["k"])
        except LeveretUsageError as error:
            raise LeveretFormatError(str(error)) from None

    def _settings(self) -> dict[str, Any]:
        axes = {name: axis.to_json() for name, axis in zip(_AXES, self._axes, strict=True)}
        return {**axes, "costs": list(self._costs), "k": amount_to_json(self.k)}

    def _check_parts(self) -> None:
        """That each part takes and gives what its neighbours give and take."""
        image, coarse = self.input.shape, self.parts["coarse"].output_shape
        if len(coarse) != 3:
            raise LeveretFormatError(f"part 'coarse' must give features of places, it gives shape {coarse}")
        self.grid = coarse[1], coarse[2]
        places = coarse[1] * coarse[2]
        self.asks_images = not self._given["saliency"].features
        expected = {"coarse": (image, False), "top": (coarse, True)}
        expected["saliency"] = (image, False) if self.asks_images else (coarse, True)
        for name, (shape, features) in expected.items():
            part = self._given[name]
            if part.shape != shape or part.features != features:
                raise LeveretFormatError(f"part {name!r} must take {shape}, it takes {part.shape}")
        for name in ("fine", "whole"):
            if name not in self.parts:
                continue
            part, given = self._given[name], self.parts[name].output_shape
            if part.features or part.shape[0] != image[0]:
                raise LeveretFormatError(
                    f"part {name!r} must take images of {image[0]} channels, it takes {part.shape}"
                )
            if len(given) != 3 or given[0] != coarse[0] or (name == "whole" and given != coarse):
                raise LeveretFormatError(f"part {name!r} gives features of {given}, part 'coarse' of {coarse}")
        classes, told = self.parts["top"].output_shape, self.parts["saliency"].output_shape
        if len(classes) != 1:
            raise LeveretFormatError(f"part 'top' must give logits, it gives maps of {classes}")
        if told not in ((places,), (places + classes[0],)):
            raise LeveretFormatError(
                f"part 'saliency' must give {places} scores, perhaps behind {classes[0]} logits; it gives {told}"
            )
        self._tells_logits = told != (places,)

    @property
    def k(self) -> Amount:
        """How many places of each image get a fine look."""
        return self._k

    @k.setter
    def k(self, amount: Amount) -> None:
        amount, places = checked_amount(amount), self.grid[0] * self.grid[1]
        if isinstance(amount, int) and amount > places:
            height, width = self.input.shape[1:]
            raise LeveretUsageError(
                f"k is {amount}, and images of {height}x{width} have a grid of {self.grid[0]}x{self.grid[1]}, "
                f"{places} places"
            )
        if isinstance(amount, UntilSure):
            check_work(self._work("top") * -(-min(amount.at_most, places) // amount.step))
        self._k: Amount = amount

    def look(self, images: NDArray[Any], *, threads: int | None = None) -> CapacityLook:
        """The logits, and how they came about.

        Args:
            images, threads: as for a call.

        Raises:
            LeveretUsageError: another shape or dtype.
        """
        count = thread_count(threads)
        batch = self.input.checked(images)
        run = Run(self.parts, count)
        refining, scores, coarse_logits, coarse = self._glanced(run, batch)
        if coarse_logits is None:
            coarse_logits = run("top", coarse)
        logits = self._refined(refining, scores, coarse_logits)
        first, stride, size = (
            (getattr(self._axes[0], name), getattr(self._axes[1], name)) for name in ("start", "stride", "size")
        )
        return CapacityLook(
            logits,
            coarse_logits,
            scores.reshape(len(scores), *self.grid),
            refining.counts,
            refining.sample,
            refining.place,
            first,
            stride,
            size,
            refining.patches,
            refining.images,
        )

    def vectors(self, images: NDArray[Any], sample: Any, place: Any, part: str = "fine") -> NDArray[np.float32]:
        """The fine vectors of some places, `(n, D)`, by way of patches or of whole images.

        Args:
            images: a batch as `input` has it.
            sample, place: `(n,)` int64: of each place the image, and `row · columns + column`.
            part: "fine", or "whole" where there is one.
        """
        run = Run(self.parts, 0)
        if part == "fine":
            return self._windows.vectors(run(part, self._windows.patches(images, sample, place)), place)
        features = run(part, self._windows.wholes(images, sample))
        return features.reshape(len(sample), -1, features.shape[-1])[np.arange(len(sample)), place]

    def results(self, batch: NDArray[Any], threads: int) -> NDArray[np.float32]:
        return self._answer(Run(self.parts, threads), batch)

    def runs(self) -> dict[str, float]:
        places = self.grid[0] * self.grid[1]
        if isinstance(self.k, Budget):
            patches = self.k.places(1000, 1000 * places, self._costs) / 1000
        else:
            patches = min(places, self.k.at_most if isinstance(self.k, UntilSure) else self.k)
        whole = "whole" in self.parts and patches * self._costs[0] >= self._costs[1]
        often = {"coarse": 1.0, "saliency": 0.0 if self._looks_nowhere else 1.0, "top": 1.0}
        return {**often, "fine": 0.0 if whole else float(patches), "whole": float(whole)}

    def described(self) -> dict[str, Any]:
        return {"k": amount_to_json(self.k), "grid": list(self.grid), "patch": list(self._windows.size)}

    def stages(self, batch: NDArray[Any], threads: int) -> list[tuple[str, NDArray[Any]]]:
        run = Run(self.parts, threads)
        self._answer(run, batch)
        return run.given

    @property
    def _looks_nowhere(self) -> bool:
        return self.k == 0 or (isinstance(self.k, Budget) and 0 in (self.k.patches, self.k.operations))

    def _answer(self, run: Run, batch: NDArray[Any]) -> NDArray[np.float32]:
        if self._looks_nowhere:
            return run("top", run("coarse", batch))
        refining, scores, coarse_logits, coarse = self._glanced(run, batch)
        if coarse_logits is None and isinstance(self.k, UntilSure):
            coarse_logits = run("top", coarse)
        return self._refined(refining, scores, coarse_logits)

    def _glanced(
        self, run: Run, batch: NDArray[Any]
    ) -> tuple[Refining, NDArray[np.float32], NDArray[np.float32] | None, NDArray[np.float32]]:
        """What will refine the coarse features, the scores of places, the coarse logits if they are known by the way,
        and the features, which refining overwrites."""
        coarse = run("coarse", batch)
        told = run("saliency", batch if self.asks_images else coarse)
        places = self.grid[0] * self.grid[1]
        logits = told[:, :-places] if self._tells_logits else None
        return Refining(self._windows, run, batch, coarse, self._costs), told[:, -places:], logits, coarse

    def _refined(
        self, refining: Refining, scores: NDArray[np.float32], coarse_logits: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """The logits."""
        if isinstance(self.k, UntilSure):
            assert coarse_logits is not None
            return refining.until_sure(self.k, scores, coarse_logits)
        counts = bought(self.k, scores, self._costs) if isinstance(self.k, Budget) else self.k
        return refining.at_once(counts, scores, coarse_logits)

    def _work(self, part: str) -> int:
        return sum(op.work for op in self.parts[part].ops)
