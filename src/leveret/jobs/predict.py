"""`predict`: a packed model over image files, folders and arrays, in bounded memory and without torch."""

from __future__ import annotations

import copy
import math
import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leveret.data.images import decode_image
from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning
from leveret.jobs._inputs import Item, inputs

if TYPE_CHECKING:  # rules are loaded where they are heeded
    from leveret.jobs._image_facts import ImageFacts
    from leveret.runtime.rules import Facts

__all__ = ["Prediction", "ranked", "run"]

_MOST_IMAGES = 64
_MOST_FLOATS = 4_000_000  # activations that may be alive at once: 16 MB, each held about twice


@dataclass(frozen=True)
class Prediction:
    """What the model says of one image.

    Attributes:
        source: the file, or `file.npz:name[row]`.
        top: (class, probability) pairs, the likeliest first; empty if the image could not be read.
        error: why the image could not be read, or None.
    """

    source: str
    top: tuple[tuple[str, float], ...] = ()
    error: str | None = None

    def words(self, most: int) -> list[str]:
        """The image, then at most so many classes with their probabilities, for a line."""
        return [self.source, *(f"{name}\t{share:.4f}" for name, share in self.top[:most])]

    def as_dict(self) -> dict[str, Any]:
        """For JSON; of what could not be read, the error."""
        if self.error is not None:
            return {"path": self.source, "error": self.error}
        top = [{"class": name, "probability": round(share, 6)} for name, share in self.top]
        return {"path": self.source, **top[0], **({"top": top} if len(top) > 1 else {})}


def run(
    model: str | os.PathLike[str] | Any,
    paths: Iterable[str | os.PathLike[str]],
    *,
    top: int = 1,
    threads: int | None = None,
    budget: float | None = None,
    facts: str | os.PathLike[str] | None = None,
    stdin: Iterable[str] = (),
    heed: bool = False,
) -> Iterator[Prediction]:
    """Predict the class of each image, or of each text with a model of texts, in the order of `paths`.

    Args:
        model: path of a `.lvr` file, or a `leveret.runtime.Packed`.
        paths: image files; folders, searched for images at any depth; `.npz` files of images. Taken one by one, so
            that an endless list is fine. With a model of texts files of those, see `predict_texts`.
        top: how many classes to name, at most as many as there are.
        threads: of the kernels; None takes `LEVERET_THREADS` or all cores.
        budget: of a dynamic capacity net, patches of an image on average over each batch; 0 leaves the coarse
            prediction as it is. None does what the model says.
        facts: of a model that carries rules: a csv or tsv file with a path and columns for each image, by which the
            rules are asked, so that the answer is q, which heeds them. None gives p, the net's alone.
        stdin: lines that the path "-" stands for, of texts.
        heed: of texts, with a model that carries rules: answer by q, which heeds them, rather than by p.

    Yields:
        A `Prediction` an image; one with `error` set for each that could not be read.

    Raises:
        LeveretUsageError: `top` or `threads` below 1, the model doesn't classify images given as pixels, or a budget
            below 0 or for a model that has no closer look; or facts for a model without rules. Raised at once, as are:
        LeveretFormatError: the model is not a whole, valid .lvr file.
        LeveretDataError: the facts can't be read.
    """
    if top < 1:
        raise LeveretUsageError(f"top must be at least 1, got {top}")
    if threads is not None and threads < 1:
        raise LeveretUsageError(f"threads must be at least 1, got {threads}")
    packed = model
    if isinstance(model, str | os.PathLike):
        from leveret import runtime

        packed = runtime.load(model)
    if hasattr(packed, "encoder"):
        from leveret.jobs import predict_texts

        if budget is not None:
            raise LeveretUsageError(
                "a budget is for dynamic capacity nets; this model takes texts: leave the budget out"
            )
        if facts is not None:
            raise LeveretUsageError("facts are of images; rules ask a text itself: give heed instead")
        return predict_texts.run(packed, paths, top=top, threads=threads, stdin=stdin, heed=heed)  # type: ignore[return-value]
    if heed:
        raise LeveretUsageError("heed is of models of texts; rules are asked of images by their facts")
    _check(packed)
    if budget is not None:
        packed = _with_budget(packed, budget)
    return _predictions(packed, paths, top, threads, None if facts is None else _known(packed, facts))


def _check(packed: Any) -> None:
    """Only classifiers of images can be asked here.

    Raises:
        LeveretUsageError: says what the model is instead, and how to run it.
    """
    instead = "; run it from Python: leveret.runtime.load(path)(array)"
    if len(packed.input.shape) != 3:
        raise LeveretUsageError(f"predict classifies images; this model takes token ids{instead}")
    if packed.input.mean is None:
        raise LeveretUsageError(
            f"predict reads pixels; this model was packed without a normalisation and takes floats{instead}"
        )
    if len(packed.output_shape) != 1:
        _, height, width = packed.output_shape
        if (height, width) == tuple(packed.input.shape[1:]):
            instead = f", a class for each pixel; name a folder for its masks: -o masks/{instead}"
        raise LeveretUsageError(
            f"predict names one class an image; this model gives maps of {height}x{width} places{instead}"
        )


