"""`leveret rules check`: its arguments, and what it prints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from leveret.cli._completion import one_of
from leveret.cli._data_options import takes_data
from leveret.cli._examples import example
from leveret.cli._guard import complain, guarded
from leveret.cli._options import Functions, Json, Seed, Source, print_json
from leveret.cli._root import app

_rules = typer.Typer(help="Look at rules before they teach a net.", no_args_is_help=True)
app.add_typer(_rules, name="rules", short_help="Look at rules before they teach a net.")


@_rules.callback(epilog=example("rules check"))
def _group() -> None:
    """Look at rules before they teach a net."""


@_rules.command(short_help="Say what rules do on data.", epilog=example("rules check"))
@takes_data(texts=True)
def check(
    file: Annotated[Path, typer.Argument(help="A rule file.", show_default=False)],
    source: Source,
    part: Annotated[
        str, typer.Option(help="Of the data: train, val or test.", autocompletion=one_of("train", "val", "test"))
    ] = "train",
    functions: Functions = None,
    seed: Seed = 0,
    data_options: Any = None,
    as_json: Json = False,
) -> None:
    """Say how often each rule fires on data, how often labels obey it already, and which rules contradict each other.

    Exits with 1 where the file can't be used, or hard rules contradict each other.
    """
    with guarded():
        from leveret.jobs import rules as job
        from leveret.rules import RuleError

        try:
            found = job.run(
                file,
                source,
                part=part,
                functions=functions,
                seed=seed,
                progress=sys.stderr.isatty(),
                data_options=data_options,
            )
        except RuleError as error:
            for problem in error.problems:
                complain(f"error: {file.name}, {problem}", "red")
            raise typer.Exit(1) from None
        if as_json:
            print_json(found.as_dict())
        else:
            from leveret.cli._show_rules import show_checked

            show_checked(found)
        for warning in found.warnings:
            complain(f"warning: {warning}", "yellow")
        if found.contradictions:
            raise typer.Exit(1)
