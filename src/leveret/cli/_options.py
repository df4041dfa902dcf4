"""Options that several commands have; those of the data are in `_data_options`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from leveret.cli._completion import IMAGE_NETS, MASK_NETS, TEXT_NETS, one_of, sources
from leveret.cli._guard import guarded, say


def located(context: typer.Context, model: Path) -> Path:
    """A model's file, of the zoo where it is asked for."""
    if context.resilient_parsing or not str(model).startswith("zoo:"):  # the former where a shell completes
        return model
    with guarded():
        from leveret import zoo

        return zoo.located(model)


Source = Annotated[
    str,
    typer.Argument(
        help="'digits', a folder of class folders, or of images/ and masks/, a .npz, parquet, csv, jsonl or conll "
        "file, hf:NAME, or 'cluttered-digits'.",
        show_default=True,
        autocompletion=sources,
    ),
]
Model = Annotated[
    Path,
    typer.Argument(
        help="A packed model, MODEL.lvr, or zoo:NAME; see leveret zoo.", show_default=False, callback=located
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the model, checkpoints, figures and report.")]
Seed = Annotated[int, typer.Option(min=0, help="Of everything random: splits, initial weights, order, augmentation.")]
Strict = Annotated[bool, typer.Option("--strict", help="Make unreadable samples an error, not a counted warning.")]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Of the kernels. Default: LEVERET_THREADS, or all cores.", show_default=False),
]
TrainingThreads = Annotated[
    int | None, typer.Option(min=1, help="Of training. Default: the cores; one for a tiny net.", show_default=False)
]
Epochs = Annotated[
    int | None, typer.Option(min=1, help="Passes over the data. Default: by its size.", show_default=False)
]
BatchSize = Annotated[int | None, typer.Option(min=2, help="Samples a step.", show_default=False)]
Net = Annotated[
    str | None,
    typer.Option(
        help="convnet, resnet20 or resnet18. Default: convnet.", show_default=False, autocompletion=one_of(*IMAGE_NETS)
    ),
]
ShrinkNet = Annotated[
    str | None,
    typer.Option(
        help="convnet, resnet20 or resnet18. Of masks: parsenet, fcn or pyramid. Default: the first.",
        show_default=False,
        autocompletion=one_of(*IMAGE_NETS, *MASK_NETS),
    ),
]
FitNet = Annotated[
    str | None,
    typer.Option(
        help="convnet, resnet20 or resnet18; dcn looks closely at the parts of an image that matter. Of masks: "
        "parsenet, fcn or pyramid. Of texts: text-conv or bag-of-words. Default: the first.",
        show_default=False,
        autocompletion=one_of(*IMAGE_NETS, "dcn", *MASK_NETS, *TEXT_NETS),
    ),
]
WorkerThreads = Annotated[
    int | None, typer.Option(min=1, help="Of each worker. Default: the cores, shared out.", show_default=False)
]
Task = Annotated[
    str,
    typer.Option(
        help="classify, text (classes of texts), segment (images with masks), tag (a tag for each word), or auto: by "
        "what the source looks like.",
        autocompletion=one_of("auto", "classify", "text", "segment", "tag"),
    ),
]
Crop = Annotated[
    str | None, typer.Option(help="Of masks: train on parts of so many pixels: 128, or 96x128.", show_default=False)
]
ClassWeights = Annotated[
    str,
    typer.Option(
        help="Of masks: none, or median: rare classes weigh more, by median frequency.",
        autocompletion=one_of("none", "median"),
    ),
]
Flip = Annotated[
    bool | None,
    typer.Option(
        "--flip/--no-flip", help="Train on mirrored images too. Default: colour yes, grey no.", show_default=False
    ),
]
Functions = Annotated[
    Path | None,
    typer.Option(help="A Python file, which is run: its functions are what rules may call.", show_default=False),
]
Quick = Annotated[bool, typer.Option("--quick", help="A fifth of the epochs, to see everything work.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run that the folder holds.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress, only the outcome.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]


def print_json(value: Any) -> None:
    say(json.dumps(value, indent=2, ensure_ascii=False))