def _known(packed: Any, facts: str | os.PathLike[str]) -> ImageFacts:
    """What is known of the images.

    Raises:
        LeveretUsageError: the model carries no rules that could be asked.
    """
    from leveret.jobs._image_facts import ImageFacts

    if packed.rules is None or packed.rules.tags:
        raise LeveretUsageError("facts are for models that carry rules, from leveret fit --rules; this one has none")
    return ImageFacts(facts)


def _with_budget(packed: Any, budget: float) -> Any:
    """The same model, which spends that many patches an image on average; the caller's stays as it is.

    Raises:
        LeveretUsageError: the model has nothing to spend it on, or it is below 0.
    """
    from leveret.runtime import Budget, PackedCapacity

    if not isinstance(packed, PackedCapacity):
        raise LeveretUsageError(
            "a budget is for dynamic capacity nets, which look closer at some places of an image; this model sees all "
            "of every image alike: leave the budget out"
        )
    if not 0 <= budget < math.inf:
        raise LeveretUsageError(f"the budget must be patches per image, at least 0, got {budget:g}")
    if budget > (places := math.prod(packed.grid)):
        warnings.warn(
            LeveretWarning(
                f"the budget of {budget:,.10g} patches is more than the {places} that an image has: all of them are "
                "looked at"
            ),
            stacklevel=3,
        )
    packed = copy.copy(packed)
    packed.k = Budget(patches=budget)
    return packed


def batch_size(packed: Any) -> int:
    """How many images at once keep the activations within a few megabytes."""
    layers = [layer for part in _parts(packed) for layer in part.layers()]
    largest = max((_size(layer.in_shape) + _size(layer.out_shape) for layer in layers), default=1)
    return max(1, min(_MOST_IMAGES, _MOST_FLOATS // max(largest, 1)))


def _parts(packed: Any) -> list[Any]:
    """A model of several parts by those that it runs."""
    if not getattr(packed, "route", ""):
        return [packed]
    runs = packed.runs()
    return [part for name, part in packed.parts.items() if runs[name]]


def _predictions(
    packed: Any, paths: Iterable[Any], top: int, threads: int | None, known: ImageFacts | None
) -> Iterator[Prediction]:
    shape = tuple(packed.input.shape)
    most = batch_size(packed)
    waiting: list[tuple[str, NDArray[np.uint8] | None, str | None]] = []
    images = 0
    for item in inputs(paths, shape[0]):
        pixels, error = _read(item, shape)
        waiting.append((item.source, pixels, error))
        images += pixels is not None
        if images == most or len(waiting) == 16 * _MOST_IMAGES:
            yield from _flush(packed, waiting, top, threads, known)
            waiting, images = [], 0
    yield from _flush(packed, waiting, top, threads, known)


def _read(item: Item, shape: tuple[int, int, int]) -> tuple[NDArray[np.uint8] | None, str | None]:
    if item.error is not None:
        return None, item.error
    if item.pixels is not None:
        if item.pixels.shape != shape:
            return None, f"an image of shape {item.pixels.shape}, the model takes {shape}"
        return item.pixels, None
    try:
        return decode_image(item.source, shape), None
    except LeveretDataError as error:
        return None, str(error)


def _flush(
    packed: Any, waiting: list[Any], top: int, threads: int | None, known: ImageFacts | None
) -> Iterator[Prediction]:
    batch = [pixels for _, pixels, _ in waiting if pixels is not None]
    facts = None if known is None else known.of([source for source, pixels, _ in waiting if pixels is not None])
    ranked = iter(_rank(packed, np.stack(batch), top, threads, facts) if batch else ())
    for source, pixels, error in waiting:
        yield Prediction(source, error=error) if pixels is None else Prediction(source, next(ranked))


def _rank(
    packed: Any, images: NDArray[np.uint8], top: int, threads: int | None, facts: Facts | None
) -> list[tuple[tuple[str, float], ...]]:
    return ranked(packed, packed(images, threads=threads), top, facts)


def ranked(
    packed: Any, logits: NDArray[Any], top: int, facts: Facts | None = None
) -> list[tuple[tuple[str, float], ...]]:
    """The likeliest classes of each row of logits, with their probabilities.

    Args:
        packed: the model that gave the logits.
        logits: `(n, classes)`.
        top: how many classes, the likeliest first.
        facts: to ask the rules by that the model carries; the probabilities heed them then.
    """
    shares = logits.astype(np.float64)
    if facts is not None:
        from leveret.runtime.rules import heeded

        shares = heeded(packed.rules, shares, facts, packed)
    elif packed.layers()[-1].op != "softmax":  # else they are shares already
        shares = np.exp(shares - shares.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
    order = np.argsort(-shares, axis=1, kind="stable")[:, :top]
    names = tuple(packed.classes) or tuple(map(str, range(shares.shape[1])))
    return [tuple((names[k], float(row[k])) for k in best) for row, best in zip(shares, order, strict=True)]


def _size(shape: Any) -> int:
    size = 1
    for length in shape:
        size *= int(length)
    return size
