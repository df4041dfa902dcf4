"""What is easy to get wrong at the edges: ties, NaN, windows without a place, spare bits, wrong arguments."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.runtime import kernels, reference


def rounded_once(x, scale, shift):
    """The float32 nearest to `x · scale + shift`, ties to even, by whole fractions."""
    exact = Fraction(float(x)) * Fraction(float(scale)) + Fraction(float(shift))
    near = np.float32(float(exact))
    around = (np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf)))
    return min(around, key=lambda v: (abs(Fraction(float(v)) - exact), int(v.view(np.uint32)) & 1))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("tiny", [2.0**-40, -(2.0**-40), 2.0**-100, -(2.0**-100)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_tie_is_broken_by_what_a_double_forgets(tiny, sign):
    """4097 · 4097 lies halfway between two floats, 4099 · 4099 too, but on the other side of an even one."""
    for value in (4097.0, 4099.0):
        x = np.full((3, 9), value, np.float32)  # eight lanes together and one alone
        scale, shift = np.full(9, sign * value, np.float32), np.full(9, tiny, np.float32)
        expected = rounded_once(x[0, 0], scale[0], shift[0])
        np.testing.assert_array_equal(kernels.affine(x, scale, shift), np.full((3, 9), expected))


@pytest.mark.usefixtures("isa")
@settings(max_examples=60, deadline=None)
@given(st.integers(2**23, 2**24 - 1), st.integers(2**23, 2**24 - 1), st.integers(-90, 90), st.integers(-(2**24), 2**24))
def test_scale_and_shift_round_once(x, scale, power, shift):
    values = [np.float32(x), np.float32(scale), np.float32(np.ldexp(float(shift), power))]
    got = kernels.affine(np.full((1, 9), values[0]), *(np.full(9, v) for v in values[1:]))
    np.testing.assert_array_equal(got, np.full((1, 9), rounded_once(*values)))


@pytest.mark.usefixtures("isa")
def test_infinite_and_missing_values_pass_the_epilogue():
    x = np.array([[np.inf, -np.inf, np.nan, 3e38, 0, -0.0, 1, 1, 1]], np.float32)
    got = kernels.affine(x, np.full(9, 2, np.float32), np.full(9, -1, np.float32))
    np.testing.assert_array_equal(got, np.array([[np.inf, -np.inf, np.nan, np.inf, -1, -1, 1, 1, 1]], np.float32))


@pytest.mark.usefixtures("isa")
def test_the_largest_of_values_with_a_nan_is_nan():
    x = np.array([1, np.nan, np.nan, 2, 3, 4], np.float32).reshape(1, 1, 6, 1)
    expected = F.max_pool2d(torch.from_numpy(x).permute(0, 3, 1, 2), (1, 2)).numpy()
    np.testing.assert_array_equal(kernels.max_pool2d(x, (1, 2)).ravel(), expected.ravel())


@pytest.mark.usefixtures("isa")
def test_a_window_that_straddles_the_image_has_no_largest_value():
    x = np.full((1, 2, 2, 3), -5, np.float32)
    expected = F.max_pool2d(torch.from_numpy(x).permute(0, 3, 1, 2), 2, 1, 1, 3).permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(kernels.max_pool2d(x, 2, 1, 1, 3), expected)
    assert np.isneginf(expected).all()


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(("batch", "side"), [(0, 4), (0, 1), (1, 1), (2, 1)])
def test_no_images_and_images_of_one_pixel(batch, side):
    rng = np.random.default_rng(batch + side)
    x = rng.normal(size=(batch, side, side, 5)).astype(np.float32)
    weight = rng.normal(size=(7, 3, 3, 5)).astype(np.float32)
    real, binary = kernels.Conv2d(weight, padding=1), kernels.BitConv2d(kernels.pack_bits(weight), 5, padding=1)
    bits = kernels.pack_bits(x)
    np.testing.assert_allclose(real(x), reference.floatconv(x, weight, real.window), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(
        binary.real(bits), reference.bitconv(reference.pack_bits(x), kernels.pack_bits(weight), 5, binary.window)
    )
    thresholds = np.zeros(7, np.float32), np.zeros(7, np.uint8)
    assert binary.bits(bits, *thresholds).shape == (batch, side, side, 1)
    assert kernels.affine(x, shift=np.ones(5, np.float32)).shape == x.shape
    assert kernels.avg_pool2d(x, 1).shape == x.shape


@pytest.mark.usefixtures("isa")
def test_more_threads_change_nothing_and_callers_may_come_at_once():
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(3, 20, 19, 70)).astype(np.float32), rng.normal(size=(33, 3, 3, 70)).astype(np.float32)
    real, binary = kernels.Conv2d(weight, padding=1), kernels.BitConv2d(kernels.pack_bits(weight), 70, padding=1)

    def everything(threads):
        bits = kernels.pack_bits(x, threads=threads)
        pooled = kernels.avg_pool2d(x, 3, 2, 1, threads=threads)
        return bits, real(x, threads=threads), binary.real(bits, threads=threads), pooled

    alone = everything(1)
    with ThreadPoolExecutor(4) as callers:
        for together in callers.map(everything, (2, 3, 2, 300)):
            for one, other in zip(alone, together, strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda w, x: kernels.BitConv2d(w | np.uint64(8), 3), "bits past channel 2 zero"),
        (lambda w, x: kernels.BitConv2d(w, 3, stride=(1,)), r"whole number or two, got \(1,\)"),
        (lambda w, x: kernels.BitConv2d(w, 3, stride=1.5), "whole number or two, got 1.5"),
        (lambda w, x: kernels.max_pool2d(x, "2"), "whole number or two, got '2'"),
        (lambda w, x: kernels.max_pool2d(x, 3, padding=2), r"at most half of the kernel \(3, 3\), got \(2, 2\)"),
        (lambda w, x: kernels.avg_pool2d(x, 1, padding=(0, 1)), "at most half of the kernel"),
    ],
)
def test_wrong_arguments(call, says):
    with pytest.raises(LeveretUsageError, match=says):
        call(np.zeros((2, 1, 1, 1), np.uint64), np.zeros((1, 4, 4, 1), np.float32))


def test_sizes_may_be_numpy_integers():
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(kernels.max_pool2d(x, np.int64(2)), kernels.max_pool2d(x, [2, np.int32(2)]))


@pytest.mark.parametrize(("wish", "says"), [("avx2", "no kernels were compiled, got 'avx2'"), ("", "reference")])
def test_without_compiled_kernels(wish, says):
    code = """
