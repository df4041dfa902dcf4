"""The paper's findings held against the rows, one by one; and what lateral links gave."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["cell", "findings", "lateral_answer", "objectives_answer"]

_Row = Mapping[str, Any]


def cell(rows: Iterable[_Row], conv_layers: int, params: int, steps: int, distilled: bool) -> _Row | None:
    """The row of a cell of the table, if it was measured."""
    wanted = (conv_layers, params, steps, distilled)
    for row in rows:
        if (row["conv_layers"], row["params"], row["lateral_steps"], row["distilled"]) == wanted:
            return row
    return None


def findings(rows: Sequence[_Row], teacher: float) -> list[tuple[str, str, str]]:
    """What the paper found, whether it held here, and in what figures.

    Args:
        rows: of one dataset.
        teacher: accuracy of the best subset.
    """
    plain = [row for row in rows if row["lateral_steps"] == 0]
    soft = [row for row in plain if row["distilled"]]
    return [
        _rises(soft),
        _one_convolution(soft),
        _below_teacher(soft, teacher),
        _distilled(plain),
        _gap_closes(soft, teacher),
    ]


def _rises(soft: Sequence[_Row]) -> tuple[str, str, str]:
    steps = []
    for params in _sizes(soft):
        line = [row["accuracy"] for row in _line(soft, params)]
        steps += [b - a for a, b in itertools.pairwise(line)]
    up = sum(step > 0 for step in steps)
    verdict = "held" if up == len(steps) else "mostly" if up > len(steps) / 2 else "not here"
    return (
        "With as many parameters, accuracy rises with each convolutional layer",
        verdict,
        f"up in {up} of {len(steps)} steps from one number of layers to the next",
    )


def _one_convolution(soft: Sequence[_Row]) -> tuple[str, str, str]:
    first, later = [], []
    for params in _sizes(soft):
        line = [row["accuracy"] for row in _line(soft, params)]
        first.append(line[1] - line[0])
        later += [b - a for a, b in itertools.pairwise(line[1:])]
    largest = max(later, default=0.0)
    held = min(first) > largest
    text = ", ".join(_points(value) for value in first)
    return (
        "One convolutional layer is far above none",
        "held" if held else "above, though not the largest step" if min(first) > 0 else "not here",
        f"{text} by size; the largest later step is {_points(largest)}",
    )


def _below_teacher(soft: Sequence[_Row], teacher: float) -> tuple[str, str, str]:
    best = max(soft, key=lambda row: row["accuracy"])
    return (
        "Students stay under the teacher",
        "held" if best["accuracy"] < teacher else "not here",
        f"best student {best['accuracy']:.2%} ({best['conv_layers']} convolutions), teacher {teacher:.2%}",
    )


def _distilled(plain: Sequence[_Row]) -> tuple[str, str, str]:
    gains = []
    for row in plain:
        twin = cell(plain, row["conv_layers"], row["params"], 0, False)
        if row["distilled"] and twin is not None:
            gains.append(row["accuracy"] - twin["accuracy"])
    up = sum(gain > 0 for gain in gains)
    mean, error = _mean_and_error(gains)
    verdict = "held" if up == len(gains) else "mostly" if mean > 2 * error else "not here"
    return (
        "A net trained by distillation beats the same net on hard labels",
        verdict,
        f"by the paper's L2 (for others see objectives) in {up} of {len(gains)} cells, by {_points(mean)} ± "
        f"{100 * error:.2f} on average "
        f"({_points(min(gains))} to {_points(max(gains))})",
    )


def _gap_closes(soft: Sequence[_Row], teacher: float) -> tuple[str, str, str]:
    sizes = _sizes(soft)
    below = [[teacher - row["accuracy"] for row in _line(soft, params)] for params in (sizes[0], sizes[-1])]
    small, large = (statistics.mean(line) for line in below)
    every = all(b < a for a, b in zip(*below, strict=True))
    return (
        "More parameters bring every student nearer to the teacher",
        "held" if every else "mostly" if large < small else "not here",
        f"{100 * small:.2f} points below it on average at {sizes[0]:,}, {100 * large:.2f} at {sizes[-1]:,}",
    )


def lateral_answer(rows: Sequence[_Row]) -> str:
    """Whether links helped, over all cells of a dataset: gain against t = 0 by number of steps.

    A mean gain counts where it is more than two standard errors, over the cells, from none.
    """
    said, verdicts = [], []
    for t in sorted({row["lateral_steps"] for row in rows} - {0}):
        pairs = [
            (row, plain)
            for row in rows
            if row["lateral_steps"] == t and (plain := cell(rows, row["conv_layers"], row["params"], 0, True))
        ]
        gains = [row["accuracy"] - plain["accuracy"] for row, plain in pairs]
        mean, error = _mean_and_error(gains)
        verdicts.append(0 if abs(mean) <= 2 * error else 1 if mean > 0 else -1)
        clear = [
            gain
            for gain, (row, plain) in zip(gains, pairs, strict=True)
            if row["seeds"] > 1 and abs(gain) > row["spread"] + plain["spread"]
        ]
        text = (
            f"t = {t}: {_points(mean)} ± {100 * error:.2f}, ahead in {sum(g > 0 for g in gains)} of {len(gains)} cells"
        )
        if any(row["seeds"] > 1 for row, _ in pairs):
            won = sum(gain > 0 for gain in clear)
            text += f" (beyond both spreads ahead in {won}, behind in {len(clear) - won})"
        said.append(text)
    verdict = "Links make no difference beyond the noise"
    if any(verdicts):
        verdict = "Links help" if min(verdicts) >= 0 else "Links hurt" if max(verdicts) <= 0 else "Links help and hurt"
    return f"{verdict} at equal parameters, by mean gain ± standard error over the cells. " + "; ".join(said) + "."


def objectives_answer(rows: Sequence[_Row]) -> str:
    """What each objective gains over hard labels, on average over the numbers of convolutions."""
    by_key = {(row["conv_layers"], row["objective"]): row["accuracy"] for row in rows}
    layers = sorted({row["conv_layers"] for row in rows})
    said = []
    for objective in dict.fromkeys(row["objective"] for row in rows):
        if objective != "labels":
            gains = [by_key[conv, objective] - by_key[conv, "labels"] for conv in layers]
            mean, error = _mean_and_error(gains)
            said.append(f"{objective} {_points(mean)} ± {100 * error:.2f}")
    return f"Against hard labels, by mean ± standard error over the rows: {'; '.join(said)}."


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    mean = statistics.mean(values)
    return mean, statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0


def _sizes(rows: Iterable[_Row]) -> list[int]:
    return sorted({row["params"] for row in rows})


def _line(rows: Iterable[_Row], params: int) -> list[_Row]:
    """The rows of one size, by their convolutions."""
    return sorted((row for row in rows if row["params"] == params), key=lambda row: row["conv_layers"])


def _points(value: float) -> str:
    return f"{100 * value:+.2f} points".replace("-", "−")
