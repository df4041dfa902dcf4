"""What a page is made of, as plain data: any method's report is a `Page` of sections of these blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from leveret.errors import LeveretUsageError

__all__ = [
    "Block",
    "Commands",
    "Facts",
    "Figure",
    "Gallery",
    "Legend",
    "MarkedPiece",
    "MarkedText",
    "MarkedTexts",
    "Matrix",
    "Page",
    "Paragraph",
    "Picture",
    "Section",
    "Table",
    "Tile",
]


@dataclass(frozen=True)
class Tile:
    """A figure of the headline.

    Attributes:
        value: large: "12x smaller".
        label: what it is of.
        detail: small print below.
        tone: "good", "bad" or "plain".
    """

    value: str
    label: str
    detail: str = ""
    tone: Literal["good", "bad", "plain"] = "plain"


@dataclass(frozen=True)
class Paragraph:
    """Words."""

    text: str
    kind: ClassVar[str] = "paragraph"


@dataclass(frozen=True)
class Table:
    """Rows under column headers; the first cell of a row is its header.

    Attributes:
        caption: read out by screen readers, shown above.
        columns: headers.
        rows: texts, as many as columns each.
        strong: number of the row that stands out, or None.
        bars: columns whose cells are percentages to be drawn as bars too.
        text: columns of words, set at the left; numbers stand at the right.
        scroll: long: show a window onto it.
        cards: on a narrow screen show each row as a card; else the table scrolls sideways.
        wide: takes the whole width rather than a column, as cards do too, and breaks no name.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: int | None = None
    bars: tuple[int, ...] = ()
    text: tuple[int, ...] = ()
    scroll: bool = False
    cards: bool = False
    wide: bool = False
    kind: ClassVar[str] = "table"

    def __post_init__(self) -> None:
        for i, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise LeveretUsageError(
                    f"row {i} of {self.caption!r} has {len(row)} cells, there are {len(self.columns)} columns"
                )


@dataclass(frozen=True)
class Matrix:
    """A square table of counts, shaded by each row's shares.

    Attributes:
        caption: as of a table.
        row_title, column_title: what rows and columns are: "true class", "predicted class".
        labels: of rows and columns.
        counts: `counts[row][column]`.
    """

    caption: str
    row_title: str
    column_title: str
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    kind: ClassVar[str] = "matrix"

    @property
    def shares(self) -> list[list[float]]:
        """Each count over its row's sum, in 0..1."""
        return [[count / max(sum(row), 1) for count in row] for row in self.counts]


@dataclass(frozen=True)
class Figure:
    """A plot.

    Attributes:
        svg: an `<svg>` element, from `leveret.report.figures`.
        alt: what it shows, for those who can't see it.
        caption: below it.
        wide: takes the whole width rather than a column.
    """

    svg: str
    alt: str
    caption: str
    wide: bool = False
    kind: ClassVar[str] = "figure"


@dataclass(frozen=True)
class Picture:
    """An image of a gallery.

    Attributes:
        uri: `data:image/…`.
        alt: what it shows.
        lines: below it; the first stands out.
        pixelated: scale it with hard edges, as tiny images need.
    """

    uri: str
    alt: str
    lines: tuple[str, ...]
    pixelated: bool = False


@dataclass(frozen=True)
class Gallery:
    """Images with a title.

    Attributes:
        title: above them.
        pictures: in order.
        tone: of the first line below each.
        strips: pictures are wide, and shown two a row rather than many.
    """

    title: str
    pictures: tuple[Picture, ...]
    tone: Literal["good", "bad", "plain"] = "plain"
    strips: bool = False
    kind: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Legend:
    """Names beside their colours.

    Attributes:
        items: a name and its colour, `#rrggbb`, each.
        rest: what grey means; empty for nothing.
    """

    items: tuple[tuple[str, str], ...]
    rest: str = ""
    kind: ClassVar[str] = "legend"


@dataclass(frozen=True)
class MarkedPiece:
    """A word, or several, of a text.

    Attributes:
        text: as it stands.
        tone: "good", "bad", "missed", "plain", or "title", which names the line.
        strength: of its colour, 0 to 1.
        label: small, behind it.
    """

    text: str
    tone: Literal["good", "bad", "missed", "plain", "title"] | str
    strength: float
    label: str = ""


@dataclass(frozen=True)
class MarkedText:
    """A text with some of its words coloured; `second` is another reading of it, on a line below.

    Attributes:
        title: above it.
        pieces, second: in order.
    """

    title: str
    pieces: tuple[MarkedPiece, ...]
    second: tuple[MarkedPiece, ...] = ()


@dataclass(frozen=True)
class MarkedTexts:
    """Texts one below the other.

    Attributes:
        title: above them.
        texts: in order.
        legend: what tones mean, a tone and words each.
    """

    title: str
    texts: tuple[MarkedText, ...]
    legend: tuple[tuple[str, str], ...] = ()
    kind: ClassVar[str] = "marked"


@dataclass(frozen=True)
class Facts:
    """Names with values; `folded` hides them until they are asked for."""

    title: str
    items: tuple[tuple[str, str], ...]
    folded: bool = False
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Commands:
    """Lines for a shell, each with what it does."""

    lines: tuple[tuple[str, str], ...]
    kind: ClassVar[str] = "commands"


Block = Paragraph | Table | Matrix | Figure | Gallery | Legend | MarkedTexts | Facts | Commands


@dataclass(frozen=True)
class Section:
    """Blocks under a heading."""

    title: str
    blocks: tuple[Block, ...]
    intro: str = ""


@dataclass(frozen=True)
class Page:
    """A whole report.

    Attributes:
        title: of the page.
        lead: a sentence or two below it.
        tiles: the headline's figures.
        sections: in order.
        footer: the last line.
    """

    title: str
    lead: str
    tiles: tuple[Tile, ...] = ()
    sections: tuple[Section, ...] = field(default_factory=tuple)
    footer: str = ""
