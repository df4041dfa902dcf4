"""The main job measured: accuracy on four datasets, bytes, speed, and what the command line costs.

    leveret reproduce main-job --data FOLDER [--part digits] [--seeds 5] [-o docs/results]

FOLDER holds `fashion_mnist.npz` and `cifar10-{train,test}.parquet`. The runs themselves, with their models and reports,
stay under `OUT/runs`; a run that was stopped goes on.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leveret._files import write_text
from leveret.experiments._benchmarks import benchmark
from leveret.experiments._cells import elpv
from leveret.experiments._datasets import source_of
from leveret.experiments._results import Figure, Results, figures_table, markdown_table, part_heading
from leveret.jobs import shrink
from leveret.jobs._memory import peak_resident
from leveret.training import duration

__all__ = ["PARTS", "render", "run"]

PARTS = ("digits", "fashion", "cifar", "elpv", "bench")

_COMMAND = "leveret reproduce main-job"


@dataclass(frozen=True)
class Setting:
    """How long, and how often.

    Attributes:
        seeds: of the digits.
        epochs: of the teacher; None for the recipe's own.
        size: of images, in pixels a side; None for their own.
        elpv_epochs, elpv_size: those of solar cells.
        repeats: of the benchmarks' turns; None for their own.
        images: that a turn trains on; None for the benchmark's own.
        starts: of the command line, to be timed.
        quick: whether the jobs measure speed briefly.
    """

    seeds: int = 5
    epochs: int | None = None
    size: int | None = None
    elpv_epochs: int = 12
    elpv_size: int = 64
    repeats: int | None = None
    images: int | None = None
    starts: int = 9
    quick: bool = False


FULL = Setting()
QUICK = Setting(seeds=1, epochs=1, size=12, elpv_epochs=1, elpv_size=12, repeats=1, images=1024, starts=1, quick=True)

_COMMAND_LINE = """
from leveret.cli import main
try:
    main()
except SystemExit as stop:
    if stop.code:
        raise
