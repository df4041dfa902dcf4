"""The command line: parses, calls `leveret.jobs`, prints. Nothing heavy is imported before a command needs it.

The commands are Typer's. Where Typer isn't installed, on a device that only predicts, `_light` has the few that the
runtime can do.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """The `leveret` script, and `python -m leveret`."""
    from leveret._extras import installed

    if installed("typer") and installed("rich"):
        from leveret.cli._app import main as commands
    else:
        from leveret.cli._light import main as commands
    commands()
