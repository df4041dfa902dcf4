"""The page, rendered from the JSON file alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leveret.experiments._results import Figure, figures_table, markdown_table, part_heading, wrapped
from leveret.experiments.dynamic_capacity._plot import CURVES_PICTURE

__all__ = ["page"]

_Row = Mapping[str, Any]

# Almahairi et al., 2016, table 1; m is from memory
_PAPER = {"coarse": 3.69, "fine": 1.70, "joint": 1.71, "hints": 1.39}
_PAPER_RATIO = 84.8 / 27.7

_FIGURES = {
    "coarse_error": Figure("cluttered MNIST, error of the coarse layers alone", "", None, "{:.2%}"),
    "fine_error": Figure("the same, fine layers everywhere", "", None, "{:.2%}"),
    "dcn_error": Figure("the same, DCN without hints", "", None, "{:.2%}"),
    "dcn_hints_error": Figure("the same, DCN with hints", "at most 2.5 %", lambda v: v <= 0.025, "{:.2%}"),
    "over_fine": Figure("DCN with hints over fine everywhere, points", "at most 0.3", lambda v: v <= 0.3, "{:+.2f}"),
    "random_error": Figure("random places", "", None, "{:.2%}"),
    "algorithmic_error": Figure("variance or edges, the better one", "", None, "{:.2%}"),
    "mult_ratio": Figure("fewer multiplications than fine everywhere", "at least 2.8", lambda v: v >= 2.8, "{:.2f}x"),
    "speedup_b1": Figure("faster at batch 1, packed, one thread", "at least 2", lambda v: v >= 2, "{:.2f}x"),
    "speedup_b64": Figure("faster at batch 64, packed, one thread", "at least 2", lambda v: v >= 2, "{:.2f}x"),
}  # fmt: skip


def page(values: Mapping[str, Any]) -> str:
    """Markdown."""
    shown = dict(values)
    if "dcn_hints_error" in values:
        shown["over_fine"] = 100 * (values["dcn_hints_error"] - values["fine_error"])
    text = [
        "# Looking closer where it matters, measured",
        "",
        wrapped(
            "Rendered from `dynamic-capacity.json`, which the commands below wrote. All nets of a dataset have the "
            "same layers, schedule and images; the last epoch's weights are tested. A dynamic capacity net (DCN) sees "
            "the whole image coarsely and k patches of it finely; “fine everywhere” is the net that it is to replace."
        ),
        "",
        figures_table(_FIGURES, shown),
    ]
    for part, details in values.get("parts", {}).items():
        text += part_heading(part, details)
        text += _speed(details) if part == "speed" else _dataset(part, details)
    return "\n".join(text) + "\n"


def _dataset(part: str, details: Mapping[str, Any]) -> list[str]:
    rows = sorted(details["rows"], key=lambda row: row["error"])
    with_area, with_digit = (any(figure in row for row in rows) for figure in ("pr_auc", "touching"))
    paper = part == "mnist"
    header = ["net", "error", *(["the paper's"] if paper else []), *(["PR area"] if with_area else [])]
    header += ["before the closer look", *(["patches on the digit"] if with_digit else [])]
    header += ["operations", "training", "seeds"]
    fine = next((row["operations"] for row in rows if row["method"] == "fine"), None)
    lines = []
    for row in rows:
        line = [row["title"], _percent(row, "error")]
        line += [f"{_PAPER[row['method']]:.2f} %" if row["method"] in _PAPER else ""] if paper else []
        line += [_plain(row, "pr_auc")] if with_area else []
        ratio = f" ({fine / row['operations']:.1f}x fewer)" if fine and row["method"] != "fine" else ""
        line += [
            _percent(row, "coarse_error"),
            *([_percent(row, "touching", 0)] if with_digit else []),
            f"{row['operations'] / 1e6:.1f} M{ratio}",
            f"{row['training_seconds'] / 60:.0f} min",
            str(row["seeds"]),
        ]
        lines.append(line)
    usual = details["k"]
    text = [
        wrapped(
            f"{details['title']}: {details['images']:,} training images seen, {details['test_images']:,} to test; "
            f"{usual} patches of {details['patch_size']}x{details['patch_size']} pixels an image, λ = "
            f"{details['hint_weight']:g}. Mean ± standard deviation over seeds, where there are several."
            + (f" The paper takes 8 patches, and counts {_PAPER_RATIO:.1f}x fewer multiplications." if paper else "")
        ),
        "",
        markdown_table(header, lines),
        "",
        f"![Error against operations]({CURVES_PICTURE.format(part)})",
        "",
        wrapped(
            "The same trained net (DCN with hints, first seed) with other numbers of patches, and with other selectors "
            "in the place of its own, on the first test images:"
        ),
        "",
        markdown_table(
            ["patches", "error", "operations"],
            [(str(row["k"]), f"{row['error']:.2%}", f"{row['operations'] / 1e6:.1f} M") for row in details["curve"]],
        ),
        "",
        markdown_table(
            ["places chosen by", "error", *(["patches on the digit"] if with_digit else [])],
            [
                (name, f"{found['error']:.2%}", *([f"{found['touching']:.0%}"] if with_digit else []))
                for name, found in details["quality"].items()
            ],
        ),
    ]
    return text


def _speed(details: Mapping[str, Any]) -> list[str]:
    by_call: dict[tuple[str, str, int], dict[str, float]] = {}
    for row in details["rows"]:
        by_call.setdefault((row["dataset"], row["engine"], row["batch"]), {})[row["net"]] = row["ms"]
    return [
        "Milliseconds an image, one thread, medians; the nets take turns. Pixels are normalised before PyTorch's clock",
        "starts, and within Leveret's.",
        "",
        markdown_table(
            ["dataset", "engine", "batch", "coarse alone", "fine everywhere", "DCN with hints", "faster than fine"],
            [
                (
                    dataset,
                    engine,
                    str(batch),
                    *(f"{ms[net]:.2f}" for net in ("coarse", "fine", "hints")),
                    f"{ms['fine'] / ms['hints']:.1f}x",
                )
                for (dataset, engine, batch), ms in by_call.items()
            ],
        ),
    ]


def _percent(row: _Row, figure: str, digits: int = 2) -> str:
    if figure not in row:
        return ""
    spread = f" ± {100 * row[f'{figure}_spread']:.{digits}f}" if row["seeds"] > 1 else ""
    return f"{100 * row[figure]:.{digits}f} %{spread}"


def _plain(row: _Row, figure: str) -> str:
    spread = f" ± {row[f'{figure}_spread']:.3f}" if row["seeds"] > 1 else ""
    return f"{row[figure]:.3f}{spread}"