"""

# by their keys in the JSON file
_FIGURES: dict[str, Figure] = {
    "digits_teacher_acc": Figure(
        "digits, teacher, mean of the seeds", "at least 98.5 %", lambda v: v >= 0.985, "{:.2%}"
    ),
    "digits_packed_acc": Figure("digits, packed binary student", "at least 97 %", lambda v: v >= 0.97, "{:.2%}"),
    "fashion_teacher_acc": Figure("Fashion-MNIST, teacher", "at least 93 %", lambda v: v >= 0.93, "{:.2%}"),
    "fashion_packed_acc": Figure(
        "Fashion-MNIST, packed binary student", "at least 91.5 %", lambda v: v >= 0.915, "{:.2%}"
    ),
    "cifar_teacher_acc": Figure("CIFAR-10 (JPEG), teacher", "at least 90 %", lambda v: v >= 0.90, "{:.2%}"),
    "cifar_packed_acc": Figure(
        "CIFAR-10 (JPEG), packed binary student", "at least 84 %", lambda v: v >= 0.84, "{:.2%}"
    ),
    "elpv_teacher_acc": Figure("elpv solar cells, teacher", "", None, "{:.2%}"),
    "elpv_packed_acc": Figure("elpv solar cells, packed binary student", "", None, "{:.2%}"),
    "binary_bytes_ratio": Figure(
        "binary layers, bytes in float32 / in the file",
        "at least 30",
        lambda v: v >= 30,
        "{:.1f}",
    ),
    "xnor_vs_torch": Figure(
        "XNOR 3x3, one thread, times PyTorch's float speed", "at least 4", lambda v: v >= 4, "{:.1f}"
    ),
    "fit_vs_plain": Figure(
        "fit against a plain Lightning script, images/s", "at least 1.2", lambda v: v >= 1.2, "{:.2f}"
    ),
    "help_s": Figure("leveret --help, seconds", "under 0.3", lambda v: v < 0.3, "{:.2f}"),
    "predict_rss_mb": Figure("leveret predict, peak resident MB", "under 120", lambda v: v < 120, "{:.0f}"),
    "demo_s": Figure("make demo after installation, seconds", "under 180", lambda v: v < 180, "{:.0f}"),
}


def run(parts: list[str], seeds: int | None, data: Path | None, out: Path, quick: bool = False) -> Path:
    """Run the parts and render the page; see `leveret.experiments.run`."""
    results = Results(out / "main-job.json")
    runs = out / "runs"
    setting = QUICK if quick else FULL
    for part in parts:
        if part == "digits":
            _digits(results, runs, seeds or setting.seeds, setting)
        elif part == "bench":
            _bench(results, runs, setting)
        else:
            _one(part, results, runs, data, setting)
        render(results.values, out)
    return out / "main-job.md"


def render(values: dict[str, Any], out: Path) -> None:
    """Draw the page."""
    write_text(out / "main-job.md", _page(values))


def _shrink(source: str, out: Path, **options: Any) -> dict[str, Any]:
    """A main job, or what one that was finished before left."""
    return shrink.run(source, out, resume=out.exists(), **options).metrics


def _digits(results: Results, runs: Path, seeds: int, setting: Setting) -> None:
    jobs = [_shrink("digits", runs / f"digits-{seed}", seed=seed, **_options(setting, None)) for seed in range(seeds)]
    rows = [_row(job, seed=seed) for seed, job in enumerate(jobs)]
    figures = {
        "digits_teacher_acc": statistics.mean(row["teacher"] for row in rows),
        "digits_packed_acc": statistics.mean(row["packed"] for row in rows),
    }
    results.record("digits", figures, {"command": f"{_COMMAND} --part digits --seeds {seeds}", "runs": rows})


def _one(part: str, results: Results, runs: Path, data: Path | None, setting: Setting) -> None:
    if part == "elpv":
        source: Path = _elpv(runs / "elpv-images", data)
        options = {**_options(setting, setting.elpv_size), "epochs": setting.elpv_epochs}
    else:
        source = source_of(part, data)
        options = {"flip": True, **_options(setting, setting.size)}
    job = _shrink(str(source), runs / part, **options)
    figures = {f"{part}_teacher_acc": _accuracy(job, "teacher"), f"{part}_packed_acc": _accuracy(job, "packed")}
    if part == "fashion":
        figures["binary_bytes_ratio"] = job["binary_bytes_ratio"]
    results.record(part, figures, {"command": f"{_COMMAND} --part {part}", "runs": [_row(job, seed=0)]})


def _options(setting: Setting, size: int | None) -> dict[str, Any]:
    """Of a main job on images of this size, where they are to have another than their own."""
    return {"epochs": setting.epochs, "quick": setting.quick, "data_options": {"size": size}}


def _elpv(folder: Path, data: Path | None) -> Path:
    """The elpv dataset's images as class folders, made once."""
    from leveret.data import write_folder

    done = folder / ".complete"
    if done.exists():
        return folder
    images, probabilities = elpv(data)
    names = ("functional", "possibly defective", "likely defective", "defective")
    write_folder(images, [names[round(3 * float(p))] for p in probabilities], folder)
    write_text(done, "")
    return folder


def _accuracy(job: dict[str, Any], model: str) -> float:
    return float(job["models"][model]["accuracy"])


def _row(job: dict[str, Any], **more: Any) -> dict[str, Any]:
    models = job["models"]
    return {
        **more,
        "teacher": _accuracy(job, "teacher"),
        "student": _accuracy(job, "student"),
        "packed": _accuracy(job, "packed"),
        "interval": models["packed"]["interval"],
        "teacher_bytes": models["teacher"]["bytes"],
        "packed_bytes": models["packed"]["bytes"],
        "teacher_ms": models["teacher"]["ms_per_image"],
        "packed_ms": models["packed"]["ms_per_image"],
        "agreement": job["agreement"],
        "largest_logit_difference": job["largest_logit_difference"],
        "training_seconds": sum(stage["seconds"] for stage in job["training"].values()),
        "epochs": [len(stage["history"]) for stage in job["training"].values()],
    }


