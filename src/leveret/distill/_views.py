"""The views of a transfer set: view j shows sample j modulo their number, as its key says or as it is stored."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.distill._sharded import ShardedArray, check_rows
from leveret.errors import LeveretUsageError
from leveret.training._batch import UNLABELLED
from leveret.training._keyed import view_keys

__all__ = ["KeyedViews", "Samples", "TransferSplit", "ViewLabels", "as_samples"]


class _Images:
    """Pixels in an array, as a part of the data without labels."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def fetch(self, indices: ArrayLike) -> NDArray[np.uint8]:
        return np.asarray(self.pixels[np.asarray(indices, dtype=np.int64)])


def as_samples(unlabelled: Any, image_shape: tuple[int, int, int]) -> Any:
    """Unlabelled images as something with `fetch` and a length; None for none.

    Raises:
        LeveretUsageError: they aren't uint8 `(n, channels, height, width)` with the data's image shape.
    """
    if unlabelled is None:
        return None
    samples = unlabelled if hasattr(unlabelled, "fetch") else _Images(np.asanyarray(unlabelled))
    found = samples.fetch(np.arange(1)) if len(samples) else np.empty((0, *image_shape), np.uint8)
    shape, dtype = np.shape(found), getattr(found, "dtype", type(found).__name__)
    if shape[1:] != tuple(image_shape) or dtype != np.uint8:
        raise LeveretUsageError(
            f"unlabelled images must be uint8 (n, {', '.join(map(str, image_shape))}) as the data's are, got "
            f"(n, {', '.join(map(str, shape[1:]))}) {dtype}"
        )
    return samples if len(samples) else None


class Samples:
    """What is viewed: the training part, and the unlabelled images behind it."""

    def __init__(self, labelled: Any, unlabelled: Any = None) -> None:
        self.labelled = labelled
        self.unlabelled = unlabelled

    def __len__(self) -> int:
        return len(self.labelled) + (0 if self.unlabelled is None else len(self.unlabelled))

    def fetch(self, places: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Pixels of the samples at `places`, `(n, channels, height, width)` uint8."""
        if self.unlabelled is None:
            return self.labelled.fetch(places)
        own = places < len(self.labelled)
        if own.all():
            return self.labelled.fetch(places)
        others = self.unlabelled.fetch(places[~own] - len(self.labelled))
        if not own.any():
            return others
        pixels = np.empty((len(places), *others.shape[1:]), np.uint8)
        pixels[own], pixels[~own] = self.labelled.fetch(places[own]), others
        return pixels


class KeyedViews:
    """Views made when they are fetched, each from its sample and its key.

    Args:
        augment: has `views(pixels, keys)`; None shows the samples as they are.
    """

    def __init__(self, samples: Samples, augment: Any, seed: int, size: int) -> None:
        self.samples = samples
        self.augment = augment
        self.seed = seed
        self.size = size

    def fetch(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        check_rows(indices, self.size)
        pixels = self.samples.fetch(indices % len(self.samples))
        return pixels if self.augment is None else self.augment.views(pixels, view_keys(self.seed, indices))


class ViewLabels:
    """Labels of views, int64, read as an array but looked up when asked for: those of the samples again and again.

    −100 for views of unlabelled images.
    """

    dtype = np.dtype(np.int64)

    def __init__(self, labels: NDArray[np.int64], samples: int, size: int) -> None:
        self._labels = np.asarray(labels, dtype=np.int64)
        self._samples = samples
        self.shape = (size,)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            key = np.arange(*key.indices(len(self)))
        indices = np.asarray(key)
        if indices.dtype == bool:
            if indices.shape != self.shape:
                raise IndexError(f"a mask for {len(self)} labels has the shape {indices.shape}")
            indices = np.flatnonzero(indices)
        indices = indices.astype(np.int64)
        if indices.size and not (-len(self) <= indices.min() and indices.max() < len(self)):
            raise IndexError(f"an index is out of range for {len(self)} labels")
        places = indices % len(self) % self._samples
        labelled = len(self._labels)
        if self._samples == labelled:
            return self._labels[places]
        return np.where(places < labelled, self._labels[np.minimum(places, labelled - 1)], UNLABELLED)[()]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(self.dtype if dtype is None else dtype)


class TransferSplit:
    """The views as the training part of a dataset.

    Attributes:
        name: "train".
        labels: `(size,)` int64, a `ViewLabels`; −100 for views of unlabelled images.
        num_classes: of the data.
    """

    name = "train"

    def __init__(self, views: KeyedViews | ShardedArray, labels: ViewLabels, num_classes: int) -> None:
        self._views = views
        self.labels = labels
        self.num_classes = num_classes

    def __len__(self) -> int:
        return len(self.labels)

    def fetch(self, indices: ArrayLike) -> NDArray[np.uint8]:
        """The views at `indices`, uint8 `(n, channels, height, width)`, the same each time.

        Raises:
            LeveretUsageError: an index below 0 or beyond the last view.
        """
        return self._views.fetch(np.asarray(indices, dtype=np.int64))

    def __repr__(self) -> str:
        return f"TransferSplit({len(self)} views, {self.num_classes} classes)"
