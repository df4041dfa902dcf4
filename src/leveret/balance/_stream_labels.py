"""The class of a streamed sample: found as the user says, and refused where it can't be one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["LabelOf", "label_finder"]

LabelOf = str | int | Callable[[Any], Hashable] | None


def label_finder(label_of: LabelOf, classes: frozenset[Hashable] | None) -> Callable[[Any, int], Hashable]:
    """A function of a sample and its number in the stream that gives its class.

    Raises:
        LeveretUsageError: `label_of` is none of its kinds.
        LeveretDataError: the function's, of a sample whose label can't be found or can't be a class.
    """
    if not (label_of is None or callable(label_of) or (isinstance(label_of, (str, int)) and label_of is not True)):
        raise LeveretUsageError(f"label_of must be a key, a place or a function of a sample, got {label_of!r}")

    def label(sample: Any, number: int) -> Hashable:
        try:
            found = label_of(sample) if callable(label_of) else sample[_place(sample, label_of, number)]
        except (KeyError, IndexError, TypeError) as error:
            raise LeveretDataError(f"sample {number} of the stream has no label at {label_of!r} ({error})") from error
        found = _as_class(found, number)
        if classes is not None and found not in classes:
            raise LeveretDataError(
                f"sample {number} of the stream is of the class {found!r}, which is none of `classes`; add it there, "
                "or leave `classes` out"
            )
        return found

    return label


def _place(sample: Any, label_of: Any, number: int) -> Any:
    if label_of is not None:
        return label_of
    if isinstance(sample, Mapping):
        return "label"
    if isinstance(sample, (tuple, list)) and len(sample) == 2:
        return 1
    raise LeveretDataError(
        f"sample {number} of the stream is {_article(sample)}: say by label_of where its class is (a dict's 'label' "
        "and a pair's second are found without)"
    )


def _article(value: Any) -> str:
    name = type(value).__name__
    length = f" of {len(value)}" if isinstance(value, (tuple, list)) else ""
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}{length}"


def _as_class(label: Any, number: int) -> Hashable:
    where = f"the label of sample {number} of the stream"
    # an array or tensor of no dimension is a number; a tensor's own hash is its address
    if hasattr(label, "shape") and hasattr(label, "item"):
        if tuple(label.shape) != ():
            raise LeveretDataError(
                f"{where} is an array of the shape {tuple(label.shape)}, and must be one class: of a one-hot label "
                "give its argmax by label_of; of several classes the rarest"
            )
        label = label.item()
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    if label is None or isinstance(label, float):
        raise LeveretDataError(f"{where} is {label!r}, and must be a class: a whole number or a name")
    try:
        hash(label)
    except TypeError:
        raise LeveretDataError(
            f"{where} is {_article(label)}, which can't be hashed, and must be one class: give a whole number or a "
            "name by label_of"
        ) from None
    return label
