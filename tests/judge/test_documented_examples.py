"""The examples of docs/judge.md and docs/budget.md run."""

import re
from pathlib import Path

import numpy as np
import pytest


@pytest.mark.parametrize("name", ["judge", "budget"])
def test_python_examples(name, digits):
    page = Path("docs") / f"{name}.md"
    if not page.exists():
        pytest.skip("run from the project's folder, where docs stands")
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 2
    images = digits.train.fetch(np.arange(560))
    names = {"images": images, "generator": np.random.default_rng(0)}
    for block in blocks:
        exec(compile(block.replace("500", "280"), str(page), "exec"), names)
    assert names.get("verdict") is None or names["verdict"].different
