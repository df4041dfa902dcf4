"""Augmentation: each output must be an image that could have come from its input."""

import hashlib

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


@pytest.mark.parametrize(
    ("settings_", "digest", "next_draw"),
    [
        ({"flip": True}, "d1f5d0a43c770a45", 805584347),
        ({"shift": 3}, "788a903be28b1dca", 805584347),
        ({"cutout": 5}, "a24a724978eebd4d", 805584347),
        ({"flip": True, "shift": 2, "cutout": 3}, "982562865292972e", 359869251),
    ],
)
def test_a_generator_gives_what_it_always_gave(settings_, digest, next_draw):
    generator = np.random.default_rng(5)
    out = Augment(**settings_)(images(11, channels=3, height=9, width=8, seed=3), generator)
    assert hashlib.sha256(np.ascontiguousarray(out).tobytes()).hexdigest()[:16] == digest
    assert generator.integers(1 << 30) == next_draw


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 4), st.booleans(), st.integers(0, 9), st.permutations(range(9)), st.integers(0, 9))
def test_views_are_the_same_in_any_batch_and_order(shift, flip, cutout, order, cut):
    augment = Augment(flip, shift, cutout)
    pixels, keys = images(9), np.arange(9, dtype=np.uint64) * np.uint64(7)
    whole = augment.views(pixels, keys)
    for part in (np.array(order[:cut], int), np.array(order[cut:], int)):
        assert np.array_equal(augment.views(pixels[part], keys[part]), whole[part])
    assert whole.dtype == np.uint8


def test_views_of_one_image_are_its_crops_with_a_hole_of_its_own_mean():
    image = images(1, height=8, width=8)
    keys = np.arange(3000, dtype=np.uint64)
    views = Augment(flip=True, shift=1).views(np.repeat(image, 3000, 0), keys)
    assert len(np.unique(views, axis=0)) == 18
    many = images(200, height=8, width=8)
    views = Augment(cutout=3).views(many, keys[:200])
    for source, view in zip(many, views, strict=True):
        hole = (source != view).any(0)
        assert 1 <= hole.sum() <= 9
        mean = np.floor(source.mean((1, 2), dtype=np.float64) + 0.5)
        assert (view[:, hole] == mean[:, None]).all()


def test_nothing_asked_nothing_changed():
    pixels = images(3)
    assert np.array_equal(Augment()(pixels, np.random.default_rng(0)), pixels)


def test_errors():
    with pytest.raises(LeveretUsageError, match="cutout must be at least 0"):
        Augment(cutout=-1)
    with pytest.raises(LeveretUsageError, match="below the image's side"):
        Augment(shift=7)(images(2), np.random.default_rng(0))
    for keys in (np.zeros(3, np.uint64), np.zeros(2, np.int64)):
        with pytest.raises(LeveretUsageError, match=r"keys must be \(2,\) uint64"):
            Augment(flip=True).views(images(2), keys)
