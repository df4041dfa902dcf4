"""How fast models are, side by side: the same images, the same threads, turn by turn in one run, medians.

On a busy machine threads wait for each other and medians say more of the other programs than of the models; then the
fastest turn of each model counts instead, and whoever reads the figures is told.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leveret._pixels import of_pixels
from leveret._threads import limited_threads
from leveret.report.contender import NOISY

if TYPE_CHECKING:  # what is timed needn't be torch's, and then torch isn't loaded
    import torch
    from torch import nn

__all__ = ["REST", "Speed", "best_threads", "measure", "torch_model"]

REST = 0.01  # seconds between the turns of different engines, see `measure`

Model = Callable[[NDArray[Any]], Any]


@dataclass(frozen=True)
class Speed:
    """Medians, or the fastest turns of a run whose `noise` was above `NOISY` for any of the models.

    Attributes:
        ms_per_image: at batch 1.
        images_per_second: at batch `batch`.
        noise: the median turn over the fastest one, at its worst in this run; near 1 on a quiet machine.
    """

    ms_per_image: float
    images_per_second: float
    batch: int
    noise: float


def measure(
    models: Mapping[str, Model],
    images: NDArray[Any],
    *,
    threads: int,
    batch: int = 64,
    seconds: float = 3.0,
    rest: float = 0.0,
) -> dict[str, Speed]:
    """Time each model from pixels to logits, taking turns, so that all meet the same state of the machine.

    Args:
        models: functions of `images`' rows, uint8 `(n, channels, height, width)` or what they take.
        images: at least one; repeated to fill a batch.
        threads: of torch and of numpy's products meanwhile; the other models are to use as many.
        seconds: to spend on each batch size, all models together.
        rest: seconds to sleep before each turn, with an untimed call after it, unless calls are long. The threads of
            some engines spin on for milliseconds after their turn, on cores that the next model needs.
    """
    whole = np.ascontiguousarray(np.resize(images, (batch, *images.shape[1:])))
    singles = [np.ascontiguousarray(whole[i : i + 1]) for i in range(batch)]
    with limited_threads(threads):
        one = _turns(models, singles, seconds, at_least=9, rest=rest)
        many = _turns(models, [whole], seconds, at_least=5, rest=rest)
    noise = max(median(turns) / min(turns) for taken in (one, many) for turns in taken.values())
    typical = median if noise <= NOISY else min
    return {key: Speed(1000 * typical(one[key]), batch / typical(many[key]), batch, noise) for key in models}


def best_threads(model: Model, images: NDArray[Any], most: int) -> int:
    """1 or `most`: the number of torch's threads with which a model is faster, one by one and in batches together.

    Small nets lose by many threads, and on a busy machine each waits for the slowest. All models of a comparison are to
    use the number that suits its reference best, so that nothing is won by slowing the reference down.
    """
    taken = {}
    for threads in {1, most}:
        with limited_threads(threads):
            one, many = (median(_turns({"": model}, [x], 0.3, at_least=3)[""]) for x in (images[:1], images))
        taken[threads] = one * many
    return min(taken, key=lambda threads: taken[threads])


def torch_model(net: nn.Module, normalization: Any, example: NDArray[Any], threads: int) -> Model:
    """The net as a function of pixels, in whichever memory layout is faster here for a batch like `example`.

    Without a `normalization` it is one of floats that are normalised already.
    """
    import torch

    layouts = (torch.contiguous_format, torch.channels_last)
    candidates = {str(layout): _in_layout(net, normalization, layout) for layout in layouts}
    with limited_threads(threads):
        taken = _turns(candidates, [example], 0.4, at_least=3)
    return candidates[min(taken, key=lambda name: median(taken[name]))]


def _in_layout(net: nn.Module, normalization: Any, layout: torch.memory_format) -> Model:
    import torch

    from leveret.shrink.binary import by_floats_alone

    # a copy, since `to` converts the weights in place
    net = copy.deepcopy(net).eval().to(memory_format=layout)  # type: ignore[call-overload]
    if normalization is not None:
        mean = torch.from_numpy(of_pixels(normalization.mean)).reshape(1, -1, 1, 1)
        scale = 1 / torch.from_numpy(of_pixels(normalization.std)).reshape(1, -1, 1, 1)

    def model(pixels: NDArray[Any]) -> Any:
        # binary layers too by what PyTorch has
        with torch.inference_mode(), by_floats_alone():
            x = torch.from_numpy(pixels)
            if normalization is not None:
                x = (x.float() - mean) * scale
            return net(x.contiguous(memory_format=layout) if x.dim() == 4 else x).numpy()

    return model


def _turns(
    models: Mapping[str, Model], batches: list[NDArray[Any]], seconds: float, at_least: int, rest: float = 0.0
) -> dict[str, list[float]]:
    """Seconds of each turn, by model."""
    for model in models.values():
        for _ in range(2):
            model(batches[0])
    taken: dict[str, list[float]] = {key: [] for key in models}
    end = time.perf_counter() + seconds
    turn = 0
    while turn < at_least or (time.perf_counter() < end and turn < 500):
        for key, model in models.items():
            if rest:
                time.sleep(rest)
                if not taken[key] or taken[key][-1] < 10 * rest:
                    model(batches[turn % len(batches)])
            start = time.perf_counter()
            model(batches[turn % len(batches)])
            taken[key].append(time.perf_counter() - start)
        turn += 1
    return taken
