"""The page, rendered from the JSON file alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leveret.experiments._results import Figure, figures_table, markdown_table, part_heading, wrapped

__all__ = ["page"]

_Row = Mapping[str, Any]

_FIGURES = {
    "fcn_miou": Figure("CamVid test, FCN without batch norm, mIoU", "", None, "{:.1%}"),
    "parsenet_miou": Figure("the same, ParseNet", "", None, "{:.1%}"),
    "fcn_bn_miou": Figure("the same, FCN with batch norm", "", None, "{:.1%}"),
    "parsenet_bn_miou": Figure("the same, ParseNet with batch norm", "", None, "{:.1%}"),
    "best_miou": Figure("the same, the best on the validation part", "at least 45 %", lambda v: v >= 0.45, "{:.1%}"),
}  # fmt: skip


def page(values: Mapping[str, Any]) -> str:
    """Markdown."""
    text = [
        "# Looking wider, measured",
        "",
        wrapped(
            "Rendered from `parsenet.json`, which the commands below wrote. All nets have the same backbone, schedule "
            "and seeds; the last epoch's weights are tested, and where one of the nets is chosen, the validation part "
            "chooses."
        ),
        "",
        figures_table(_FIGURES, values),
    ]
    for part, details in values.get("parts", {}).items():
        text += part_heading(part, details)
        text += _camvid(details, values["rows"])
    return "\n".join(text) + "\n"


def _camvid(details: Mapping[str, Any], rows: list[_Row]) -> list[str]:
    return [
        markdown_table(
            ["net", "batch norm", "mIoU", "pixel accuracy", "training"],
            [
                (
                    row["title"],
                    "yes" if row["batch_norm"] else "no",
                    _spread(row, "miou"),
                    _spread(row, "pixel_accuracy"),
                    f"{row['training_seconds'] / 60:.1f} min",
                )
                for row in rows
            ],
        ),
    ]


def _spread(row: _Row, figure: str) -> str:
    spread = row[f"{figure}_spread"]
    return f"{100 * row[figure]:.1f} %" + ("" if spread is None else f" ± {100 * spread:.1f}")
