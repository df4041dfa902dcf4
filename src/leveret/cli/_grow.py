"""`leveret grow`: its arguments, and the job that it calls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from leveret.cli._completion import BALANCES, one_of
from leveret.cli._data_options import takes_data
from leveret.cli._examples import example
from leveret.cli._guard import guarded
from leveret.cli._options import Flip, Quick, Quiet, Resume, Seed, Strict, WorkerThreads
from leveret.cli._root import app
from leveret.errors import LeveretUsageError


@app.command(short_help="Let a trained net take up new classes.", epilog=example("grow"))
@takes_data()
def grow(
    model: Annotated[
        Path, typer.Argument(help="The folder of a run of leveret fit or leveret grow.", show_default=False)
    ],
    source: Annotated[
        str, typer.Argument(help="The new classes: a folder of class folders, a .npz, …", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the grown tree and its report.")] = Path("out"),
    old: Annotated[
        list[str] | None,
        typer.Option(
            help="A source of the classes known so far; may be repeated. Default: what the model learned from.",
            show_default=False,
        ),
    ] = None,
    policy: Annotated[
        str,
        typer.Option(
            help="Old samples to train on: all, memory (a budget of them), or none (distilled).",
            autocompletion=one_of("all", "memory", "none"),
        ),
    ] = "all",
    budget: Annotated[int, typer.Option(min=1, help="Samples of a memory.")] = 2000,
    exemplars: Annotated[
        str,
        typer.Option(
            help="How a memory chooses: herding or reservoir.", autocompletion=one_of("herding", "reservoir")
        ),
    ] = "herding",
    known: Annotated[
        str,
        typer.Option(
            help="Samples of classes that the model knows: refuse, or merge (train on them too).",
            autocompletion=one_of("refuse", "merge"),
        ),
    ] = "refuse",
    names: Annotated[
        str | None,
        typer.Option(help="Names for the source's classes, with commas, by its labels.", show_default=False),
    ] = None,
    shape: Annotated[
        str,
        typer.Option(
            help="error: confusable classes stay together; random; or flat: never branch.",
            autocompletion=one_of("error", "random", "flat"),
        ),
    ] = "error",
    groups: Annotated[str, typer.Option(help="Groups that a leaf branches into: auto, or a number.")] = "auto",
    max_classes: Annotated[int, typer.Option(min=2, help="A leaf of more classes branches.")] = 6,
    max_error: Annotated[float, typer.Option(min=0, max=1, help="So does one that errs more often.")] = 0.25,
    beams: Annotated[str, typer.Option(help="Leaves asked at most for an image: a number, or all.")] = "1",
    start: Annotated[
        str,
        typer.Option(
            help="Leaves begin as clones of the trained branch, or of the old net: branch or old.",
            autocompletion=one_of("branch", "old"),
        ),
    ] = "branch",
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Of branches. Default: 0.3 of fit's.", show_default=False)
    ] = None,
    leaf_epochs: Annotated[
        int | None, typer.Option(min=1, help="Of leaves. Default: a quarter as many.", show_default=False)
    ] = None,
    balance: Annotated[
        str,
        typer.Option(
            help="How unequal classes are dealt with: auto, or a key of leveret fit --list.",
            autocompletion=one_of("auto", *BALANCES),
        ),
    ] = "auto",
    distillation: Annotated[
        float | None,
        typer.Option(
            min=0, help="Weight of what the model said of old classes. Default: 0 with all, else 1.", show_default=False
        ),
    ] = None,
    new_rate: Annotated[
        float, typer.Option(help="Draw a sample of a new class so often for each of an old one; 1 for plain training.")
    ] = 2.0,
    prune: Annotated[bool, typer.Option("--prune", help="Take away branches that validation shows no use of.")] = False,
    distill_back: Annotated[
        bool, typer.Option("--distill-back", help="Teach the tree to one net, too: single.lvr.")
    ] = False,
    seed: Seed = 0,
    quick: Quick = False,
    resume: Resume = False,
    flip: Flip = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Nets trained at once. Default: one.", show_default=False)
    ] = None,
    threads: WorkerThreads = None,
    strict: Strict = False,
    data_options: Any = None,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Let a trained net take up new classes, flat or as a tree of nets, pack it, and write a report.

    The classes that it knows stay: what is trained on of their samples is --policy.
    """
    with guarded():
        from leveret.jobs import grow as job

        policies: Any = {"policy": policy, "exemplars": exemplars, "known": known, "shape": shape, "start": start}
        result = job.run(
            model,
            source,
            out,
            old=old or (),
            budget=budget,
            names=[name.strip() for name in names.split(",")] if names else (),
            groups=_number(groups, "groups", "auto", "auto"),
            max_classes=max_classes,
            max_error=max_error,
            beams=_number(beams, "beams", "all", None),
            epochs=epochs,
            leaf_epochs=leaf_epochs,
            balance=balance,
            distillation=distillation,
            new_rate=new_rate,
            prune=prune,
            distill_back=distill_back,
            flip=flip,
            seed=seed,
            resume=resume,
            quick=quick,
            strict=strict,
            workers=workers,
            threads=threads,
            progress=not quiet,
            data_options=data_options,
            **policies,
        )
        from leveret.cli._show_grow import show_grow

        show_grow(result)


def _number(text: str, name: str, word: str, value: Any) -> Any:
    if text == word:
        return value
    if not text.isdecimal():
        raise LeveretUsageError(f"{name} must be {word}, or a number; got {text!r}")
    return int(text)
