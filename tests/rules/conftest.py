import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def write(tmp_path):
    """Writes a rule file and gives its path."""

    def write(text, name="expert.rules"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write
