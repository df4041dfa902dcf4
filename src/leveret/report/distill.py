"""A distillation's report: teachers, their best subset, the student, and its twin that learned the labels alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leveret.budget import seen
from leveret.metrics import Evaluation
from leveret.report.blocks import Block, Commands, Facts, Page, Paragraph, Section, Table, Tile
from leveret.report.confusion import confusion_blocks
from leveret.report.contender import NOISY, Contender
from leveret.report.curves import learning_curves
from leveret.report.facts import data_blocks, made_with
from leveret.report.samples import Sample, galleries
from leveret.report.selection import members_table, selection_curve
from leveret.report.tables import comparison_table, per_class_table
from leveret.report.words import count, duration, factor, points, share, size, times

__all__ = ["distill_page"]


def distill_page(
    data: Mapping[str, Any],
    metrics: Mapping[str, Any],
    contenders: Sequence[Contender],
    evaluation: Evaluation,
    samples: Sequence[Sample],
) -> Page:
    """The page, ready to render.

    Args:
        data: `Data.as_dict()`, without paths of the machine.
        metrics: the content of `metrics.json`.
        contenders: full ensemble, best member, best subset, the twin on hard labels, the student last.
        evaluation: of the packed student on the test part.
        samples: some test images, right and wrong ones.
    """
    by_key = {contender.key: contender for contender in contenders}
    histories = {
        "student": metrics["student"]["history"],
        "hard labels": metrics["hard_labels"]["history"],
    }
    sections = [
        Section("Comparison", tuple(_comparison(contenders, metrics)), "All packed; same test images, same threads."),
        Section("Use the model", (_commands(),)),
        Section("Teachers", tuple(_teachers(metrics))),
        Section("Student", (*learning_curves(histories, by="samples"), *_trials(metrics))),
        Section("Sample predictions", tuple(galleries(samples))),
        Section("Mistakes", tuple(confusion_blocks(evaluation)), "Of the packed student, on the test images."),
        Section("Classes", (per_class_table(evaluation),)),
        Section("Data", tuple(data_blocks(data))),
        Section("How it was made", tuple(_made(metrics))),
    ]
    return Page(
        title=f"Many teachers, one small student, on {metrics['data']['name']}",
        lead=_lead(metrics, by_key),
        tiles=tuple(_tiles(by_key)),
        sections=tuple(section for section in sections if section.blocks),
        footer=f"Made by Leveret {metrics['environment'].get('leveret', '')}".strip(),
    )


def _lead(metrics: Mapping[str, Any], models: Mapping[str, Contender]) -> str:
    student = models["student"]
    layers = metrics["recipe"]["student"]["conv_layers"]
    kind = f"{count(layers, 'convolutional layer', 'convolutional layers')}" if layers else "no convolutional layer"
    used = sum(weight > 0 for weight in metrics["subset"]["weights"])
    return (
        f"{count(len(metrics['teachers']), 'teacher', 'teachers')} learned the labels; {used} of them, as an ensemble, "
        f"told a student what they think of {metrics['transfer']['views']:,} views of the training images. The student "
        f"has {kind} and {metrics['student']['parameters']:,} weights. On "
        f"{count(student.samples, 'test image', 'test images')} it is right for {share(student.accuracy)}, the same "
        f"net on hard labels for {share(models['hard-labels'].accuracy)}, the teachers for "
        f"{share(models['subset'].accuracy)}."
    )


def _tiles(models: Mapping[str, Contender]) -> list[Tile]:
    student, twin, teacher = models["student"], models["hard-labels"], models["subset"]
    low, high = student.interval
    gained = student.accuracy - twin.accuracy
    smaller, faster = teacher.bytes / student.bytes, teacher.ms_per_image / student.ms_per_image
    return [
        Tile(share(student.accuracy), "accuracy", f"95 % interval {100 * low:.1f} – {100 * high:.1f} %"),
        Tile(
            points(gained),
            "by distillation",
            f"the same net on hard labels: {share(twin.accuracy)}",
            # within half an interval nobody can tell the two apart
            "good" if gained > (high - low) / 2 else "bad" if gained < -(high - low) / 2 else "plain",
        ),
        Tile(
            factor(smaller, "smaller", "larger"),
            "than its teacher",
            f"{size(teacher.bytes)} → {size(student.bytes)}; {points(student.accuracy - teacher.accuracy)}",
            "good" if smaller >= 1 else "bad",
        ),
        Tile(
            factor(faster, "faster", "slower"),
            "than its teacher",
            f"{teacher.ms_per_image:.3g} → {student.ms_per_image:.3g} ms an image, one by one",
            "good" if faster >= 1 else "bad",
        ),
    ]


def _comparison(contenders: Sequence[Contender], metrics: Mapping[str, Any]) -> list[Block]:
    threads = metrics["environment"].get("threads used", "")
    used = "one thread" if threads == "1" else f"{threads} threads each"
    words = (
        "Every model is packed and measured from its file; time runs from pixels to logits, one by one and in batches, "
        f"as the median of many turns, with {used}. An operation is a multiply-accumulate for one image."
    )
    if metrics["timing_noise"] > NOISY:
        words += (
            f" The machine was busy meanwhile: the median turn took {times(metrics['timing_noise'])} the time of the "
            "fastest, so the fastest turn of each model was taken instead of the median."
        )
    if contenders[0].samples < 1000:
        words += f" With {contenders[0].samples:,} test images the intervals are wide; small differences may be chance."
    return [comparison_table(contenders, strong=len(contenders) - 1), Paragraph(words)]


def _commands() -> Commands:
    return Commands(
        (
            ("leveret predict model.lvr photo.png", "say the class of an image, a folder of images or an array file"),
            ("leveret inspect model.lvr", "list the layers, their bytes and operations"),
            ("leveret inspect models/subset.lvr", "the same of the teachers, which can be asked, too"),
        )
    )


def _teachers(metrics: Mapping[str, Any]) -> list[Block]:
    subset = metrics["subset"]
    blocks: list[Block] = [selection_curve(subset), members_table(metrics["teachers"], subset["weights"])]
    if metrics["failed"]:
        rows = tuple((result["key"], result["why"]) for result in metrics["failed"])
        blocks.append(Table("Teachers that failed", ("teacher", "why"), rows, text=(1,)))
    return blocks


def _trials(metrics: Mapping[str, Any]) -> list[Block]:
    rows = []
    for kind, chosen in (("student", metrics["student"]), ("hard labels", metrics["hard_labels"])):
        for result in metrics["trials"][kind.replace(" ", "_")]:
            ok = result["status"] == "ok"
            mark = "chosen" if result["key"] == chosen["key"] else ""
            params = result["params"].items() if ok else ()
            rows.append(
                (
                    f"{kind}, {result['key']}",
                    share(result["val_accuracy"]) if ok else "failed",
                    mark,
                    ", ".join(f"{key.replace('_', ' ')} {value:.3g}" for key, value in params) or result["why"],
                )
            )
    return [Table("Trials", ("trial", "validation", "", "hyper-parameters"), tuple(rows), text=(2, 3), cards=True)]


def _made(metrics: Mapping[str, Any]) -> list[Block]:
    def seconds(results: Sequence[Mapping[str, Any]]) -> str:
        return duration(sum(result["seconds"] for result in results))

    taken = (
        ("teachers, one after the other", seconds(metrics["teachers"])),
        ("trials of the student", seconds(metrics["trials"]["student"])),
        ("trials on hard labels", seconds(metrics["trials"]["hard_labels"])),
    )
    students = [*metrics["trials"]["student"], *metrics["trials"]["hard_labels"]]
    looked = (
        ("by all teachers", _seen(metrics["teachers"])),
        ("by all students, in all trials", _seen([result for result in students if result["status"] == "ok"])),
    )
    return [
        Facts("Time", taken),
        Facts("Images seen", looked),
        *made_with(metrics),
    ]


def _seen(results: Sequence[Mapping[str, Any]]) -> str:
    """What several trainings saw together."""
    known = [result["unique_seen"] for result in results if result.get("unique_seen") is not None]
    most = max(known) if known and len(known) == len(results) else None
    return seen(sum(result["samples_seen"] for result in results), most, at_least=len(known) > 1).in_words
