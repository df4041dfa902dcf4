"""Cluttered images: the same for a seed and a number, the digit whole and where its box says."""

import hashlib
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leveret
import warm_processes
from leveret.data import Clutter, ClutteredSplit, cluttered, from_arrays
from leveret.data._clutter_checks import Layout
from leveret.errors import LeveretDataError, LeveretUsageError


def dim(channels=1, size=(5, 4)):
    """Images that tell their numbers: each of one grey, 1 + its number, in each channel; two classes."""
    n = 24
    x = np.broadcast_to(np.arange(1, n + 1, dtype=np.uint8)[:, None, None, None], (n, channels, *size))
    return from_arrays(np.ascontiguousarray(x), np.arange(n) % 2, val_fraction=0.25, test_fraction=0.25)


sizes = st.tuples(st.integers(5, 30), st.integers(4, 30))


@settings(max_examples=40, deadline=None)
@given(
    canvas=sizes,
    count=st.integers(0, 9),
    piece=st.tuples(st.integers(1, 5), st.integers(1, 4)),
    seed=st.integers(0, 2**64 - 1),
    numbers=st.lists(st.integers(0, 10**9), min_size=1, max_size=9),
    channels=st.sampled_from([1, 3]),
)
def test_an_image_follows_from_seed_and_number_alone(canvas, count, piece, seed, numbers, channels):
    part = dim(channels).train
    layout = Layout(channels, (5, 4), canvas, count, piece)
    whole = Clutter(part, layout, seed).fetch(numbers)
    again = pickle.loads(pickle.dumps(Clutter(part, layout, seed)))
    assert whole.shape == (len(numbers), channels, *canvas)
    assert whole.dtype == np.uint8
    # one by one, backwards, in another object
    for image, number in list(zip(whole, numbers, strict=True))[::-1]:
        assert np.array_equal(again.fetch([number])[0], image)
    boxes = again.boxes(numbers)
    assert np.array_equal(boxes, np.concatenate([again.boxes([number]) for number in numbers]))
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= [canvas[1], canvas[0]]).all()
    assert (boxes[:, 2:] - boxes[:, :2] == [4, 5]).all()


def test_without_distractors_the_digit_stands_in_its_box_and_nothing_else():
    data = dim(3)
    made = cluttered(data, (12, 9), distractors=0, train=50)
    images, boxes = made.train.fetch(np.arange(50)), made.train.boxes(np.arange(50))
    for i, (image, (left, top, right, bottom)) in enumerate(zip(images, boxes, strict=True)):
        expected = np.zeros((3, 12, 9), np.uint8)
        expected[:, top:bottom, left:right] = data.train.fetch([i % len(data.train)])[0]
        assert np.array_equal(image, expected)
        assert made.train.labels[i] == data.train.labels[i % len(data.train)]


def test_pieces_are_added_and_come_from_other_samples_of_the_same_part():
    data = dim()
    made = cluttered(data, (20, 20), distractors=1, distractor_size=(2, 3), val=400)
    own = [int(data.val.fetch([i])[0, 0, 0, 0]) for i in range(len(data.val))]
    seen = set()
    for i, image in enumerate(made.val.fetch(np.arange(400))[:, 0]):
        left, top, right, bottom = made.val.boxes([i])[0]
        grey = own[i % len(own)]
        rest = image.astype(int)
        rest[top:bottom, left:right] -= grey
        values = set(rest[rest > 0].tolist())
        assert (rest > 0).sum() == 6
        assert len(values) == 1
        assert values <= set(own) - {grey}
        seen |= values
    assert seen == set(own)


def test_sums_stop_at_255():
    bright = np.full((8, 4, 4), 200, np.uint8)
    data = from_arrays(bright, np.arange(8) % 2, val_fraction=0.25, test_fraction=0.25)
    image = cluttered(data, (4, 4), distractors=3, distractor_size=4).train.fetch([0])
    assert (image == 255).all()


def test_places_reach_every_corner_evenly():
    made = cluttered(dim(), (7, 8), distractors=0, train=6000)
    boxes = made.train.boxes(np.arange(6000))
    counts = np.histogram2d(boxes[:, 1], boxes[:, 0], bins=[np.arange(4), np.arange(6)])[0]
    # 15 places of 400 each, deviation 19
    assert counts.shape == (3, 5)
    assert (abs(counts - 400) < 100).all()


def test_parts_seeds_and_rounds_differ():
    data = dim()
    layout = Layout(1, (5, 4), (30, 30), 2, (2, 2))
    numbers = np.arange(40)
    boxes = [Clutter(data.train, layout, seed, part).boxes(numbers) for seed, part in ((0, 0), (1, 0), (0, 1))]
    assert not any(np.array_equal(boxes[0], other) for other in boxes[1:])
    made = cluttered(data, (30, 30), 2, 2, train=2 * len(data.train))
    n = len(data.train)
    assert np.array_equal(made.train.labels[:n], made.train.labels[n:])
    assert not np.array_equal(made.train.fetch(np.arange(n)), made.train.fetch(np.arange(n, 2 * n)))


