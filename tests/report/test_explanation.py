"""Explanations: what they say of themselves, and that their pictures hold for any size of image."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from leveret.report.draw_explanation import _spread, heat_colors, write_explanation
from leveret.report.explanation import Explanation


def explanation(side=28, channels=1, boxes=((0, 0, 6, 6), (-3, 20, 3, 26)), before=(0.5, 0.5), **also):
    pixels = np.random.default_rng(0).integers(0, 255, (channels, side, side), np.uint8)
    return Explanation(
        pixels=pixels,
        heat=np.arange(12.0).reshape(3, 4),
        extent=(2, 2, side - 2, side - 2),
        boxes=np.asarray(boxes, np.int64).reshape(-1, 4),
        after=np.array([0.9, 0.1]),
        before=None if before is None else np.array(before),
        classes=("a $x$ name", "b"),
        **also,
    )


def test_it_knows_what_was_said_and_how_surely():
    found = explanation(before=(0.25, 0.75))
    assert (found.said_before, found.said) == ("b", "a $x$ name")
    before = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert found.entropies == pytest.approx((before, -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))))
    sure = dataclasses.replace(found, after=np.array([1.0, 0.0]), before=None)
    assert sure.entropies == (0, 0)


def test_a_crop_beyond_the_border_is_grey_there():
    found = explanation()
    crop = found.crop(1)
    assert crop.shape == (1, 6, 6)
    assert (crop[:, :3] == 128).all()
    np.testing.assert_array_equal(crop[:, 3:], found.pixels[:, :3, 20:26])


@pytest.mark.parametrize(
    "found",
    [
        explanation(),
        explanation(side=700, channels=3, note="It was larger", true="b", title="x" * 90),
        explanation(before=None, boxes=()),
        explanation(boxes=[(i, i, i + 6, i + 6) for i in range(20)]),
    ],
    ids=["small", "large", "no boxes", "many"],
)
def test_pictures_are_drawn(found, tmp_path):
    write_explanation(found, tmp_path / "folder" / "p.png")
    with Image.open(tmp_path / "folder" / "p.png") as picture:
        assert picture.size[0] == 1716
        assert 600 < picture.size[1] < 1400
    assert len(list((tmp_path / "folder").iterdir())) == 1


def test_numbers_do_not_cover_each_other():
    places = _spread(np.full((8, 2), 14.0), 2.0, 28, 28)
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2) + 99 * np.eye(8)
    assert gaps.min() > 1.5
    assert places.min() >= 0
    assert places.max() <= 27


def test_the_map_hides_nothing_where_nothing_counts():
    colours = heat_colors(np.array([[0.0, -1.0, 4.0]]))
    assert colours[0, :2, 3].tolist() == [0, 0]
    assert colours[0, 2, 3] == 0.75
    assert not heat_colors(np.zeros((2, 2)))[..., 3].any()
