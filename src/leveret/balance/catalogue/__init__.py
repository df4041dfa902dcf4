"""The catalogue: every way to train on skewed data, under one key each, with the same budget for all.

`METHODS[key].make(training)` gives a trained net whose outputs are the data's classes; `leveret.jobs.balance` does it
for many and measures them side by side; `choose_method` says which one suits.

Example:
    >>> training = BalancedTraining(data, epochs=10, make_net=partial(ConvNet, 1, 2))
    >>> net = METHODS["logit-adjusted"].make(training, tau=1.0)
"""

from __future__ import annotations

from collections.abc import Iterable

from leveret._catalogue import named
from leveret.balance.catalogue import _after, _data, _ensemble, _losses, _plain, _sampling
from leveret.balance.catalogue._auto import Choice, choose_method
from leveret.balance.catalogue._method import Method
from leveret.balance.catalogue._training import BalancedTraining

__all__ = ["METHODS", "BalancedTraining", "Choice", "Method", "choose_method", "choose_methods"]

_ALL = (
    *_plain.METHODS,
    *_sampling.METHODS,
    *_data.METHODS,
    *_losses.METHODS,
    *_after.METHODS,
    *_ensemble.METHODS,
)
METHODS: dict[str, Method] = {method.key: method for method in _ALL}


def choose_methods(methods: str | Iterable[str]) -> tuple[Method, ...]:
    """The methods that a user names, in the catalogue's order: "all", "a,b,c", or keys one by one.

    Raises:
        LeveretUsageError: an unknown key, or none at all; lists those that there are.
    """
    return named(methods, METHODS)
