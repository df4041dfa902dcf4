"""What hard mining did: a record of its picks, and what they say of over-fitting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Diagnosis", "MiningRecord", "diagnosis_of"]

_INSISTENT = 0.5
_RISE = 1.1
_FALL = 0.9
_MOST = np.iinfo(np.uint16).max
_SHOWN = 20


@dataclass(frozen=True)
class Diagnosis:
    """What hard mining did, and whether it over-fits.

    The rule. It over-fits where one of these holds:

    1. the validation loss ends a tenth or more above its lowest, and the training loss has fallen since then;
    2. the insistence is at least ½, and the mined loss has not fallen by a tenth since the first mined epoch: the same
       samples are picked again and again and stay as hard, as those with wrong labels do;
    3. the insistence is at least ½, and the loss of the whole batches ends a tenth or more above its lowest of the
       mined epochs, while the mined loss has fallen since then: what is picked is learned at the others' cost.

    After fewer than two mined epochs nothing can be said, and the verdict is no.

    Attributes:
        overfits: the verdict.
        why: in a sentence or two, with the figures.
        insistence: how much the same samples are picked again and again: `(q − f)/(1 − f)`, in 0..1, with q the chance
            that a pick of one epoch is one of another epoch, too, and f the share of the candidates that an epoch
            picks, which q is by chance. 0: as by chance, 1: the same in each epoch.
        top_share: share of the picks that went to the most picked 1 % of the candidates.
        entropy: of the picks' distribution over the candidates, in 0..1: 1 where all were picked alike often.
        mined_epochs: epochs with mining.
        mined_loss: of each, the mean loss of the hardest that were picked.
        batch_loss: of each, the mean loss of all samples.
        loss_rise: the validation loss at the end over its lowest; None without a history that has it.
        picked: places in the training part of the samples that were picked most, the most often first; up to 20. Look
            at them for wrong labels.
    """

    overfits: bool
    why: str
    insistence: float
    top_share: float
    entropy: float
    mined_epochs: int
    mined_loss: tuple[float, ...]
    batch_loss: tuple[float, ...]
    loss_rise: float | None
    picked: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


class MiningRecord:
    """How often each training sample was picked, and the losses of each mined epoch.

    Attributes:
        picks: `(samples,)` uint16; stays at 65535 once it is there.
        candidates: how many samples could be picked.
        losses: by epoch: sum and number of the picks' losses, and of all samples' losses.
    """

    def __init__(self, samples: int, candidates: int) -> None:
        self.picks: NDArray[np.uint16] = np.zeros(samples, dtype=np.uint16)
        self.candidates = candidates
        self.losses: dict[int, list[float]] = {}

    def begin(self, epoch: int) -> None:
        """An epoch begins; the first one begins a new record."""
        if epoch == 0:
            self.picks[:] = 0
            self.losses = {}
        self.losses.pop(epoch, None)

    def note(self, epoch: int, picked: Tensor, picked_losses: Tensor, losses: Tensor) -> None:
        """Samples that a batch's mining picked, and their losses and those of the whole batch."""
        places, times = np.unique(picked.cpu().numpy(), return_counts=True)
        if len(places) and places[-1] >= len(self.picks):
            # samples without a label are in no class's count, and may stand between the others
            self.picks = np.concatenate([self.picks, np.zeros(places[-1] + 1 - len(self.picks), dtype=np.uint16)])
        self.picks[places] = np.minimum(self.picks[places] + times, _MOST).astype(np.uint16)
        sums = self.losses.setdefault(epoch, [0.0, 0, 0.0, 0])
        for i, values in enumerate((picked_losses, losses)):
            sums[2 * i] += float(values.detach().sum(dtype=torch.float64))
            sums[2 * i + 1] += len(values)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "picks": torch.from_numpy(self.picks.copy()),
            "losses": {e: list(row) for e, row in self.losses.items()},
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on with what `state` gave."""
        self.picks = state["picks"].numpy().copy()
        self.losses = {int(epoch): list(row) for epoch, row in state["losses"].items()}


def diagnosis_of(record: MiningRecord, history: Sequence[Mapping[str, Any]]) -> Diagnosis:
    """What a record, and if given the rows of a history, say."""
    rows = [record.losses[epoch] for epoch in sorted(record.losses) if record.losses[epoch][1]]
    mined = [row[0] / row[1] for row in rows]
    batch = [row[2] / max(row[3], 1) for row in rows]
    order = np.argsort(-record.picks.astype(np.int64), kind="stable")
    picks = record.picks[order].astype(np.float64)
    total, epochs = float(picks.sum()), len(rows)
    hundredth = max(1, round(record.candidates / 100))
    rise, validation = _validation(history)
    insistence = _insistence(picks, total, epochs, record.candidates)
    said = [validation] if validation else []
    if epochs >= 2 and insistence >= _INSISTENT:
        said += _insisting(mined, batch, insistence)
    if epochs < 2:
        said, why = [], f"{epochs or 'no'} epoch{'' if epochs == 1 else 's'} with mining: too few to say"
    else:
        why = "; ".join(said) or (
            f"picks change (insistence {insistence:.2f})"
            if insistence < _INSISTENT
            else f"the same samples are picked again and again (insistence {insistence:.2f}), but become easier, and "
            "not at the others' cost"
        )
    return Diagnosis(
        overfits=bool(said),
        why=why,
        insistence=insistence,
        top_share=float(picks[:hundredth].sum() / total) if total else 0.0,
        entropy=_entropy(picks, total, record.candidates),
        mined_epochs=epochs,
        mined_loss=tuple(mined),
        batch_loss=tuple(batch),
        loss_rise=rise,
        picked=tuple(int(place) for place in order[:_SHOWN] if record.picks[place]),
    )


def _insistence(picks: NDArray[np.float64], total: float, epochs: int, candidates: int) -> float:
    if epochs < 2 or not total:
        return 0.0
    chance = total / (epochs * candidates)
    if chance >= 1:  # all are taken in each epoch, and there is nothing to insist on
        return 0.0
    again = float((picks * (picks - 1)).sum()) / (total * (epochs - 1))
    return float(np.clip((again - chance) / (1 - chance), 0, 1))


def _entropy(picks: NDArray[np.float64], total: float, candidates: int) -> float:
    if not total or candidates < 2:
        return 0.0
    shares = picks[picks > 0] / total
    return float(np.clip(-(shares * np.log(shares)).sum() / np.log(candidates), 0, 1))


def _insisting(mined: list[float], batch: list[float], insistence: float) -> list[str]:
    """Rules 2 and 3."""
    said = []
    if mined[-1] > _FALL * mined[0]:
        said.append(
            f"the same samples are picked again and again (insistence {insistence:.2f}) and stay as hard: their loss "
            f"was {mined[0]:.3g} and is {mined[-1]:.3g}"
        )
    lowest = int(np.argmin(batch))
    if batch[-1] >= _RISE * batch[lowest] and mined[-1] < mined[lowest]:
        said.append(
            f"the same samples are learned (insistence {insistence:.2f}) at the others' cost: the loss of whole "
            f"batches has risen from {batch[lowest]:.3g} to {batch[-1]:.3g}"
        )
    return said


def _validation(history: Sequence[Mapping[str, Any]]) -> tuple[float | None, str]:
    """Rule 1."""
    rows = [row for row in history if "val_loss" in row]
    if not rows:
        return None, ""
    lowest = min(range(len(rows)), key=lambda i: float(rows[i]["val_loss"]))
    rise = float(rows[-1]["val_loss"]) / max(float(rows[lowest]["val_loss"]), 1e-12)
    train = [row.get("train_loss") for row in (rows[lowest], rows[-1])]
    fell = train[0] is not None and train[1] is not None and train[1] < train[0]
    if rise < _RISE or not fell:
        return rise, ""
    return rise, f"the validation loss ends at {rise:.2f} of its lowest, while the training loss has fallen"
