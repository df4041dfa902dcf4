"""The commands: their arguments, and which job each one calls."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from leveret import __version__
from leveret.cli._guard import complain, guarded, note

__all__ = ["app", "main"]

# boxes and colours for people; plain text, and no time for loading rich, for pipes
app = typer.Typer(
    name="leveret",
    help="Small, quick networks on an ordinary CPU: train, shrink, pack, run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if sys.stdout is not None and sys.stdout.isatty() else None,
)

Source = Annotated[
    str,
    typer.Argument(
        help="'digits', a folder of class folders, a .npz, parquet, csv or jsonl file, or hf:NAME.", show_default=True
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
ValFraction = Annotated[float, typer.Option(help="Share of the training samples held out for validation.")]
TestFraction = Annotated[float, typer.Option(help="Share of all samples held out for the test.")]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Of the kernels. Default: LEVERET_THREADS, or all cores.", show_default=False),
]
Net = Annotated[str | None, typer.Option(help="convnet, resnet20 or resnet18. Default: convnet.", show_default=False)]
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


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"leveret {__version__}")
        raise typer.Exit


@app.command(short_help="Train, distil, pack, compare: the main job.")
def shrink(
    source: Source = "digits",
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the model, checkpoints, figures and report.")
    ] = Path("out"),
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Of the teacher; the student's follow. Default: by the data's size.", show_default=False
        ),
    ] = None,
    net: Net = None,
    seed: Seed = 0,
    quick: Quick = False,
    resume: Resume = False,
    flip: Flip = None,
    strict: Strict = False,
    size: Size = None,
    channels: Channels = None,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    val_fraction: ValFraction = 0.1,
    test_fraction: TestFraction = 0.2,
    quiet: Quiet = False,
) -> None:
    """Train a teacher, distil it into a binary student, pack that, compare them, and write a report."""
    with guarded():
        from leveret.jobs import shrink as job

        result = job.run(
            source,
            out,
            net=net,
            epochs=epochs,
            seed=seed,
            resume=resume,
            strict=strict,
            quick=quick,
            flip=flip,
            progress=not quiet,
            data_options=_data_options(size, channels, image_column, label_column, val_fraction, test_fraction),
        )
        from leveret.cli._show import show_shrink

        show_shrink(result)


@app.command(short_help="Make one net small by every method, side by side.")
def compare(
    source: Source = "digits",
    methods: Annotated[
        str, typer.Option(help="all, or keys with commas between: magnitude,int8,xnor; --list names them.")
    ] = "all",
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the models, checkpoints, figures and report.")
    ] = Path("out"),
    net: Net = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Of the real net. Default: by the data's size.", show_default=False)
    ] = None,
    tune_epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Of each method's fine-tuning. Default: 0.4 of the real net's.", show_default=False),
    ] = None,
    seed: Seed = 0,
    quick: Quick = False,
    resume: Resume = False,
    skip_unfit: Annotated[
        bool, typer.Option("--skip-unfit", help="Leave layers that a method doesn't fit as they are; else stop.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Methods at work at once. Default: one a core.", show_default=False)
    ] = None,
    threads: WorkerThreads = None,
    strict: Strict = False,
    size: Size = None,
    channels: Channels = None,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    val_fraction: ValFraction = 0.1,
    test_fraction: TestFraction = 0.2,
    quiet: Quiet = False,
    names: Annotated[bool, typer.Option("--list", help="Name the methods, and stop.")] = False,
) -> None:
    """Train one net, make it small by every method, tune each alike, pack, measure, and write a report."""
    with guarded():
        if names:
            from leveret.cli._show import show_methods

            show_methods()
            return
        from leveret._threads import default_threads
        from leveret.jobs import compare as job

        result = job.run(
            source,
            out,
            methods=methods,
            net=net,
            epochs=epochs,
            tune_epochs=tune_epochs,
            seed=seed,
            resume=resume,
            quick=quick,
            skip_unfit=skip_unfit,
            strict=strict,
            workers=workers or default_threads(),
            threads=threads,
            progress=not quiet,
            data_options=_data_options(size, channels, image_column, label_column, val_fraction, test_fraction),
        )
        from leveret.cli._show import show_compare

        show_compare(result)


@app.command(short_help="Distil many teachers into one small student.")
def distill(
    source: Source = "digits",
    student: Annotated[
        str, typer.Option(help="conv0 (no convolution) to conv4: shallow nets with so many convolutional layers.")
    ] = "conv1",
    params: Annotated[str, typer.Option(help="Weights of the student: 300k, 1M, 1000000.")] = "1M",
    members: Annotated[int, typer.Option(min=1, help="Teachers.")] = 8,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the models, checkpoints, figures and report.")
    ] = Path("out"),
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Of each teacher. Default: by the data's size.", show_default=False)
    ] = None,
    views: Annotated[
        int | None,
        typer.Option(min=1, help="Of the transfer set. Default: 40 an image, 4 of many.", show_default=False),
    ] = None,
    student_epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the transfer set. Default: 5.", show_default=False)
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Hyper-parameters to try for the student.")] = 4,
    lateral: Annotated[
        int, typer.Option(min=0, help="Steps of links between the units of each layer of the student.")
    ] = 0,
    seed: Seed = 0,
    quick: Annotated[bool, typer.Option("--quick", help="A fifth of the epochs and views.")] = False,
    resume: Resume = False,
    flip: Flip = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Nets trained at once. Default: one a core.", show_default=False)
    ] = None,
    threads: WorkerThreads = None,
    storage: Annotated[
        str | None,
        typer.Option(help="Optuna's, shared with other machines: postgresql://…", show_default=False),
    ] = None,
    strict: Strict = False,
    size: Size = None,
    channels: Channels = None,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    val_fraction: ValFraction = 0.1,
    test_fraction: TestFraction = 0.2,
    quiet: Quiet = False,
) -> None:
    """Train teachers, select the best of them, and let a shallow student learn what they say; write a report."""
    with guarded():
        from leveret._threads import default_threads
        from leveret.jobs import distill as job

        result = job.run(
            source,
            out,
            student=student,
            params=params,
            members=members,
            epochs=epochs,
            views=views,
            student_epochs=student_epochs,
            trials=trials,
            lateral=lateral,
            flip=flip,
            seed=seed,
            resume=resume,
            strict=strict,
            quick=quick,
            workers=workers or default_threads(),
            threads=threads,
            storage=storage,
            progress=not quiet,
            data_options=_data_options(size, channels, image_column, label_column, val_fraction, test_fraction),
        )
        from leveret.cli._show import show_distill

        show_distill(result)


@app.command(short_help="Say the class of images.")
def predict(
    model: Model,
    paths: Annotated[
        list[str],
        typer.Argument(help="Images, folders, .npz files; - reads paths from stdin, one a line.", show_default=False),
    ],
    top: Annotated[int, typer.Option("--top", min=1, help="Name the K likeliest classes.", metavar="K")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON lines: one object an image.")] = False,
    threads: Threads = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if any image can't be read.")] = False,
) -> None:
    """Say the class of images, with a packed model."""
    with guarded():
        from leveret.jobs import predict as job

        # paths come from file systems, which hold more than UTF-8
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
        done = failed = 0
        for prediction in job.run(model, _with_stdin(paths), top=top, threads=threads):
            if prediction.error is not None:
                failed += 1
                complain(f"warning: {prediction.source}: {prediction.error}", "yellow")
            else:
                done += 1
            if as_json:
                typer.echo(json.dumps(prediction.as_dict()))
            elif prediction.error is None:
                shares = (f"{name}\t{share:.4f}" for name, share in prediction.top)
                typer.echo("\t".join((prediction.source, *shares)))
        if failed:
            of = f"{failed} of {done + failed} images could not be read"
            if strict or not done:
                complain(f"error: {of}", "red")
                raise typer.Exit(1)
            complain(f"warning: {of}", "yellow")


@app.command(short_help="List a packed model's layers and costs.")
def inspect(model: Model, as_json: Json = False) -> None:
    """Show a packed model's layers, shapes, bits, bytes and operations."""
    with guarded():
        from leveret.jobs import inspect as job

        found = job.run(model)
        if as_json:
            _print_json(found.as_dict())
        else:
            from leveret.cli._show import show_inspection

            show_inspection(found)


