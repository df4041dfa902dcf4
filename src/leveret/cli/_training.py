"""Commands that train: their arguments, and which job each one calls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from leveret.cli._completion import BALANCES, STUDENTS, balances_in_list, methods_in_list, one_of
from leveret.cli._data_options import options_for, sides_of, takes_data, task_of
from leveret.cli._examples import example
from leveret.cli._guard import guarded
from leveret.cli._options import (
    BatchSize,
    ClassWeights,
    Crop,
    Epochs,
    FitNet,
    Flip,
    Functions,
    Net,
    Out,
    Quick,
    Quiet,
    Resume,
    Seed,
    ShrinkNet,
    Source,
    Strict,
    Task,
    TrainingThreads,
    WorkerThreads,
)
from leveret.cli._root import app
from leveret.errors import LeveretUsageError


@app.command(short_help="Train, distil, pack, compare: the main job.", epilog=example("shrink"))
@takes_data(masks=True)
def shrink(
    source: Source = "digits",
    task: Task = "auto",
    method: Annotated[
        str,
        typer.Option(
            help="What becomes small: binary, a net of bits that learns; of masks also int8, bytes at once.",
            autocompletion=one_of("binary", "int8"),
        ),
    ] = "binary",
    out: Out = Path("out"),
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Of the teacher; the student's follow. Default: by the data's size.", show_default=False
        ),
    ] = None,
    net: ShrinkNet = None,
    crop: Crop = None,
    class_weights: ClassWeights = "none",
    seed: Seed = 0,
    quick: Quick = False,
    resume: Resume = False,
    flip: Flip = None,
    strict: Strict = False,
    data_options: Any = None,
    quiet: Quiet = False,
) -> None:
    """Train a teacher, distil it into a binary student, pack that, compare them, and write a report.

    On images with masks: nets that give each pixel a class.
    """
    with guarded():
        chosen = task_of(task, source, data_options)
        common: dict[str, Any] = {
            "net": net,
            "epochs": epochs,
            "seed": seed,
            "resume": resume,
            "strict": strict,
            "quick": quick,
            "flip": flip,
            "progress": not quiet,
            "data_options": options_for(chosen, data_options),
        }
        if chosen == "segment":
            from leveret.cli._show_segment import show_shrink_masks
            from leveret.jobs import shrink_masks

            sides = sides_of(crop, "crop")
            show_shrink_masks(
                shrink_masks.run(source, out, method=method, crop=sides, class_weights=class_weights, **common)
            )
            return
        if chosen in ("text", "tag"):
            raise LeveretUsageError("shrink is of images; leveret fit trains and packs nets for texts and for tags")
        if crop is not None or class_weights != "none":
            raise LeveretUsageError("--crop and --class-weights are of images with masks; this source has labels")
        if method != "binary":
            raise LeveretUsageError(
                f"--method {method} is of images with masks; for classes of images leveret compare has all methods"
            )
        from leveret.cli._show import show_shrink
        from leveret.jobs import shrink as job

        show_shrink(job.run(source, out, masks=task == "classify", **common))


@app.command(short_help="Train one net, on skewed classes too.", epilog=example("fit"))
@takes_data(texts=True, masks=True)
def fit(
    source: Source = "digits",
    task: Task = "auto",
    balance: Annotated[
        str,
        typer.Option(
            help="How rare classes are dealt with: auto chooses by the counts; plain, focal, …; --list names them.",
            autocompletion=one_of("auto", *BALANCES),
        ),
    ] = "plain",
    out: Out = Path("out"),
    epochs: Epochs = None,
    net: FitNet = None,
    patches: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="K", help="Of dcn: parts of an image to look at. Default: by its size.", show_default=False
        ),
    ] = None,
    hint_weight: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="WEIGHT", help="Of dcn: how much coarse features are to be like fine ones. Default: 0.01.",
            show_default=False,
        ),
    ] = None,
    crop: Crop = None,
    class_weights: ClassWeights = "none",
    rules: Annotated[
        Path | None, typer.Option(help="A file of rules that the net is to heed.", show_default=False)
    ] = None,
    functions: Functions = None,
    contradictory: Annotated[
        str,
        typer.Option(
            help="Where hard rules leave a sample no class: refuse, or drop them there.",
            autocompletion=one_of("refuse", "drop"),
        ),
    ] = "refuse",
    rule_strength: Annotated[
        float | None, typer.Option(help="How much soft rules weigh. Default: 6.", show_default=False)
    ] = None,
    teacher_share: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Of rules against labels, in the end. Default: 0.9.", show_default=False),
    ] = None,
    vectors: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Of texts: word vectors of others: GloVe or word2vec, text or binary, or .npz.",
            show_default=False,
        ),
    ] = None,
    batch_size: BatchSize = None,
    lr: Annotated[float | None, typer.Option(help="The highest learning rate.", show_default=False)] = None,
    seed: Seed = 0,
    quick: Quick = False,
    resume: Resume = False,
    flip: Flip = None,
    threads: TrainingThreads = None,
    strict: Strict = False,
    data_options: Any = None,
    quiet: Quiet = False,
    names: Annotated[bool, typer.Option("--list", help="Name the methods of --balance, and stop.")] = False,
) -> None:  # fmt: skip
    """Train one net, plainly or by a method for rare classes, pack it, measure it, and write a report.

    On images with masks: a net that gives each pixel a class. On sentences with tags: one that finds entities.
    """
    with guarded():
        if names:
            from leveret.cli._show_balance import show_balance_methods

            show_balance_methods()
            return
        task = task_of(task, source, data_options)
        common: dict[str, Any] = {
            "net": net,
            "epochs": epochs,
            "batch_size": batch_size,
            "lr": lr,
            "flip": flip,
            "seed": seed,
            "resume": resume,
            "quick": quick,
            "strict": strict,
            "threads": threads,
            "progress": not quiet,
            "data_options": options_for(task, data_options),
        }
        ruled: dict[str, Any] = {"rules": rules, "functions": functions, "contradictory": contradictory}
        ruled |= {"rule_strength": rule_strength, "teacher_share": teacher_share}
        if task == "segment":
            if rules is not None:
                raise LeveretUsageError("--rules are of labels; this source is images with masks")
            if vectors is not None:
                raise LeveretUsageError("--vectors is of texts, and this is about masks")
            if balance != "plain" or patches is not None or hint_weight is not None:
                raise LeveretUsageError(
                    "--balance, --patches and --hint-weight are of labels; masks have --class-weights"
                )
            from leveret.cli._show_segment import show_segment
            from leveret.jobs import segment

            sides = sides_of(crop, "crop")
            show_segment(segment.run(source, out, crop=sides, class_weights=class_weights, **common))
            return
        if task == "tag":
            if balance != "plain" or patches is not None or hint_weight is not None or flip is not None:
                raise LeveretUsageError("--balance, --patches, --hint-weight and --flip aren't of sentences with tags")
            if crop is not None or class_weights != "none":
                raise LeveretUsageError("--crop and --class-weights are of images with masks; this source has tags")
            from leveret.cli._show_tag import show_tag
            from leveret.jobs import tag

            del common["flip"]
            show_tag(tag.run(source, out, vectors=vectors, **ruled, **common))
            return
        if crop is not None or class_weights != "none":
            raise LeveretUsageError("--crop and --class-weights are of images with masks; this source has labels")
        from leveret.cli._show_balance import show_fit
        from leveret.jobs import fit as job

        own: dict[str, Any] = {"balance": balance, "patches": patches, "hint_weight": hint_weight, "vectors": vectors}
        show_fit(job.run(source, out, texts=task == "text", **own, **ruled, **common))


@app.command(short_help="Make one net small by every method, side by side.", epilog=example("compare"))
@takes_data()
def compare(
    source: Source = "digits",
    methods: Annotated[
        str,
        typer.Option(
            help="all, or keys with commas between: magnitude,int8,xnor; --list names them.",
            autocompletion=methods_in_list,
        ),
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
    data_options: Any = None,
    quiet: Quiet = False,
    names: Annotated[bool, typer.Option("--list", help="Name the methods, and stop.")] = False,
    balance: Annotated[
        str | None,
        typer.Option(
            help="Compare ways to learn rare classes instead: all, or keys with commas between.",
            show_default=False,
            autocompletion=balances_in_list,
        ),
    ] = None,
) -> None:
    """Train one net, make it small by every method, tune each alike, pack, measure, and write a report.

    With --balance: train it by every method for rare classes instead, each with the same budget of samples.
    """
    with guarded():
        from leveret._threads import default_threads

        common: dict[str, Any] = {
            "net": net,
            "epochs": epochs,
            "seed": seed,
            "resume": resume,
            "quick": quick,
            "strict": strict,
            "workers": workers or default_threads(),
            "threads": threads,
            "progress": not quiet,
            "data_options": data_options,
        }
        if balance is not None:
            if methods != "all" or tune_epochs is not None or skip_unfit:
                raise LeveretUsageError(
                    "--methods, --tune-epochs and --skip-unfit don't go with --balance, which trains"
                )
            from leveret.cli import _show_balance
            from leveret.jobs import balance as balance_job

            if names:
                _show_balance.show_balance_methods()
            else:
                _show_balance.show_balance(balance_job.run(source, out, methods=balance, **common))
            return
        from leveret.cli import _show
        from leveret.jobs import compare as job

        if names:
            _show.show_methods()
            return
        result = job.run(source, out, methods=methods, tune_epochs=tune_epochs, skip_unfit=skip_unfit, **common)
        _show.show_compare(result)


@app.command(short_help="Distil many teachers into one small student.", epilog=example("distill"))
@takes_data()
def distill(
    source: Source = "digits",
    student: Annotated[
        str,
        typer.Option(
            help="conv0 (no convolution) to conv4: shallow nets with so many convolutional layers.",
            autocompletion=one_of(*STUDENTS),
        ),
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
    data_options: Any = None,
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
            data_options=data_options,
        )
        from leveret.cli._show import show_distill

        show_distill(result)
