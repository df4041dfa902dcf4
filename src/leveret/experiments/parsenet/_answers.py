"""What the figures say, in words: what context is worth, and whether batch norm makes its norm needless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leveret.experiments.parsenet._rows import differences

__all__ = ["Gain", "batch_norm_answer", "context_answer", "gain", "points", "reach_answer"]

_Row = Mapping[str, Any]
_POINT = 0.01


@dataclass(frozen=True)
class Gain:
    """A difference of mIoU between two models of the same seeds.

    Attributes:
        mean, spread: over the seeds; one seed has no spread.
    """

    mean: float
    spread: float | None

    @property
    def verdict(self) -> int:
        """1 or −1 where the difference is beyond its spread, of one seed beyond a point; else 0."""
        least = _POINT if self.spread is None else self.spread
        return 0 if abs(self.mean) <= least else 1 if self.mean > 0 else -1

    @property
    def text(self) -> str:
        """As "+1.2 ± 0.3 points"."""
        spread = "" if self.spread is None else f" ± {100 * self.spread:.1f}"
        return points(self.mean, spread)


def points(difference: float, spread: str = "") -> str:
    """A difference of shares as "+1.2 points"; what rounds to nothing has no minus."""
    return f"{round(100 * difference, 1) + 0.0:+.1f}{spread} points"


def gain(rows: Sequence[_Row], one: str, other: str, figure: str = "mious") -> Gain:
    """How much more mIoU the model `one` has than `other`; with "val_mious" on the validation part."""
    by_key = {row["model"]: row for row in rows}
    return Gain(*differences(by_key[one], by_key[other], figure))


def context_answer(rows: Sequence[_Row]) -> str:
    """What ParseNet gains over FCN, and what of that is the context's and what the norm's."""
    said = [_one_seed(rows)] if rows[0]["seeds"] == 1 else []
    for end, where in (("", "without batch norm"), ("-bn", "with it")):
        whole = gain(rows, f"parsenet{end}", f"fcn{end}")
        context = gain(rows, f"context{end}", f"fcn{end}")
        norm = gain(rows, f"parsenet{end}", f"context{end}")
        enough = whole.verdict > 0 and whole.mean - (whole.spread or 0) >= _POINT
        verdict = (
            "at least a point beyond the spread"
            if enough
            else "beyond the spread, but less than a point so"
            if whole.verdict > 0
            else "which is less than the spread"
            if not whole.verdict
            else "so that it loses"
        )
        if whole.spread is None:
            verdict = "more than a point" if whole.mean > _POINT else "not more than a point"
        said.append(
            f"ParseNet against FCN {where}: {whole.text} of mIoU, {verdict}; {context.text} of it from context as it "
            f"is, {norm.text} from normalising."
        )
    validated = [gain(rows, f"parsenet{end}", f"fcn{end}", "val_mious").text for end in ("", "-bn")]
    said.append(f"On the validation part: {validated[0]} without batch norm, {validated[1]} with it.")
    return " ".join(said)


def reach_answer(rows: Sequence[_Row], near: Sequence[_Row]) -> str:
    """Whether context gains more where the layers see less, as it should where they see enough."""
    said = []
    for end, where in (("", "without batch norm"), ("-bn", "with it")):
        far = gain(rows, f"parsenet{end}", f"fcn{end}")
        close = gain(near, f"parsenet{end}-near", f"fcn{end}-near")
        more = close.mean - far.mean
        spread = max(close.spread or 0.0, far.spread or 0.0) or _POINT
        what = (
            "so that it replaces what the layers don't see"
            if close.verdict > 0 and more > spread
            else "so that it pays as much where the layers see more"
            if close.verdict > 0
            else "so that it isn't for want of anything unseen that it gains no more"
        )
        said.append(f"{where[0].upper()}{where[1:]}: {close.text} for near layers, {far.text} for far ones, {what}.")
    return " ".join(said)


def batch_norm_answer(rows: Sequence[_Row]) -> str:
    """Whether normalising pays where batch norm stands already, compared with what it gives without."""
    without, with_it = gain(rows, "parsenet", "context"), gain(rows, "parsenet-bn", "context-bn")
    figures = (
        f"Normalising the features that are joined changes mIoU by {without.text} without batch norm and by "
        f"{with_it.text} with it."
    )
    if with_it.verdict > 0:
        answer = "No: the norm still pays with batch norm" + (
            ", and more than without." if with_it.mean > without.mean else ", though less than without."
        )
    elif without.verdict > 0:
        lost = " It even costs something there." if with_it.verdict < 0 else ""
        answer = f"Yes: what the norm gives without batch norm is gone with it.{lost}"
    elif with_it.verdict < 0:
        answer = "Needless, yes, but not by batch norm's doing alone: the norm gains nothing without it either" + (
            ", and costs something with it."
        )
    else:
        answer = (
            "Needless, yes, but batch norm isn't what makes it so: here the norm gains nothing beyond the spread "
            "without batch norm either."
        )
    replaced = gain(rows, "context-bn", "parsenet")
    beside = (
        f"Batch norm with context as it is against the paper's recipe, the norm without batch norm: {replaced.text}."
    )
    return f"{answer} {figures} {beside}"


def _one_seed(rows: Sequence[_Row]) -> str:
    return "There is one seed, so that no spread is known: differences below a point are taken for none."
