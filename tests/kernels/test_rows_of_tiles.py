"""Rows of many tiles, with and without a border, and what a kernel gives beside its sums: signs, and maps turned."""

import numpy as np
import pytest

from leveret.runtime import InputContract, Packed, kernels, reference
from leveret.runtime._geometry import Window
from leveret.runtime._graph import Graph, Step

BEYOND = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 2.0**31, 0.5, -0.5], np.float32)


def job(rng, kernel, padding, width=26, channels=70, outputs=96):
    bits = kernels.pack_bits(rng.normal(size=(2, 5, width, channels)).astype(np.float32))
    weight = kernels.pack_bits(rng.normal(size=(outputs, *kernel, channels)).astype(np.float32))
    sums = reference.bitconv(bits, weight, channels, Window(kernel, (1, 1), padding, (1, 1)))
    return bits, kernels.BitConv2d(weight, channels, padding=padding), sums


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("width", [2, 8, 9, 26])
@pytest.mark.parametrize(
    ("kernel", "padding"),
    [((3, 3), (1, 1)), ((3, 2), (0, 1)), ((1, 1), (0, 1)), ((3, 3), (0, 0)), ((5, 5), (2, 2)), ((1, 4), (0, 1))],
    ids=str,
)
def test_a_row_of_tiles(kernel, padding, width):
    if width + 2 * padding[1] < kernel[1]:
        pytest.skip("the window doesn't fit")
    rng = np.random.default_rng(width)
    bits, layer, sums = job(rng, kernel, padding, width)
    np.testing.assert_array_equal(layer.real(bits), sums)
    threshold = rng.choice(sums.ravel(), sums.shape[3]).astype(np.float32)  # as many ties as can be
    flip = rng.integers(0, 2, sums.shape[3]).astype(np.uint8)
    np.testing.assert_array_equal(layer.bits(bits, threshold, flip), reference.pack_bits(sums, threshold, flip))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("flipped", [0, 1])
def test_thresholds_that_no_sum_has(flipped):
    rng = np.random.default_rng(flipped)
    bits, layer, sums = job(rng, (3, 3), (1, 1))
    threshold = rng.choice(BEYOND, sums.shape[3])
    flip = np.full(sums.shape[3], flipped, np.uint8)
    np.testing.assert_array_equal(layer.bits(bits, threshold, flip), reference.pack_bits(sums, threshold, flip))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("channels", [64, 128, 70])
def test_signs_against_zero(channels):
    x = np.random.default_rng(channels).normal(size=(3, 5, channels)).astype(np.float32)
    x[0, 0, :4] = 0, -0.0, np.nan, -np.inf
    np.testing.assert_array_equal(kernels.pack_bits(x), reference.pack_bits(x))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(("side", "channels", "threads"), [(9, 64, 1), (9, 70, 2), (2, 256, 2)])
def test_signs_that_a_layer_gives_beside_its_sums(side, channels, threads, monkeypatch):
    """Read by one step at once, by another for a threshold of its own, and the sums by a third."""
    rng = np.random.default_rng(side)
    weights = [rng.normal(size=(channels, 3, 3, channels)).astype(np.float32) for _ in range(3)]
    tensors = {f"w{i}": kernels.pack_bits(weight) for i, weight in enumerate(weights)}
    tensors["t"] = rng.normal(size=channels).astype(np.float32)
    tensors["f"] = rng.integers(0, 2, channels).astype(np.uint8)
    window = {"padding": [1, 1]}
    steps = [
        Step("b0", "bits", ["input"]),
        Step("y0", "bit_conv2d", ["b0"], window, {"weight": "w0"}),
        Step("b1", "bits", ["y0"], {}, {"threshold": "t", "flip": "f"}),
        Step("b2", "bits", ["y0"]),
        Step("y1", "bit_conv2d", ["b1", "y0"], window, {"weight": "w1"}),
        Step("y2", "bit_conv2d", ["b2", "y1"], window, {"weight": "w2"}),
    ]
    contract = InputContract((channels, side, side))
    net = Packed(Graph(steps), tensors, contract)
    monkeypatch.setattr("leveret.runtime._packed.build_engine", lambda *_: None)
    plain = Packed(Graph(steps), tensors, contract)
    images = rng.normal(size=(3, channels, side, side)).astype(np.float32)
    np.testing.assert_array_equal(net(images, threads=threads), plain(images, threads=threads))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(("height", "width", "channels"), [(1, 1, 3), (5, 7, 3), (30, 40, 64), (17, 1, 4), (9, 9, 33)])
@pytest.mark.parametrize("threads", [1, 2])
def test_maps_come_channels_first(height, width, channels, threads):
    """As they were given: the net multiplies by 2."""
    steps = [Step("y", "affine", ["input"], {}, {"scale": "s"})]
    net = Packed(Graph(steps), {"s": np.full(channels, 2, np.float32)}, InputContract((channels, height, width)))
    for n in (0, 1, 3):
        images = np.random.default_rng(n).normal(size=(n, channels, height, width)).astype(np.float32)
        np.testing.assert_array_equal(net(images, threads=threads), 2 * images)
