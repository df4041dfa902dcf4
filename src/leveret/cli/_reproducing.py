"""`leveret reproduce`: its arguments, and which experiments they mean."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from leveret.cli._completion import experiments as completed
from leveret.cli._examples import example
from leveret.cli._guard import guarded
from leveret.cli._options import print_json
from leveret.cli._root import app
from leveret.errors import LeveretUsageError
from leveret.experiments import EXPERIMENTS

_ALL = "all"


@app.command(short_help="List the experiments, or measure again what docs/results shows.", epilog=example("reproduce"))
def reproduce(
    name: Annotated[
        str | None,
        typer.Argument(
            help=f"Of an experiment: {', '.join(EXPERIMENTS)}; or all. Without it: list them.",
            show_default=False,
            autocompletion=completed,
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="On embedded data, with tiny settings: to see that everything works.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="As docs/results has it; the default of a NAME.")] = False,
    part: Annotated[
        list[str] | None,
        typer.Option("--part", help="Only this part, finished before or not; may be repeated.", show_default=False),
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds.", show_default=False)] = None,
    data_folder: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of the datasets.", envvar="LEVERET_SHARED_DATA", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder for results. Default: docs/results, of quick runs reproduced/quick.",
            show_default=False,
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Measure finished parts anew, too.")] = False,
    render: Annotated[bool, typer.Option("--render", help="Only draw the pages anew from their figures.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write the list as JSON.")] = False,
) -> None:
    """List all experiments; or, with a NAME, --quick or --full, run them and write a page for each, and an index.

    What was finished in the folder is only read, so that a run which was stopped goes on when it is called again. An
    experiment that fails, for want of data for instance, stops no other; the exit status is then 1.
    """
    with guarded():
        if quick and full:
            raise LeveretUsageError("--quick and --full exclude each other")
        if name is None and part:
            raise LeveretUsageError("--part is of one experiment: name it")
        if name == _ALL and part:
            raise LeveretUsageError("--part is of one experiment, not of all")
        if as_json and (name is not None or quick or full or render):
            raise LeveretUsageError("--json writes the list: give no NAME, --quick, --full or --render with it")
        from leveret import experiments

        if render:
            if name is not None or quick or full:
                raise LeveretUsageError("--render draws all pages of the folder: give only -o with it")
            for page in experiments.render(out):
                typer.echo(page)
        elif name is None and not (quick or full):
            from leveret.cli._show_reproduce import as_rows, show_experiments

            if as_json:
                print_json(as_rows(data_folder, out))
            else:
                show_experiments(data_folder, out)
        elif part:
            assert name is not None
            with contextlib.redirect_stdout(sys.stderr):
                page = experiments.run(name, parts=part, seeds=seeds, data=data_folder, out=out, quick=quick)
            typer.echo(page)
        else:
            from leveret.cli._show_reproduce import run_and_tell

            names = list(EXPERIMENTS) if name is None or name == _ALL else [name]
            page, failed = run_and_tell(names, seeds=seeds, data=data_folder, out=out, quick=quick, again=again)
            typer.echo(page)
            if failed:
                raise typer.Exit(1)
