"""The report of a tagger: how many entities it finds, type by type, and in which sentences it goes wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leveret.report.blocks import Block, Commands, Facts, Page, Paragraph, Section, Table, Tile
from leveret.report.curves import learning_curves
from leveret.report.facts import came_up, decisions, made_with
from leveret.report.rules import rule_blocks, rule_tile
from leveret.report.seen import seen_fact
from leveret.report.texts import WrongSentence, wrong_sentences
from leveret.report.words import count, duration, share, size
from leveret.training.metrics import TagEvaluation

__all__ = ["tag_page"]


def tag_page(
    data: Mapping[str, Any], metrics: Mapping[str, Any], test: TagEvaluation, worst: Sequence[WrongSentence]
) -> Page:
    """The page, ready to render.

    Args:
        data: `TaggingData.as_dict()`, without paths of the machine.
        metrics: the content of `metrics.json`.
        test: the net on that part.
        worst: test sentences with wrong entities, the worst first.
    """
    sections = [
        Section("Entities", (_types(metrics, test),), "On the test part; an entity counts where all of it is right."),
        Section(
            "Rules",
            tuple(rule_blocks(metrics["rules"])) if "rules" in metrics else (),
            "The net learned from tags and from a teacher: itself, made to heed the rules. On the test part.",
        ),
        Section("Worst sentences", tuple(wrong_sentences(worst)), "Test sentences, the true tags and what was said."),
        Section("Use the model", (_commands(metrics),) if metrics["packed"] else ()),
        Section("Learning", tuple(learning_curves({metrics["recipe"]["net"]: metrics["result"]["history"]}))),
        Section("Figures", (_figures(test),), "On the test part."),
        Section("Data", tuple(_data(data))),
        Section("How it was made", tuple(_made(metrics, data["samples"]["train"]))),
    ]
    return Page(
        title=f"Tags learned from {metrics['data']['name']}",
        lead=_lead(metrics, test),
        tiles=tuple(_tiles(metrics, test)),
        sections=tuple(section for section in sections if section.blocks),
        footer=f"Made by Leveret {metrics['environment'].get('leveret', '')}".strip(),
    )


def _lead(metrics: Mapping[str, Any], test: TagEvaluation) -> str:
    kinds = count(len(test.types), "type", "types")
    return (
        f"A {metrics['recipe']['net']} that marks entities of {kinds}. In "
        f"{count(len(test.sentence_f1), 'test sentence', 'test sentences')} it finds {share(test.recall)} of the "
        f"{int(test.true.sum()):,} entities, and of those that it names {share(test.precision)} are right."
    )


def _tiles(metrics: Mapping[str, Any], test: TagEvaluation) -> list[Tile]:
    low, high = test.recall_interval
    result = metrics["result"]
    tiles = [
        Tile(share(test.f1), "F1 of entities", f"precision {share(test.precision)}, recall {share(test.recall)}"),
        Tile(share(test.recall), "recall", f"95 % interval {100 * low:.1f} – {100 * high:.1f} %"),
    ]
    if "rules" in metrics:
        tiles.append(rule_tile(metrics["rules"]))
    if result["bytes"]:
        tiles.append(Tile(size(result["bytes"]), "model.lvr", f"{result['parameters']:,} weights"))
    return tiles


def _types(metrics: Mapping[str, Any], test: TagEvaluation) -> Table:
    train = metrics["data"]["train_entities"]
    rows = tuple(
        (
            row["type"],
            *(share(row[key]) for key in ("f1", "precision", "recall")),
            f"{row['entities']:,}",
            f"{row['said']:,}",
            f"{train.get(row['type'], 0):,}",
        )
        for row in test.as_dict()["per_type"]
    )
    columns = ("type", "F1", "precision", "recall", "test entities", "said", "training entities")
    return Table("F1, precision and recall of each type", columns, rows, bars=(1,), scroll=len(rows) > 24, wide=True)


def _commands(metrics: Mapping[str, Any]) -> Commands:
    heed = (("leveret predict model.lvr new.txt --heed", "the same with the rules"),)
    return Commands(
        (
            ("leveret predict model.lvr texts.txt", "name the entities of each line; also of .conll, .jsonl, .parquet"),
            *(heed if metrics.get("rules", {}).get("packs") else ()),
            ("leveret inspect model.lvr", "list the layers, their bytes and operations"),
            ("leveret bench model.lvr", "time it on this machine"),
        )
    )


def _figures(test: TagEvaluation) -> Table:
    rows = (
        ("F1", share(test.f1), "the harmonic mean of precision and recall, over all entities"),
        ("precision", share(test.precision), "of the entities that were said, the share that is right"),
        ("recall", share(test.recall), "of the entities that there are, the share that was found"),
        ("macro F1", share(test.macro_f1), "the mean F1 of the types"),
        (
            "token accuracy",
            share(test.accuracy),
            "share of the tokens with the right tag; most are in no entity",
        ),
        ("broken transitions", f"{test.broken:,}", "tags that can't follow those before them"),
    )
    return Table("Figures", ("figure", "value", "what it is"), rows, text=(2,), wide=True)


def _data(data: Mapping[str, Any]) -> list[Block]:
    parts, tokens, skipped = data["samples"], data["tokens"], data["skipped"]
    facts = (
        ("tags", f"{data['scheme']}, {len(data['classes'])} of them"),
        ("training, validation, test", f"{parts['train']:,}, {parts['val']:,}, {parts['test']:,} sentences"),
        ("tokens", f"{tokens['train']:,}, {tokens['val']:,}, {tokens['test']:,}"),
        ("sentences found", f"{data['found']:,}"),
        ("skipped", f"{len(skipped):,}" if skipped else "none"),
    )
    entities = data["entities"]
    rows = tuple((kind, *(f"{entities[part][kind]:,}" for part in entities)) for kind in entities["train"])
    table = Table("Entities of each type", ("type", *entities), rows, scroll=len(rows) > 16)
    return [Facts("Data", facts), *decisions(data), table]


def _made(metrics: Mapping[str, Any], training: int) -> list[Block]:
    result = metrics["result"]
    facts = (
        ("epochs", f"{result['epochs']:,}"),
        seen_fact(result, training, "sentences seen"),
        ("best epoch", str(result["best_epoch"])),
        ("time", duration(result["seconds"])),
    )
    blocks: list[Block] = [Facts("Training", facts), *came_up(result)]
    if metrics["test"]["entities"] < 200:
        few = count(metrics["test"]["entities"], "test entity", "test entities")
        blocks.append(Paragraph(f"With {few} small differences may be chance."))
    return [*blocks, *made_with(metrics)]
