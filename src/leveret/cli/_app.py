"""All commands gathered, those of data and results among them, and the `leveret` script."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

# importing them adds them to the application, in the order of `leveret --help`
from leveret.cli import _training as _training  # isort: skip
from leveret.cli import _grow as _grow  # isort: skip
from leveret.cli import _models as _models  # isort: skip
from leveret.cli import _explain as _explain  # isort: skip
from leveret.cli import _rules as _rules  # isort: skip
from leveret.cli import _judging as _judging  # isort: skip
from leveret.cli import _budgeting as _budgeting  # isort: skip
from leveret.cli._completion import experiments
from leveret.cli._data_options import options_for, takes_data, task_of
from leveret.cli._examples import example
from leveret.cli._guard import guarded, note
from leveret.cli._options import (
    Json,
    Seed,
    Source,
    Strict,
    Task,
    print_json,
)
from leveret.cli._root import app
from leveret.experiments import EXPERIMENTS

__all__ = ["app", "main"]


@app.command(short_help="Look at a source of data.", epilog=example("data"))
@takes_data(texts=True, masks=True)
def data(
    source: Source = "digits",
    sheet: Annotated[Path | None, typer.Option(help="Write a contact sheet to this PNG.", show_default=False)] = None,
    as_json: Json = False,
    seed: Seed = 0,
    strict: Strict = False,
    task: Task = "auto",
    data_options: Any = None,
) -> None:
    """Show what a source holds: classes, counts, sizes, what can't be read."""
    with guarded():
        from leveret.jobs import data as job

        task = task_of(task, source, data_options)
        given = options_for(task, data_options)
        progress = sys.stderr.isatty()
        loaded = job.run(source, task=task, sheet=sheet, progress=progress, seed=seed, strict=strict, **given)
        if as_json:
            print_json(loaded.as_dict())
        else:
            from leveret.cli._show import show

            show(loaded.summary())
        if sheet is not None:
            note(f"wrote {sheet}")


@app.command(short_help="Measure again what docs/results shows.", epilog=example("reproduce"))
def reproduce(
    name: Annotated[
        str,
        typer.Argument(
            help=f"Of the page: {', '.join(EXPERIMENTS)}.",
            show_default=False,
            autocompletion=experiments,
        ),
    ],
    part: Annotated[list[str] | None, typer.Option("--part", help="Only this part; may be repeated.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds.", show_default=False)] = None,
    data_folder: Annotated[
        Path | None, typer.Option("--data", help="Folder of the datasets.", envvar="LEVERET_SHARED_DATA")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for results.", show_default=False)] = None,
) -> None:
    """Measure again what a page of docs/results shows, beside what was asked or what a paper reports."""
    with guarded():
        from leveret import experiments

        given: dict[str, Any] = {"parts": part or None, "seeds": seeds, "data": data_folder, "out": out}
        page = experiments.run(name, **{key: value for key, value in given.items() if value is not None})
        typer.echo(page)


def main() -> None:
    """The `leveret` script."""
    try:
        app(prog_name="leveret")  # also from python -m, so that the shell completes one name
    except KeyboardInterrupt:  # before or after a command's body
        sys.exit(130)
