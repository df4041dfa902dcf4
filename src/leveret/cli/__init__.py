"""The command line: parses, calls `leveret.jobs`, prints. Nothing heavy is imported before a command needs it."""

from leveret.cli._app import main

__all__ = ["main"]
