"""The page, rendered from the JSON file alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leveret.experiments._results import Figure, figures_table, markdown_table, part_heading, wrapped
from leveret.experiments.judge._plot import POWER_PICTURE

__all__ = ["page"]

_FIGURES = {
    "type1_rate": Figure(
        "false alarms at the level of 5 %, logistic regression on digits", "5 % ± 1", lambda v: abs(v - 0.05) <= 0.01,
        "{:.1%}",
    ),
    "null_runs": Figure("runs without a difference", "1,000", lambda v: v >= 1000, "{:,}"),
    "looks_alarm_rate": Figure("periods of ten looks with an alarm", "at most 5 % ± 1", lambda v: v <= 0.06, "{:.1%}"),
    "uncorrected_alarm_rate": Figure("the same, had each look the level of 5 %", "", None, "{:.1%}"),
    "alibi_mmd_difference": Figure(
        "largest difference from alibi-detect's MMD² with the same kernel", "below 1e-5", lambda v: v < 1e-5, "{:.1e}"
    ),
}  # fmt: skip


def page(values: Mapping[str, Any]) -> str:
    """Markdown."""
    text = [
        "# A machine as the observer, measured",
        "",
        wrapped(
            "Rendered from `judge.json`, which the commands below wrote. `leveret.judge` lets a machine learn from one "
            "half of A and B and asks it about the other. “Ranks” decides by how well its scores rank B above A, "
            "against exchanged names; “binomial” by its accuracy, as in Lopez-Paz & Oquab (ICLR 2017)."
        ),
        "",
        figures_table(_FIGURES, values),
    ]
    shown = {"null": _null, "power": _power, "uses": _uses, "peers": _peers}
    for part, details in values.get("parts", {}).items():
        text += [*part_heading(part, details), *shown[part](details, values)]
    return "\n".join(text) + "\n"


def _null(details: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    titles = {
        "ranks": "ranks, exchanged names",
        "binomial": "accuracy, exact binomial",
        "permutation": "accuracy, exchanged names",
        "mmd": "maximum mean discrepancy",
    }
    rows = [
        (observer if test != "mmd" else "none", titles[test], f"{rate:.1%}")
        for observer, rates in details["rates"].items()
        for test, rate in rates.items()
    ]
    return [
        wrapped(
            f"Two disjoint draws of {details['size']} digits each, {values['null_runs']:,} times for each observer. A "
            f"test that keeps its level exactly gives 5 % ± {details['deviation']:.1%} (a standard deviation). Tests "
            "of accuracy have few possible outcomes, and stay below their level. "
            f"Looks: {details['periods']} periods of {details['period']} looks, each of {details['look_size']} new "
            f"digits against the same {details['look_size']}. {details['cpu_seconds']:.0f} CPU seconds in all."
        ),
        "",
        markdown_table(["observer", "test", "false alarms"], rows),
    ]


def _power(details: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    found: dict[tuple[Any, ...], dict[str, float]] = {}
    for row in values["power"]:
        found.setdefault((row["shift"], row["strength"], row["size"]), {})[row["observer"]] = row["power"]
    ways = list(dict.fromkeys(row["observer"] for row in values["power"]))
    rows = [
        (shift, f"{strength:g}", f"{size}", *(f"{by[way]:.0%}" if way in by else "" for way in ways))
        for (shift, strength, size), by in found.items()
    ]
    return [
        wrapped(
            f"The share of {details['runs']} runs (of the net: 10) in which a known shift of B was noticed at the "
            f"level of 5 %. Samples of each side; half are held out. {details['cpu_seconds']:.0f} CPU seconds."
        ),
        "",
        f"![Power over the number of samples]({POWER_PICTURE})",
        "",
        markdown_table(["shift of B", "strength", "samples a side", *ways], rows),
    ]


def _uses(details: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    rows = []
    for row in details["rows"]:
        saw = ", ".join([*row["gave_away"], *(f"“{word}”" for word in row["words"])]) if row["different"] else ""
        if "agreement" in row:
            saw = f"same class: {row['agreement']:.1%}" + (f"; {saw}" if saw else "")
        rows.append(
            (
                row["use"],
                f"{row['a']} / {row['b']}",
                row["observer"],
                f"{row['samples']:,}",
                "a difference" if row["different"] else "none found",
                f"{row['auc']:.1%}",
                f"{row['p']:.2g}",
                "–" if row["mmd_p"] is None else f"{row['mmd_p']:.2g}",
                saw,
            )
        )
    header = ["use", "A / B", "observer", "samples", "verdict", "pairs told apart", "p", "p of MMD", "what shows it"]
    right = sum(row["expected"] in (None, row["different"]) for row in details["rows"])
    return [
        wrapped(
            f"What the judge is for, each once. {right} of {len(details['rows'])} verdicts are as expected, or nothing "
            "was. “What shows it”: measures whose difference is sure (p ≤ 0.05 after Holm), and words that one side "
            "says more often."
        ),
        "",
        markdown_table(header, rows),
    ]


def _peers(details: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    tests = list(dict.fromkeys(row["test"] for row in details["rows"]))
    found: dict[tuple[str, float], dict[str, float]] = {}
    for row in details["rows"]:
        found.setdefault((row["shift"], row["strength"]), {})[row["test"]] = row["found"]
    seconds = {
        test: sum(row["seconds"] for row in details["rows"] if row["test"] == test) / max(len(found), 1)
        for test in tests
    }
    rows = [(shift, f"{strength:g}", *(f"{by[test]:.0%}" for test in tests)) for (shift, strength), by in found.items()]
    rows.append(("CPU ms a test", "", *(f"{1000 * seconds[test]:.0f}" for test in tests)))
    missing = "" if details["alibi_detect"] else " alibi-detect was not installed."
    return [
        wrapped(
            f"The share of {details['runs']} runs that called two draws of {details['size']} digits different, at the "
            f"level of 5 %, by tests of other libraries and ours on the same draws; “none” is without a shift.{missing}"
        ),
        "",
        markdown_table(["shift of B", "strength", *tests], rows),
    ]
