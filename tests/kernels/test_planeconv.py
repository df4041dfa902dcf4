"""Quantised values with weights in bit planes: each instruction set is exact, and the reference is as torch is."""

import numpy as np
import pytest
import torch
from cases import convolutions, floats, sizes, steps
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.errors import LeveretUsageError
from leveret.runtime import kernels, reference

LEVELS = [(0, 1), (0, 3), (0, 7), (0, 15), (0, 16), (0, 31), (0, 255), (-1, 1), (-8, 7), (-3, 12), (-128, 127)]
ENCODINGS = [("signs", 1), ("signs", 2), ("signs", 8), ("ternary", 2), ("twos_complement", 1)]
ENCODINGS += [("twos_complement", planes) for planes in (2, 3, 4, 8)]


def planes_of(rng, planes, *shape):
    return reference.pack_bits(floats(rng, planes, *shape))


def values(rng, levels, *shape):
    return rng.integers(levels[0], levels[1] + 1, shape).astype(np.int8 if levels[0] < 0 else np.uint8)


@pytest.mark.usefixtures("isa")
@settings(max_examples=80, deadline=None)
@given(convolutions(), st.sampled_from(ENCODINGS), st.sampled_from(LEVELS), st.integers(1, 3))
def test_plane_convolution(case, coded, levels, threads):
    window, (n, h, w), channels, outputs, groups, seed = case
    encoding, planes = coded
    rng = np.random.default_rng(seed)
    weight = planes_of(rng, planes, outputs, *window.kernel, channels // groups)
    x = values(rng, levels, n, h, w, channels)
    layer = kernels.PlaneConv2d(
        weight, channels, levels, encoding, window.stride, window.padding, window.dilation, groups
    )
    sums = reference.planeconv(x, weight, channels, levels, encoding, window, groups)
    np.testing.assert_array_equal(layer(x, threads=threads), sums)
    after = steps(rng, sums.shape)
    np.testing.assert_allclose(
        layer(x, threads=threads, **after), reference.affine(sums, **after), rtol=1e-5, atol=1e-3
    )


@pytest.mark.usefixtures("isa")
@settings(max_examples=40, deadline=None)
@given(convolutions(), st.booleans(), st.integers(1, 3))
def test_binary_weights_and_bytes(case, signed, threads):
    window, (n, h, w), channels, outputs, groups, seed = case
    rng = np.random.default_rng(seed)
    weight = reference.pack_bits(floats(rng, outputs, *window.kernel, channels // groups))
    levels = (-128, 127) if signed else (0, 255)
    x = values(rng, levels, n, h, w, channels)
    layer = kernels.ByteConv2d(weight, channels, signed, window.stride, window.padding, window.dilation, groups)
    signs = reference.unpack_bits(weight, channels // groups)
    expected = reference.floatconv(x.astype(np.float32), signs, window, groups, exact=True)
    np.testing.assert_array_equal(layer(x, threads=threads), expected)


def test_the_reference_against_torch():
    rng = np.random.default_rng(0)
    whole = rng.integers(-8, 8, (5, 3, 3, 70))
    weight = reference.pack_bits(np.where(np.stack([whole >> j & 1 for j in range(4)]), 1, -1).astype(np.float32))
    np.testing.assert_array_equal(reference.unpack_planes(weight, 70, "twos_complement"), whole)
    x = values(rng, (-4, 9), 2, 6, 7, 70)
    layer = kernels.PlaneConv2d(weight, 70, (-4, 9), padding=1, stride=(2, 1))
    image, filters = torch.from_numpy(x.astype(np.float64)), torch.from_numpy(whole.astype(np.float64))
    expected = torch.conv2d(image.permute(0, 3, 1, 2), filters.permute(0, 3, 1, 2), padding=1, stride=(2, 1))
    np.testing.assert_array_equal(layer(x), expected.permute(0, 2, 3, 1).numpy())


@pytest.mark.parametrize(
    ("encoding", "bits", "spelled"),
    [
        ("signs", [[0, 1]], [-1, 1]),
        ("signs", [[0, 1, 0, 1], [0, 0, 1, 1]], [-3, -1, 1, 3]),
        ("ternary", [[0, 0, 1, 1], [0, 1, 0, 1]], [0, 0, -1, 1]),
        ("twos_complement", [[0, 1]], [0, -1]),
        ("twos_complement", [[0, 1, 0, 1], [0, 0, 1, 1]], [0, 1, -2, -1]),
    ],
)
def test_what_planes_spell(encoding, bits, spelled):
    planes = reference.pack_bits(np.array(bits, np.float32) * 2 - 1)
    np.testing.assert_array_equal(reference.unpack_planes(planes, len(spelled), encoding), spelled)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("levels", [(0, 3), (0, 15), (0, 255), (-128, 127), (-8, 7)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_largest_sums(levels, sign):
    """1024 channels under 3x3 and 5x5, all alike: where narrow sums would overflow."""
    for kernel in (3, 5):
        weight = reference.pack_bits(np.full((1, 66, kernel, kernel, 1024), sign, np.float32))
        layer = kernels.PlaneConv2d(weight, 1024, levels, "signs", padding=1)
        for value in levels:
            x = np.full((1, 4, 9, 1024), value, layer.dtype)
            np.testing.assert_array_equal(layer(x), layer._reference(x))


@pytest.mark.usefixtures("isa")
def test_values_beyond_the_levels_count_as_the_nearest():
    rng = np.random.default_rng(0)
    for levels in ((0, 5), (-3, 2)):
        x = rng.integers(0, 256, (1, 5, 5, 9)).astype(np.uint8).view(np.int8 if levels[0] < 0 else np.uint8)
        layer = kernels.PlaneConv2d(planes_of(rng, 2, 7, 3, 3, 9), 9, levels, padding=1)
        np.testing.assert_array_equal(layer(x), layer(np.clip(x, *levels)))


@pytest.mark.usefixtures("isa")
def test_wide_images_and_far_taps():
    """Images are walked in strips that stay in the cache; far taps need more of them than there is room."""
    rng = np.random.default_rng(0)
    weight = planes_of(rng, 2, 3, 3, 3, 300)
    x = values(rng, (0, 7), 1, 9, 260, 300)
    for dilation in ((1, 1), (1, 90), (4, 2)):
        layer = kernels.PlaneConv2d(weight, 300, (0, 7), "ternary", padding=(2, 5), stride=(1, 3), dilation=dilation)
        np.testing.assert_array_equal(layer(x), layer._reference(x))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("rows", [0, 1, 5, 16])
def test_linear(rows):
    rng = np.random.default_rng(rows)
    x, add = values(rng, (0, 7), rows, 130), floats(rng, rows, 67)
    weight = planes_of(rng, 2, 67, 130)
    layer = kernels.PlaneLinear(weight, 130, (0, 7), "ternary")
    expected = x.astype(np.float32) @ reference.unpack_planes(weight, 130, "ternary").T
    np.testing.assert_array_equal(layer(x, add=add), expected + add)
    byte = kernels.ByteLinear(weight[0], 130, signed=True)
    x = values(rng, (-128, 127), rows, 130)
    np.testing.assert_array_equal(byte(x), x.astype(np.float32) @ reference.unpack_bits(weight[0], 130).T)


@pytest.mark.usefixtures("isa")
@settings(max_examples=40, deadline=None)
@given(st.lists(sizes, min_size=0, max_size=3), st.sampled_from(LEVELS), st.integers(0, 2**31), st.integers(1, 3))
def test_quantize(shape, levels, seed, threads):
    rng = np.random.default_rng(seed)
    step = float(np.float32(rng.uniform(0.01, 2)))
    x = floats(rng, *shape, 3) * np.float32(100)
    got = kernels.quantize(x, step, *levels, threads=threads)
    rounded = torch.round(torch.from_numpy(x) / torch.tensor(step, dtype=torch.float32)).clamp(*levels)
    np.testing.assert_array_equal(got, rounded.numpy())
    assert got.dtype == (np.int8 if levels[0] < 0 else np.uint8)


@pytest.mark.usefixtures("isa")
def test_quantize_rounds_to_even_and_holds_what_is_no_number():
    x = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 1e30, -1e30, np.inf, -np.inf, np.nan, 127.5, -128.5, 1e-45], np.float32)
    expected = [0, 2, 2, 0, -2, 127, -128, 127, -128, -128, 127, -128, 0]
    np.testing.assert_array_equal(kernels.quantize(x, 1, -128, 127), expected)
    np.testing.assert_array_equal(kernels.quantize(np.repeat(x, 9), 1, -128, 127), np.repeat(expected, 9))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda w: kernels.PlaneConv2d(w, 3, (1, 3)), "hold 0, got 1..3"),
        (lambda w: kernels.PlaneConv2d(w, 3, (-1, 200)), "got -1..200"),
        (lambda w: kernels.PlaneConv2d(w, 3, (0, 0)), "got 0..0"),
        (lambda w: kernels.PlaneConv2d(w, 3, (0, 3), "ternary"), "2 planes, got 3"),
        (lambda w: kernels.PlaneConv2d(w, 3, (0, 3), "gray"), "encoding must be"),
        (lambda w: kernels.PlaneConv2d(np.concatenate([w, w, w]), 3, (0, 3)), "1 to 8 planes, got 9"),
        (lambda w: kernels.PlaneConv2d(w, 65, (0, 3)), r"kernel_w, 2\) uint64"),
        (lambda w: kernels.PlaneConv2d(w | np.uint64(8), 3, (0, 3)), "bits past channel 2 zero"),
        (lambda w: kernels.PlaneConv2d(w[0], 3, (0, 3)), "kernel_h, kernel_w"),
        (lambda w: kernels.PlaneConv2d(w, 3, (0, 3))(np.zeros((1, 4, 4, 3), np.int8)), "uint8, got .* int8"),
        (lambda w: kernels.PlaneConv2d(w, 3, (0, 3))(np.zeros((1, 4, 4, 2), np.uint8)), r"\(n, h, w, 3\)"),
        (lambda w: kernels.PlaneLinear(w, 3, (0, 3)), "planes, out, words"),
        (lambda w: kernels.quantize(np.zeros(3, np.float32), 0, 0, 3), "step must be a number above 0, got 0"),
        (lambda w: kernels.quantize(np.zeros(3, np.float32), np.nan, 0, 3), "above 0, got nan"),
        (lambda w: kernels.quantize(np.zeros(3), 1, 0, 3), "float32 array, got float64"),
    ],
)
def test_errors(call, says):
    with pytest.raises(LeveretUsageError, match=says):
        call(np.zeros((3, 2, 3, 3, 1), np.uint64))