def test_tight_boxes_hold_the_ink():
    x = np.zeros((12, 6, 7), np.uint8)
    x[:, 2:4, 3:6] = 9
    x[0] = 0
    data = from_arrays(x, np.arange(12) % 2, x_val=x, y_val=np.arange(12) % 2, val_fraction=0, test_fraction=0)
    made = cluttered(data, (15, 15), distractors=0).val
    wide, tight = made.boxes(np.arange(12)), made.boxes(np.arange(12), tight=True)
    assert np.array_equal(tight[1:] - wide[1:], np.tile([3, 2, -1, -2], (11, 1)))
    assert np.array_equal(tight[0], wide[0])  # nothing is there


def test_backgrounds_lie_below():
    ground = np.arange(2 * 30 * 30, dtype=np.uint32).reshape(2, 30, 30)
    textures = (ground * 7 % 100 + 100).astype(np.uint8)
    data = dim(3)
    made = cluttered(data, (10, 11), distractors=0, train=20, backgrounds=textures)
    windows = np.lib.stride_tricks.sliding_window_view(textures, (10, 11), axis=(1, 2)).reshape(-1, 10, 11)
    for i, image in enumerate(made.train.fetch(np.arange(20))):
        left, top, right, bottom = made.train.boxes([i])[0]
        image[:, top:bottom, left:right] -= data.train.fetch([i % len(data.train)])[0]
        assert (windows == image[0]).all((1, 2)).any()
        assert (image == image[0]).all()


def test_the_embedded_digits_become_data_to_train_on(digits):
    made = cluttered(digits, (24, 20), distractor_size=3, seed=7, train=5000, test=10)
    assert made.image_shape == (1, 24, 20)
    assert [len(part) for part in made.splits.values()] == [5000, len(digits.val), 10]
    assert made.classes == digits.classes
    pixels = made.train.fetch(np.arange(4096)) / 255
    assert made.normalization.mean[0] == pytest.approx(pixels.mean())
    assert made.normalization.std[0] == pytest.approx(pixels.std())
    assert made.report.found == 5000 + len(digits.val) + 10
    some = made.train.subset([5, 3])
    assert isinstance(some, ClutteredSplit)
    assert np.array_equal(some.boxes([1]), made.train.boxes([3]))
    assert np.array_equal(some.fetch([0]), made.train.fetch([5]))
    assert digits.image_shape == (1, 8, 8)


def fingerprint(digits):
    made = cluttered(digits, (24, 20), distractor_size=3, seed=7, train=10**6)
    return hashlib.sha256(made.train.fetch([999_999, 5]).tobytes()).hexdigest()


def prints_fingerprint():
    print(fingerprint(leveret.load("digits")))


def test_another_process_makes_the_same_image(digits, tmp_path):
    process = warm_processes.start(prints_fingerprint, said=tmp_path / "said.txt")
    process.join(60)
    assert process.exitcode == 0
    assert (tmp_path / "said.txt").read_text().strip() == fingerprint(digits)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"canvas": (4, 30)}, "canvas of 4x30 can't hold images of 5x4"),
        ({"canvas": 30}, "canvas must be height and width"),
        ({"canvas": (30, 30.0)}, "canvas must be height and width"),
        ({"distractors": -1}, "distractors must be a whole number from 0"),
        ({"distractors": True}, "distractors must be"),
        ({"distractor_size": 5}, "distractors of 5x5 can't be cut from images of 5x4"),
        ({"distractor_size": 0}, "distractor_size must be"),
        ({"seed": -1}, "seed must be"),
        ({"train": 0}, "train must be a whole number of images from 1"),
        ({"val": -2}, "val must be"),
        ({"test": 1.5}, "test must be"),
        ({"backgrounds": np.zeros((2, 9, 30), np.uint8)}, "smaller than the canvas"),
        ({"backgrounds": np.zeros((2, 30, 30))}, "backgrounds must be uint8"),
        ({"backgrounds": np.zeros((0, 30, 30), np.uint8)}, "backgrounds must be uint8"),
    ],
)
def test_bad_arguments(wrong, message):
    with pytest.raises(LeveretUsageError, match=message):
        cluttered(dim(), **{"canvas": (20, 20), "distractor_size": 2, **wrong})


def test_bad_sources():
    table = from_arrays(np.random.default_rng(0).random((20, 3)), np.arange(20) % 2)
    with pytest.raises(LeveretUsageError, match="holds tables"):
        cluttered(table)
    empty = from_arrays(np.zeros((8, 3, 3), np.uint8), np.arange(8) % 2, val_fraction=0, test_fraction=0)
    assert len(cluttered(empty, distractor_size=2).val) == 0
    with pytest.raises(LeveretDataError, match="val part is empty"):
        cluttered(empty, distractor_size=2, val=5)
    single = leveret.data.from_arrays(
        np.zeros((8, 3, 3), np.uint8), np.arange(8) % 2, x_test=np.zeros((1, 3, 3), np.uint8), y_test=[0]
    )
    with pytest.raises(LeveretDataError, match="has but one"):
        cluttered(single, distractor_size=2, val=0)
    assert len(cluttered(single, distractors=0, test=3, val=0).test) == 3
    with pytest.raises(LeveretUsageError, match="numbered from 0"):
        cluttered(single, distractors=0, val=0).train._source.fetch([-1])
