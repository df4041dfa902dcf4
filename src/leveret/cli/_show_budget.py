"""What `leveret budget` prints: a lifetime's images, or a plan."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from leveret.cli._show import show
from leveret.report.words import count, duration, operations

__all__ = ["show_lifetime", "show_plan"]


def show_lifetime(found: Any) -> None:
    """The reckoning, assumption by assumption."""
    from leveret.budget import ASSUMPTIONS

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("assumed", no_wrap=True)
    for name in ("value", "from", "to"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("since")
    for name, assumption in ASSUMPTIONS.items():
        values = (_plain(value) for value in (found.assumed[name], *assumption.range))
        table.add_row(assumption.title, *values, assumption.why)
    low, high = found.images_range
    show(
        table,
        Text(""),
        Text(f"{int(found.seconds):,} s of life, {int(found.awake_seconds):,} s of it awake"),
        Text(f"{found.images:,} images in a lifetime", style="bold"),
        Text(f"{found.neurons:,} neurons: {found.images / found.neurons:.2g} images for each"),
        Text(f"with every assumption at its lowest or highest: {low:,} to {high:,} images"),
    )
    beyond = [
        f"{ASSUMPTIONS[name].title}: {_plain(value)} is beyond what is plausible"
        for name, value in found.assumed.items()
        if not ASSUMPTIONS[name].low <= value <= ASSUMPTIONS[name].high
    ]
    show(*(Text(f"· {note}", style="dim") for note in beyond))


def show_plan(plan: Any) -> None:
    """A plan, and whether the deadline holds it."""
    costs = plan.costs
    rows = (
        ("net", f"{plan.net}, {plan.parameters:,} weights, {operations(costs.macs)} MACs a sample"),
        ("data", f"{plan.data}, {costs.samples:,} samples to train on, {costs.batch_size:,} a step"),
        ("a step", f"{1000 * costs.step:.3g} ms, {count(plan.threads, 'thread', 'threads')}"),
        ("an epoch", f"{duration(costs.epoch)}, {operations(costs.operations)} MACs forwards and backwards"),
        (count(plan.epochs, "epoch", "epochs"), duration(plan.seconds)),
    )
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    for row in rows:
        table.add_row(*row)
    if plan.deadline is not None:
        table.add_row(f"in {duration(plan.deadline)}", _afforded(plan))
    table.add_row("samples seen", plan.seen.in_words)
    show(table)
    if plan.busy:
        show(
            Text(
                f"The machine was busy: alone, {count(plan.epochs, 'epoch', 'epochs')} would take about "
                f"{duration(costs.cpu_seconds(plan.epochs) / plan.threads)}.",
                style="dim",
            )
        )


def _afforded(plan: Any) -> str:
    if plan.affordable >= plan.epochs:
        return f"all of them; there is time for {count(plan.affordable, 'epoch', 'epochs')}"
    if not plan.affordable:
        return "not even one epoch: take a smaller net or fewer samples"
    return f"{count(plan.affordable, 'epoch', 'epochs')}: --epochs {plan.affordable}"


def _plain(value: Any) -> str:
    if value.denominator == 1:
        return f"{value.numerator:,}"
    return f"{value.numerator}/{value.denominator}" if value.denominator < 100 and value < 1 else f"{float(value):g}"
