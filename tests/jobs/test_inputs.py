"""What arrays on the command line are: one image, or several."""

import numpy as np
import pytest

from leveret.jobs import _inputs
from leveret.jobs._inputs import inputs


@pytest.mark.parametrize(
    ("shape", "channels", "images"),
    [
        ((9, 9), 1, 1),
        ((1, 9, 9), 1, 1),
        ((9, 9, 1), 1, 1),
        ((3, 9, 9), 1, 3),
        ((3, 9, 9), 3, 1),
        ((9, 9, 3), 3, 1),
        ((3, 9, 9), None, 1),
        ((4, 9, 9), 1, 4),
        ((2, 3, 9, 9), 3, 2),
    ],
)
def test_three_grey_images_are_not_one_of_colours(tmp_path, shape, channels, images):
    path = tmp_path / "some.npy"
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.save(path, pixels)
    found = list(inputs([path], channels))
    assert [item.error for item in found] == [None] * images
    assert sum(item.pixels.size for item in found) == pixels.size


@pytest.mark.parametrize("name", ["some.npy", "some.npz"])
def test_large_images_are_read_few_at_once(tmp_path, monkeypatch, name):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 3, 5, 5), dtype=np.uint8)
    np.save(tmp_path / name, pixels) if name.endswith("y") else np.savez(tmp_path / name, images=pixels)
    sizes = []
    counted = _inputs._at_once
    monkeypatch.setattr(_inputs, "_BYTES", 160)
    monkeypatch.setattr(_inputs, "_at_once", lambda shape: sizes.append(counted(shape)) or sizes[-1])
    found = [item.pixels for item in inputs([tmp_path / name])]
    assert sizes == [2]
    assert (np.stack(found) == pixels).all()
