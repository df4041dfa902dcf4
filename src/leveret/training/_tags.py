"""Training on sentences with tags: what is minimised, and what a net's tags are worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.training._batch import UNLABELLED, Batch

__all__ = ["TagLikelihood", "checked_emissions", "sentence_losses", "tag_paths"]


class TagLikelihood:
    """The negative log-likelihood of the sentences' tags, in nats a sentence; 0 where none of a batch has tags.

    Of a net with a `crf`, as `nets.SequenceTagger` has, that of whole sequences, log Z − s(y); of any other net that
    gives emissions `(batch, longest, tags)` the cross-entropies of a sentence's tokens, summed.

    Leaves the emissions in `batch.logits`, `(batch, tags, longest)`.

    Raises:
        LeveretUsageError: when called, a net that gives something else.
    """

    def __call__(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        emissions = checked_emissions(net(batch.inputs), batch.labels)
        batch.logits = emissions.transpose(1, 2)
        known = (batch.labels != UNLABELLED).any(1)
        if not known.any():
            return {"likelihood": 0 * emissions.sum()}
        return {"likelihood": sentence_losses(net, emissions[known], batch.labels[known]).mean()}

    def __repr__(self) -> str:
        return "TagLikelihood()"


def sentence_losses(net: nn.Module, emissions: Tensor, labels: Tensor) -> Tensor:
    """Of each sentence, `(batch,)`.

    Args:
        net: that gave the emissions.
        emissions: `(batch, longest, tags)`.
        labels: `(batch, longest)`, −100 behind a sentence's end.
    """
    crf: Any = getattr(net, "crf", None)
    if crf is None:
        losses = F.cross_entropy(emissions.transpose(1, 2), labels, ignore_index=UNLABELLED, reduction="none")
        return losses.sum(1)
    return crf.negative_log_likelihood(emissions, labels, (labels != UNLABELLED).sum(1))


@torch.no_grad()
def tag_paths(net: nn.Module, emissions: Tensor, lengths: Tensor) -> list[NDArray[np.int64]]:
    """What a net says of each sentence, `(tokens,)` each: the best sequence, or without a `crf` the best tags."""
    crf: Any = getattr(net, "crf", None)
    paths = emissions.argmax(2) if crf is None else crf.decode(emissions, lengths)
    return [path[:length] for path, length in zip(paths.cpu().numpy(), lengths.tolist(), strict=True)]


def checked_emissions(emissions: Any, labels: Tensor) -> Tensor:
    """Tags need a net of emissions.

    Raises:
        LeveretUsageError: its outputs are something else, or of other lengths.
    """
    shape = tuple(getattr(emissions, "shape", ()))
    if len(shape) != 3 or shape[:2] != tuple(labels.shape):
        n, longest = labels.shape
        raise LeveretUsageError(
            f"for tags a net gives emissions (batch, longest, tags), here ({n}, {longest}, tags); got "
            f"{shape or type(emissions).__name__}"
        )
    return emissions
