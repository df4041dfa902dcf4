"""The catalogue: every way to make a trained net small, under one key each, fine-tuned with a budget that is given.

`METHODS[key].make(net, tuning)` gives a small net of a trained one, which stays as it is; `leveret.jobs.compare` does
it for many and measures them side by side.

Example:
    >>> tuning = FineTuning(data, epochs=10)
    >>> small = METHODS["deep-compression"].make(net, tuning, sparsity=0.92)
    >>> packed = leveret.pack(small, images[:2])
"""

from __future__ import annotations

from collections.abc import Iterable

from leveret._catalogue import named
from leveret.shrink.catalogue import _binary, _bits, _compact, _ensemble, _expectation, _pruning, _real, _sharing
from leveret.shrink.catalogue._method import Method
from leveret.shrink.catalogue._tuning import FineTuning

__all__ = ["METHODS", "FineTuning", "Method", "choose_methods"]

_ALL = (
    *_real.METHODS,
    *_pruning.METHODS,
    *_sharing.METHODS,
    *_bits.METHODS,
    *_binary.METHODS,
    *_expectation.METHODS,
    *_compact.METHODS,
    *_ensemble.METHODS,
)
METHODS: dict[str, Method] = {method.key: method for method in _ALL}


def choose_methods(methods: str | Iterable[str]) -> tuple[Method, ...]:
    """The methods that a user names, in the catalogue's order: "all", "a,b,c", or keys one by one.

    Raises:
        LeveretUsageError: an unknown key, or none at all; lists those that there are.
    """
    return named(methods, METHODS)
