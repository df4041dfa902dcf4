"""The main job's report: what became of the accuracy, the bytes and the time when the net was shrunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leveret.metrics import Evaluation
from leveret.report.blocks import Block, Commands, Facts, Page, Paragraph, Section, Tile
from leveret.report.confusion import confusion_blocks
from leveret.report.contender import NOISY, Contender
from leveret.report.curves import learning_curves
from leveret.report.facts import data_blocks, flat
from leveret.report.samples import Sample, galleries
from leveret.report.seen import seen_in_words
from leveret.report.tables import comparison_table, per_class_table
from leveret.report.words import count, duration, factor, points, share, size, times

__all__ = ["MainJob", "main_job_page"]


@dataclass(frozen=True)
class MainJob:
    """All that the page shows.

    Attributes:
        data: `Data.as_dict()`, without paths of the machine.
        contenders: teacher, student, packed student.
        evaluation: of the packed student on the test part.
        teacher_history, student_history: rows of `FitResult.history`.
        samples: some test images, right and wrong ones.
        recipe, environment: names and values.
        timing_noise: the median turn over the fastest, while models were timed.
        agreement: share of test images for which packed model and PyTorch name the same class.
        binary_bytes_ratio: bytes of the binary layers' weights in float32 over those in the file, or None.
    """

    data: Mapping[str, Any]
    contenders: Sequence[Contender]
    evaluation: Evaluation
    teacher_history: Sequence[Mapping[str, Any]]
    student_history: Sequence[Mapping[str, Any]]
    samples: Sequence[Sample]
    recipe: Mapping[str, Any]
    environment: Mapping[str, str]
    agreement: float
    timing_noise: float
    binary_bytes_ratio: float | None


def main_job_page(job: MainJob) -> Page:
    """The page, ready to render."""
    sections = [
        Section("Comparison", tuple(_comparison(job)), "Same test images, same threads, timed in turns in one run."),
        Section("Use the model", (_commands(),)),
        Section("Sample predictions", tuple(galleries(job.samples))),
        Section(
            "Learning curves", tuple(learning_curves({"teacher": job.teacher_history, "student": job.student_history}))
        ),
        Section("Mistakes", tuple(confusion_blocks(job.evaluation)), "Of the packed model, on the test images."),
        Section("Classes", (per_class_table(job.evaluation),)),
        Section("Data", tuple(data_blocks(job.data))),
        Section("How it was made", tuple(_made(job))),
    ]
    return Page(
        title=f"A small net for {job.data['name']}",
        lead=_lead(job),
        tiles=tuple(_tiles(job)),
        sections=tuple(section for section in sections if section.blocks),
        footer=f"Made by Leveret {job.environment.get('leveret', '')}".strip(),
    )


def _lead(job: MainJob) -> str:
    first, last = job.contenders[0], job.contenders[-1]
    classes = count(len(job.evaluation.classes), "class", "classes")
    return (
        f"A teacher with real weights learned {classes} from {count(job.data['samples']['train'], 'image', 'images')}; "
        f"a student with binary weights learned from the teacher and was packed into a file of {size(last.bytes)}. "
        f"On {count(last.samples, 'test image', 'test images')} the packed student is right for "
        f"{share(last.accuracy)}, the teacher for {share(first.accuracy)}."
    )


def _tiles(job: MainJob) -> list[Tile]:
    first, last = job.contenders[0], job.contenders[-1]
    change = last.accuracy - first.accuracy
    low, high = last.interval
    kept = f"{points(change)} against the teacher; 95 % interval {100 * low:.1f} – {100 * high:.1f} %"
    batches = last.images_per_second / first.images_per_second
    speed = (
        f"{first.ms_per_image:.3g} → {last.ms_per_image:.3g} ms an image, one by one; "
        f"in batches of {last.batch} {factor(batches, 'faster', 'slower')}"
    )
    smaller, faster = first.bytes / last.bytes, first.ms_per_image / last.ms_per_image
    return [
        # within the interval's own width nobody can tell the two apart
        Tile(share(last.accuracy), "accuracy", kept, "good" if change >= -(high - low) / 2 else "plain"),
        Tile(factor(smaller, "smaller", "larger"), "size", f"{size(first.bytes)} → {size(last.bytes)}", _tone(smaller)),
        Tile(factor(faster, "faster", "slower"), "time", speed, _tone(faster)),
    ]


def _comparison(job: MainJob) -> list[Block]:
    first = job.contenders[0]
    used = job.environment.get("threads used", "")
    threads = "the same number of threads" if not used else "one thread" if used == "1" else f"{used} threads each"
    words = (
        "Time runs from pixels to logits, one by one and in batches, as the median of many turns, PyTorch in its "
        f"faster memory layout, with {threads}, as suited the teacher best. "
        "An operation is a multiply-accumulate for one image. The size is that of float32 weights, or of the packed "
        "file. The packed model names the same class as the student in PyTorch for "
        f"{share(job.agreement)} of the test images."
    )
    if job.binary_bytes_ratio:
        words += f" Its binary layers take {times(job.binary_bytes_ratio)} fewer bytes than in float32."
    if job.timing_noise > NOISY:
        words += (
            f" The machine was busy meanwhile: the median turn took {times(job.timing_noise)} the time of the fastest, "
            "so the fastest turn of each model was taken instead of the median."
        )
    if first.samples < 1000:
        words += f" With {first.samples:,} test images the intervals are wide; small differences may be chance."
    return [comparison_table(job.contenders, strong=len(job.contenders) - 1), Paragraph(words)]


def _commands() -> Commands:
    return Commands(
        (
            ("leveret predict model.lvr photo.png", "say the class of an image, a folder of images or an array file"),
            ("leveret inspect model.lvr", "list the layers, their bits, bytes and operations"),
        )
    )


def _made(job: MainJob) -> list[Block]:
    seconds = [sum(row.get("seconds", 0.0) for row in rows) for rows in (job.teacher_history, job.student_history)]
    trained = tuple(
        (f"{name}: {key}", value)
        for name, rows, taken in zip(
            ("teacher", "student"), (job.teacher_history, job.student_history), seconds, strict=True
        )
        for key, value in (
            ("epochs", f"{len(rows):,}"),
            ("time", duration(taken)),
            ("images seen", seen_in_words(_last(rows), [rows], job.data["samples"]["train"])),
        )
    )
    return [
        Facts("Training", trained),
        Facts("Recipe", tuple(flat(job.recipe)), folded=True),
        Facts("Measured on", tuple(job.environment.items()), folded=True),
    ]


def _last(rows: Sequence[Mapping[str, Any]]) -> int:
    """Images seen by the end: of several stages, the sum."""
    return int(rows[-1].get("samples_seen", 0)) if rows else 0


def _tone(ratio: float) -> Any:
    return "good" if ratio >= 1 else "bad"
