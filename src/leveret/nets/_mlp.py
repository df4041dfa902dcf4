"""`MLP`: fully connected layers, for tables."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.nets._checks import positive, traced

__all__ = ["MLP"]


class MLP(nn.Module):
    """Hidden layers of ReLU units, each with a BatchNorm, then a classifier.

    Shapes: `(batch, in_features)` float32, normalised → logits `(batch, num_classes)`.

    Args:
        in_features: columns of the table.
        num_classes: outputs.
        widths: units of each hidden layer; empty for a linear classifier.
        dropout: probability behind each hidden layer.
        batch_norm: a BatchNorm between each hidden layer's weights and its ReLU (Ioffe & Szegedy, 2015, section 3.2).

    Raises:
        LeveretUsageError: an argument out of range; when called, rows of another width.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        widths: Sequence[int] = (128, 64),
        dropout: float = 0.0,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        positive(in_features=in_features, num_classes=num_classes)
        positive(**{f"widths[{i}]": value for i, value in enumerate(widths)})
        if not 0 <= dropout < 1:
            raise LeveretUsageError(f"dropout must be in [0, 1), got {dropout}")
        self.in_features = in_features
        self.hidden = nn.Sequential()
        inputs = in_features
        for units in widths:
            # the norm's shift stands in for a bias
            layers: list[nn.Module] = [nn.Linear(inputs, units, bias=not batch_norm)]
            layers += [nn.BatchNorm1d(units)] if batch_norm else []
            layers += [nn.ReLU(inplace=True)]
            layers += [nn.Dropout(dropout)] if dropout else []
            self.hidden.append(nn.Sequential(*layers))
            inputs = units
        self.classifier = nn.Linear(inputs, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """What the last hidden layer gives, `(batch, units)`; without one, `x` itself."""
        if not traced(x) and (x.dim() != 2 or x.shape[1] != self.in_features):
            raise LeveretUsageError(f"rows must be (batch, {self.in_features}), got {tuple(x.shape)}")
        return self.hidden(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))
