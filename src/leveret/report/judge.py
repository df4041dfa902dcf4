"""The report of a judgement: the verdict, its tests, the samples that gave it away, and which features differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.report.blocks import Block, Facts, Gallery, Page, Paragraph, Picture, Section, Table, Tile
from leveret.report.pictures import data_uri
from leveret.report.words import duration

__all__ = ["group_titles", "judge_page", "test_rows"]

_TINY = 64
_SURE = 12.0  # log-odds whose share is 100 %

# key -> title
_TESTS = {
    "ranks": "told apart",
    "binomial": "accuracy, exact",
    "permutation": "accuracy, exchanged names",
    "mmd": "mean discrepancy",
}


def judge_page(
    metrics: Mapping[str, Any], pictures: Sequence[NDArray[np.uint8]], means: tuple[NDArray[np.uint8], ...] | None
) -> Page:
    """The page, ready to render.

    Args:
        metrics: the content of `metrics.json`.
        pictures: of images, or of what models were asked about: one for each of the metrics' giveaways.
        means: of images: A's mean, B's, and their difference.
    """
    sections = [
        Section(_samples_title(metrics), tuple(_giveaways(metrics, pictures)), "All of the half that was held out."),
        Section("What differs", tuple(_differences(metrics, means))),
        Section("Tests", tuple(_tests(metrics))),
        Section("How it was judged", tuple(_made(metrics))),
    ]
    a, b = metrics["names"]
    return Page(
        title=f"Can a machine tell {a} from {b}?",
        lead=metrics["in_words"],
        tiles=tuple(_tiles(metrics)),
        sections=tuple(section for section in sections if section.blocks),
        footer=f"Made by Leveret {metrics['environment'].get('leveret', '')}".strip(),
    )


def test_rows(metrics: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Each test's title, statistic, p-value and what it is; the one that decides first."""
    from leveret.judge import TESTS

    keys = sorted(metrics["tests"], key=lambda key: key != metrics["test"])
    rows = []
    for key in keys:
        found = metrics["tests"][key]
        value = f"{found['statistic']:.2g}" if key == "mmd" else f"{100 * found['statistic']:.1f} %"
        rows.append((_TESTS[key], value, f"{found['p']:.2g}", TESTS[key]))
    return rows


def _tiles(metrics: Mapping[str, Any]) -> list[Tile]:
    low, high = metrics["interval"]
    said = "a difference" if metrics["different"] else "no difference found"
    tone: Any = "bad" if metrics["different"] else "plain"
    return [
        Tile(said, "verdict", f"p = {metrics['p']:.2g}, held against {metrics['level']:.2g}", tone),
        Tile(f"{100 * metrics['auc']:.1f} %", "of pairs told apart", "one sample of each; guessing gives 50 %"),
        Tile(
            f"{100 * metrics['accuracy']:.1f} %",
            f"right of {metrics['asked']:,} held-out samples",
            f"95 % interval {100 * low:.1f} – {100 * high:.1f} %",
        ),
    ]


def _samples_title(metrics: Mapping[str, Any]) -> str:
    return "Samples that gave it away" if metrics["different"] else "Samples that the observer was surest of"


def _giveaways(metrics: Mapping[str, Any], pictures: Sequence[NDArray[np.uint8]]) -> list[Block]:
    found = metrics["giveaways"]
    blocks: list[Block] = []
    for (side, right), title in group_titles(metrics["names"]).items():
        chosen = [i for i, each in enumerate(found) if (each["side"], each["side"] == each["said"]) == (side, right)]
        if not chosen:
            continue
        if pictures:
            shown = tuple(_picture(found[i], pictures[i], title) for i in chosen)
            blocks.append(Gallery(title, shown, "good" if right else "bad"))
        else:
            # texts are shown, rows of numbers only named
            shown_too = ("text",) if "text" in found[chosen[0]] else ()
            rows = tuple(
                (str(found[i]["sample"]), _sure(found[i]), *(found[i][key] for key in shown_too)) for i in chosen
            )
            blocks.append(
                Table(title, ("sample", "sure", *shown_too), rows, text=(2,) if shown_too else (), wide=bool(shown_too))
            )
    return blocks


def group_titles(names: Sequence[str]) -> dict[tuple[str, bool], str]:
    """By side, and whether the observer knew: what a group of giveaways is."""
    a, b = names
    return {
        ("A", True): f"{a}, and known as such",
        ("B", True): f"{b}, and known as such",
        ("A", False): f"{a}, taken for {b}",
        ("B", False): f"{b}, taken for {a}",
    }


