"""What the fuzzer's mutants are made from: small packed nets that together use every operation of the format."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["SEEDS", "write_seeds"]

SEEDS = "seed-*.lvr"


def write_seeds(folder: Path) -> tuple[int, int]:
    """Write them; gives how many there are, and how many operations they use together. Needs torch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # untrained nets have values next to 0
        nets = [*_packed_by_torch(), _low_bit(), _coded(), _routed()]
    operations = set()
    for i, net in enumerate(nets):
        net.save(folder / SEEDS.replace("*", f"{i:02}"))
        for part in getattr(net, "parts", {"": net}).values():
            operations |= {step.op for step in part.graph.steps}
    return len(nets), len(operations)


def _packed_by_torch() -> list[Any]:
    import torch
    from torch import Tensor, nn
    from torch.nn import functional as F

    from leveret.context import ParseNet, street_backbone
    from leveret.data import Normalization
    from leveret.nets import ConvNet, ResNet
    from leveret.packing import pack
    from leveret.shrink.binary import (
        BinaryWeightBlock,
        BinaryWeightLinear,
        BiRealBlock,
        BiRealPair,
        XnorBlock,
        XnorConv2d,
        XnorLinear,
    )

    class Maps(nn.Module):
        """A segmentation net's operations."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.up = nn.Conv2d(2, 8, 3), nn.ConvTranspose2d(2, 3, 2, stride=2)
            self.norm, self.places = nn.GroupNorm(2, 8), nn.LayerNorm(8)

        def forward(self, x: Tensor) -> Tensor:
            y = self.norm(self.conv(F.pad(x, (1, 1, 1, 1), mode="reflect")))
            y = self.places(y.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            y = F.normalize(y, dim=1) * y.amax(1, keepdim=True) + F.adaptive_avg_pool2d(y, 3).mean((2, 3), keepdim=True)
            y = F.pixel_shuffle(y, 2)[:, :2, 2:-2]
            return F.log_softmax(F.interpolate(self.up(y.transpose(2, 3)), size=(7, 9), mode="bilinear"), dim=1)

    class Text(nn.Module):
        """Kim's net."""

        def __init__(self) -> None:
            super().__init__()
            self.words, self.conv, self.classes = nn.Embedding(30, 6), nn.Conv1d(6, 5, 3), nn.Linear(5, 3)

        def forward(self, ids: Tensor) -> Tensor:
            y = torch.relu(self.conv(self.words(ids).transpose(1, 2))).amax(2)
            return torch.softmax(self.classes(y.view(-1, 5, 1).reshape(-1, 5)), dim=1)

    def segmenter(block: Any = None, **options: Any) -> nn.Module:
        """A map of logits of the image's size, which the C library runs, too."""
        backbone = street_backbone(2, widths=(4, 6, 6), depths=(1, 1, 1), block=block)
        return ParseNet(backbone, 3, in_channels=2, **options)

    binary = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1),
        XnorConv2d(8, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        XnorConv2d(8, 8, 3, padding=1),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(8),
        nn.Flatten(),
        XnorLinear(128, 70),
        nn.BatchNorm1d(70),
        XnorLinear(70, 9),
        nn.BatchNorm1d(9),
        BinaryWeightLinear(9, 3),
    )
    real = nn.Sequential(
        nn.Conv2d(2, 4, 3, groups=2),
        nn.ReLU6(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 9),
        nn.Tanh(),
        nn.Unflatten(1, (1, 3, 3)),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(1, 3),
    )
    torch.manual_seed(0)
    images: list[nn.Module] = [
        ConvNet(2, 3, depth=3, widths=(5, 8)),
        ConvNet(2, 3, depth=4, widths=(8, 16), block=BiRealBlock, stem_pool=True),
        ConvNet(2, 3, depth=3, widths=(4, 70), block=XnorBlock),
        ConvNet(2, 3, depth=3, widths=(4, 6), block=BinaryWeightBlock),
        ResNet(2, 3, blocks=(1, 1), widths=(4, 8), block=BiRealPair),
        binary,
        real,
        Maps(),
        *(segmenter(**options) for options in ({}, {"pyramid": True}, {"block": BiRealBlock, "fusion": "late"})),
    ]
    normalization = Normalization((0.5, 0.5), (0.25, 0.25))
    x = torch.randn(2, 2, 8, 8)
    nets = [pack(net.eval(), x, normalization=normalization, classes=["a", "b", "c"]) for net in images]
    return [*nets, pack(Text().eval(), torch.randint(0, 30, (2, 9)), classes=["a", "b", "c"])]


