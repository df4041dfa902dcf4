import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("LEVERET_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def shapes(tmp_path):
    """A folder of 24 images of 32x40 pixels, dark with a red square and a green stripe, and their masks."""
    from segmentation_files import write_pairs

    return write_pairs(tmp_path / "shapes", np.random.default_rng(0), 24, (32, 40))
