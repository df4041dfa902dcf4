"""The quick run's settings: for its time other numbers stand in the places of the parts' own constants.

Trainings of this experiment run in the process that asks for them, so that what is changed here reaches all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from leveret.experiments.logic_rules import _exact, _images, _sst2, _wnut

__all__ = ["QUICK", "quickly"]

_TURNS = {"_COST_STEPS": 4, "_COST_TURNS": 1}

# module -> its constants
QUICK: Mapping[Any, Mapping[str, Any]] = {
    _exact: {"_CASES": 10},
    _sst2: {"_SEEDS": 1, "_FRACTION_SEEDS": 1, "_EPOCHS": 1, "_FEW": {0.3: (2, 1)}, **_TURNS},
    _wnut: {"_SEEDS": 1, "_EPOCHS": 2},
    _images: {
        "_SEEDS": 1,
        "_PER_CLASS": 10,
        "_IMAGES": 600,
        "_STEPS": {"plain": (2, 32), "rules": (1, 64)},
        "_COST_STEPS": 3,
    },
}


@contextmanager
def quickly() -> Iterator[None]:
    """A context in which the parts are tiny."""
    with ExitStack() as stack:
        for module, values in QUICK.items():
            for name, value in values.items():
                stack.callback(setattr, module, name, getattr(module, name))
                setattr(module, name, value)
        yield