def _low_bit() -> Any:
    """A net of planes, bytes and pruned weights, which `pack` doesn't make yet."""
    from leveret.runtime import InputContract, Packed, kernels
    from leveret.runtime._graph import Graph, Step

    rng = np.random.default_rng(0)
    channels, same = 9, {"padding": [1, 1]}
    tensors: dict[str, Any] = {}
    steps: list[Step] = []

    def add(op: str, attributes: dict[str, Any] | None = None, **arrays: Any) -> None:
        name = f"s{len(steps)}"
        tensors.update({f"{name}.{role}": array for role, array in arrays.items()})
        before = steps[-1].name if steps else "input"
        steps.append(Step(name, op, [before], attributes or {}, {role: f"{name}.{role}" for role in arrays}))

    def signs(*shape: int) -> Any:
        return kernels.pack_bits(rng.normal(size=(*shape, channels)).astype(np.float32))

    def whole(*shape: int) -> Any:
        return rng.integers(-128, 128, (*shape, channels)).astype(np.int8)

    levels = {"step": 0.5, "low": -8, "high": 7}
    scale = np.full(channels, 0.01, np.float32)
    add("conv2d", same, weight=rng.normal(size=(channels, 3, 3, 2)).astype(np.float32))
    for op, weight in (
        ("plane_conv2d", signs(2, channels, 3, 3)),
        ("byte_conv2d", signs(channels, 3, 3)),
        ("int8_conv2d", whole(channels, 3, 3)),
    ):
        add("quantize", levels)
        add(op, same | ({"encoding": "ternary"} if op == "plane_conv2d" else {}), weight=weight, scale=scale)
    add("global_avg_pool")
    for op, weight in (
        ("plane_linear", signs(4, channels)),
        ("byte_linear", signs(channels)),
        ("int8_linear", whole(channels)),
    ):
        add("quantize", levels)
        add(op, weight=weight, scale=scale)
    kept = rng.normal(size=(3, channels)) * (rng.random((3, channels)) < 0.5)
    values, columns, starts = kernels.sparse_rows(kept.astype(np.float32))
    add("sparse_linear", values=values, columns=columns, starts=starts)
    return Packed(Graph(steps), tensors, InputContract((2, 6, 8), (0.4, 0.5), (0.2, 0.3)), ["a", "b", "c"])


def _coded() -> Any:
    """A net whose weights are stored in every way that there is."""
    import torch
    from torch import nn

    from leveret.data import Normalization
    from leveret.packing import pack
    from leveret.shrink import hash_weights, prune, share, ternarize

    torch.manual_seed(1)
    net: nn.Module = nn.Sequential(
        nn.Conv2d(2, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 8, 3, padding=1),
        nn.Flatten(),
        nn.Linear(512, 9),
        nn.Linear(9, 3),
    )
    x = torch.randn(8, 2, 8, 8)
    net = hash_weights(net, 8, layers=["0"])
    net = share(net, 2, length=3, layers=["2"])
    net = ternarize(net, [x], layers=["4"])
    net = prune(net, 0.7, layers=["6"])
    net = share(prune(net, 0.9, layers=["8"]), 2, layers=["8"])
    return pack(net.eval(), x, normalization=Normalization((0.5, 0.5), (0.25, 0.25)), classes=["a", "b", "c"])


def _routed() -> Any:
    """A net of several parts, whose saliency goes back through every kind of operation that has a backward one."""
    import torch
    from torch import nn

    from leveret.capacity import DynamicCapacityNet
    from leveret.packing import pack

    torch.manual_seed(0)
    coarse = nn.Sequential(nn.Conv2d(1, 4, 3, 2), nn.ReLU())
    fine = nn.Sequential(nn.Conv2d(1, 4, 3, 2), nn.ReLU())
    bends = nn.SiLU(), nn.MaxPool2d(2), nn.LeakyReLU(), nn.ReLU6()
    top = nn.Sequential(nn.Conv2d(4, 4, 2), *bends, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    net = DynamicCapacityNet(coarse, fine, top, 3).eval()
    return pack(net, torch.randn(2, 1, 16, 16), classes=["a", "b", "c"])