import sys
sys.modules["leveret.runtime._kernels"] = None
from leveret.runtime import kernels
print(kernels.isa())
"""
    environment = {**os.environ, "LEVERET_ISA": wish}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert says in run.stdout + run.stderr


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("rows", [1, 3])
def test_few_rows_of_many_filters_are_shared_out(rows):
    """They are cut across the filters: every filter is computed once, whatever the number of threads."""
    rng = np.random.default_rng(rows)
    x = rng.normal(size=(1, rows, 5, 70)).astype(np.float32)
    weight = rng.normal(size=(330, 3, 3, 70)).astype(np.float32)
    bits = reference.pack_bits(x)
    binary = kernels.BitConv2d(reference.pack_bits(weight), 70, padding=1)
    real, exact = (kernels.Conv2d(weight, padding=1, exact=exact) for exact in (False, True))
    threshold, flip = np.zeros(330, np.float32), rng.integers(0, 2, 330).astype(np.uint8)
    for threads in (2, 3, 7):
        np.testing.assert_array_equal(binary.real(bits, threads=threads), binary.real(bits, threads=1))
        got = binary.bits(bits, threshold, flip, threads=threads)
        np.testing.assert_array_equal(got, binary.bits(bits, threshold, flip, threads=1))
        np.testing.assert_array_equal(real(x, threads=threads), real(x, threads=1))
        np.testing.assert_array_equal(exact(x, threads=threads), exact(x, threads=1))
