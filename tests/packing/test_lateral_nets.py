"""Nets with lateral links: packed and PyTorch agree, and what all steps share stands in the file once."""

import numpy as np
import pytest
import torch
from packing_nets import Function, ops, packs_right, trained
from torch import nn

import leveret
from leveret import runtime
from leveret.nets import ConvNet, Lateral, Links, ShallowNet


def saved(net, x, path):
    """The size of a net's file; loaded, it gives what it gave before."""
    packed = packs_right(net, x)
    packed.save(path)
    again = runtime.load(path)
    assert np.array_equal(again(x.numpy()), packed(x.numpy()))
    assert again.layers() == packed.layers()
    assert sum(layer.bytes for layer in again.layers()) == again.nbytes
    return path.stat().st_size


@pytest.mark.parametrize("kind", ["full", "convolutional", "low-rank"])
@pytest.mark.parametrize("steps", [1, 3])
def test_a_net_with_links_packs(kind, steps, tmp_path):
    net = trained(ConvNet(2, 5, depth=4, width=12, stages=2, lateral=Links(steps, kind, kernel_size=3)))
    saved(net, torch.randn(5, 2, 8, 10), tmp_path / "net.lvr")


def test_each_step_is_one_product():
    net = trained(ConvNet(2, 5, depth=1, width=12, lateral=Links(3)))
    assert ops(packs_right(net, torch.randn(3, 2, 6, 6)))[:5] == ["conv2d", "affine", "conv2d", "conv2d", "conv2d"]


@pytest.mark.parametrize("kind", ["full", "convolutional", "low-rank"])
def test_a_step_more_adds_its_place_in_the_graph_alone(kind, tmp_path):
    x = torch.randn(2, 2, 8, 8)
    sizes = []
    for steps in (1, 2, 6):
        net = trained(ConvNet(2, 5, depth=2, width=64, stages=1, lateral={1: Links(steps, kind)}))
        sizes.append(saved(net, x, tmp_path / "net.lvr"))
    weights = 4 * Links(kind=kind).parameters_for(64, maps=True)
    parts = 2 if kind == "low-rank" else 1
    for more, steps in zip(sizes[1:], (1, 5), strict=True):
        assert 0 < more - sizes[0] < 400 * parts * steps < weights


def test_a_layers_figures_are_of_what_it_has_first(tmp_path):
    net = trained(ConvNet(2, 5, depth=1, width=12, lateral=Links(3)))
    layers = packs_right(net, torch.randn(3, 2, 6, 6)).layers()
    links = [layer for layer in layers if layer.name.startswith("stem.2")][1:]
    assert [layer.parameters for layer in links] == [12 * 12 + 12, 0, 0]  # with the slope of its ReLU
    assert links[0].bytes > 0
    assert [layer.bytes for layer in links[1:]] == [0, 0]
    assert len({layer.macs for layer in links}) == 1


def test_layers_of_the_same_weights_but_other_norms_keep_their_own(tmp_path):
    def twice(x, conv, first, second):
        return torch.cat([first(conv(x)), second(conv(x))], 1)

    net = Function(twice, 12, conv=nn.Conv2d(2, 6, 3), first=nn.BatchNorm2d(6), second=nn.BatchNorm2d(6))
    x = torch.randn(4, 2, 7, 7)
    saved(trained(net), x, tmp_path / "net.lvr")
    steps = [step for step in runtime.load(tmp_path / "net.lvr").graph.steps if step.op == "conv2d"]
    assert steps[0].tensors["weight"] == steps[1].tensors["weight"]
    assert steps[0].tensors["scale"] != steps[1].tensors["scale"]


@pytest.mark.parametrize("coded", ["few values", "pruned", "hashed"])
def test_shared_weights_are_coded_once(coded, tmp_path):
    x = torch.randn(3, 1, 8, 8)
    sizes = {}
    for steps in (1, 5):
        lateral = Lateral(64, Links(steps), maps=False)
        net = trained(nn.Sequential(nn.Flatten(), nn.Linear(64, 64), lateral, nn.Linear(64, 4)))
        if coded == "hashed":
            net = leveret.hash_weights(net, layers=["2.link"])
        for weight in lateral.parameters():
            if coded == "few values":
                weight.data.copy_((4 * weight.data).round() / 4)
            elif coded == "pruned":
                weight.data[weight.data.abs() < 0.8] = 0
        sizes[steps] = saved(net, x, tmp_path / "net.lvr")
        packed = leveret.pack(net, x)
        assert sum(step.op == "sparse_linear" for step in packed.graph.steps) == (steps if coded == "pruned" else 0)
        kinds = {"few values": "table", "pruned": "sparse", "hashed": "hashed"}
        assert [c.kind for c in packed.codings.values()].count(kinds[coded]) == 1
    assert sizes[5] - sizes[1] < 4 * 450


@pytest.mark.parametrize("conv_layers", range(5))
@pytest.mark.parametrize("kind", [None, "full", "low-rank"])
def test_a_shallow_net_packs(conv_layers, kind, tmp_path):
    lateral = None if kind is None else Links(2, kind)
    net = trained(ShallowNet(3, (10, 13), 5, conv_layers, params=3_000, lateral=lateral))
    saved(net, torch.randn(5, 3, 10, 13), tmp_path / "net.lvr")


def test_a_shallow_nets_file_grows_by_the_graph_alone(tmp_path):
    x = torch.randn(2, 1, 28, 28)
    sizes = {}
    for steps in (1, 4):
        net = trained(ShallowNet(1, 28, 10, 2, params=100_000, lateral=Links(steps)))
        sizes[steps] = saved(net, x, tmp_path / "net.lvr")
    assert 0 < sizes[4] - sizes[1] < 3 * 3 * 400  # three more steps of three layers
