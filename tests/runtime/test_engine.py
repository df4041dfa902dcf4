"""The native engine against the same steps run one by one, its memory, and calls from many threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import leveret
from leveret.data import Normalization
from leveret.runtime import InputContract, Packed, kernels
from leveret.runtime._graph import Graph, Step
from leveret.shrink.binary import BinaryWeightBlock, BiRealBlock, BiRealPair, XnorBlock

pytestmark = pytest.mark.skipif(kernels.available_isas() == ["reference"], reason="no kernels were compiled")

NETS = {
    "real": lambda: leveret.ConvNet(3, 7, depth=5, widths=(9, 20)),
    "bireal": lambda: leveret.ConvNet(3, 7, depth=5, widths=(24, 48), block=BiRealBlock, stem_pool=True),
    "xnor": lambda: leveret.ConvNet(3, 7, depth=4, widths=(16, 70), block=XnorBlock),
    "weights": lambda: leveret.ConvNet(3, 7, depth=3, widths=(16, 24), block=BinaryWeightBlock),
    "resnet": lambda: leveret.ResNet(3, 7, blocks=(1, 1), widths=(16, 32), block=BiRealPair),
    "mlp": lambda: torch.nn.Sequential(
        torch.nn.Conv2d(3, 5, 3, 2), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(5 * 7 * 5, 7)
    ),
}


def packed(name):
    torch.manual_seed(0)
    net = NETS[name]()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    normalization = Normalization((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    return leveret.pack(net.eval(), torch.randn(2, 3, 16, 12), normalization=normalization)


def step_by_step(net, monkeypatch):
    monkeypatch.setattr("leveret.runtime._packed.build_engine", lambda *_: None)
    return Packed(net.graph, net.tensors, net.input)


@pytest.mark.parametrize("name", NETS)
def test_gives_what_the_steps_give(name, monkeypatch):
    net = packed(name)
    assert net._engine is not None
    plain = step_by_step(net, monkeypatch)
    assert plain._engine is None
    pixels = np.random.default_rng(1).integers(0, 256, (5, 3, 16, 12), np.uint8)
    floats = np.random.default_rng(2).normal(size=(3, 3, 16, 12)).astype(np.float32)
    for images in (pixels, floats, pixels[:1], floats[:, ::-1], pixels[:0]):
        for threads in (1, 2):
            got = net(images, threads=threads)
            np.testing.assert_allclose(got, plain(images, threads=threads), rtol=1e-5, atol=1e-5)
            assert got.dtype == np.float32


def clips(count):
    steps = [Step(f"s{i}", "clip", [f"s{i - 1}" if i else "input"], {"low": -1, "high": 1}) for i in range(count)]
    steps.append(Step("mean", "global_avg_pool", [f"s{count - 1}"]))
    return Packed(Graph(steps), {}, InputContract((3, 16, 16)))


def test_values_share_memory_once_nobody_needs_them():
    """A chain of any length needs two images: the one that a step reads and the one that it writes."""
    image = 3 * 16 * 16 * 4
    assert clips(20)._engine.arena_bytes(1) == clips(2)._engine.arena_bytes(1) == 2 * image
    assert clips(20)._engine.arena_bytes(7) == 14 * image


def test_a_value_lives_until_its_last_reader():
    """The first clip's result is added to what comes ten steps later."""
    net = clips(10)
    steps = net.graph.steps[:-1]
    steps.append(Step("sum", "affine", ["s9", "s0"]))
    steps.append(Step("mean", "global_avg_pool", ["sum"]))
    joined = Packed(Graph(steps), {}, net.input)
    x = np.random.default_rng(0).normal(size=(3, 3, 16, 16)).astype(np.float32)
    np.testing.assert_allclose(joined(x), 2 * np.clip(x, -1, 1).mean((2, 3)), rtol=1e-5, atol=1e-6)


def test_large_batches_are_cut():
    net = clips(3)
    x = np.random.default_rng(0).normal(size=(15_000, 3, 16, 16)).astype(np.float32)
    np.testing.assert_allclose(net(x), np.clip(x, -1, 1).mean((2, 3)), rtol=1e-4, atol=1e-5)


def test_calls_from_many_threads_do_not_meet():
    net = packed("bireal")
    images = np.random.default_rng(3).integers(0, 256, (40, 3, 16, 12), np.uint8)
    expected = net(images, threads=1)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            got = list(pool.map(lambda i: net(images[i : i + 1 + i % 4]), range(36)))
            for i, rows in enumerate(got):
                np.testing.assert_array_equal(rows, expected[i : i + 1 + i % 4])


def test_profile_times_each_step():
    net = packed("bireal")
    for images in (np.zeros((2, 3, 16, 12), np.float32), np.zeros((2, 3, 16, 12), np.uint8)):
        logits = np.empty((2, 7), np.float32)
        seconds = net._engine.profile(images, logits, 1)
        assert len(seconds) == 1 + len(net.graph.steps)
        assert min(seconds) >= 0
        np.testing.assert_array_equal(logits, net(images))
