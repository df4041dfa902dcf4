"""Normalisation, worked by hand: every side computes it by the same function, so that none is the other's oracle."""

import numpy as np
import torch

from leveret._pixels import of_pixels
from leveret.data import Normalization
from leveret.runtime import InputContract
from leveret.training._loader import to_tensor


def test_statistics_of_values_from_0_to_1_become_those_of_pixels():
    found = of_pixels((0.5, 0.2))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.float32([127.5, 51]))


def test_every_side_normalises_as_written():
    """`(pixel / 255 − mean) / std`: 255 is (1 − 0.5) / 0.25 = 2, 0 is −2, 51 is (0.2 − 0.5) / 0.25 = −1.2."""
    pixels = np.uint8([[[[255, 0, 51]]]])
    expected = np.float32([[[[2, -2, -1.2]]]])
    normalization = Normalization((0.5,), (0.25,))
    np.testing.assert_allclose(normalization.apply(pixels), expected, rtol=1e-6)
    torch.testing.assert_close(to_tensor(pixels, normalization), torch.from_numpy(expected))
    laid_out = InputContract((1, 1, 3), (0.5,), (0.25,)).laid_out(pixels)
    np.testing.assert_allclose(laid_out, expected.transpose(0, 2, 3, 1), rtol=1e-6)
