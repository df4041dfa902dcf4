"""What an estimator takes for X: tables, images or texts, and later ones only where they are like those it learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from leveret.data._npz import holds_fractions, pixels_of
from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["Reader", "reader_for"]


@dataclass(frozen=True)
class Reader:
    """How X is read: as it was when the estimator was fitted.

    Attributes:
        kind: "image", "table" or "text".
        shape: of an image as X holds it; `()` for the others.
        flat: images stand as rows, one number a pixel.
        fractions: images are floats in 0..1 rather than 0..255.
    """

    kind: Literal["image", "table", "text"]
    shape: tuple[int, ...] = ()
    flat: bool = False
    fractions: bool | None = None

    def read(self, estimator: Any, x: Any, *, reset: bool) -> Any:
        """X as a source of `Data` holds it: uint8 `(n, channels, height, width)`, rows `(n, features)` or a list.

        Args:
            estimator: whose `n_features_in_` and `feature_names_in_` are set (`reset`), or compared.
            x: the user's X.
            reset: whether this is a fit.

        Raises:
            ValueError: of other columns or another shape than in the fit, missing or infinite values, no sample.
        """
        if self.kind == "text":
            if not _is_text(x):
                raise LeveretDataError("X must be texts, as in fit: a list or a 1-D array of strings")
            return _texts(x)
        if self.kind == "table" or self.flat:
            rows = validate_data(estimator, x, reset=reset)
            if self.kind == "table":
                return rows
            x = rows.reshape(len(rows), *self.shape)
        else:
            x = check_array(x, allow_nd=True, ensure_2d=False, input_name="X")
            if x.shape[1:] != self.shape:
                raise LeveretDataError(f"X must be images of shape {self.shape}, as in fit, got {x.shape[1:]}")
        return pixels_of(x, "X", self.fractions)


def reader_for(estimator: Any, x: Any, image_shape: Any) -> tuple[Reader, Any]:
    """How to read X from now on, and X so read.

    Raises:
        ValueError: X can't be read; LeveretUsageError: `image_shape` isn't a shape, or doesn't fit X.
    """
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(estimator, name):
            delattr(estimator, name)
    if image_shape is not None:
        shape = _checked(image_shape)
        rows = validate_data(estimator, x, reset=True)
        if rows.shape[1] != np.prod(shape):
            raise LeveretUsageError(f"image_shape {shape} has {np.prod(shape)} pixels, and X {rows.shape[1]} columns")
        reader = Reader("image", shape, True, _fractions(rows))
        return reader, reader.read(estimator, x, reset=True)
    if _is_text(x):
        return Reader("text"), _texts(x)
    if len(_shape(x)) in (3, 4):
        images = check_array(x, allow_nd=True, ensure_2d=False, input_name="X")
        reader = Reader("image", images.shape[1:], False, _fractions(images))
        read = reader.read(estimator, images, reset=True)
        estimator.n_features_in_ = int(np.prod(images.shape[1:]))
        return reader, read
    return Reader("table"), validate_data(estimator, x, reset=True)


def _shape(x: Any) -> tuple[int, ...]:
    """The shape of an array, or of nested lists; of a data frame and the like, two numbers."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x) if isinstance(x, (list, tuple)) else ()


def _fractions(images: NDArray[Any]) -> bool | None:
    return holds_fractions(images) if images.dtype.kind == "f" else None


def _checked(image_shape: Any) -> tuple[int, ...]:
    shape = tuple(image_shape) if isinstance(image_shape, (tuple, list, np.ndarray)) else ()
    if len(shape) not in (2, 3) or any(not isinstance(n, (int, np.integer)) or n < 1 for n in shape):
        raise LeveretUsageError(
            "image_shape must be (height, width), (height, width, 1 or 3) or (1 or 3, height, width), got "
            f"{image_shape!r}"
        )
    return tuple(int(n) for n in shape)


def _is_text(x: Any) -> bool:
    """Whether X is one string a sample, told by its first."""
    if hasattr(x, "iloc"):
        return getattr(x, "ndim", 2) == 1 and len(x) > 0 and isinstance(x.iloc[0], str)
    if isinstance(x, (list, tuple)):
        return len(x) > 0 and isinstance(x[0], str)
    return isinstance(x, np.ndarray) and x.ndim == 1 and len(x) > 0 and isinstance(x[0], str)


def _texts(x: Any) -> list[str]:
    for row, text in enumerate(x):
        if not isinstance(text, str):
            raise LeveretDataError(f"X: row {row} holds {text!r} where a text must be")
    return [str(text) for text in x]
