"""`leveret judge`: its arguments, and the exit code that its verdict is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from leveret.cli._completion import OBSERVERS, one_of
from leveret.cli._data_options import takes_data
from leveret.cli._examples import example
from leveret.cli._guard import guarded
from leveret.cli._options import Json, Quiet, Resume, Seed, Strict, TrainingThreads, print_json
from leveret.cli._root import app

__all__ = ["DIFFERENT"]

DIFFERENT = 3  # the exit code where a difference was found; 1 and 2 are of errors


@app.command(short_help="Tell whether two sources, or two models, differ.", epilog=example("judge"))
@takes_data(texts=True, labels=False, parts=False)
def judge(
    a: Annotated[
        str,
        typer.Argument(
            help="Images in a folder, texts in a .txt file, a line each, .npy, .npz, tables; with --on a model.",
            show_default=False,
        ),
    ],
    b: Annotated[str, typer.Argument(help="The same kind of thing.", show_default=False)],
    on: Annotated[
        str | None,
        typer.Option(
            help="A and B are models, MODEL.lvr or folders of leveret fit: judge what they say of this source.",
            show_default=False,
        ),
    ] = None,
    observer: Annotated[
        str,
        typer.Option(
            help="net, which is trained; convnet, resnet20, … by name; or logistic, knn, which are fast. auto: by "
            "size.",
            autocompletion=one_of(*OBSERVERS),
        ),
    ] = "auto",
    features: Annotated[
        Path | None,
        typer.Option(
            help="Of logistic and knn: look at the features of this folder of leveret fit.", show_default=False
        ),
    ] = None,
    test: Annotated[
        str,
        typer.Option(
            help="Which decides: ranks, binomial, permutation or mmd.",
            autocompletion=one_of("ranks", "binomial", "permutation", "mmd"),
        ),
    ] = "ranks",
    alpha: Annotated[
        float | None,
        typer.Option(
            help="Chance of calling different what is alike. Default: 0.05, or the file of looks says.",
            show_default=False,
        ),
    ] = None,
    looks: Annotated[
        Path | None,
        typer.Option(help="One of many looks, which this file counts: alpha is shared out.", show_default=False),
    ] = None,
    period: Annotated[
        int | None, typer.Option(help="Of --looks: so many share alpha. Default: 100.", show_default=False)
    ] = None,
    most: Annotated[int, typer.Option(min=10, help="Samples of each, drawn at random, at most.")] = 5000,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Of a net, at most. Default: by the data's size.", show_default=False)
    ] = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the report, the samples and the figures.", show_default=False),
    ] = None,
    resume: Resume = False,
    threads: TrainingThreads = None,
    strict: Strict = False,
    as_json: Json = False,
    data_options: Any = None,
    quiet: Quiet = False,
) -> None:
    """Tell whether a machine can tell A from B: it learns from one half of both, and is asked about the other.

    Exits with 0 where no difference was found and with 3 where one was.
    """
    with guarded():
        from leveret.jobs import judge as job

        result = job.run(
            a,
            b,
            out,
            on=on,
            observer=observer,
            features=features,
            test=test,
            alpha=alpha,
            looks=looks,
            period=period,
            most=most,
            epochs=epochs,
            seed=seed,
            resume=resume,
            strict=strict,
            threads=threads,
            progress=not quiet,
            data_options=data_options,
        )
        if as_json:
            print_json(result.metrics)
        else:
            from leveret.cli._show_judge import show_judge

            show_judge(result)
        if result.different:
            raise typer.Exit(DIFFERENT)
