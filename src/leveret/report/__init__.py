"""Reports: what was gained and what it cost, as plain data, tables, plots and one self-contained HTML page.

Importing this room is cheap; matplotlib and jinja2 load when a page is drawn.
"""

from leveret.report.blocks import (
    Commands,
    Facts,
    Figure,
    Gallery,
    Matrix,
    Page,
    Paragraph,
    Picture,
    Section,
    Table,
    Tile,
)
from leveret.report.contender import Contender, headlines
from leveret.report.page import render, write_page

__all__ = [
    "Commands",
    "Contender",
    "Facts",
    "Figure",
    "Gallery",
    "Matrix",
    "Page",
    "Paragraph",
    "Picture",
    "Section",
    "Table",
    "Tile",
    "headlines",
    "render",
    "write_page",
]
