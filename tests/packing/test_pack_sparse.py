"""Packing what was pruned: mostly zeros become `sparse_linear`, with PyTorch's logits."""

import numpy as np
import pytest
import torch
from torch import nn

import leveret
from leveret import runtime
from leveret.errors import LeveretUsageError
from leveret.shrink import prune


def packed_like_torch(net, x, tmp_path):
    net.eval()
    packed = leveret.pack(net, x)
    with torch.no_grad():
        np.testing.assert_allclose(packed(x.numpy()), net(x).numpy(), rtol=1e-4, atol=1e-5)
    packed.save(tmp_path / "net.lvr")
    again = runtime.load(tmp_path / "net.lvr")
    np.testing.assert_array_equal(again(x.numpy()), packed(x.numpy()))
    return packed


def ops(packed):
    return [step.op for step in packed.graph.steps]


def net(seed=0):
    torch.manual_seed(seed)
    made = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 1, bias=False),
        nn.BatchNorm2d(32),
        nn.LeakyReLU(0.1),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 9, 40),
        nn.ReLU(),
        nn.Linear(40, 5),
    )
    made(torch.randn(30, 3, 6, 6))  # statistics of its own for the norm
    return made


def test_pruned_layers_keep_what_is_left(tmp_path, isa):
    x = torch.randn(3, 3, 6, 6)
    dense = packed_like_torch(net(), x, tmp_path)
    whole = (tmp_path / "net.lvr").stat().st_size
    pruned = prune(net(), 0.9, scope="layer", keep_last=True)
    packed = packed_like_torch(pruned, x, tmp_path)
    assert ops(dense) == ["conv2d", "conv2d", "max_pool2d", "flatten", "linear", "linear"]
    assert ops(packed) == ["conv2d", "sparse_linear", "max_pool2d", "flatten", "sparse_linear", "linear"]
    kept = [len(packed.tensors[step.tensors["values"]]) for step in packed.graph.steps if step.op == "sparse_linear"]
    assert kept == [int(pruned[i].mask.sum()) for i in (2, 7)]
    assert (tmp_path / "net.lvr").stat().st_size < whole / 3


def test_what_is_not_mostly_zeros_stays(tmp_path):
    packed = packed_like_torch(prune(net(), 0.7, scope="layer"), torch.randn(2, 3, 6, 6), tmp_path)
    assert "sparse_linear" not in ops(packed)


@pytest.mark.parametrize("options", [{"stride": 2}, {"padding": 1}, {"groups": 2}])
def test_other_1x1_convolutions_stay(options, tmp_path):
    made = nn.Sequential(nn.Conv2d(4, 8, 1, **options), nn.Flatten(1), nn.LazyLinear(3))
    x = torch.randn(2, 4, 5, 5)
    made(x)
    packed = packed_like_torch(prune(made, 0.9, scope="layer"), x, tmp_path)
    assert ops(packed) == ["conv2d", "flatten", "sparse_linear"]


def test_rows_that_are_gone_altogether_and_residual_sums(tmp_path, isa):
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(8, 8, 1)
            self.out = nn.Linear(8, 3)

        def forward(self, x):
            return self.out(torch.relu(self.conv(x) + x).mean((2, 3)))

    torch.manual_seed(0)
    made = prune(Residual(), 0.85, scope="layer", keep_last=True)
    assert (~made.conv.mask.flatten(1)).all(1).any()
    packed = packed_like_torch(made, torch.randn(2, 8, 3, 3), tmp_path)
    assert ops(packed)[0] == "sparse_linear"
    assert len(packed.graph.steps[0].inputs) == 2


def test_torchs_own_pruning_packs_too(tmp_path):
    from torch.nn.utils import prune as torch_prune

    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(64, 30), nn.ReLU(), nn.Linear(30, 3))
    torch_prune.l1_unstructured(made[2], "weight", 0.9)
    x = torch.randn(2, 1, 6, 6)
    made(x)
    with pytest.raises(LeveretUsageError, match=r"prune\.remove"):
        leveret.pack(made, x)
    torch_prune.remove(made[2], "weight")
    assert ops(packed_like_torch(made, x, tmp_path)) == ["conv2d", "flatten", "sparse_linear", "linear"]


def test_minus_zeros_of_a_mask_are_holes_like_others(tmp_path):
    torch.manual_seed(0)
    conv = nn.Conv2d(8, 16, 3)
    with torch.no_grad():
        conv.weight *= torch.rand_like(conv.weight) < 0.3  # leaves −0 where a weight was below 0
    assert (conv.weight.view(torch.int32) == -(2**31)).any()
    packed = leveret.pack(nn.Sequential(conv, nn.Flatten(), nn.Linear(256, 3)).eval(), torch.randn(2, 8, 6, 6))
    assert packed.codings["0.weight"].kind == "sparse"
