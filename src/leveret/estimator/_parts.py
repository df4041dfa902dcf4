"""An estimator's parameters as what `fit` takes: each is an instance, or a function of the data that gives one."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import Sampler

from leveret.errors import LeveretUsageError
from leveret.nets import net_for
from leveret.training import CrossEntropy, Objective, TakesSampleWeights

__all__ = ["make_net", "make_objective", "make_sampler"]


def make_net(given: Any, data: Any) -> nn.Module:
    """The net to train: one that suits the data (None), or by name, a copy of a module, or what a function gives.

    Raises:
        LeveretUsageError: it is none of these.
    """
    if given is None or isinstance(given, str):
        return net_for(data, given)
    made = copy.deepcopy(given) if isinstance(given, nn.Module) else given(data) if callable(given) else None
    if not isinstance(made, nn.Module):
        raise LeveretUsageError(
            "net must be None, a name, a torch.nn.Module or a function of the data that gives one, got "
            f"{_got(given, made)}"
        )
    return made


def make_objective(given: Any, data: Any, weights: NDArray[np.float64] | None) -> Objective:
    """The objective to minimise: cross-entropy (None), a copy of one, or what a function of the data gives.

    Args:
        given: the parameter. An objective is told from a function of the data by its call, which takes a net and a
            batch.
        data: what is trained on.
        weights: of the training part's samples, or None.

    Raises:
        LeveretUsageError: it is none of these, or takes no sample weights where there are some.
    """
    if given is None:
        made: Any = CrossEntropy()
    elif isinstance(given, type):
        raise LeveretUsageError(
            f"objective must be an instance or a function of the data, got the class {given.__name__}"
        )
    elif _takes(given, 2):
        made = copy.deepcopy(given)
    else:
        made = given(data) if _takes(given, 1) else None
        if not _takes(made, 2):
            raise LeveretUsageError(
                "objective must be None, an objective, which is called with a net and a batch, or a function of the "
                f"data that gives one, got {_got(given, made)}"
            )
    if weights is None:
        return made
    if not isinstance(made, TakesSampleWeights):
        raise LeveretUsageError(
            f"{type(made).__name__} takes no sample weights (it has no with_sample_weights): leave sample_weight and "
            "class_weight out, or use CrossEntropy"
        )
    return made.with_sample_weights(weights)


def make_sampler(given: Any, data: Any) -> Sampler[int] | None:
    """The sampler to draw by: none, a copy of one, or what a function of the data gives.

    Raises:
        LeveretUsageError: it is none of these.
    """
    if given is None or isinstance(given, Sampler):
        return copy.deepcopy(given)
    made = given(data) if callable(given) else None
    if not isinstance(made, Sampler):
        raise LeveretUsageError(
            f"sampler must be None, a torch Sampler or a function of the data that gives one, got {_got(given, made)}"
        )
    return made


def _takes(given: Any, arguments: int) -> bool:
    if not callable(given):
        return False
    try:
        inspect.signature(given).bind(*range(arguments))
    except TypeError:
        return False
    except ValueError:  # a builtin that doesn't say
        return True
    return True


def _got(given: Any, made: Any) -> str:
    return repr(given) if made is None else f"{given!r}, which gave {made!r}"