def _bench(results: Results, runs: Path, setting: Setting) -> None:
    scripts = [benchmark(name) for name in ("bitconv", "training")]  # says at once if this is no checkout
    demo = runs / "demo"
    demo_s = None
    if not (demo / "report.html").exists():  # what was stopped begins anew, else less than a run would be timed
        shutil.rmtree(demo, ignore_errors=True)
        given = ["--quick", "--quiet", "--epochs", str(setting.epochs)] if setting.quick else []
        demo_s = _timed(["shrink", "digits", "-o", str(demo), *given])
    often = {} if setting.repeats is None else {"repeats": setting.repeats}
    many = {} if setting.images is None else {"images": setting.images}
    bitconv, training = scripts[0].run(**often), scripts[1].run(**often, **many)
    figures = {
        "xnor_vs_torch": bitconv["xnor_vs_torch"],
        "fit_vs_plain": training["fit_vs_plain"],
        "help_s": statistics.median(_timed(["--help"]) for _ in range(setting.starts)),
        "predict_rss_mb": _peak_mb(["predict", str(demo / "model.lvr"), *_pictures(runs / "demo-pictures")]),
    }
    if demo_s is not None:
        figures["demo_s"] = demo_s
    details = {"command": f"{_COMMAND} --part bench", "bitconv": bitconv, "training": training}
    results.record("bench", figures, details)


def _command_line(arguments: list[str]) -> list[str]:
    script = Path(sys.executable).with_name("leveret")
    return [str(script), *arguments] if script.exists() else [sys.executable, "-m", "leveret.cli", *arguments]


def _timed(arguments: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(_command_line(arguments), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _peak_mb(arguments: list[str]) -> float:
    """Peak resident megabytes of a command."""
    return peak_resident(_COMMAND_LINE, *arguments) / (1 << 20)


def _pictures(folder: Path) -> list[str]:
    """The digits' test part as PNG files."""
    import leveret
    from leveret.data import write_folder

    if not folder.exists():
        test = leveret.load("digits").test
        write_folder(test.fetch(range(len(test))), test.labels, folder)
    return [str(folder)]


def _page(values: dict[str, Any]) -> str:
    text = [
        "# The main job, measured",
        "",
        "Rendered from `main-job.json`, which the commands below wrote. Accuracies are on the test part.",
        "",
        figures_table(_FIGURES, values),
    ]
    for part, details in values.get("parts", {}).items():
        text += part_heading(part, details)
        if "runs" in details:
            text.append(_runs_table(details["runs"]))
        else:
            text += _bench_tables(details)
    return "\n".join(text) + "\n"


def _runs_table(rows: list[dict[str, Any]]) -> str:
    columns = "seed, teacher, student, packed (95 % interval), bytes, smaller, ms/image, agreement, training"
    return markdown_table(
        columns.split(", "),
        [
            (
                str(row["seed"]),
                f"{row['teacher']:.2%}",
                f"{row['student']:.2%}",
                f"{row['packed']:.2%} ({row['interval'][0]:.2%} to {row['interval'][1]:.2%})",
                f"{row['packed_bytes']:,}",
                f"{row['teacher_bytes'] / row['packed_bytes']:.1f}x",
                f"{row['packed_ms']:.2f} (teacher {row['teacher_ms']:.2f})",
                f"{row['agreement']:.2%}, logits within {row['largest_logit_difference']:.1e}",
                f"{row['epochs'][0]} + {row['epochs'][1]} epochs, {duration(row['training_seconds'])}",
            )
            for row in rows
        ],
    )


def _bench_tables(details: dict[str, Any]) -> list[str]:
    bitconv, training = details["bitconv"], details["training"]
    shapes = [
        (
            shape["shape"],
            f"{shape['gmacs']['leveret']:.0f}",
            f"{shape['gmacs']['torch_nchw']:.1f}",
            f"{shape['gmacs']['torch_nhwc']:.1f}",
            f"{shape['ratio']:.1f}",
        )
        for shape in bitconv["shapes"]
    ]
    return [
        f"`python benchmarks/bitconv.py`, {bitconv['isa']}, {bitconv['threads']} thread, GMAC/s, packing included:",
        "",
        markdown_table(["shape", "leveret", "PyTorch NCHW", "PyTorch channels last", "times as fast"], shapes),
        "",
        f"`python benchmarks/training.py`, {training['threads']} threads, images/s: fit {training['fit']:,.0f}, "
        f"plain Lightning {training['plain']:,.0f}.",
    ]
