"""Bytes with bytes: every instruction set is exact, and the reference is as torch is."""

import numpy as np
import pytest
import torch
from cases import convolutions, floats, steps
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.errors import LeveretUsageError
from leveret.runtime import kernels, reference


def bytes_of(rng, signed, *shape):
    x = rng.integers(0, 256, shape).astype(np.uint8)
    x[rng.random(shape) < 0.2] = rng.choice([0, 127, 128, 255])  # where narrow products saturate
    return x.view(np.int8) if signed else x


@pytest.mark.usefixtures("isa")
@settings(max_examples=80, deadline=None)
@given(convolutions(), st.booleans(), st.integers(1, 3))
def test_convolution(case, signed, threads):
    window, (n, h, w), channels, outputs, groups, seed = case
    rng = np.random.default_rng(seed)
    x = bytes_of(rng, signed, n, h, w, channels)
    weight = bytes_of(rng, True, outputs, *window.kernel, channels // groups)
    layer = kernels.Int8Conv2d(weight, signed, window.stride, window.padding, window.dilation, groups)
    sums = reference.intconv(x, weight, window, groups)
    np.testing.assert_array_equal(layer(x, threads=threads), sums)
    after = steps(rng, sums.shape)
    np.testing.assert_allclose(
        layer(x, threads=threads, **after), reference.affine(sums, **after), rtol=1e-5, atol=1e-2
    )


def test_the_reference_against_torch():
    rng = np.random.default_rng(0)
    x, weight = bytes_of(rng, False, 2, 7, 6, 10), bytes_of(rng, True, 4, 3, 2, 5)
    layer = kernels.Int8Conv2d(weight, False, (2, 1), (1, 2), 1, 2)
    image, filters = torch.from_numpy(x.astype(np.float64)), torch.from_numpy(weight.astype(np.float64))
    expected = torch.conv2d(image.permute(0, 3, 1, 2), filters.permute(0, 3, 1, 2), None, (2, 1), (1, 2), 1, 2)
    np.testing.assert_array_equal(reference.intconv(x, weight, layer.window, 2), expected.permute(0, 2, 3, 1).numpy())


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("weight", [-128, 127])
def test_the_largest_sums(weight, signed):
    layer = kernels.Int8Conv2d(np.full((3, 3, 3, 1024), weight, np.int8), signed, padding=1)
    for value in (-128, 127) if signed else (255,):
        x = np.full((1, 4, 5, 1024), value, layer.dtype)
        np.testing.assert_array_equal(layer(x), layer._reference(x))
    huge = kernels.Int8Conv2d(np.full((1, 9, 9, 1024), weight, np.int8), signed)  # more than 32 bits hold
    assert huge(np.full((1, 9, 9, 1024), 100, huge.dtype)).item() == 81 * 1024 * 100.0 * weight


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("rows", [0, 1, 7, 24])
def test_linear(rows):
    rng = np.random.default_rng(rows)
    x, weight, add = bytes_of(rng, True, rows, 70), bytes_of(rng, True, 33, 70), floats(rng, rows, 33)
    expected = (x.astype(np.float64) @ weight.T).astype(np.float32)
    np.testing.assert_array_equal(kernels.Int8Linear(weight)(x), expected)
    np.testing.assert_array_equal(kernels.Int8Linear(weight)(x, add=add, threads=2), expected + add)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda w: kernels.Int8Conv2d(w.astype(np.float32)), "in / groups\\) int8, got .* float32"),
        (lambda w: kernels.Int8Conv2d(w, groups=2), "multiples of groups"),
        (lambda w: kernels.Int8Conv2d(w)(np.zeros((1, 4, 4, 2), np.uint8)), "int8, got .* uint8"),
        (lambda w: kernels.Int8Linear(w), r"\(out, in\)"),
        (lambda w: kernels.Int8Linear(w[:, 0, 0])(np.zeros((1, 3), np.int8)), r"\(n, 2\) int8, got \(1, 3\)"),
        (lambda w: kernels.Int8Linear(w[:, 0, 0])(np.zeros((1, 2, 2), np.int8)), r"\(n, 2\)"),
        (
            lambda w: kernels.Int8Linear(w[:, 0, 0])(np.zeros((1, 2), np.int8), add=np.zeros((3, 1), np.float32)),
            r"add must be \(1, 3\)",
        ),
    ],
)
def test_errors(call, says):
    with pytest.raises(LeveretUsageError, match=says):
        call(np.zeros((3, 3, 3, 2), np.int8))
