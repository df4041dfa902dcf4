"""Augmentation: each output must be an image that could have come from its input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.errors import LeveretUsageError
from leveret.training import Augment


def images(n, channels=2, height=7, width=9, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, channels, height, width), dtype=np.uint8)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(0, 4), st.booleans(), st.integers(0, 99))
def test_shift_and_flip_give_a_crop_of_the_reflected_image(n, shift, flip, seed):
    pixels = images(n)
    before = pixels.copy()
    out = Augment(flip=flip, shift=shift)(pixels, np.random.default_rng(seed))
    assert out.shape == pixels.shape
    assert out.dtype == np.uint8
    assert np.array_equal(pixels, before)
    for source, result in zip(pixels, out, strict=True):
        padded = np.pad(source, ((0, 0), (shift, shift), (shift, shift)), mode="reflect")
        crops = [padded[:, r : r + 7, c : c + 9] for r in range(2 * shift + 1) for c in range(2 * shift + 1)]
        crops += [crop[..., ::-1] for crop in crops] if flip else []
        assert any(np.array_equal(result, crop) for crop in crops)


def test_flip_mirrors_about_half():
    pixels = images(400)
    out = Augment(flip=True)(pixels, np.random.default_rng(0))
    mirrored = (out == pixels[..., ::-1]).all((1, 2, 3))
    assert 150 < mirrored.sum() < 250


def test_cutout_fills_one_square_with_the_mean():
    pixels = images(50, height=16, width=16)
    out = Augment(cutout=4)(pixels, np.random.default_rng(0))
    mean = pixels.mean((0, 2, 3)).round().astype(np.uint8)
    for source, result in zip(pixels, out, strict=True):
        changed = (source != result).any(0)
        rows, columns = np.nonzero(changed)
        assert 1 <= len(rows) <= 16
        assert np.ptp(rows) < 4
        assert np.ptp(columns) < 4
        assert (result[:, changed] == mean[:, None]).all()


def test_nothing_asked_nothing_changed():
    pixels = images(3)
    assert np.array_equal(Augment()(pixels, np.random.default_rng(0)), pixels)


def test_errors():
    with pytest.raises(LeveretUsageError, match="cutout must be at least 0"):
        Augment(cutout=-1)
    with pytest.raises(LeveretUsageError, match="below the image's side"):
        Augment(shift=7)(images(2), np.random.default_rng(0))
