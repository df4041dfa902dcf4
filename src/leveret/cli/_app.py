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
from leveret.cli import _zoo as _zoo  # isort: skip
from leveret.cli import _reproducing as _reproducing  # isort: skip
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


def main() -> None:
    """The `leveret` script."""
    try:
        app(prog_name="leveret")  # also from python -m, so that the shell completes one name
    except KeyboardInterrupt:  # before or after a command's body
        sys.exit(130)
