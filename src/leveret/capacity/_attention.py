"""`LearnedAttention`: a selector that learns where to look, by soft attention over the coarse features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.capacity._glance import Glance
from leveret.nets._checks import positive

__all__ = ["LearnedAttention"]


class LearnedAttention(nn.Module):
    """Places by their weight in a soft attention that is trained to classify from what it attends to.

    A small net scores each coarse vector, `e_ij = v·tanh(W c_ij)` (as Bahdanau et al., ICLR 2015, appendix A.1.2,
    score, without the recurrent state). Since the choice of the k highest can't be differentiated, the scores learn by
    a task of their own: `a = softmax(e)` over the places, and a linear layer classifies the sum `Σ a_ij c_ij`. Its
    cross-entropy, which `Hinted` adds as "attention", reaches this module alone, not the coarse layers. An ablation,
    in place of the entropy's gradient.

    Args:
        channels: D of the coarse features.
        num_classes: classes.
        hidden: units of the scoring net.

    Raises:
        LeveretUsageError: an argument that isn't a whole number above 0.
    """

    def __init__(self, channels: int, num_classes: int, hidden: int = 16) -> None:
        super().__init__()
        positive(channels=channels, num_classes=num_classes, hidden=hidden)
        self.hidden = nn.Conv2d(channels, hidden, 1)
        self.score = nn.Conv2d(hidden, 1, 1, bias=False)
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, glance: Glance) -> Tensor:
        return self.score(torch.tanh(self.hidden(glance.coarse)))[:, 0]

    def loss(self, glance: Glance, labels: Tensor) -> Tensor:
        """Cross-entropy of the classes told from the attended features; labels `(batch,)`, −100 for none."""
        weights = self(glance).flatten(1).softmax(1)
        attended = (glance.coarse.flatten(2) * weights[:, None]).sum(2)
        logits = self.classifier(attended)
        return F.cross_entropy(logits, labels) if (labels >= 0).any() else 0 * logits.sum()