def _picture(giveaway: Mapping[str, Any], pixels: NDArray[np.uint8], title: str) -> Picture:
    name = str(giveaway["sample"])
    return Picture(
        data_uri(pixels), f"{title}: {name}, {_sure(giveaway)} sure", (f"{_sure(giveaway)} sure", name),
        max(pixels.shape[1:]) <= _TINY,
    )  # fmt: skip


def _sure(giveaway: Mapping[str, Any]) -> str:
    odds = min(float(giveaway["odds"]), _SURE)
    return f"{100 / (1 + np.exp(-odds)):.0f} %"


def _differences(metrics: Mapping[str, Any], means: tuple[NDArray[np.uint8], ...] | None) -> list[Block]:
    a, b = metrics["names"]
    blocks: list[Block] = []
    rows = tuple(
        (
            each["name"],
            f"{each['a']:.4g}",
            f"{each['b']:.4g}",
            _signed(each["effect"]),
            f"{each['distance']:.2f}",
            f"{each['p']:.2g}",
        )
        for each in metrics["differences"]
    )
    if rows:
        columns = ("measure", f"mean of {a}", f"mean of {b}", "in deviations", "distance", "p")
        blocks.append(Table("Measures, the surest difference first", columns, rows))
        blocks.append(
            Paragraph(
                "Distance: the largest of the two cumulative distributions (Kolmogorov-Smirnov), 0 to 1. p: that "
                "test's, corrected for the number of measures by Holm's method. They see one measure at a time."
            )
        )
    if metrics["words"]:
        said = tuple(
            (each["words"], f"{each['a']:,}", f"{each['b']:,}", _signed(each["z"])) for each in metrics["words"]
        )
        blocks.append(Table("Words that one side says more often", ("words", f"in {a}", f"in {b}", "z"), said))
    if means is not None:
        tiny = max(means[0].shape[1:]) <= _TINY
        blocks.append(
            Gallery(
                "On average",
                (
                    Picture(data_uri(means[0]), f"The mean of all images of {a}", (a, "mean"), tiny),
                    Picture(data_uri(means[1]), f"The mean of all images of {b}", (b, "mean"), tiny),
                    Picture(
                        data_uri(means[2]),
                        "Where the means differ",
                        ("difference", f"blue: {a} brighter", f"red: {b}"),
                        tiny,
                    ),
                ),
            )
        )
    return blocks


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _tests(metrics: Mapping[str, Any]) -> list[Block]:
    columns = ("test", "statistic", "p", "what it is")
    blocks: list[Block] = [
        Table("The first decides", columns, tuple(test_rows(metrics)), strong=0, text=(3,), wide=True)
    ]
    noticed = metrics["detectable"]
    words = (
        f"Of {metrics['asked']:,} held-out samples the exact test notices four times out of five an observer that is "
        f"truly right for {100 * noticed:.1f} %."
        if noticed is not None
        else f"{metrics['asked']:,} held-out samples are too few for the exact test to notice anything."
    )
    if metrics["look"] is not None:
        look = metrics["look"]
        words += (
            f" This was look {look['number']:,} of {look['period']:,}; each has the level {look['level']:.2g}, so "
            f"that the chance of any false alarm in a period is at most {look['alpha']:.2g}."
        )
    return [*blocks, Paragraph(words)]


def _made(metrics: Mapping[str, Any]) -> list[Block]:
    a, b = metrics["names"]
    facts = [
        (f"samples of {a}, of {b}", f"{metrics['counts'][0]:,}, {metrics['counts'][1]:,}"),
        ("held out", f"{metrics['asked']:,}"),
        ("observer", metrics["observer"]),
        ("time", duration(metrics["seconds"])),
    ]
    if "models" in metrics:
        models = metrics["models"]
        facts.append(
            ("both name the same class", f"{100 * models['agreement']:.2f} % of {models['samples']:,} samples")
        )
        facts.append(("largest difference of a share", f"{models['largest_difference']:.2g}"))
    blocks: list[Block] = [Facts("Judged", tuple(facts))]
    if metrics["notes"]:
        blocks.append(Facts("What came up", tuple(("note", note) for note in metrics["notes"])))
    return [*blocks, Facts("Measured on", tuple(metrics["environment"].items()), folded=True)]
