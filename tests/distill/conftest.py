"""A tiny dataset, two untrained teachers, and a call that builds a transfer set of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from transfer_fakes import Sized, teacher

from leveret.distill import TransferSet
from leveret.training import Augment


@pytest.fixture
def teachers() -> list[Any]:
    return [teacher(1), teacher(2)]


@pytest.fixture
def build(few_digits: Any, teachers: list[Any], tmp_path: Any) -> Any:
    """Builds 450 views in 5 shards in `set`, unless told otherwise: two passes over 200 digits and a quarter."""

    def run(**changed: Any) -> TransferSet:
        wanted: dict[str, Any] = {
            "data": few_digits,
            "teachers": teachers,
            "size": 450,
            "augment": Augment(flip=True, shift=1, cutout=2),
            "path": tmp_path / "set",
            "shard_size": 100,
            "batch_size": 32,
            "progress": False,
        }
        return TransferSet.build(**wanted | changed)

    return run


@pytest.fixture
def more(few_digits: Any) -> Sized:
    """30 images without labels, as a part of a dataset."""
    return Sized(few_digits.val.fetch(range(30)))
