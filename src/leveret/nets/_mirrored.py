"""Nets that look twice: at an image and at its mirror image."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["MirrorAveraged"]


class MirrorAveraged(nn.Module):
    """In evaluation the mean logits of an image and its mirror image, at twice the cost; in training the net itself.

    For nets that were trained on mirrored images too: their two answers err apart, as a small ensemble's do.

    Source: Krizhevsky et al., NIPS 2012, section 4.1, who average softmax outputs, over crops as well; of mirror images
    alone: Page, "How to train your ResNet", 2019, part 8.

    Args:
        net: maps images `(n, channels, height, width)` to logits `(n, num_classes)`.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.train(net.training)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x)
        return logits if self.training else (logits + self.net(x.flip(3))) / 2
