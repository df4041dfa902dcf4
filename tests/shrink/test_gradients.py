"""The gradients of signs, against the papers' formulas written out in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.shrink.binary import (
    BinaryWeightConv2d,
    BinaryWeightLinear,
    XnorConv2d,
    XnorLinear,
    approx_sign,
    clipped_sign,
    filter_scale,
    identity_sign,
    scaled_sign,
)


def points():
    return torch.tensor([-3.0, -1.0, -0.999, -0.5, -0.0, 0.0, 0.25, 0.999, 1.0, 2.0], requires_grad=True)


def test_signs_of_both_zeros_are_plus_one():
    for sign in (clipped_sign, approx_sign, identity_sign):
        assert sign(torch.tensor([-0.0, 0.0, -1e-30])).tolist() == [1.0, 1.0, -1.0]


def test_clipped_gradient_is_the_indicator_of_the_open_interval():
    x = points()
    clipped_sign(x).backward(torch.arange(1.0, 11.0))
    inside = np.abs(x.detach().numpy()) < 1
    np.testing.assert_array_equal(x.grad.numpy(), np.arange(1.0, 11.0) * inside)


@pytest.mark.parametrize("stochastic", [False, True])
def test_identity_gradient_is_all_of_it(stochastic):
    x = points()
    y = identity_sign(x, stochastic)
    y.backward(torch.arange(1.0, 11.0))
    np.testing.assert_array_equal(x.grad.numpy(), np.arange(1.0, 11.0))
    assert (y[[0, 1, 8, 9]] == torch.tensor([-1.0, -1.0, 1.0, 1.0])).all()  # what is beyond ±1 is sure


def test_approx_gradient_is_bi_real_nets_triangle():
    x = points()
    approx_sign(x).backward(torch.ones(10))
    np.testing.assert_allclose(x.grad.numpy(), np.maximum(0, 2 - 2 * np.abs(x.detach().numpy())), rtol=1e-6)


def test_approx_gradient_is_the_derivative_of_the_piecewise_quadratic():
    """Bi-Real Net, eq. 7: F(x) = 2x + x² below 0 and 2x − x² above, ±1 outside; by finite differences."""

    def quadratic(x):
        return np.where(np.abs(x) >= 1, np.sign(x), np.where(x < 0, 2 * x + x * x, 2 * x - x * x))

    x = torch.linspace(-1.5, 1.5, 101, dtype=torch.float64, requires_grad=True)
    approx_sign(x).sum().backward()
    step = 1e-6
    slope = (quadratic(x.detach().numpy() + step) - quadratic(x.detach().numpy() - step)) / (2 * step)
    np.testing.assert_allclose(x.grad.numpy(), slope, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 7), st.integers(1, 3), st.integers(0, 2**31))
def test_paper_gradient_of_scaled_weights(out, channels, kernel, seed):
    generator = torch.Generator().manual_seed(seed)
    weight = (1.5 * torch.randn(out, channels, kernel, kernel, generator=generator)).requires_grad_()
    upstream = torch.randn(weight.shape, generator=generator)
    scaled = scaled_sign(weight)
    scaled.backward(upstream)
    w, g = weight.detach().numpy().astype(np.float64), upstream.numpy()
    n = channels * kernel * kernel
    alpha = np.abs(w).mean((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(scaled.detach().numpy(), np.where(w >= 0, alpha, -alpha), rtol=1e-5)
    np.testing.assert_allclose(weight.grad.numpy(), g * (1 / n + alpha * (np.abs(w) < 1)), rtol=1e-4, atol=1e-6)


def test_scale_is_the_least_squares_answer():
    """XNOR-Net, eq. 3-6: α = mean|W| minimises ‖W − αB‖² for B = sign(W)."""
    weight = torch.randn(4, 6, 3, 3)
    signs = clipped_sign(weight)
    alpha = filter_scale(weight)
    best = (weight - alpha * signs).square().sum()
    for factor in (0.97, 1.03):
        assert (weight - factor * alpha * signs).square().sum() > best


def test_layers_pass_the_weight_gradient_of_their_argument():
    x = torch.randn(3, 4)
    for name, expected in (
        ("paper", lambda w, a: 1 / 4 + a * (w.abs() < 1)),
        ("clipped", lambda w, a: a * (w.abs() < 1)),
    ):
        layer = BinaryWeightLinear(4, 5, weight_gradient=name)
        with torch.no_grad():
            layer.weight.mul_(3)
        layer(x).sum().backward()
        upstream = x.sum(0).expand(5, 4)
        weight = layer.weight.detach()
        torch.testing.assert_close(layer.weight.grad, upstream * expected(weight, filter_scale(weight)))


def test_input_gradient_of_an_xnor_layer_passes_where_it_should():
    layer = XnorLinear(6, 2, input_gradient="clipped")
    x = torch.tensor([[-2.0, -1.0, -0.3, 0.3, 1.0, 2.0]], requires_grad=True)
    layer(x).sum().backward()
    through = layer.effective_weight().detach().sum(0)
    torch.testing.assert_close(x.grad[0], through * torch.tensor([0.0, 0, 1, 1, 0, 0]))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_xnor_convolution_by_hand(stride, padding):
    """(sign(I) ⊛ sign(W)) ⊙ K α with K from eq. 11, place by place in numpy; padding adds zeros, not signs."""
    torch.manual_seed(padding)
    layer = XnorConv2d(3, 2, 3, stride, padding, input_scale=True)
    x = torch.randn(1, 3, 6, 5)
    got = layer(x).detach().numpy()[0]
    image, weight = x.numpy()[0], layer.weight.detach().numpy()
    signs = np.pad(np.where(image >= 0, 1.0, -1.0), ((0, 0), (padding,) * 2, (padding,) * 2))
    means = np.pad(np.abs(image).mean(0), padding)
    for o, row, column in np.ndindex(got.shape):
        top, left = row * stride, column * stride
        window = signs[:, top : top + 3, left : left + 3]
        k = means[top : top + 3, left : left + 3].mean()
        dot = (window * np.where(weight[o] >= 0, 1, -1)).sum()
        np.testing.assert_allclose(got[o, row, column], dot * k * np.abs(weight[o]).mean(), rtol=1e-4, atol=1e-5)


def test_binary_weight_convolution_is_a_convolution_with_scaled_signs():
    layer = BinaryWeightConv2d(4, 6, 3, padding=1, groups=2, bias=True)
    x = torch.randn(2, 4, 5, 5)
    weight = layer.weight.detach()
    expected = torch.nn.functional.conv2d(
        x, weight.sign() * weight.abs().mean((1, 2, 3), keepdim=True), layer.bias, padding=1, groups=2
    )
    torch.testing.assert_close(layer(x), expected)
