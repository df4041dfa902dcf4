"""Initial weights that save epochs: a whitening stem, and convolutions that begin as the identity."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.nets._lateral import Lateral

__all__ = ["identity_start", "whiten_stem"]

_MOST_PATCHES = 1 << 20
_IMAGES_AT_ONCE = 256


def whiten_stem(net: nn.Module, images: Tensor, *, eps: float = 5e-4) -> nn.Module:
    """Let the net's first convolution whiten the patches that it sees, and hold it there.

    Its filters become the eigenvectors of the patches' second moments, each divided by the root of its eigenvalue and
    each once with either sign, so that a ReLU behind them loses nothing: their outputs are uncorrelated and of one
    variance, and the layers behind learn in fewer epochs. Where there is room for more filters the rest stay random;
    where there is room for fewer the directions of most variance are taken. The weight no longer asks for a gradient.

    Source: Page, "How to train your ResNet", 2019, part 8 (frozen input whitening); Jordan, "94% on CIFAR-10 in 3.29
    seconds on a single GPU", 2024, section 3.2. Both use 2x2 patches; here they have the stem's own kernel.

    Args:
        net: changed in place and given back.
        images: `(n, channels, height, width)` float32, normalised as in training; some thousand are enough.
        eps: added to the eigenvalues, which keeps directions of almost no variance from drowning in noise.

    Raises:
        LeveretUsageError: no convolution, or one that doesn't fit the images.
    """
    conv = next((module for module in net.modules() if isinstance(module, nn.Conv2d)), None)
    if conv is None:
        raise LeveretUsageError(f"{type(net).__name__} has no Conv2d whose weights could whiten")
    if images.dim() != 4 or images.shape[1] != conv.in_channels or conv.groups != 1:
        raise LeveretUsageError(
            f"images must be (n, {conv.in_channels}, height, width) for the first convolution, with groups 1; "
            f"got {tuple(images.shape)}, groups {conv.groups}"
        )
    kernel = cast(tuple[int, int], conv.kernel_size)
    with torch.no_grad():
        patches = _patches(images, kernel)
        variances, directions = torch.linalg.eigh(patches.T @ patches / len(patches))
        filters = (directions / (variances + eps).sqrt()).T.flip(0)  # the most variance first
        filters = filters[: conv.out_channels // 2].view(-1, conv.in_channels, *kernel).to(conv.weight.dtype)
        conv.weight[: 2 * len(filters)] = torch.cat([filters, -filters])
    conv.weight.requires_grad_(False)
    return net


def _patches(images: Tensor, kernel: tuple[int, int]) -> Tensor:
    """Patches `(n, channels · kernel_h · kernel_w)` float64, evenly from all images; few images at a time."""
    places = (images.shape[2] - kernel[0] + 1) * (images.shape[3] - kernel[1] + 1)
    every = -(-len(images) * places // _MOST_PATCHES)
    taken, seen = [], 0
    for part in images.split(_IMAGES_AT_ONCE):
        patches = F.unfold(part.float(), kernel).transpose(1, 2).flatten(0, 1)
        taken.append(patches[-seen % every :: every].double())
        seen += len(patches)
    return torch.cat(taken)


def identity_start(net: nn.Module) -> nn.Module:
    """Let each convolution that doesn't narrow begin by passing its input on: in place, and given back.

    The first `in_channels` filters of a Conv2d with an odd kernel become the identity, the others keep their random
    start, so that a deep stack passes signals and gradients from the first step on (Zagoruyko & Komodakis, "DiracNets",
    2017; as an initialisation: Jordan, 2024, section 3.3). The first convolution, those with groups, and lateral links,
    which start small, are left.
    """
    links = {part for module in net.modules() if isinstance(module, Lateral) for part in module.modules()}
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d) and module not in links]
    for conv in convolutions[1:]:
        odd = all(size % 2 for size in conv.kernel_size)
        if conv.groups == 1 and odd and conv.out_channels >= conv.in_channels:
            with torch.no_grad():
                nn.init.dirac_(conv.weight[: conv.in_channels])
    return net
