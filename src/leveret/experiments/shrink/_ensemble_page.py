"""The ensemble's table, and the question's answer in words, from the figures alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from leveret.experiments._results import markdown_table
from leveret.experiments.shrink._plot import PICTURES

__all__ = ["answer", "ensemble_table"]

_RIVALS = {"same_bytes": "as many bytes", "same_time": "as much time"}


def ensemble_table(details: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """The part's text."""
    rows = values["ensemble"]
    table = []
    for row in rows:
        own, large, slow = (row[kind] for kind in ("ensemble", "same_bytes", "same_time"))
        table.append(
            (
                str(row["k"]),
                *(_accuracy(own), f"{own['bytes']:,}", f"{own['ms']:.3f}"),
                *(_accuracy(large), str(large["channels"]), f"{large['bytes']:,}", f"{large['ms']:.3f}"),
                *(_accuracy(slow), str(slow["channels"]), f"{slow['bytes']:,}", f"{slow['ms']:.3f}"),
            )
        )
    header = ["k", "k binary nets", "bytes", "ms"]
    header += ["real, as many bytes", "channels", "bytes", "ms", "real, as much time", "channels", "bytes", "ms"]
    sibling, seeds = details["sibling"], len(details["seed"])
    return [
        "On Fashion-MNIST: k binary nets (XNOR-style, a real shortcut round each binary convolution), packed as one",
        "model, against one real net of as many bytes, and one that takes as much time. Accuracy of the packed files,",
        f"mean ± standard deviation of {seeds} seeds. Channels are those of the last stage; a member has "
        f"{sibling['channels']}. All learn for {details['epochs']} epochs.",
        "",
        f"![Accuracy against bytes and against time]({PICTURES['ensemble']})",
        "",
        markdown_table(header, table),
        "",
        f"For reference, the real net of a member's own widths: {_accuracy(sibling)}, {sibling['bytes']:,} bytes, "
        f"{sibling['ms']:.3f} ms.",
        "",
        *answer(rows),
    ]


def answer(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The question answered: a sentence for each kind of rival, and what a member more is worth."""
    text = []
    for rival, words in _RIVALS.items():
        ahead = [row["k"] for row in rows if _lead(row, rival) > _doubt(row, rival)]
        behind = [row["k"] for row in rows if _lead(row, rival) < -_doubt(row, rival)]
        leads = [100 * _lead(row, rival) for row in rows]
        if len(ahead) == len(rows):
            verdict = "yes, the ensemble is more accurate at every k"
        elif len(behind) == len(rows):
            verdict = "no, the real net is more accurate at every k"
        else:
            verdict = f"the ensemble is ahead at {_list(ahead)}, behind at {_list(behind)}, else within the spread"
        text.append(
            f"- One real net of {words}: {verdict}; the ensemble leads by {leads[0]:+.1f} points at k = "
            f"{rows[0]['k']} and {leads[-1]:+.1f} at k = {rows[-1]['k']}."
        )
    gain = 100 * (rows[-1]["ensemble"]["accuracy"] - rows[0]["ensemble"]["accuracy"])
    text.append(f"- From k = {rows[0]['k']} to {rows[-1]['k']} an ensemble gains {gain:.1f} points.")
    return text


def _lead(row: Mapping[str, Any], rival: str) -> float:
    return row["ensemble"]["accuracy"] - row[rival]["accuracy"]


def _doubt(row: Mapping[str, Any], rival: str) -> float:
    """The standard deviation of the difference of two single runs."""
    return math.hypot(row["ensemble"]["spread"], row[rival]["spread"])


def _list(sizes: Sequence[int]) -> str:
    return f"k = {', '.join(map(str, sizes))}" if sizes else "no k"


def _accuracy(found: Mapping[str, Any]) -> str:
    return f"{found['accuracy']:.2%} ± {100 * found['spread']:.2f}"
