"""The kernels of arm64 against plain loops, cross-compiled and run under emulation (tests/native)."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("make", os.environ.get("ARM64_CXX", "aarch64-linux-gnu-g++"), os.environ.get("ARM64_RUN", "qemu-aarch64"))
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]


@pytest.mark.skipif(
    bool(MISSING), reason=f"needs {', '.join(MISSING)} (Debian: apt-get install make g++-aarch64-linux-gnu qemu-user)"
)
def test_arm64_kernels_are_right_under_emulation():
    run = subprocess.run(
        ["make", "test-arm64", "NATIVE_CASES=40"], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    for name in ("neon-dotprod", "neon", "portable"):
        assert f"\n{name}: 480 of 480 cases passed" in run.stdout
