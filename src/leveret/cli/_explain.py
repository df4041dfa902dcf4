"""`leveret explain`: its arguments, and what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leveret.cli._each import print_each
from leveret.cli._examples import example
from leveret.cli._guard import guarded
from leveret.cli._options import Threads, located
from leveret.cli._root import app


@app.command(short_help="Draw where a model looked in an image.", epilog=example("explain"))
def explain(
    model: Annotated[
        Path,
        typer.Argument(
            help="A folder of leveret fit, a packed model, MODEL.lvr, or zoo:NAME.",
            show_default=False,
            callback=located,
        ),
    ],
    paths: Annotated[list[str], typer.Argument(help="Images, folders, .npz files.", show_default=False)],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="A PNG for one image, a folder for several.", show_default=False),
    ],
    patches: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="K", help="Of a net from fit --net dcn: look at so many. Default: as trained.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON lines: one object an image.")] = False,
    threads: Threads = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if any image can't be read.")] = False,
) -> None:  # fmt: skip
    """Draw where a model looked in an image, and what it then said.

    A dynamic capacity net (fit --net dcn) shows its saliency, its patches in order, and its prediction before and after
    the closer look. Of any other classifier of images the picture shows which parts it needs: an occlusion map.
    """
    with guarded():
        from leveret.jobs import explain as job

        found = job.run(model, paths, out, patches=patches, threads=threads)
        print_each(found, lambda one: (str(one.source), one.in_words, str(one.picture)), as_json=as_json, strict=strict)
