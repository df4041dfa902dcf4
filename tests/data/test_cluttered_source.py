"""Cluttered images by name: of digits and of any source, the same for a seed, on a canvas of the size asked for."""

import numpy as np
import pytest

import leveret
from leveret.errors import LeveretDataError, LeveretUsageError


def test_digits_by_name_are_made_from_the_seed():
    data, again, other = (leveret.load("cluttered-digits", seed=seed) for seed in (3, 3, 4))
    assert data.image_shape == (1, 29, 29)
    assert len(data.train) == 10_000
    assert data.source == "cluttered-digits"
    some = [0, 17, 9_999]
    np.testing.assert_array_equal(data.train.fetch(some), again.train.fetch(some))
    assert (data.train.fetch(some) != other.train.fetch(some)).any()
    assert data.train.boxes([0]).shape == (1, 4)


def test_any_images_on_a_canvas_of_a_size(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "tiny.npz", x=rng.integers(0, 255, (60, 14, 7), np.uint8), y=np.arange(60) % 3)
    data = leveret.load(f"cluttered:{tmp_path / 'tiny.npz'}")
    assert data.image_shape == (1, 50, 25)  # 100/28 of the sides
    assert leveret.load(f"cluttered:{tmp_path / 'tiny.npz'}", size=(20, 30)).image_shape == (1, 20, 30)


def test_what_cannot_be_laid_in_clutter_is_refused(tmp_path):
    with pytest.raises(LeveretUsageError, match="canvas"):
        leveret.load("cluttered-digits", size=7)
    with pytest.raises(LeveretDataError, match="there is no"):
        leveret.load("cluttered:nowhere")
    (tmp_path / "t.csv").write_text("a,b,label\n" + "".join(f"{i},{i * i},{i % 2}\n" for i in range(40)))
    with pytest.raises(LeveretUsageError, match="tables can't be laid in clutter"):
        leveret.load(f"cluttered:{tmp_path / 't.csv'}")