@app.command(short_help="Time a packed model on this machine.")
def bench(
    model: Model,
    against: Annotated[
        str,
        typer.Option(help="Engines to run the same layers in float32: torch,onnxruntime,openvino.", show_default=False),
    ] = "",
    threads: Threads = None,
    batch: Annotated[int, typer.Option(min=1, help="The larger batch; the other is 1.")] = 64,
    profile: Annotated[
        bool, typer.Option("--profile", help="Time each layer, and hold it to this CPU's peak.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Time a packed model: latency, throughput, memory; alone or beside other engines."""
    with guarded():
        from leveret.jobs import bench as job

        progress = note if sys.stderr.isatty() else None
        found = job.run(model, against=against, threads=threads, batch=batch, profile=profile, progress=progress)
        if as_json:
            _print_json(found.as_dict())
        else:
            from leveret.cli._show import show_bench

            show_bench(found)


@app.command(short_help="Write a packed model as ONNX.")
def export(
    model: Model,
    out: Annotated[Path, typer.Option("--out", "-o", help="The ONNX file.", show_default=False)],
    floats: Annotated[
        bool, typer.Option("--floats", help="Take normalised float32 images; else pixels, where the model can.")
    ] = False,
) -> None:
    """Write a packed model as a float net in ONNX that gives the same logits, for other engines to run."""
    with guarded():
        from leveret.interchange import export_onnx

        export_onnx(model, out, pixels=False if floats else None)
        note(f"wrote {out}")


@app.command(short_help="Look at a source of data.")
def data(
    source: Source = "digits",
    sheet: Annotated[Path | None, typer.Option(help="Write a contact sheet to this PNG.", show_default=False)] = None,
    as_json: Json = False,
    seed: Annotated[int, typer.Option(help="Of the splits.")] = 0,
    strict: Strict = False,
    size: Size = None,
    channels: Channels = None,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    text_column: Annotated[str | None, typer.Option(help="Column with texts, in a table.", show_default=False)] = None,
    val_fraction: ValFraction = 0.1,
    test_fraction: TestFraction = 0.2,
) -> None:
    """Show what a source holds: classes, counts, sizes, what can't be read."""
    with guarded():
        from leveret.jobs import data as job

        options = _data_options(size, channels, image_column, label_column, val_fraction, test_fraction)
        loaded = job.run(
            source,
            sheet=sheet,
            progress=sys.stderr.isatty(),
            seed=seed,
            strict=strict,
            text_column=text_column,
            **options,
        )
        if as_json:
            _print_json(loaded.as_dict())
        else:
            from leveret.cli._show import show

            show(loaded.summary())
        if sheet is not None:
            note(f"wrote {sheet}")


@app.command(short_help="Measure again what docs/results shows.")
def reproduce(
    name: Annotated[
        str, typer.Argument(help="Of the page: main-job, engine, shrink or deep-vs-shallow.", show_default=False)
    ],
    part: Annotated[list[str] | None, typer.Option("--part", help="Only this part; may be repeated.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds.", show_default=False)] = None,
    data_folder: Annotated[
        Path | None, typer.Option("--data", help="Folder of the datasets.", envvar="LEVERET_SHARED_DATA")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for results.", show_default=False)] = None,
) -> None:
    """Measure again what a page of docs/results shows, beside what was asked or what a paper reports."""
    with guarded():
        from leveret import experiments

        given: dict[str, Any] = {"parts": part or None, "seeds": seeds, "data": data_folder, "out": out}
        page = experiments.run(name, **{key: value for key, value in given.items() if value is not None})
        typer.echo(page)


def main() -> None:
    """The `leveret` script."""
    try:
        app()
    except KeyboardInterrupt:  # before or after a command's body
        sys.exit(130)


def _with_stdin(paths: list[str]) -> Iterator[str]:
    for path in paths:
        if path != "-":
            yield path
            continue
        for line in sys.stdin.buffer:
            name = os.fsdecode(line.rstrip(b"\r\n"))
            if name:
                yield name


def _data_options(
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


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
