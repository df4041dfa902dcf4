"""Pictures of test images beside their labels and what nets say, under a legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.data import SegmentationData
from leveret.data.segmentation import colored
from leveret.data.segmentation._palette import IGNORED_COLOR
from leveret.experiments._figure import save

__all__ = ["extremes", "strips"]

_WIDTH = 2.45  # inches of one picture
_HEIGHT = 1.84


def extremes(values: Sequence[float | None], number: int = 3) -> tuple[list[int], list[int]]:
    """Places of the lowest and of the highest values, the lowest and the highest first."""
    order = sorted((i for i, value in enumerate(values) if value is not None), key=lambda i: values[i] or 0.0)
    number = min(number, len(order) // 2)
    return order[:number], order[::-1][:number]


def strips(
    path: Path,
    data: SegmentationData,
    places: Sequence[int],
    notes: Sequence[str],
    said: Mapping[str, NDArray[Any]],
) -> None:
    """A row for each test image: itself, its labels, and each of the masks that nets say; the legend below.

    Args:
        path: of the PNG.
        data: whose test images.
        places: of them.
        notes: a word on each, at its left.
        said: classes `(images, height, width)` under the name of what says them.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    pixels, labels = data.test.fetch_pairs(np.array(places))
    unlabelled = labels < 0
    columns = {
        "image": [np.broadcast_to(one, (3, *one.shape[1:])) for one in pixels],
        "labels": [colored(one, data.colors) for one in labels],
        # where nothing is labelled nothing counts
        **{
            name: [
                colored(np.where(hidden, -1, one), data.colors) for one, hidden in zip(masks, unlabelled, strict=True)
            ]
            for name, masks in said.items()
        },
    }
    figure = Figure(figsize=(_WIDTH * len(columns), _HEIGHT * len(places) + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(places), len(columns), squeeze=False)
    for column, (name, pictures) in enumerate(columns.items()):
        for row, picture in enumerate(pictures):
            panel = panels[row, column]
            panel.imshow(picture.transpose(1, 2, 0), interpolation="nearest")
            panel.set_xticks([])
            panel.set_yticks([])
            panel.spines[:].set_visible(False)
            if row == 0:
                panel.set_title(name, fontsize=9)
            if column == 0:
                panel.set_ylabel(notes[row], fontsize=8.5)
    named = [*zip(data.classes, data.colors, strict=True), ("no label", IGNORED_COLOR)]
    patches = [
        Patch(facecolor="#{:02x}{:02x}{:02x}".format(*color), edgecolor="#666666", linewidth=0.5, label=name)
        for name, color in named
    ]
    figure.legend(handles=patches, loc="outside lower center", ncols=6, frameon=False, fontsize=8.5)
    save(figure, path)
