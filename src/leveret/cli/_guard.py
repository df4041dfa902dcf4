"""How a command ends: exit codes, one red line for an error, one yellow line for a warning.

0 fine; 1 an error that Leveret names, of the data, a file or the training; 2 a wrong command line, whether it can't be
parsed or asks for what can't be (`LeveretUsageError`); 130 stopped by Ctrl-C.
`LEVERET_DEBUG=1` shows tracebacks.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from leveret.errors import LeveretError, LeveretUsageError, LeveretWarning

__all__ = ["WRONG", "complain", "guarded", "note", "say"]

WRONG = 2  # the exit code of a wrong command line, as click and argparse have it
_COLOURS = {"red": "\x1b[31m", "yellow": "\x1b[33m"}


@contextmanager
def guarded() -> Iterator[None]:
    """Run a command's body; turn what it raises into a message and an exit code."""
    debug = os.environ.get("LEVERET_DEBUG", "") not in ("", "0")
    with warnings.catch_warnings():
        _show_warnings(debug)
        try:
            yield
            sys.stdout.flush()
        except (LeveretError, FloatingPointError) as error:
            if debug:
                raise
            complain(f"error: {_one_line(error)}", "red")
            raise SystemExit(WRONG if isinstance(error, LeveretUsageError) else 1) from None
        except ImportError as error:
            from leveret._extras import missing

            if debug or (said := missing(f"leveret {_command()}", error)) is None:
                raise
            complain(f"error: {said}", "red")
            raise SystemExit(1) from None
        except KeyboardInterrupt as stop:
            if debug:
                raise
            complain(f"\n{stop}" if str(stop) else "\nstopped", "yellow")
            raise SystemExit(130) from None
        except BrokenPipeError:
            # the reader (`| head`) has had enough; what Python still holds must not complain at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None


def say(message: str) -> None:
    """A line on stdout, at once."""
    print(message, flush=True)


def complain(message: str, colour: str) -> None:
    """A line on stderr, coloured on a terminal."""
    plain = "NO_COLOR" in os.environ or not sys.stderr.isatty()
    note(message if plain else f"{_COLOURS[colour]}{message}\x1b[0m")


def note(message: str) -> None:
    """A line on stderr, in the terminal's own colour."""
    print(message, file=sys.stderr, flush=True)


def _command() -> str:
    """The one that was asked for."""
    return next((word for word in sys.argv[1:] if not word.startswith("-")), "")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _show_warnings(debug: bool) -> None:
    """Leveret's own warnings as one line each; those of other libraries only where one debugs."""
    if not debug:
        warnings.simplefilter("ignore")
    warnings.simplefilter("always", LeveretWarning)
    usual = warnings.showwarning

    def show(message: Any, category: Any, *rest: Any, **options: Any) -> None:
        if issubclass(category, LeveretWarning):
            complain(f"warning: {message}", "yellow")
        else:
            usual(message, category, *rest, **options)

    warnings.showwarning = show
