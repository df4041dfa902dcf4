"""Measures of images and texts that people have words for, and the picture of what gave it away."""

import numpy as np
import pytest
from PIL import Image

from leveret.judge import image_measures, text_measures, word_differences
from leveret.judge._sheet import mean_images, write_sheet


def test_a_dot_on_the_right():
    images = np.zeros((2, 1, 5, 5), np.uint8)
    images[0, 0, 2, 3] = 255
    images[1, 0, :, :] = 51
    found = image_measures(images)
    assert found["brightness"] == pytest.approx([1 / 25, 0.2], abs=1e-6)
    assert found["contrast"] == pytest.approx([np.sqrt(1 / 25 - 1 / 625), 0], abs=1e-6)
    # the dot has four edges of height 1, among 40 steps
    assert found["detail"] == pytest.approx([4 / 40, 0], abs=1e-6)
    assert found["centre x"] == pytest.approx([0.75, 0.5], abs=1e-3)
    assert found["centre y"] == pytest.approx([0.5, 0.5], abs=1e-3)
    assert "red" not in found


def test_colours_less_the_brightness():
    images = np.zeros((1, 3, 4, 4), np.uint8)
    images[:, 0] = 255
    found = image_measures(images)
    assert found["red"] == pytest.approx([1 - 0.299], abs=1e-6)
    assert found["blue"] == pytest.approx([-0.299], abs=1e-6)


def test_measures_of_a_text():
    found = text_measures(["To be or not To be!", ""])
    assert found["words"].tolist() == [6, 0]
    assert found["letters a word"][0] == pytest.approx(13 / 6)
    assert found["different words"][0] == pytest.approx(4 / 6)
    assert found["capitals"][0] == pytest.approx(2 / 19)
    assert found["punctuation"][0] == pytest.approx(1 / 19)


def test_words_and_pairs_of_words():
    a = ["the hare runs"] * 20 + ["the fox runs"] * 10
    b = ["the hare sleeps"] * 20 + ["the fox runs"] * 10
    found = {each.words: each for each in word_differences(a, b)}
    assert (found["runs"].a, found["runs"].b) == (30, 10)
    assert found["runs"].z < 0 < found["sleeps"].z
    assert found["hare sleeps"].z > 0
    assert "the" not in found or abs(found["the"].z) < 1e-9


def test_means_and_a_sheet(tmp_path):
    images = np.zeros((4, 1, 3, 3), np.uint8)
    images[2:, 0, 0, 0], images[:2, 0, 2, 2] = 200, 100
    of_a, of_b, difference = mean_images(images, np.array([0, 0, 1, 1]))
    assert (of_a[0, 2, 2], of_b[0, 0, 0]) == (100, 200)
    assert difference[:, 0, 0].tolist() == [255, 0, 0]
    assert difference[:, 1, 1].tolist() == [255, 255, 255]
    blue = difference[:, 2, 2]
    assert blue[2] == 255
    assert blue[0] < 200
    write_sheet([("A", list(images[:2])), ("none", []), ("B", list(images[2:3]))], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.height < 2 * (24 + 64 + 8) + 8
