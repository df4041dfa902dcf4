"""Gaussian filters against sums over all pairs of pixels."""

import numpy as np
import pytest
import torch

from leveret.context._filters import appearance_filter, message_of, smoothness_filter
from leveret.context._lattice import Lattice, _corners
from leveret.errors import LeveretUsageError


def picture(height=24, width=30, channels=3, seed=0):
    """Regions with edges, and noise: uint8."""
    rows, columns = np.mgrid[:height, :width]
    rng = np.random.default_rng(seed)
    base = np.stack([120 + 80 * np.sign(np.sin(columns / 5)), 100 + 50 * np.cos(rows / 7), 60 + 3.0 * columns])
    noisy = base[:channels] + rng.normal(0, 6, (channels, height, width))
    return torch.from_numpy(noisy.clip(0, 255).astype(np.uint8))


def by_pairs(image, position, color):
    """The kernel's matrix, pixel by pixel."""
    _, height, width = image.shape
    points = [(r, c) for r in range(height) for c in range(width)]
    kernel = np.empty((len(points), len(points)))
    pixels = image.double().numpy()
    for i, (r, c) in enumerate(points):
        for j, (s, d) in enumerate(points):
            near = ((r - s) ** 2 + (c - d) ** 2) / position**2
            alike = 0 if color is None else ((pixels[:, r, c] - pixels[:, s, d]) ** 2).sum() / color**2
            kernel[i, j] = np.exp(-0.5 * (near + alike))
    return kernel


@pytest.mark.parametrize("bandwidth", [0.4, 1.5, 20])
def test_smoothness_is_the_sum_over_all_pairs(bandwidth):
    values = torch.rand(2, 5, 7, dtype=torch.float64)
    expected = values.flatten(1) @ torch.from_numpy(by_pairs(torch.zeros(0, 5, 7), bandwidth, None))
    torch.testing.assert_close(smoothness_filter(5, 7, bandwidth)(values).flatten(1), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_exact_appearance_is_the_sum_over_all_pairs(channels):
    image = picture(5, 7, channels)
    values = torch.rand(2, 5, 7, dtype=torch.float64)
    expected = values.flatten(1) @ torch.from_numpy(by_pairs(image, 3, 20))
    torch.testing.assert_close(appearance_filter(image, 3, 20, True, values)(values).flatten(1), expected)


def test_corners_share_out_each_point():
    features = np.random.default_rng(0).normal(0, 3, (500, 5))
    places, shares = _corners(features)
    assert places.shape == (500, 6, 5)
    assert shares.min() > -1e-9
    np.testing.assert_allclose(shares.sum(1), 1)
    # the corners of a simplex have the remainders 0 to 5, and are all others of a cell
    assert (places % 6 == np.arange(6)[None, :, None]).all()


def test_one_dimension_by_hand():
    """Half-way between two corners, a point gives half to each; the blur then reaches one corner further."""
    scale = np.sqrt(2 / 3) * 2 / np.sqrt(2)  # of a feature on the line of two coordinates
    places, shares = _corners(np.array([[0.0], [0.5 / scale]]))
    assert places[0, 0, 0] == 0
    np.testing.assert_allclose(shares, [[1, 0], [0.5, 0.5]], atol=1e-12)


@pytest.mark.parametrize(("position", "color"), [(80, 13), (20, 13), (8, 30), (5, 20)])
def test_the_lattice_is_near_the_exact_kernel(position, color):
    image = picture(40, 50)
    values = torch.rand(4, 40, 50, dtype=torch.float64)
    heard = {}
    for exact in (True, False):
        one = appearance_filter(image, position, color, exact, values)
        heard[exact] = message_of(one, values, "symmetric", False)(values)
        total = one(torch.ones_like(values[:1]))
        if exact:
            sums = total
    assert abs(float(total.sum() / sums.sum()) - 1) < 0.02
    error = (heard[False] - heard[True]).norm() / heard[True].norm()
    assert error < 0.05


def test_the_transpose_is_the_transpose():
    features = np.random.default_rng(1).normal(0, 2, (60, 3))
    lattice = Lattice(features, np.float64)
    matrix, turned = lattice(np.eye(60)), lattice(np.eye(60), transposed=True)
    np.testing.assert_allclose(turned, matrix.T, atol=1e-12)
    assert lattice.corners <= 60 * 4


def test_gradients_by_differences():
    image = picture(4, 5)
    values = torch.rand(2, 4, 5, dtype=torch.float64, requires_grad=True)
    for one in (appearance_filter(image, 3, 20, False, values), smoothness_filter(4, 5, 1.5)):
        for normalize in ("symmetric", "none"):
            assert torch.autograd.gradcheck(message_of(one, values.detach(), normalize, False), (values,))


def test_a_single_pixel_hears_nothing():
    one = torch.ones(1, 1, 1)
    for exact in (True, False):
        heard = message_of(appearance_filter(picture(1, 1), 3, 20, exact, one), one, "symmetric", False)(one)
        assert abs(float(heard)) < 1e-6


def test_bandwidths_beyond_the_numbers_are_refused():
    with pytest.raises(LeveretUsageError, match="far too small"):
        Lattice(np.random.default_rng(0).normal(0, 1e6, (20, 5)))
