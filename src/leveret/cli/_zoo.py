"""`leveret zoo`: the models that come with Leveret, and how each is trained anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leveret.cli._examples import example
from leveret.cli._guard import guarded, note, say
from leveret.cli._root import app
from leveret.errors import LeveretUsageError


@app.command(short_help="List the models that come with Leveret.", epilog=example("zoo"))
def zoo(
    name: Annotated[str | None, typer.Argument(help="Show this model's card.", show_default=False)] = None,
    path: Annotated[bool, typer.Option("--path", help="Print where the model's file is.")] = False,
    sample: Annotated[
        bool, typer.Option("--sample", help="Print where some images to try it on are, an .npz file.")
    ] = False,
    train: Annotated[
        bool, typer.Option("--train", help="Train it anew, into the folder --out: at most three minutes of a core.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="With --train: folder for the model and its card.", show_default=False),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the datasets.", envvar="LEVERET_SHARED_DATA", show_default=False),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Of everything random: splits, initial weights, order, augmentation.", show_default=False
        ),
    ] = None,
) -> None:
    """List tiny models that come with Leveret, show the card of one, or train it anew.

    zoo:NAME stands for its file where a packed model is asked for.
    """
    with guarded():
        if not train:
            from leveret.cli._zoo_words import zoo_words

            if out is not None or seed is not None:
                raise LeveretUsageError("--out and --seed are of --train")
            say(zoo_words(name, path=path, sample=sample))
            return
        if name is None or out is None:
            raise LeveretUsageError("name the model to train and a folder: leveret zoo NAME --train -o FOLDER")
        from leveret.experiments import zoo as recipes

        note(f"wrote {recipes.train(name, out, data=data, seed=seed)} and its card")
