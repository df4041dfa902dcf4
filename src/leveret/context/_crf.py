"""`DenseCRF` and `LearnedCRF`: labels that agree where pixels are near and alike.

Every pixel is tied to every other by two Gaussian kernels,

    k(i, j) = w₁ exp(−|p_i − p_j|²/2θ_α² − |I_i − I_j|²/2θ_β²) + w₂ exp(−|p_i − p_j|²/2θ_γ²),

the appearance kernel, by which near pixels of like colours are likely of one class, and the smoothness kernel, which
removes small islands. `E(x) = Σ_i ψ_i(x_i) + Σ_{i<j} μ(x_i, x_j) k(i, j)` is the energy of a labelling, with ψ from a
net's logits. Mean field finds marginals that fit it, in a few filterings an update.

Source: Krähenbühl and Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials", NIPS 2011;
learned by gradient: Zheng et al., "Conditional Random Fields as Recurrent Neural Networks", ICCV 2015.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.context._filters import Filter, Normalize, appearance_filter, message_of, smoothness_filter
from leveret.context._mean_field import mean_field
from leveret.errors import LeveretUsageError
from leveret.nets._checks import positive, traced

__all__ = ["DenseCRF", "LearnedCRF"]

Method = Literal["auto", "exact", "lattice"]
_EXACT = 2048  # pixels up to which all pairs are as quick as a lattice


class _Refining(nn.Module):
    """What both have: bandwidths, and messages between the pixels of an image."""

    def __init__(
        self,
        position_bandwidth: float,
        color_bandwidth: float,
        smoothness_bandwidth: float,
        method: Method,
        normalize: Normalize,
        with_self: bool,
    ) -> None:
        super().__init__()
        given = {
            "position_bandwidth": position_bandwidth,
            "color_bandwidth": color_bandwidth,
            "smoothness_bandwidth": smoothness_bandwidth,
        }
        for name, value in given.items():
            if not (math.isfinite(value) and value > 0):
                raise LeveretUsageError(f"{name} must be a finite number above 0, got {value!r}")
        if method not in get_args(Method):
            raise LeveretUsageError(f"method must be one of {', '.join(map(repr, get_args(Method)))}, got {method!r}")
        if normalize not in get_args(Normalize):
            raise LeveretUsageError(f"normalize must be 'symmetric' or 'none', got {normalize!r}")
        self.position_bandwidth = float(position_bandwidth)
        self.color_bandwidth = float(color_bandwidth)
        self.smoothness_bandwidth = float(smoothness_bandwidth)
        self.method = method
        self.normalize = normalize
        self.with_self = with_self

    def _messages(self, logits: Tensor, image: Tensor) -> list[Filter]:
        """Of the appearance and the smoothness kernel, for one image."""
        height, width = image.shape[1:]
        exact = self.method == "exact" or (self.method == "auto" and height * width <= _EXACT)
        filters = (
            appearance_filter(image, self.position_bandwidth, self.color_bandwidth, exact, logits),
            smoothness_filter(height, width, self.smoothness_bandwidth),
        )
        return [message_of(one, logits, self.normalize, self.with_self) for one in filters]

    def _check(self, logits: Tensor, images: Tensor) -> None:
        if traced(logits):
            raise LeveretUsageError(
                f"{type(self).__name__} runs behind a packed net: pack the net alone, and give its logits to the CRF"
            )
        if logits.dim() != 4 or not logits.is_floating_point():
            raise LeveretUsageError(
                f"logits must be float (batch, classes, height, width), got {tuple(logits.shape)} {logits.dtype}"
            )
        if images.dim() != 4 or len(images) != len(logits) or images.shape[2:] != logits.shape[2:]:
            raise LeveretUsageError(
                f"images must be (batch, channels, height, width) of the logits' batch and size, {len(logits)} of "
                f"{logits.shape[2]}x{logits.shape[3]}; got {tuple(images.shape)}"
            )
        if images.is_floating_point() and not images.isfinite().all():
            raise LeveretUsageError("images hold NaN or infinite values")


class DenseCRF(_Refining):
    """Mean field of a dense CRF with fixed numbers and Potts' model, `μ(l, l') = [l ≠ l']`.

    `crf(logits, images)` gives refined logits: the logarithms of the marginals, `(batch, classes, height, width)`.

    Args:
        appearance, smoothness: the kernels' weights w₁ and w₂.
        position_bandwidth: θ_α, in pixels. The defaults are those in use for photographs of some 500 pixels; for street
            scenes of 240x180 begin with a weight of 3 and a bandwidth of 10, and search.
        color_bandwidth: θ_β, in the images' own unit; the default is for pixels of 0 to 255.
        smoothness_bandwidth: θ_γ, in pixels.
        iterations: updates.
        method: how the appearance kernel is summed: "exact", over all pairs of pixels; "lattice", by a permutohedral
            lattice, approximately and in a time that grows with the pixels alone; "auto": exactly for up to 2048
            pixels. The smoothness kernel is always exact.
        normalize: "symmetric" divides k(i, j) by the root of both pixels' sums over all others, so that the weights
            mean the same for any bandwidth and size, as in the authors' code of 2013; "none" is the paper's formula.
        with_self: let each pixel hear itself, as that code does; the paper leaves it out.

    Shapes: logits `(batch, classes, height, width)` float; images `(batch, channels, height, width)` uint8 or float.

    Raises:
        LeveretUsageError: an argument out of range; when called, images that don't fit the logits.

    Source: see the module.

    Example:
        >>> refined = DenseCRF(appearance=3, position_bandwidth=10)(net(images), pixels)
    """

    def __init__(
        self,
        *,
        appearance: float = 10.0,
        position_bandwidth: float = 80.0,
        color_bandwidth: float = 13.0,
        smoothness: float = 3.0,
        smoothness_bandwidth: float = 3.0,
        iterations: int = 10,
        method: Method = "auto",
        normalize: Normalize = "symmetric",
        with_self: bool = False,
    ) -> None:
        super().__init__(position_bandwidth, color_bandwidth, smoothness_bandwidth, method, normalize, with_self)
        positive(iterations=iterations)
        _check_weights(appearance=appearance, smoothness=smoothness)
        self.appearance = float(appearance)
        self.smoothness = float(smoothness)
        self.iterations = iterations

    def extra_repr(self) -> str:
        return (
            f"appearance={self.appearance:g} ({self.position_bandwidth:g} px, {self.color_bandwidth:g}), "
            f"smoothness={self.smoothness:g} ({self.smoothness_bandwidth:g} px), iterations={self.iterations}"
        )

    def forward(self, logits: Tensor, images: Tensor) -> Tensor:
        self._check(logits, images)
        potts = 1 - torch.eye(logits.shape[1], dtype=logits.dtype, device=logits.device)
        weights = [logits.new_tensor(self.appearance), logits.new_tensor(self.smoothness)]
        refined = [
            mean_field(one, self._messages(one, image), weights, potts, self.iterations)
            for one, image in zip(logits, images, strict=True)
        ]
        return torch.stack(refined) if refined else logits.clone()

    def energy(self, labels: Tensor, logits: Tensor, images: Tensor) -> Tensor:
        """E of a labelling of each image, `(batch,)`: the lower, the better it fits logits and image.

        Args:
            labels: `(batch, height, width)` int64, classes of 0 to classes − 1.
            logits, images: as of a call.

        Raises:
            LeveretUsageError: as a call, or labels of another shape or beyond the classes.
        """
        self._check(logits, images)
        classes = logits.shape[1]
        if labels.shape != logits[:, 0].shape or labels.dtype != torch.int64:
            raise LeveretUsageError(
                f"labels must be int64 {tuple(logits[:, 0].shape)}, got {tuple(labels.shape)} {labels.dtype}"
            )
        if labels.numel() and not (labels.min() >= 0 and labels.max() < classes):
            raise LeveretUsageError(
                f"labels must be 0 to {classes - 1}, got {int(labels.min())} to {int(labels.max())}"
            )
        unary = F.nll_loss(F.log_softmax(logits, 1), labels, reduction="none").sum((1, 2))
        pairs = []
        for one, image, own in zip(logits, images, labels, strict=True):
            chosen = F.one_hot(own, classes).movedim(-1, 0).to(one)
            appearance, smoothness = (message(chosen) for message in self._messages(one, image))
            heard = self.appearance * appearance + self.smoothness * smoothness
            # each pair of other labels, which was met from both sides
            pairs.append(((1 - chosen) * heard).sum() / 2)
        return unary + torch.stack(pairs) if pairs else unary


class LearnedCRF(_Refining):
    """Mean field whose kernel weights and compatibility learn with the net, by backpropagation through the updates.

    Begins as `DenseCRF` with the same numbers. As layers of a net: `net = Refined(parsenet, LearnedCRF(11), …)`.

    Args:
        num_classes: of the logits.
        appearance, smoothness: the weights at the start, the same for all classes.
        iterations: updates in training and in evaluation; 5 and 10 are the paper's.
        position_bandwidth, color_bandwidth, smoothness_bandwidth, method, normalize, with_self: as of `DenseCRF`. The
            bandwidths stay as they are, as in the paper.

    Attributes:
        appearance, smoothness: `(num_classes,)`, how loudly each class speaks by each kernel.
        compatibility: μ, `(num_classes, num_classes)`: what a pixel pays for the class of the row beside one of the
            column.

    Shapes: as of `DenseCRF`.

    Raises:
        LeveretUsageError: an argument out of range; when called, images or classes that don't fit.

    Source: Zheng et al., ICCV 2015, sections 4 and 5; there the weights are one a class and kernel, too.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        appearance: float = 10.0,
        position_bandwidth: float = 80.0,
        color_bandwidth: float = 13.0,
        smoothness: float = 3.0,
        smoothness_bandwidth: float = 3.0,
        iterations: tuple[int, int] = (5, 10),
        method: Method = "auto",
        normalize: Normalize = "symmetric",
        with_self: bool = False,
    ) -> None:
        super().__init__(position_bandwidth, color_bandwidth, smoothness_bandwidth, method, normalize, with_self)
        positive(num_classes=num_classes)
        if not isinstance(iterations, tuple) or len(iterations) != 2:
            raise LeveretUsageError(f"iterations must be two numbers, in training and evaluation, got {iterations!r}")
        positive(**{f"iterations[{i}]": n for i, n in enumerate(iterations)})
        _check_weights(appearance=appearance, smoothness=smoothness)
        self.num_classes = num_classes
        self.iterations = iterations
        self.appearance = nn.Parameter(torch.full((num_classes,), float(appearance)))
        self.smoothness = nn.Parameter(torch.full((num_classes,), float(smoothness)))
        self.compatibility = nn.Parameter(1 - torch.eye(num_classes))

    def forward(self, logits: Tensor, images: Tensor) -> Tensor:
        self._check(logits, images)
        if logits.shape[1] != self.num_classes:
            raise LeveretUsageError(f"logits must have {self.num_classes} classes, got {logits.shape[1]}")
        weights = [self.appearance, self.smoothness]
        times = self.iterations[0 if self.training else 1]
        refined = [
            mean_field(one, self._messages(one.detach(), image), weights, self.compatibility, times)
            for one, image in zip(logits, images, strict=True)
        ]
        return torch.stack(refined) if refined else logits.clone()


def _check_weights(**weights: float) -> None:
    for name, value in weights.items():
        if not (math.isfinite(value) and value >= 0):
            raise LeveretUsageError(f"{name} must be a finite number of at least 0, got {value!r}")
