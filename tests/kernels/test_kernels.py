"""Every kernel on every instruction set against its numpy reference, over odd shapes; the references against torch."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from cases import convolutions, floats, sizes, small, steps
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.runtime import kernels, reference

SETS = [name for name in kernels.available_isas() if name != "reference"]


@pytest.fixture(params=SETS)
def isa(request):
    with kernels.using_isa(request.param):
        yield request.param


@pytest.mark.usefixtures("isa")
@settings(max_examples=60, deadline=None)
@given(convolutions(), st.integers(1, 3))
def test_bit_convolution(case, threads):
    window, (n, h, w), channels, outputs, groups, seed = case
    rng = np.random.default_rng(seed)
    bits = reference.pack_bits(floats(rng, n, h, w, channels))
    weight = reference.pack_bits(floats(rng, outputs, *window.kernel, channels // groups))
    layer = kernels.BitConv2d(weight, channels, window.stride, window.padding, window.dilation, groups)
    sums = reference.bitconv(bits, weight, channels, window, groups)
    np.testing.assert_array_equal(layer.real(bits, threads=threads), sums)
    after = steps(rng, sums.shape)
    np.testing.assert_allclose(
        layer.real(bits, threads=threads, **after), reference.affine(sums, **after), rtol=1e-5, atol=1e-4
    )
    threshold = rng.integers(-9, 10, outputs).astype(np.float32)
    flip = rng.integers(0, 2, outputs).astype(np.uint8)
    np.testing.assert_array_equal(
        layer.bits(bits, threshold, flip, threads=threads), reference.pack_bits(sums, threshold, flip)
    )


@pytest.mark.usefixtures("isa")
@settings(max_examples=60, deadline=None)
@given(convolutions(), st.integers(1, 3))
def test_real_convolution(case, threads):
    window, (n, h, w), channels, outputs, groups, seed = case
    rng = np.random.default_rng(seed)
    x, weight = floats(rng, n, h, w, channels), floats(rng, outputs, *window.kernel, channels // groups)
    layer = kernels.Conv2d(weight, window.stride, window.padding, window.dilation, groups)
    expected = reference.floatconv(x, weight, window, groups)
    after = steps(rng, expected.shape)
    np.testing.assert_allclose(
        layer(x, threads=threads, **after), reference.affine(expected, **after), rtol=1e-4, atol=1e-4
    )


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("channels", [2, 5, 64, 100])
def test_depthwise_convolution(channels):
    rng = np.random.default_rng(channels)
    x, weight = floats(rng, 2, 6, 5, channels), floats(rng, channels, 3, 3, 1)
    layer = kernels.Conv2d(weight, 2, 1, 1, channels)
    expected = reference.floatconv(x, weight, layer.window, channels)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("isa")
@settings(max_examples=30, deadline=None)
@given(convolutions())
def test_exact_convolution_is_the_same_to_the_last_bit(case):
    window, (n, h, w), channels, outputs, groups, seed = case
    rng = np.random.default_rng(seed)
    x, weight = floats(rng, n, h, w, channels), floats(rng, outputs, *window.kernel, channels // groups)
    layer = kernels.Conv2d(weight, window.stride, window.padding, window.dilation, groups, exact=True)
    np.testing.assert_array_equal(layer(x), reference.floatconv(x, weight, window, groups, exact=True))


@pytest.mark.usefixtures("isa")
def test_the_epilogue_rounds_as_torch_does():
    """BatchNorm, PReLU and additions in evaluation, bit for bit."""
    rng = np.random.default_rng(0)
    x, residual, before, after, slope = (floats(rng, *s) for s in ((8, 5, 5, 24), (8, 5, 5, 24), (24,), (24,), (24,)))
    norm = torch.nn.BatchNorm2d(24).eval()
    with torch.no_grad():
        for values in (norm.running_mean, norm.weight, norm.bias):
            values.normal_()
        norm.running_var.uniform_(0.5, 2)
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        shift = torch.addcmul(norm.bias.double(), norm.running_mean.double(), scale.double(), value=-1).float()
        image = torch.from_numpy(x).permute(0, 3, 1, 2)
        y = norm(image) + torch.from_numpy(residual).permute(0, 3, 1, 2)
        y = F.prelu(y + torch.from_numpy(before).view(-1, 1, 1), torch.from_numpy(slope))
        y = y + torch.from_numpy(after).view(-1, 1, 1)
    got = kernels.affine(x, scale.numpy(), shift.numpy(), add=residual, before=before, slope=slope, after=after)
    np.testing.assert_array_equal(got, y.permute(0, 2, 3, 1).numpy())


@pytest.mark.usefixtures("isa")
def test_deep_convolutions_stay_exact():
    """512 channels under 3x3, all alike: the largest sums there are."""
    for value in (1.0, -1.0):
        bits = reference.pack_bits(np.full((1, 4, 4, 512), 1.0, np.float32))
        weight = reference.pack_bits(np.full((40, 3, 3, 512), value, np.float32))
        layer = kernels.BitConv2d(weight, 512, padding=1)
        np.testing.assert_array_equal(layer.real(bits), reference.bitconv(bits, weight, 512, layer.window))
    huge = kernels.BitConv2d(np.zeros((2, 7, 7, 32), np.uint64), 2048)
    assert huge.real(np.zeros((1, 7, 7, 32), np.uint64)).tolist() == [[[[7 * 7 * 2048.0] * 2]]]


@pytest.mark.usefixtures("isa")
@settings(max_examples=60, deadline=None)
@given(st.lists(sizes, min_size=0, max_size=2), st.integers(1, 200), st.integers(0, 2**31), st.integers(1, 3))
def test_packing(shape, channels, seed, threads):
    rng = np.random.default_rng(seed)
    x = floats(rng, *shape, channels)
    np.testing.assert_array_equal(kernels.pack_bits(x, threads=threads), reference.pack_bits(x))
    threshold, flip = x.reshape(-1, channels)[0].copy(), rng.integers(0, 2, channels).astype(np.uint8)
    got = kernels.pack_bits(x, threshold, flip, threads=threads)
    np.testing.assert_array_equal(got, reference.pack_bits(x, threshold, flip))
    signs = kernels.unpack_bits(got, channels)
    np.testing.assert_array_equal(signs > 0, np.where(flip.astype(bool), x <= threshold, x >= threshold))


@st.composite
def pools(draw):
    kernel = (draw(small), draw(small))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    stride = (draw(small), draw(small))
    n, h, w = draw(st.integers(1, 3)), draw(st.integers(3, 9)), draw(st.integers(3, 9))
    return kernel, stride, padding, draw(st.booleans()), (n, h, w, draw(st.sampled_from([1, 3, 8, 17])))


@pytest.mark.parametrize("name", [*SETS, "reference"])
@settings(max_examples=50, deadline=None)
@given(pools(), st.booleans(), st.integers(0, 2**31))
def test_pooling_against_torch(name, case, count_include_pad, seed):
    kernel, stride, padding, ceil_mode, shape = case
    x = floats(np.random.default_rng(seed), *shape)
    image = torch.from_numpy(x).permute(0, 3, 1, 2)
    with kernels.using_isa(name):
        highest = kernels.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil_mode)
        mean = kernels.avg_pool2d(x, kernel, stride, padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad)
    expected = F.max_pool2d(image, kernel, stride, padding, ceil_mode=ceil_mode)
    np.testing.assert_array_equal(highest, expected.permute(0, 2, 3, 1).numpy())
    expected = F.avg_pool2d(image, kernel, stride, padding, ceil_mode, count_include_pad)
    np.testing.assert_allclose(mean, expected.permute(0, 2, 3, 1).numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("isa")
@settings(max_examples=40, deadline=None)
@given(st.lists(sizes, min_size=0, max_size=3), st.integers(1, 70), st.integers(0, 2**31))
def test_epilogue_alone(shape, channels, seed):
    rng = np.random.default_rng(seed)
    x = floats(rng, *shape, channels)
    after = steps(rng, x.shape)
    np.testing.assert_allclose(kernels.affine(x, **after), reference.affine(x, **after), rtol=1e-5, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(convolutions())
def test_reference_convolutions_against_torch(case):
    window, (n, h, w), channels, outputs, groups, seed = case
    rng = np.random.default_rng(seed)
    x, weight = floats(rng, n, h, w, channels), floats(rng, outputs, *window.kernel, channels // groups)
    image, filters = torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(weight).permute(0, 3, 1, 2)
    args = (None, window.stride, window.padding, window.dilation, groups)
    expected = F.conv2d(image, filters, *args).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(reference.floatconv(x, weight, window, groups), expected, rtol=1e-4, atol=1e-4)

    def signs(t):
        return torch.where(t >= 0, 1.0, -1.0)

    expected = F.conv2d(signs(image), signs(filters), *args).permute(0, 2, 3, 1).numpy()
    got = reference.bitconv(reference.pack_bits(x), reference.pack_bits(weight), channels, window, groups)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", kernels.available_isas())
def test_bit_linear(name):
    rng = np.random.default_rng(0)
    x, weight = floats(rng, 5, 70), floats(rng, 9, 70)
    with kernels.using_isa(name):
        layer = kernels.BitLinear(kernels.pack_bits(weight), 70)
        sums = layer.real(kernels.pack_bits(x))
        bits = layer.bits(kernels.pack_bits(x), np.ones(9, np.float32), np.zeros(9, np.uint8))
    expected = np.where(x >= 0, 1, -1) @ np.where(weight >= 0, 1, -1).T
    np.testing.assert_array_equal(sums, expected)
    np.testing.assert_array_equal(bits, reference.pack_bits(expected.astype(np.float32) - 1))


def test_linear():
    rng = np.random.default_rng(0)
    x, weight, bias = floats(rng, 4, 7), floats(rng, 3, 7), floats(rng, 3)
    np.testing.assert_allclose(
        kernels.Linear(weight)(x, None, bias, slope=np.zeros(3, np.float32)),
        np.maximum(x @ weight.T + bias, 0),
        rtol=1e-5,
        atol=1e-6,
    )


def test_an_empty_batch_is_fine():
    layer = kernels.BitConv2d(np.zeros((5, 3, 3, 1), np.uint64), 7, padding=1)
    assert layer.real(np.zeros((0, 4, 4, 1), np.uint64)).shape == (0, 4, 4, 5)
    assert kernels.max_pool2d(np.zeros((0, 4, 4, 3), np.float32), 2).shape == (0, 2, 2, 3)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: kernels.pack_bits(np.zeros(3)), "x must be a float32 array, got float64"),
        (lambda: kernels.pack_bits(np.zeros((2, 3), np.float32), np.zeros(2, np.float32)), r"threshold must be \(3,\)"),
        (lambda: kernels.BitConv2d(np.zeros((2, 3, 3, 2), np.uint64), 64), r"\(out, kernel_h, kernel_w, 1\) uint64"),
        (lambda: kernels.BitConv2d(np.zeros((3, 3, 3, 1), np.uint64), 64, groups=2), "multiples of groups"),
        (lambda: kernels.BitConv2d(np.zeros((2, 3, 3, 1), np.uint64), 64, stride=0), "stride must be at least 1"),
        (lambda: kernels.BitConv2d(np.zeros((2, 3, 3, 1), np.uint64), 64, padding=-1), "padding must be at least 0"),
        (
            lambda: kernels.BitConv2d(np.zeros((2, 3, 3, 1), np.uint64), 64).real(np.zeros((1, 2, 2, 1), np.uint64)),
            "2x2 is too small",
        ),
        (
            lambda: kernels.BitConv2d(np.zeros((2, 3, 3, 1), np.uint64), 64).real(np.zeros((1, 9, 9, 2), np.uint64)),
            r"bits must be \(n, h, w, 1\) uint64",
        ),
        (lambda: kernels.Conv2d(np.zeros((2, 3, 3, 1), np.float32))(np.zeros((1, 9, 9, 2), np.float32)), "n, h, w, 1"),
        (lambda: kernels.Linear(np.zeros((2, 3), np.float32))(np.zeros((1, 2), np.float32)), r"\(n, 3\)"),
        (
            lambda: kernels.affine(np.zeros((2, 3), np.float32), add=np.zeros((1, 3), np.float32)),
            r"add must be \(2, 3\)",
        ),
        (lambda: kernels.set_isa("avx9"), "must be one of"),
    ],
)
def test_errors(call, says):
    with pytest.raises(LeveretUsageError, match=says):
        call()


@pytest.mark.parametrize("name", [*kernels.available_isas(), "mmx"])
def test_the_environment_chooses(name):
    code = "from leveret.runtime import kernels; print(kernels.isa())"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "LEVERET_ISA": name}
    )
    if name == "mmx":
        assert "LEVERET_ISA must be one that this CPU has" in run.stderr
    else:
        assert run.stdout.strip() == name


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_computes():
    rng = np.random.default_rng(0)
    x, weight = floats(rng, 4, 32, 32, 16), floats(rng, 32, 3, 3, 16)
    layer = kernels.Conv2d(weight)
    expected = layer(x, threads=2)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(layer(x, threads=2), expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_another_set_is_used_for_a_while_alone():
    def fails():
        with kernels.using_isa("reference"):
            assert kernels.isa() == "reference"
            raise ZeroDivisionError

    before = kernels.isa()
    with pytest.raises(ZeroDivisionError):
        fails()
    assert kernels.isa() == before
