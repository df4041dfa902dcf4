"""The report of a growth: what new classes were taken for, what was done with them, why, what it gave and cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leveret.metrics import Evaluation
from leveret.report.blocks import Block, Commands, Facts, Figure, Page, Paragraph, Section, Table, Tile
from leveret.report.confusion import confusion_blocks
from leveret.report.curves import learning_curves
from leveret.report.facts import data_blocks, flat
from leveret.report.figures import COLORS, axes_of, drawing, svg_of
from leveret.report.seen import seen_by_all
from leveret.report.tables import per_class_table
from leveret.report.words import count, duration, operations, points, share, short

__all__ = ["grow_page", "preview_figure"]

_MOST_CURVES = 3
_ACTIONS = {
    "flat": "new outputs on the leaf",
    "branch": "the leaf becomes a branch",
    "route": "the branch hands the classes on",
}


def grow_page(data: Mapping[str, Any], metrics: Mapping[str, Any], test: Evaluation | None) -> Page:
    """The page, ready to render.

    Args:
        data: `Data.as_dict()` of all that was given, without paths of the machine.
        metrics: the content of `metrics.json`.
        test: the grown tree on the test samples that there were; None without any.
    """
    steps = list(_walk(metrics["plan"]))
    histories = {name: node["history"] for name, node in metrics["nodes"].items() if node["history"]}
    shown = dict(list(histories.items())[:_MOST_CURVES])
    sections = [
        Section("Before and after", tuple(_before_after(metrics)), "On test samples, which no training saw."),
        Section(
            "What the new classes were taken for",
            tuple(preview_figure(step["preview"], i, _name(step)) for i, step in enumerate(steps) if step["preview"]),
            "The preview: samples of the new classes, shown to the net that doesn't know them yet.",
        ),
        Section("What was done, and why", tuple(_plan(metrics, steps))),
        Section("Use the model", tuple(_commands(metrics))),
        Section("What it cost", tuple(_cost(metrics))),
        Section("Learning", tuple(learning_curves(shown))),
        Section("Mistakes", tuple(confusion_blocks(test)) if test is not None else (), "On the test samples."),
        Section("Classes", (per_class_table(test),) if test is not None else ()),
        Section("How it grew", (_history(metrics["history"]),)),
        Section("Data", tuple(data_blocks(data))),
        Section("How it was made", tuple(_made(metrics))),
    ]
    new = metrics["plan"]["new"]
    return Page(
        title=f"A net that learned {count(len(new), 'class', 'classes')} more",
        lead=_lead(metrics),
        tiles=tuple(_tiles(metrics, test)),
        sections=tuple(section for section in sections if section.blocks),
        footer=f"Made by Leveret {metrics['environment'].get('leveret', '')}".strip(),
    )


def preview_figure(preview: Mapping[str, Any], number: int = 0, node: str = "root") -> Figure:
    """The preview matrix as a picture: a row a new class, a column a known one.

    Args:
        preview: `new`, `known` and `activations`, as a plan has them.
        number: keeps the ids of several apart.
        node: whose net was shown them.
    """
    found = np.asarray(preview["activations"], float).reshape(len(preview["new"]), len(preview["known"]))
    rows, columns = found.shape
    with drawing():
        figure, axes = axes_of(max(1.7, 1.1 + 0.36 * rows))
        for i in range(rows):
            for j in range(columns):
                # shades of the page's own colour, so that it is right in the light and in the dark
                axes.barh(i, 0.96, 0.92, left=j + 0.02, color=COLORS["accent"], alpha=0.06 + 0.6 * float(found[i, j]))
                if columns <= 12:
                    text = f"{100 * found[i, j]:.0f}"
                    axes.text(j + 0.5, i, text, ha="center", va="center", color=COLORS["ink"], fontsize=9)
        axes.set_xlim(0, columns)
        axes.set_ylim(rows - 0.5, -0.5)
        axes.grid(visible=False)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.xaxis.tick_top()
        turned = {"rotation": 35, "ha": "left"} if columns > 4 else {}
        axes.set_xticks([j + 0.5 for j in range(columns)], [short(n, 12) for n in preview["known"]], **turned)
        axes.set_yticks(range(rows), [short(name, 14) for name in preview["new"]])
        svg = svg_of(figure, f"preview-{number}")
    words = "; ".join(
        f"{name} mostly for {preview['known'][int(row.argmax())]}, {share(float(row.max()))}"
        for name, row in zip(preview["new"], found, strict=True)
    )
    return Figure(
        svg,
        f"Matrix of mean activations, new classes by known ones: {words}.",
        f"Mean softmax activations, %: how much each new class (rows) looks to the net of {node} like each known one "
        "(columns).",
    )


def _walk(plan: Mapping[str, Any]) -> Any:
    yield plan
    for child in plan["children"]:
        yield from _walk(child)


def _name(step: Mapping[str, Any]) -> str:
    return "-".join(["root", *map(str, step["path"])])


def _lead(metrics: Mapping[str, Any]) -> str:
    old, new = metrics["old_classes"], metrics["plan"]["new"]
    figures, leaves = metrics["figures"], sum("groups of" not in line for line in metrics["outline"])
    shape = "one net" if leaves == 1 else f"a tree of {leaves} leaves"
    text = f"It knew {count(len(old), 'class', 'classes')} and took up {', '.join(new)}; it is {shape} now."
    if figures["accuracy"] is None:
        return f"{text} There were no test samples to measure it on."
    text += f" Of {metrics['data']['test_samples']:,} test samples it is right for {share(figures['accuracy'])}."
    if figures["before"] is None:
        text += " There were no samples of the classes that it knew before, so that what it forgot isn't known."
    return text


def _tiles(metrics: Mapping[str, Any], test: Evaluation | None) -> list[Tile]:
    figures, compute = metrics["figures"], metrics["compute"]
    tiles = []
    if test is not None:
        low, high = test.interval
        interval = f"95 % interval {100 * low:.1f} – {100 * high:.1f} %"
        tiles.append(Tile(share(figures["accuracy"]), "accuracy, all classes", interval))
    if figures["new"] is not None:
        tiles.append(Tile(share(figures["new"]), "accuracy, new classes", ", ".join(metrics["plan"]["new"])))
    if figures["forgotten"] is not None:
        alone = "" if figures["old_alone"] is None else f"{share(figures['old_alone'])} among the old classes alone"
        tiles.append(
            Tile(share(figures["old"]), "accuracy, old classes", f"{share(figures['before'])} before; {alone}")
        )
    tiles.append(
        Tile(
            f"{100 * compute['ratio']:.0f} %", "of the compute of training anew", f"{operations(_spent(compute))} MACs"
        )
    )
    return tiles


def _spent(compute: Mapping[str, Any]) -> int:
    return int(compute["training"] + compute["preview"])


def _before_after(metrics: Mapping[str, Any]) -> list[Block]:
    figures = metrics["figures"]
    if figures["accuracy"] is None:
        return [Paragraph("The source has no test samples.")]

    def cell(key: str) -> str:
        return "–" if figures[key] is None else share(figures[key])

    rows = (
        ("old classes", cell("before"), cell("old"), "before: told among themselves; after: among all classes"),
        ("old classes, told among themselves", cell("before"), cell("old_alone"), "what is lost here was forgotten"),
        ("new classes", "–", cell("new"), "told among all classes"),
        ("all classes", "–", cell("accuracy"), ""),
    )
    blocks: list[Block] = [Table("Accuracy", ("samples of", "before", "after", ""), rows, text=(3,), strong=3)]
    if figures["forgotten"] is not None:
        more = figures["old"] - figures["old_alone"]
        lost = figures["old_alone"] - figures["before"]
        blocks.append(
            Paragraph(
                f"On the old classes it went from {share(figures['before'])} to {share(figures['old'])}. Told among "
                f"themselves they changed by {points(lost)}, which is what was forgotten, or gained; the other "
                f"{points(more)} are of there being more classes to be mistaken for, which no training can avoid "
                "altogether."
            )
        )
    if single := metrics.get("single"):
        said = "" if single["accuracy"] is None else f": {share(single['accuracy'])} on the same samples"
        blocks.append(Paragraph(f"The tree was taught to one net, which answers in one pass{said}."))
    return blocks


def _plan(metrics: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> list[Block]:
    rows = tuple((_name(step), ", ".join(step["new"]), _ACTIONS[step["action"]], step["why"]) for step in steps)
    blocks: list[Block] = [
        Table("Decisions", ("node", "new classes", "what was done", "why"), rows, text=(1, 2, 3), cards=True, wide=True)
    ]
    tree = tuple((line.split(":")[0].replace("  ", " · "), line.split(": ", 1)[1]) for line in metrics["outline"])
    blocks.append(Facts("The tree now", tree))
    if metrics["pruned"]:
        tried = tuple(
            (
                "-".join(["root", *map(str, one["path"])]),
                share(one["with_branch"]),
                share(one["without"]),
                "taken away" if one["pruned"] else "stays",
            )
            for one in metrics["pruned"]
        )
        blocks.append(Table("Branches tried without, on the validation part", ("branch", "with", "without", ""), tried))
    return blocks


def _commands(metrics: Mapping[str, Any]) -> list[Block]:
    lines: tuple[tuple[str, str], ...] = ()
    picks = ": the branch runs, then the leaf that it picks" if len(metrics["outline"]) > 1 else ""
    if metrics["packed"]:
        lines = (
            ("leveret predict model.lvr photo.png", f"say the class{picks}"),
            ("leveret inspect model.lvr", "list the parts, their layers, bytes and operations"),
        )
    if (metrics.get("single") or {}).get("packed"):
        lines += (("leveret predict single.lvr photo.png", "ask the one net that learned from the tree"),)
    lines += (("leveret grow . MORE -o NEXT", "take up the next classes, from this folder"),)
    return [Commands(lines)]


def _cost(metrics: Mapping[str, Any]) -> list[Block]:
    compute = metrics["compute"]
    rows = []
    for name, node in metrics["nodes"].items():
        if "settled" in node:
            error = node["settled"]
            why = "its branch has learned it" if error is None else f"its branch errs in {share(error)} there"
            rows.append((name, count(len(node["classes"]), "class", "classes"), f"left as it is: {why}", "–", "–", "–"))
            continue
        how = node["balance"] + (", distilled" if node["distilled"] else "")
        if (rate := node.get("new_rate", 1)) != 1:
            how += f", new classes {rate:g}x as often"
        classes = count(len(node["classes"]), "class", "classes")
        seen, spent = f"{node['samples_seen']:,}", operations(node["compute"])
        rows.append((name, classes, how, seen, spent, duration(node["seconds"])))
    columns = ("node", "tells apart", "trained by", "samples seen", "multiply-accumulates", "time")
    anew = (
        f"All of it took {operations(_spent(compute))} multiply-accumulates, a pass back counted as two forward ones, "
        f"{operations(compute['preview'])} of them for the preview. Training such a net anew on all samples for "
        f"{count(metrics['anew_epochs'], 'epoch', 'epochs')}, as leveret fit would, takes "
        f"{operations(compute['anew'])}."
    )
    trained = [node for node in metrics["nodes"].values() if node["history"]]
    seen = seen_by_all([node["history"] for node in trained], sum(metrics["data"]["train_counts"]))
    facts = (("samples seen", seen), ("time", duration(sum(node["seconds"] for node in trained))))
    return [
        Table("Trainings", columns, tuple(rows), text=(1, 2), cards=True, wide=True),
        Paragraph(anew),
        Facts("All trainings together", facts),
    ]


def _history(history: Sequence[Mapping[str, Any]]) -> Table:
    def cell(step: Mapping[str, Any], key: str) -> str:
        value = step["figures"].get(key)
        return "–" if value is None else share(value)

    rows = tuple(
        (
            f"{i}",
            ", ".join(step["classes"]),
            f"{step['samples']:,}",
            step["policy"],
            *(cell(step, key) for key in ("accuracy", "before", "old", "new")),
        )
        for i, step in enumerate(history, 1)
    )
    columns = ("growth", "classes", "samples", "old data", "all classes", "old before", "old after", "new")
    return Table("Which classes came when, and accuracy then", columns, rows, text=(1, 3), cards=True, wide=True)


def _made(metrics: Mapping[str, Any]) -> list[Block]:
    blocks: list[Block] = []
    if metrics["notes"]:
        blocks.append(Facts("What came up", tuple(("note", note) for note in metrics["notes"])))
    if metrics["memory"]:
        kept = metrics["memory"]
        blocks.append(Paragraph(f"{kept['samples']:,} samples are kept for the next growth, of {kept['budget']:,}."))
    return [
        *blocks,
        Facts("Recipe", tuple(flat(metrics["recipe"])), folded=True),
        Facts("Measured on", tuple(metrics["environment"].items()), folded=True),
    ]
