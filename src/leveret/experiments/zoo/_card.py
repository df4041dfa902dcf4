"""A model's card: what it does, what it learned from, how good, how large and how fast it is, and what it can't do."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from leveret.experiments._results import markdown_table
from leveret.experiments.zoo._recipes import Recipe
from leveret.report.words import count, duration, operations, share, size

__all__ = ["card"]


def card(recipe: Recipe, figures: Mapping[str, Any]) -> str:
    """The card as Markdown, of the recipe's words and the figures that `train` wrote."""
    low, high = figures["interval"]
    binary = f", {operations(figures['binary_macs'])} of them on bits" if figures["binary_macs"] else ""
    rows = [
        (
            "accuracy",
            f"{share(figures['accuracy'])} of {figures['test_images']:,} test images "
            f"(95 % interval {100 * low:.2f} – {100 * high:.2f})",
        ),
        ("size", f"{size(figures['bytes'])}, {count(figures['parameters'], 'parameter', 'parameters')}"),
        ("operations", f"{operations(figures['macs'] + figures['binary_macs'])} multiply-accumulates an image{binary}"),
        (
            "speed",
            f"{figures['ms_per_image']:.3f} ms an image, one by one, by one thread with {figures['kernels']} kernels; "
            f"{figures['machine']}",
        ),
    ]
    name = recipe.name
    lines = [
        f"# {name}: {recipe.title}",
        "",
        _wrapped(recipe.what),
        "",
        "```sh",
        f"leveret predict zoo:{name} $(leveret zoo {name} --sample)",
        "```",
        "",
        "```python",
        "import leveret",
        "",
        f'model = leveret.zoo.load("{name}")',
        f'images, labels = leveret.zoo.sample("{name}")',
        "print((model.predict(images) == labels).mean())",
        "```",
        "",
        "## Figures",
        "",
        markdown_table(["", ""], rows),
        "",
        "## Data and licence",
        "",
        _wrapped(recipe.data),
        "",
        "The weights are under Leveret's own licence, Apache-2.0.",
        "",
        "## How it was trained",
        "",
        _wrapped(
            f"`{figures['command']}`, seed {figures['seed']}, {figures['date']}, in "
            f"{duration(figures['training_seconds'])} of one core. The same command trains the same net again, to the "
            "last bits that differ from one processor and one version of PyTorch to another."
        ),
        "",
        "## Limits",
        "",
        _wrapped(recipe.limits),
    ]
    return "\n".join(lines) + "\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 110, break_long_words=False, break_on_hyphens=False)
