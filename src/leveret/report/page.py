"""A `Page` as one HTML file that needs nothing else: no script, no request, light and dark, wide and narrow."""

from __future__ import annotations

import os
import re
from pathlib import Path

from leveret._files import write_text
from leveret.report.blocks import Page

__all__ = ["render", "write_page"]

_TEMPLATES = Path(__file__).with_name("templates")


def render(page: Page) -> str:
    """The page as HTML; every text is escaped, only a `Figure`'s svg is taken as it is."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["slug"] = _slug
    environment.filters["safe_svg"] = Markup
    environment.filters["percent"] = _percent
    environment.filters["unbroken"] = _unbroken
    style = Markup((_TEMPLATES / "style.css").read_text(encoding="utf-8"))
    return environment.get_template("page.html").render(page=page, style=style)


def write_page(page: Page, path: str | os.PathLike[str]) -> None:
    """Render and write, whole or not at all."""
    # names of classes and files may hold lone surrogates, which UTF-8 has no bytes for
    write_text(path, render(page).encode("utf-8", "replace").decode("utf-8"))


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"


def _unbroken(text: str) -> str:
    """With numbers kept together with their units: "97.2 %", "1.2 MB"."""
    return re.sub(r"(?<=\d) (?=(?:%|[kMG]?B|[kMG]|ms|s|min|h)(?!\w))", "\u00a0", text)


def _percent(text: str) -> float:
    """The number of "97.2 %", for the length of a bar; 0 for anything else."""
    found = re.match(r"[\d.]+", text)
    return min(100.0, float(found.group())) if found else 0.0
