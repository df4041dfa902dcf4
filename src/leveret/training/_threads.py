"""How many of torch's threads a training is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from leveret.nets import layer_operations
from leveret.training._loader import to_tensor

__all__ = ["threads_for"]

# multiply-accumulates of a batch above which threads help
_WORTH_THREADS = 200_000_000


def threads_for(net: nn.Module, data: Any, batch_size: int, most: int) -> int:
    """`most`, or one where a batch is so little work that threads would only wait for each other.

    By the work and not by the clock, as another number of threads adds up in another order: a seed gives one result.
    """
    if most == 1:
        return 1
    example = data.train.fetch(np.arange(2))
    if isinstance(example, np.ndarray):
        example = to_tensor(example, data.normalization)
    work = sum(number for _, number in layer_operations(net, example))
    return most if work * batch_size >= _WORTH_THREADS else 1
