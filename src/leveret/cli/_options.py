"""Options that several commands have, and what becomes of those of the data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

Source = Annotated[
    str,
    typer.Argument(
        help="'digits', a folder of class folders, a .npz, parquet, csv or jsonl file, hf:NAME, or 'cluttered-digits'.", show_default=True
    ),
]
Model = Annotated[Path, typer.Argument(help="A packed model, MODEL.lvr.", show_default=False)]
Seed = Annotated[int, typer.Option(help="Of splits, initial weights, order and augmentation.")]
Strict = Annotated[bool, typer.Option("--strict", help="Make unreadable samples an error, not a counted warning.")]
Size = Annotated[
    str | None, typer.Option(help="Scale images to this: 32, or 32x48 (height x width).", show_default=False)
]
Channels = Annotated[int | None, typer.Option(help="1 for grey, 3 for colour.", show_default=False)]
ImageColumn = Annotated[str | None, typer.Option(help="Column with images, in a table.", show_default=False)]
LabelColumn = Annotated[str | None, typer.Option(help="Column with labels, in a table.", show_default=False)]
TextColumn = Annotated[str | None, typer.Option(help="Column with texts, in a table.", show_default=False)]
ValFraction = Annotated[float, typer.Option(help="Share of the training samples held out for validation.")]
TestFraction = Annotated[float, typer.Option(help="Share of all samples held out for the test.")]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Of the kernels. Default: LEVERET_THREADS, or all cores.", show_default=False),
]
Net = Annotated[str | None, typer.Option(help="convnet, resnet20 or resnet18. Default: convnet.", show_default=False)]
FitNet = Annotated[
    str | None,
    typer.Option(
        help="convnet, resnet20 or resnet18; dcn looks closely at the parts of an image that matter. Default: convnet.",
        show_default=False,
    ),
]
WorkerThreads = Annotated[
    int | None, typer.Option(min=1, help="Of each worker. Default: the cores, shared out.", show_default=False)
]
Flip = Annotated[
    bool | None,
    typer.Option(
        "--flip/--no-flip", help="Train on mirrored images too. Default: colour yes, grey no.", show_default=False
    ),
]
Quick = Annotated[bool, typer.Option("--quick", help="A fifth of the epochs, to see everything work.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run that the folder holds.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress, only the outcome.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]


def data_options(
    size: str | None,
    channels: int | None,
    image_column: str | None,
    label_column: str | None,
    val_fraction: float,
    test_fraction: float,
) -> dict[str, Any]:
    return {
        "size": _size(size),
        "channels": channels,
        "image_column": image_column,
        "label_column": label_column,
        "val_fraction": val_fraction,
        "test_fraction": test_fraction,
    }


def _size(text: str | None) -> int | tuple[int, int] | None:
    if text is None:
        return None
    numbers = text.lower().replace("×", "x").split("x")
    if not 1 <= len(numbers) <= 2 or not all(n.strip().isdecimal() for n in numbers):
        raise typer.BadParameter(f"size must be a number of pixels such as 32, or 32x48, got {text!r}")
    sides = [int(n) for n in numbers]
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
