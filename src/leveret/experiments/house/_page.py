"""The page, rendered from the JSON file alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leveret.experiments._results import Figure, figures_table, markdown_table, part_heading, wrapped
from leveret.report.words import duration, size

__all__ = ["page"]

_FIGURES = {
    "coverage": Figure("statements that the tests run", "", None, "{:.1%}"),
    "least_coverage": Figure("of the package with the fewest", "", None, "{:.1%}"),
    "make_test_seconds": Figure("`make test`, the install included, in seconds", "", None, "{:,.0f}"),
    "make_demo_seconds": Figure("`make demo`, the install included, in seconds", "", None, "{:,.0f}"),
    "install_bytes": Figure("the plain install, in bytes", "", None, "{:,}"),
    "wheel_bytes": Figure("the wheel, in bytes", "", None, "{:,}"),
    "sdist_bytes": Figure("the source distribution, in bytes", "", None, "{:,}"),
}


def page(values: Mapping[str, Any]) -> str:
    """Markdown."""
    text = [
        "# The house, measured",
        "",
        wrapped("Rendered from `house.json`, which the commands below wrote."),
        "",
        figures_table(_FIGURES, values),
    ]
    for part, details in values.get("parts", {}).items():
        text += [*part_heading(part, details), *_PARTS[part](values, details)]
    return "\n".join(text) + "\n"


def _coverage(values: Mapping[str, Any], details: Mapping[str, Any]) -> list[str]:
    rows = [
        (f"`{row['package']}`", f"{row['statements']:,}", f"{row['covered'] / row['statements']:.1%}")
        for row in details["packages"]
    ]
    return [
        wrapped(
            "Statements of the Python code that `make test` runs, in its own processes: what a test starts as a "
            "command of its own isn't seen, and counts as not run. The kernels' own tests in C++ are apart."
        ),
        "",
        markdown_table(["package", "statements", "run by tests"], rows),
    ]


def _times(values: Mapping[str, Any], details: Mapping[str, Any]) -> list[str]:
    test, demo = (duration(values[key]) for key in ("make_test_seconds", "make_demo_seconds"))
    return [
        wrapped(
            f"Each in a fresh clone of {details['commit'][:10]}, with a virtual environment of its own, into which all "
            f"packages are installed from pip's cache, and the kernels compiled: `make test` {test}, `make demo` "
            f"{demo}."
        )
    ]


def _install(values: Mapping[str, Any], details: Mapping[str, Any]) -> list[str]:
    rows = [(name, size(nbytes)) for name, nbytes in details["package_bytes"].items()]
    return [
        wrapped(
            "`pip install leveret` in an empty environment, which brings what runs, inspects and times packed models; "
            "files as they are installed, without those that Python compiles at the first import."
        ),
        "",
        markdown_table(["package", "size"], [*rows, ("all", size(values["install_bytes"]))]),
    ]


_PARTS = {"coverage": _coverage, "times": _times, "install": _install}
