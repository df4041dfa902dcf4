"""Class trees, packed: the same probabilities, whatever the beams; only what is picked is run."""

import numpy as np
import pytest
import torch
from torch import nn

import leveret
from leveret import runtime
from leveret.errors import LeveretPackError, LeveretUsageError
from leveret.grow import ClassTree
from leveret.nets import ConvNet
from leveret.shrink.binary import XnorBlock


def made(**options):
    torch.manual_seed(0)
    net = ConvNet(1, 6, depth=3, widths=(6, 8), **options)
    tree = ClassTree(net, "abcdef").branch(["abc", "fd", "e"])
    tree = tree.branch(["ca", "b"], (0,))
    with torch.no_grad():
        for parameter in tree.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    for module in tree.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.3, 1)
    return tree.eval()


def images(count, seed=1):
    return torch.randn((count, 1, 9, 8), generator=torch.Generator().manual_seed(seed))


class Pixels:
    mean, std = (0.4,), (0.2,)


def test_as_in_pytorch(tmp_path):
    tree = made()
    leveret.pack(tree, images(3), normalization=Pixels, provenance={"data": "none"}).save(tmp_path / "tree.lvr")
    packed = runtime.load(tmp_path / "tree.lvr")
    assert isinstance(packed, runtime.PackedTree)
    assert packed.classes == tuple("abcdef")
    assert set(packed.parts) == {"root", "root-0", "root-0-0", "root-1"}
    assert packed.output_shape == (6,)
    x = images(40, seed=2)
    for beams in (1, 2, None):
        for blend in (0.0, 0.3):
            tree.set_inference(beams=beams, blend=blend)
            packed.beams, packed.blend = beams, blend
            with torch.no_grad():
                expected = tree(x)
            np.testing.assert_allclose(packed(x.numpy()), expected, rtol=1e-4, atol=1e-4)
            np.testing.assert_array_equal(packed.predict(x.numpy()), expected.argmax(1))
    pixels = np.random.default_rng(0).integers(0, 256, (5, 1, 9, 8), dtype=np.uint8)
    normal = torch.from_numpy(((pixels / 255 - 0.4) / 0.2).astype(np.float32))
    np.testing.assert_allclose(packed(pixels), packed(normal.numpy()), rtol=1e-4, atol=1e-4)
    assert packed(x.numpy()[:0]).shape == (0, 6)


def test_only_the_branch_and_the_leaf_that_it_picks_are_run(tmp_path):
    packed = leveret.pack(made(), images(3))
    x = images(30, seed=3).numpy()
    with torch.no_grad():
        sums = torch.softmax(made().root.net(torch.from_numpy(x)), 1).numpy()
    sums = np.stack([sums[:, :3].sum(1), sums[:, [5, 3]].sum(1), sums[:, 4]], 1)
    picked = np.bincount(sums.argmax(1), minlength=3)
    run = {name: len(batch) for name, batch in packed.stages(x, 1)}
    assert run["root"] == 30
    assert run.get("root-0", 0) == picked[0]
    assert run.get("root-1", 0) == picked[1]
    one = {name for name, _ in packed.stages(x[:1], 1)}
    assert len([name for name in one if name in ("root-0", "root-1")]) <= 1
    packed.beams = None
    assert all(len(batch) == 30 for _, batch in packed.stages(x, 1))
    assert packed.runs() == dict.fromkeys(packed.parts, 1.0)
    # three children of 3, 2 and 1 classes, of which the first branches into 2 and 1
    packed.beams = 1
    assert packed.runs()["root-0"] == pytest.approx(3 / 6)
    assert packed.runs()["root-0-0"] == pytest.approx(2 / 6)
    packed.beams = 2
    assert packed.runs()["root-0"] == pytest.approx(1 / 2 + 1 / 2 * 1 / 2)
    assert packed.runs()["root-0-0"] == pytest.approx(3 / 4)
    assert {step.name.split(".")[0] for step in packed.profile(x, repeats=1)} >= {"root", "class_tree"}


def test_inspect_says_what_is_in_it(tmp_path, run):
    leveret.pack(made(), images(3)).save(tmp_path / "tree.lvr")
    code, said, _ = run("inspect", tmp_path / "tree.lvr")
    assert code == 0
    assert "class_tree: leaves 4, beams 1" in said
    assert "root-0-0" in said


def test_weights_that_nodes_share_are_in_the_file_once():
    net = ConvNet(1, 4, depth=3, widths=(6, 8))
    alone = sum(array.nbytes for array in leveret.pack(net.eval(), images(2)).tensors.values())
    tree = leveret.pack(ClassTree(net, "abcd").branch(["ab", "cd"]), images(2))
    assert sum(array.nbytes for array in tree.tensors.values()) < 1.4 * alone


def test_binary_nets_pack_as_trees():
    tree = made(block=XnorBlock)
    packed = leveret.pack(tree, images(2))
    assert packed.binary_bytes_ratio > 1
    assert any(step.op.startswith("bit_conv2d") for step in packed.parts["root-1"].graph.steps)


def test_refusals():
    tree = made()
    with pytest.raises(LeveretUsageError, match="classes of its own: a, b"):
        leveret.pack(tree, images(2), classes=tuple("fedcba"))
    with pytest.raises(LeveretUsageError, match="packs for images"):
        leveret.pack(tree, torch.zeros(2, 9, dtype=torch.int64))

    class Odd(nn.Module):
        def forward(self, x):
            return torch.erfinv(x.clamp(-0.9, 0.9))

    tree.node((1,)).net.norm = nn.Sequential(tree.node((1,)).net.norm, Odd())
    with pytest.raises(LeveretPackError, match=r"root-1: layer .*no erfinv"):
        leveret.pack(tree, images(2))
    packed = leveret.pack(made(), images(2))
    for beams in (0, 1.5, True):
        with pytest.raises(LeveretUsageError, match="beams must be"):
            packed.beams = beams
