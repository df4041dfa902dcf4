"""Selectors: which places deserve a fine look. Each gives every place a score; the highest are chosen.

`EntropyGradient` is the method of Almahairi et al.; the others stand in its place in ablations. A selector may be an
`nn.Module` with parameters of its own, see `LearnedAttention`.
"""

from __future__ import annotations

import zlib
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from leveret.capacity._geometry import Axis
from leveret.capacity._glance import Glance, entropy

__all__ = ["CoarseConfidence", "Edges", "EntropyGradient", "LocalVariance", "RandomPlaces", "Selector"]


class Selector(Protocol):
    """Called with a `Glance`; gives scores `(batch, rows, columns)`, of which the highest are chosen.

    Of equals the first in reading order comes first. Nothing is differentiated through the choice. A selector that
    learns has also

        def loss(self, glance: Glance, labels: Tensor) -> Tensor

    a scalar for the samples that are labelled (not −100), which `Hinted` adds as "attention".
    """

    def __call__(self, glance: Glance, /) -> Tensor: ...


class EntropyGradient:
    """The places that the uncertainty of the coarse prediction depends on most.

    `M_ij = ‖∂H/∂c_ij‖₂`, the norm over the D channels of the gradient of the entropy H of the coarse prediction
    `o = g(c)` with respect to the coarse features. Source: Almahairi et al., "Dynamic Capacity Networks", ICML 2016,
    section 2.1. Costs one pass back through the top layers. A prediction that is perfectly sure, or perfectly
    undecided, has no gradient: there the first places are taken.
    """

    def __call__(self, glance: Glance) -> Tensor:
        return torch.linalg.vector_norm(glance.gradient(entropy), dim=1)

    def __repr__(self) -> str:
        return "EntropyGradient()"


class CoarseConfidence:
    """The places that the coarse prediction rests on most: those that speak loudest for the class that it gives.

    The score is `Σ_r c_ijr ∂ log o_max / ∂c_ijr`, what a place adds, to first order, to the log-probability of the
    most probable class. An ablation: it looks where the net is confident, rather than where it might change its mind.
    """

    def __call__(self, glance: Glance) -> Tensor:
        gradient = glance.gradient(lambda logits: F.log_softmax(logits, dim=1).amax(1))
        return (gradient * glance.coarse).sum(1)

    def __repr__(self) -> str:
        return "CoarseConfidence()"


class RandomPlaces:
    """Places at random.

    In training they are drawn from torch's generator, which `fit` seeds for each epoch. In eval mode an image has
    the same places whatever batch it comes in: they follow from the seed and its pixels.

    Args:
        seed: at least 0.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def __call__(self, glance: Glance) -> Tensor:
        batch, _, rows, columns = glance.coarse.shape
        if glance.training:
            return torch.rand(batch, rows, columns, device=glance.coarse.device)
        pixels = glance.images.detach().float().cpu().contiguous().numpy()
        draws = [np.random.default_rng((self.seed, zlib.crc32(image))).random((rows, columns)) for image in pixels]
        return torch.from_numpy(np.stack(draws)).to(glance.coarse.device)

    def __repr__(self) -> str:
        return f"RandomPlaces(seed={self.seed})"


class LocalVariance:
    """The places whose fields' pixels vary most: the variance within the fine layers' field, averaged over channels.

    Nothing but the image is asked. Where a field reaches past the image, what lies on it counts.
    """

    def __call__(self, glance: Glance) -> Tensor:
        images = _full(glance.images)
        centred = images - images.mean((2, 3), keepdim=True)  # so that no digits are lost in the difference below
        mean = _field_means(centred, glance)
        return (_field_means(centred.square(), glance) - mean.square()).clamp(min=0).mean(1)

    def __repr__(self) -> str:
        return "LocalVariance()"


class Edges:
    """The places whose fields hold most edges: the mean length of Sobel's gradient in the fine layers' field.

    Sobel's operator on each channel, averaged over channels; the image's border pixels are repeated outwards.
    """

    def __call__(self, glance: Glance) -> Tensor:
        images = _full(glance.images)
        channels = images.shape[1]
        across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=images.dtype, device=images.device) / 8
        taps = torch.stack([across, across.T])[:, None].repeat(channels, 1, 1, 1)
        slopes = F.conv2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), taps, groups=channels)
        strength = torch.linalg.vector_norm(slopes.unflatten(1, (channels, 2)), dim=2)
        return _field_means(strength, glance).mean(1)

    def __repr__(self) -> str:
        return "Edges()"


def _full(images: Tensor) -> Tensor:
    return images.detach() if images.dtype == torch.float64 else images.detach().float()


def _field_means(values: Tensor, glance: Glance) -> Tensor:
    """The mean of `(batch, channels, height, width)` over each place's field, as far as it lies on the image."""
    rows, columns = glance.geometry.rows, glance.geometry.columns
    sums = _field_sums(_field_sums(values, rows, 2), columns, 3)
    counts = [_counts(axis, values.shape[dim]).to(values) for axis, dim in ((rows, 2), (columns, 3))]
    return sums / (counts[0][:, None] * counts[1])


def _ends(axis: Axis, pixels: int) -> tuple[Tensor, Tensor]:
    first = axis.start + axis.stride * torch.arange(axis.places(pixels))
    return first.clamp(0, pixels), (first + axis.size).clamp(0, pixels)


def _counts(axis: Axis, pixels: int) -> Tensor:
    first, end = _ends(axis, pixels)
    return (end - first).clamp(min=1)


def _field_sums(values: Tensor, axis: Axis, dim: int) -> Tensor:
    first, end = (index.to(values.device) for index in _ends(axis, values.shape[dim]))
    # running sums: the cost doesn't grow with the field; in float64, since what is subtracted can be large
    pad = (0, 0, 1, 0) if dim == 2 else (1, 0)
    running = F.pad(values.double().cumsum(dim), pad)
    return (running.index_select(dim, end) - running.index_select(dim, first)).to(values.dtype)
