"""What a packed net takes: images, as pixels or normalised floats, or token ids."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from leveret._pixels import of_pixels
from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.runtime._values import Value

__all__ = ["FeaturesContract", "InputContract"]

_LONGEST_SIDE = 16_384
_MOST_TOKENS = 1 << 31


@dataclass(frozen=True)
class InputContract:
    """What a packed net takes.

    Attributes:
        shape: `(channels, height, width)` of an image, or `(length,)` of a text.
        mean, std: per channel, of pixels scaled to 0..1; None if only normalised floats are taken.
        vocabulary: of a text: token ids are whole numbers in `0..vocabulary − 1`. None for images.
    """

    shape: tuple[int, ...]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    vocabulary: int | None = None

    channels_last: ClassVar[bool] = False

    @property
    def value(self) -> Value:
        """The graph's input: an image, or ids as an image of height 1.

        Raises:
            LeveretFormatError: the contract makes no sense.
        """
        if self.vocabulary is not None:
            _whole("vocabulary", self.vocabulary, _MOST_TOKENS)
        for n in self.shape:
            _whole("shape", n, _LONGEST_SIDE)
        if len(self.shape) != (3 if self.vocabulary is None else 1):
            expected = "(channels, height, width)" if self.vocabulary is None else "(length,) with a vocabulary"
            raise LeveretFormatError(f"the input's shape must be {expected}, got {self.shape}")
        if self.vocabulary is not None:
            return Value((1, self.shape[0]), 1, ids=self.vocabulary)
        channels, height, width = self.shape
        return Value((height, width), channels)

    def checked(self, given: Any) -> NDArray[Any]:
        """A batch of images `(n, channels, height, width)` uint8 or float32, or of token ids `(n, length)` int64.

        Raises:
            LeveretUsageError: another shape, dtype, or an id outside the vocabulary.
        """
        if self.vocabulary is not None:
            return self._ids(given)
        return self._images(given)

    def laid_out(self, batch: NDArray[Any]) -> NDArray[Any]:
        """A part of what `checked` gave as the graph's input has it: normalised floats `(n, height, width, channels)`,
        or ids `(n, 1, length, 1)`."""
        if self.vocabulary is not None:
            return batch[:, None, :, None]
        x = np.ascontiguousarray(batch.transpose(0, 2, 3, 1))
        if x.dtype != np.uint8:
            return x
        assert self.mean is not None
        assert self.std is not None
        return (x.astype(np.float32) - of_pixels(self.mean)) / of_pixels(self.std)

    def to_json(self) -> str:
        """As it stands in a file."""
        dtype = "int64" if self.vocabulary is not None else "uint8" if self.mean else "float32"
        value: dict[str, Any] = {"dtype": dtype, "shape": list(self.shape)}
        if self.mean is not None and self.std is not None:
            value |= {"mean": list(self.mean), "std": list(self.std)}
        if self.vocabulary is not None:
            value["vocabulary"] = self.vocabulary
        return json.dumps(value)

    @staticmethod
    def from_json(value: Any) -> InputContract:
        """The contract of a file's metadata.

        Raises:
            LeveretFormatError: says which entry is wrong, and how.
        """
        if not isinstance(value, dict):
            raise LeveretFormatError("the input contract must be an object")
        shape, mean, std, vocabulary = (value.get(key) for key in ("shape", "mean", "std", "vocabulary"))
        if not isinstance(shape, list) or len(shape) not in (1, 3):
            raise LeveretFormatError(f"the input's shape must be (channels, height, width) or (length,), got {shape!r}")
        for name, row in (("mean", mean), ("std", std)):
            if row is not None and (
                not isinstance(row, list)
                or len(row) != shape[0]
                or not all(isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e6 for v in row)
            ):
                raise LeveretFormatError(f"the input's {name} must be a number per channel, got {row!r}")
        if (mean is None) != (std is None) or (std is not None and min(std) <= 0):
            raise LeveretFormatError("the input must have both mean and std, std above 0, or neither")
        if vocabulary is not None and mean is not None:
            raise LeveretFormatError("the input is token ids with a mean: only pixels are normalised")
        contract = InputContract(
            tuple(shape), None if mean is None else tuple(mean), None if std is None else tuple(std), vocabulary
        )
        _ = contract.value
        return contract

    def _images(self, images: Any) -> NDArray[Any]:
        if not isinstance(images, np.ndarray) or images.dtype not in (np.uint8, np.float32):
            got = getattr(images, "dtype", type(images).__name__)
            raise LeveretUsageError(f"images must be a uint8 or float32 array, got {got}")
        if images.ndim == 3:
            images = images[None]
        if images.ndim != 4 or images.shape[1:] != self.shape:
            expected = ", ".join(map(str, self.shape))
            raise LeveretUsageError(f"images must be (n, {expected}), got {images.shape}")
        if images.dtype == np.uint8 and self.mean is None:
            raise LeveretUsageError("this net was packed without a normalisation; give it normalised float32 images")
        return images

    def _ids(self, ids: Any) -> NDArray[np.int64]:
        if not isinstance(ids, np.ndarray) or ids.dtype not in (np.int64, np.int32):
            got = getattr(ids, "dtype", type(ids).__name__)
            raise LeveretUsageError(f"token ids must be an int64 array, got {got}")
        if ids.ndim == 1:
            ids = ids[None]
        if ids.ndim != 2 or ids.shape[1:] != self.shape:
            raise LeveretUsageError(f"token ids must be (n, {self.shape[0]}), padded or cut; got {ids.shape}")
        assert self.vocabulary is not None
        outside = (ids < 0) | (ids >= self.vocabulary)
        if outside.any():
            row, place = (int(i) for i in np.argwhere(outside)[0])
            raise LeveretUsageError(
                f"token ids must be in 0..{self.vocabulary - 1}, got {ids[row, place]} in row {row}, place {place}"
            )
        return ids.astype(np.int64, copy=False)


@dataclass(frozen=True)
class FeaturesContract(InputContract):
    """What a part of a net takes that goes on from another part's features: those as they are, channels last."""

    channels_last: ClassVar[bool] = True

    def laid_out(self, batch: NDArray[Any]) -> NDArray[Any]:
        """`(n, height, width, channels)` float32, as given."""
        return batch


def _whole(name: str, n: Any, most: int) -> None:
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= most:
        raise LeveretFormatError(f"the input's {name} must be whole numbers in 1..{most}, got {n!r}")
