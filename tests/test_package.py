"""The front door: cheap to open, and every public name is behind it."""

import subprocess
import sys

import pytest

import leveret


@pytest.mark.parametrize("name", leveret.__all__)
def test_every_public_name_exists(name):
    assert getattr(leveret, name) is not None


def test_unknown_names_are_errors():
    with pytest.raises(AttributeError, match="'leveret' has no attribute 'sharpen'"):
        leveret.sharpen  # noqa: B018


def test_importing_is_cheap():
    code = "import sys, leveret; print([m for m in ('torch', 'numpy', 'pytorch_lightning') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
