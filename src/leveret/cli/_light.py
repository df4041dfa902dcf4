"""The command line where Typer isn't installed: what the plain install can do, by argparse.

Options are named, and mean, what they do in the commands proper; a test holds the two together. Whoever asks for
another command is told what it needs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leveret.cli._guard import WRONG, complain, guarded, note, say

__all__ = ["COMMANDS", "main", "parser"]

_MORE = 'Training, shrinking, reports and all other commands: pip install "leveret[train]"'


def main() -> None:
    """The `leveret` script of the plain install."""
    words = sys.argv[1:]
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        complain(
            f"error: leveret {words[0]} is no command of the plain install, which has {', '.join(COMMANDS)}; "
            'for the others: pip install "leveret[train]"',
            "red",
        )
        raise SystemExit(WRONG)
    given, unknown = parser().parse_known_args(words)
    if unknown:
        command = f" {given.command}" if given.command else ""
        complain(
            f"error: leveret{command} of the plain install takes no {' '.join(unknown)}; with --help it tells what it "
            'takes, and all there is comes with: pip install "leveret[train]"',
            "red",
        )
        raise SystemExit(WRONG)
    if given.command is None:
        parser().print_help()
        raise SystemExit(0)
    with guarded():
        given.run(given)


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    made = argparse.ArgumentParser(
        prog="leveret",
        description="Run packed models on numpy and Leveret's kernels.",
        epilog=_MORE,
        allow_abbrev=False,
    )
    made.add_argument("--version", action=_Version, nargs=0, help="Show the version.")
    commands = made.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, (about, add, run) in COMMANDS.items():
        one = commands.add_parser(name, help=about, description=about, allow_abbrev=False)
        add(one)
        one.set_defaults(run=run)
    return made


class _Version(argparse.Action):
    """Looked up when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *rest: Any) -> None:
        from leveret import __version__

        say(f"leveret {__version__}")
        parser.exit()


def _predict_options(one: argparse.ArgumentParser) -> None:
    _model(one)
    one.add_argument("paths", nargs="+", help="Images, folders, .npy and .npz files, texts; - reads stdin.")
    one.add_argument("--top", type=_at_least(1), default=1, metavar="K", help="Name the K likeliest classes.")
    one.add_argument("--out", "-o", type=Path, help="Of a net of masks: the folder for masks and overlays.")
    one.add_argument("--overlap", type=float, default=0.25, help="Of masks: what neighbouring tiles have in common.")
    one.add_argument("--scale", type=float, help="Of masks: of the images' sides. Default: as in training.")
    one.add_argument(
        "--budget", type=float, metavar="N", help="Of a dynamic capacity net: patches an image on average."
    )
    one.add_argument("--facts", type=Path, help="Of a model with rules: a csv with path and columns of each image.")
    one.add_argument("--heed", action="store_true", help="Of texts: answer by the rules that the model carries, too.")
    _threads(one)
    one.add_argument("--json", action="store_true", help="Write JSON lines: one object an image.")
    one.add_argument("--strict", action="store_true", help="Exit with 1 if any image can't be read.")


def _predict(given: argparse.Namespace) -> None:
    from leveret.cli._predicting import predict_each

    names = ("top", "out", "overlap", "scale", "budget", "facts", "heed", "threads", "strict")
    options = {name: getattr(given, name) for name in names}
    predict_each(_located(given.model), given.paths, as_json=given.json, **options)


def _inspect_options(one: argparse.ArgumentParser) -> None:
    _model(one)
    _json(one)


def _inspect(given: argparse.Namespace) -> None:
    from leveret.cli._plain import inspection
    from leveret.jobs import inspect

    found = inspect.run(_located(given.model))
    say(_as_json(found) if given.json else inspection(found))


def _bench_options(one: argparse.ArgumentParser) -> None:
    _model(one)
    one.add_argument("--batch-size", type=_at_least(1), default=64, help="The larger batch; the other is 1.")
    one.add_argument("--profile", action="store_true", help="Time each layer, and hold it to this CPU's peak.")
    _threads(one)
    _json(one)


def _bench(given: argparse.Namespace) -> None:
    from leveret.cli._plain import timings
    from leveret.jobs import bench

    options = {"threads": given.threads, "batch_size": given.batch_size, "profile": given.profile}
    found = bench.run(_located(given.model), progress=note if sys.stderr.isatty() else None, **options)
    say(_as_json(found) if given.json else timings(found))


def _zoo_options(one: argparse.ArgumentParser) -> None:
    one.add_argument("name", nargs="?", help="Show this model's card.")
    one.add_argument("--path", action="store_true", help="Print where the model's file is.")
    one.add_argument("--sample", action="store_true", help="Print where some images to try it on are, an .npz file.")


def _zoo(given: argparse.Namespace) -> None:
    from leveret.cli._zoo_words import zoo_words

    say(zoo_words(given.name, path=given.path, sample=given.sample))


def _model(one: argparse.ArgumentParser) -> None:
    one.add_argument("model", help="A packed model, MODEL.lvr, or zoo:NAME; see leveret zoo.")


def _threads(one: argparse.ArgumentParser) -> None:
    one.add_argument("--threads", type=_at_least(1), help="Of the kernels. Default: LEVERET_THREADS, or all cores.")


def _json(one: argparse.ArgumentParser) -> None:
    one.add_argument("--json", action="store_true", help="Write JSON.")


def _located(model: str) -> Path:
    from leveret import zoo

    return zoo.located(model)


def _as_json(found: Any) -> str:
    return json.dumps(found.as_dict(), indent=2, ensure_ascii=False)


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} on, got {text!r}")
        return int(text)

    return number


COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], None]]] = {
    "predict": ("Say the class of images, pixels or texts.", _predict_options, _predict),
    "inspect": ("List a packed model's layers and costs.", _inspect_options, _inspect),
    "bench": ("Time a packed model on this machine.", _bench_options, _bench),
    "zoo": ("List the models that come with Leveret.", _zoo_options, _zoo),
}
