"""The Python of the documentation runs: each page's blocks one after the other, in a folder of their own.

A block that can't run here is marked, in a comment that no reader of the page sees, with what it needs:
`<!-- not run: needs a folder of photos -->` right before it. What would take long is made small by `SMALLER`, whose
texts must stand on the page: an example that changes has to be looked at here again.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import leveret

PAGES = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"(<!-- not run: (?P<why>[^>]+) -->\n+)?```python\n(?P<code>.*?)^```", re.DOTALL | re.MULTILINE)

# page -> what makes its examples quick; they are to run here, not to learn
SMALLER: dict[str, dict[str, str]] = {
    "balance": {"1_500": "150", "30)": "15)", "(0.0, 0.5, 1.0)": "(1.0,)", "epochs=20, batch_size=64": "epochs=1"},
    "budget": {"seconds=1": "seconds=0.2"},
    "capacity": {"train=6_000": "train=128", "epochs=8": "epochs=1", "(0, 4, 8, 16)": "(8,)"},
    "c-library": {"epochs=10": "epochs=1"},
    "compare": {"epochs=8": "epochs=1", "epochs=10": "epochs=1"},
    "context": {"range(30)": "range(2)", "scenes(200)": "scenes(8)", "180, 240": "45, 60"},
    "distill": {"epochs=10, b": "epochs=1, b", "epochs=20": "epochs=1"},
    "estimator": {"epochs=10": "epochs=1", "epochs=5": "epochs=1"},
    "index": {"write_folder(pixels, labels,": "write_folder(pixels[:40], labels[:40],"},
    "grow": {"epochs=6,": "epochs=1,", "branch_epochs=4, leaf_epochs=2": "branch_epochs=1, leaf_epochs=1"},
    "judge": {"images[:500]": "images[:280]", "images[500:]": "images[280:560]"},
    "operations": {"epochs=10": "epochs=1", "epochs=5": "epochs=1"},
    "rules": {"epochs=20": "epochs=2"},
    "segment": {"epochs=80": "epochs=1", "(144, 192)": "(24, 32)", "batch_size=8": "batch_size=32"},
    "shrink": {"epochs=8": "epochs=1", "epochs=4": "epochs=1", "epochs=2": "epochs=1"},
    "text": {"epochs=8": "epochs=1", "epochs=12": "epochs=1", "size=800": "size=80"},
    "training": {"epochs=10": "epochs=1"},
}


def blocks(page: str) -> list[tuple[str, str | None]]:
    """A page's Python, with why a block isn't run."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return [(found["code"], found["why"]) for found in BLOCK.finditer(text)]


def pages() -> list[str]:
    return sorted(path.stem for path in PAGES.glob("*.md"))


RUN = [page for page in pages() if any(why is None for _, why in blocks(page))]


@pytest.mark.parametrize("page", RUN)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_pages_python_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: Any) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "docs"}
    names.update(SOURCES[page](tmp_path, digits) if page in SOURCES else {})
    smaller, met = SMALLER.get(page, {}), set()
    for code, why in blocks(page):
        if why is not None:
            continue
        for large, small in smaller.items():
            if large in code:
                met.add(large)
                code = code.replace(large, small)
        exec(compile(code, f"docs/{page}.md", "exec"), names)
    assert met == set(smaller), "what SMALLER replaces must stand on the page"


def test_each_method_has_an_example_that_runs() -> None:
    methods = (
        "balance budget capacity compare context distill estimator grow judge nets rules segment shrink text training"
    )
    assert not set(methods.split()) - set(RUN)


def _for_operations(folder: Path, digits: Any) -> dict[str, Any]:
    net = leveret.ConvNet(1, 10, depth=3, widths=(8, 16))
    example = torch.from_numpy(digits.normalization.apply(digits.test.fetch([0, 1])))
    return {"np": np, "torch": torch, "leveret": leveret, "data": digits, "net": net, "example": example}


def _for_judge(folder: Path, digits: Any) -> dict[str, Any]:
    return {"images": digits.train.fetch(np.arange(560)), "generator": np.random.default_rng(0)}


def _for_segment(folder: Path, digits: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (folder / "street" / kind).mkdir(parents=True)
    for number in range(130):
        mask = np.zeros((32, 40), np.uint8)
        mask[int(rng.integers(8, 24)) :] = 1
        image = rng.integers(0, 60, (32, 40, 3)) + 120 * mask[..., None]
        Image.fromarray(mask).save(folder / "street" / "masks" / f"{number}.png")
        Image.fromarray(image.astype(np.uint8)).save(folder / "street" / "images" / f"{number}.png")
    return {}


def _for_text(folder: Path, digits: Any) -> dict[str, Any]:
    reviews = [f"a {word} film in Rome .,{label}" for word, label in (("fine", "good"), ("dull", "bad"))] * 20
    (folder / "reviews.csv").write_text("text,label\n" + "\n".join(reviews) + "\n", encoding="utf-8")
    rng = np.random.default_rng(0)
    words = ("a", "fine", "dull", "film", "Rome", "in")
    vectors = [f"{word} " + " ".join(f"{x:.3f}" for x in rng.normal(size=100)) for word in words]
    (folder / "glove.6B.100d.txt").write_text("\n".join(vectors) + "\n", encoding="utf-8")
    sentence = "Ada B-person\nLovelace I-person\nwrote O\nin O\nRome B-location\n\n"
    for part, count in (("train", 12), ("test", 4)):
        (folder / f"news-{part}.conll").write_text(sentence * count, encoding="utf-8")
    return {}


# page -> files that its examples read, and names that they use
SOURCES = {"operations": _for_operations, "judge": _for_judge, "segment": _for_segment, "text": _for_text}
