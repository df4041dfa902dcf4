"""Commands for packed models: their arguments, and which job each one calls."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from leveret._deprecated import renamed_option
from leveret.cli._completion import engines_in_list
from leveret.cli._examples import example
from leveret.cli._guard import guarded, note
from leveret.cli._options import Json, Model, Threads, print_json
from leveret.cli._predicting import predict_each
from leveret.cli._root import app


@app.command(short_help="Say the class of images, pixels or texts.", epilog=example("predict"))
def predict(
    model: Model,
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Images, folders, .npy or .npz files; of a model of texts .txt (a text a line), .csv, .jsonl, "
            ".parquet or .conll files. - reads paths, or texts, from stdin, one a line.",
            show_default=False,
        ),
    ],
    top: Annotated[int, typer.Option("--top", min=1, help="Name the K likeliest classes.", metavar="K")] = 1,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Of a net of masks: the folder for masks and overlays.", show_default=False),
    ] = None,
    overlap: Annotated[
        float, typer.Option(min=0, max=0.9, help="Of a net of masks: share of a tile that neighbours have in common.")
    ] = 0.25,
    scale: Annotated[
        float | None,
        typer.Option(help="Of a net of masks: of the images' sides. Default: as in training.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON lines: one object an image.")] = False,
    budget: Annotated[
        float | None,
        typer.Option(
            help="Of a dynamic capacity net: patches an image on average; 0 for the coarse look alone.",
            metavar="N",
            show_default=False,
        ),
    ] = None,
    facts: Annotated[
        Path | None,
        typer.Option(
            help="Of a model with rules: a csv with path and columns of each image; the answer heeds the rules.",
            show_default=False,
        ),
    ] = None,
    heed: Annotated[
        bool,
        typer.Option("--heed", help="Of texts: answer by the rules that the model carries, too."),
    ] = False,
    threads: Threads = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if any image can't be read.")] = False,
) -> None:
    """Say the class of images or texts, with a packed model; name entities in texts, with a tagger; or write masks, a
    class for each pixel, with a model of maps."""
    with guarded():
        predict_each(
            model,
            paths,
            top=top,
            out=out,
            overlap=overlap,
            scale=scale,
            budget=budget,
            facts=facts,
            heed=heed,
            threads=threads,
            as_json=as_json,
            strict=strict,
        )


@app.command(short_help="List a packed model's layers and costs.", epilog=example("inspect"))
def inspect(model: Model, as_json: Json = False) -> None:
    """Show a packed model's layers, shapes, bits, bytes and operations."""
    with guarded():
        from leveret.jobs import inspect as job

        found = job.run(model)
        if as_json:
            print_json(found.as_dict())
        else:
            from leveret.cli._show import show_inspection

            show_inspection(found)


@app.command(short_help="Time a packed model on this machine.", epilog=example("bench"))
def bench(
    model: Model,
    against: Annotated[
        str,
        typer.Option(
            help="Engines to run the same layers in float32: torch,onnxruntime,openvino.",
            show_default=False,
            autocompletion=engines_in_list,
        ),
    ] = "",
    threads: Threads = None,
    batch_size: Annotated[int, typer.Option(min=1, help="The larger batch; the other is 1.")] = 64,
    batch: Annotated[int | None, typer.Option(min=1, hidden=True)] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Time each layer, and hold it to this CPU's peak.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Time a packed model: latency, throughput, memory; alone or beside other engines."""
    with guarded():
        from leveret.jobs import bench as job

        if batch is not None:
            renamed_option("--batch", "--batch-size", since="0.1", until="0.3")
            batch_size = batch
        progress = note if sys.stderr.isatty() else None
        found = job.run(
            model, against=against, threads=threads, batch_size=batch_size, profile=profile, progress=progress
        )
        if as_json:
            print_json(found.as_dict())
        else:
            from leveret.cli._show import show_bench

            show_bench(found)


@app.command(short_help="Write a packed model as ONNX.", epilog=example("export"))
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
