"""What the page says of the CRF, of speed and of small nets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leveret.experiments._results import markdown_table, wrapped
from leveret.experiments.parsenet._answers import points, reach_answer

__all__ = ["crf", "packed", "reach", "speed", "with_spread"]

_Row = Mapping[str, Any]
_Details = Mapping[str, Any]


def crf(details: _Details, rows: Sequence[_Row]) -> list[str]:
    before, after, numbers = details["before"], details["after"], details["numbers"]
    gained = 100 * (after["miou"] - before["miou"])
    ms = next((row.get("ms") for row in rows if row["model"] == details["model"]), None)
    times = "" if ms is None else f", {details['ms'] / ms:.0f} times what the packed net takes"
    verdict = "gains" if gained > 0.05 else "loses" if gained < -0.05 else "changes"
    named = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in numbers.items())
    return [
        wrapped(
            f"Behind {details['net']}, first seed. {details['tries']} settings were tried on "
            f"{details['searched_images']} validation images, one number after the other; the best: {named}; "
            f"{details['iterations']} updates. It {verdict} {abs(gained):.1f} points of mIoU and takes "
            f"{details['ms']:.0f} ms an image{times}."
        ),
        "",
        markdown_table(
            ["", "mIoU", "pixel accuracy", "boundary F1", "ms"],
            [
                ("the net", *_three(before), "" if ms is None else f"{ms:.1f}"),
                ("the net + CRF", *_three(after), f"{(ms or 0) + details['ms']:.0f}"),
            ],
        ),
        *(
            [
                "",
                "Where it gains and where it loses most, by an image's own mIoU:",
                "",
                f"![Image, labels, the net's mask and the refined one]({details['picture']})",
            ]
            if details.get("picture")
            else []
        ),
    ]


def reach(details: _Details, rows: Sequence[_Row]) -> list[str]:
    near, far = details["near"], details["far"]
    height, width = details["image"]
    one_seed = "" if details["seeds"] > 1 else " One seed."
    return [
        wrapped(
            f"The layers of the nets above see {far} x {far} pixels around each place of images of {width} x {height}. "
            f"Here each stage has a single convolution, so that they see {near} x {near}; all else is the "
            f"same.{one_seed}"
        ),
        "",
        markdown_table(
            ["net", "batch norm", "mIoU", "pixel accuracy"],
            [
                (
                    row["title"],
                    "yes" if row["batch_norm"] else "no",
                    *(with_spread(row, figure) for figure in ("miou", "pixel_accuracy")),
                )
                for row in details["rows"]
            ],
        ),
        "",
        "**Does context gain more where layers see less?** ParseNet against FCN. "
        + reach_answer(rows, details["rows"]),
    ]


def speed(details: _Details, rows: Sequence[_Row]) -> list[str]:
    titles = {row["model"]: (row["title"], "yes" if row["batch_norm"] else "no") for row in rows}
    return [
        wrapped(
            "Milliseconds of one image, medians; the nets take turns. Pixels are normalised "
            "before PyTorch's clock starts, and within Leveret's. What context adds is the median over rounds, of the "
            "time of FCN in the same round."
        ),
        "",
        markdown_table(
            ["net", "batch norm", "Leveret, packed", "context and norms add", "PyTorch"],
            [
                (
                    *titles[row["model"]],
                    f"{row['ms']:.2f}",
                    f"{details['costs'][row['model']]:+.1%}" if row["model"] in details["costs"] else "",
                    f"{row['torch_ms']:.2f}",
                )
                for row in details["rows"]
            ],
        ),
    ]


def packed(details: _Details, rows: Sequence[_Row]) -> list[str]:
    of = {(row["net"], row["engine"]): row for row in details["rows"]}
    base = of["float", "Leveret"]
    told = []
    for net, name in (("int8", "In bytes"), ("binary", "With bits")):
        small = of[net, "Leveret"]
        told.append(
            f"{name}: {points(small['miou'] - base['miou'])} of mIoU, at "
            f"{base['bytes'] / small['bytes']:.1f}x fewer bytes and {base['ms'] / small['ms']:.2f}x the float net's "
            f"speed packed, {of['float', 'PyTorch']['ms'] / small['ms']:.2f}x PyTorch's and "
            f"{of['float', 'ONNX Runtime']['ms'] / small['ms']:.2f}x ONNX Runtime's."
        )
    return [
        wrapped(
            f"{details['net']}, first seed: as it is, its backbone in bytes after training, and a net with a binary "
            "backbone, trained by the same schedule; the first stage stays real in both, and so does what classifies. "
            "One image, medians, all engines in turn. " + " ".join(told)
        ),
        "",
        markdown_table(
            ["net", "engine", "mIoU", "pixel accuracy", "file", "ms"],
            [
                (
                    row["net"],
                    row["engine"],
                    f"{row['miou']:.1%}",
                    f"{row['pixel_accuracy']:.1%}",
                    f"{row['bytes'] / 1000:,.0f} kB" if "bytes" in row else "",
                    f"{row['ms']:.2f}",
                )
                for row in details["rows"]
            ],
        ),
    ]


def _three(figures: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(f"{figures[name]:.1%}" for name in ("miou", "pixel_accuracy", "boundary_f1"))


def with_spread(row: _Row, figure: str) -> str:
    """A mean of several seeds with its standard deviation, in percent."""
    spread = row[f"{figure}_spread"]
    return f"{100 * row[figure]:.1f} %" + ("" if spread is None else f" ± {100 * spread:.1f}")
