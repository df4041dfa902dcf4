"""The application that commands are added to."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

__all__ = ["app"]

# boxes and colours for people; plain text, and no time for loading rich, for pipes
app = typer.Typer(
    name="leveret",
    help="Small, quick networks on an ordinary CPU: train, shrink, pack, run.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if sys.stdout is not None and sys.stdout.isatty() else None,
)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version.", is_eager=True)] = False,
) -> None:
    if version:
        from leveret import __version__

        typer.echo(f"leveret {__version__}")
        raise typer.Exit
