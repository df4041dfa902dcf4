"""Long tails: the profile of the papers, on the training part, and the test part left alone."""

import numpy as np
import pytest

import leveret
from leveret.data import LoadReport, Split, long_tailed
from leveret.data._types import Data, Normalization
from leveret.errors import LeveretDataError, LeveretUsageError


class Numbers:
    """Images of one pixel, which holds the sample's number."""

    def fetch(self, indices):
        return (indices % 256).astype(np.uint8).reshape(-1, 1, 1, 1)


def source(counts, val=(), test=(4, 4)):
    def split(name, counts, start):
        labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
        return Split(name, Numbers(), np.arange(start, start + len(labels)), labels, len(classes))

    classes = tuple("abcdefghij"[: len(counts)])
    parts = [split(*part) for part in (("train", counts, 0), ("val", val, 5000), ("test", test, 9000))]
    return Data("made", "made", "image", *parts, classes, (1, 1, 1), Normalization((0.5,), (0.5,)), LoadReport())


def test_the_exponential_profile_of_cifar():
    # the counts that Cao et al. print for CIFAR-10 at 1:100
    made = long_tailed(source([5000] * 10), 100)
    assert made.train.class_counts().tolist() == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]


def test_the_step_profile():
    assert long_tailed(source([500] * 5), 10, "step").train.class_counts().tolist() == [500, 500, 50, 50, 50]


def test_an_order_of_the_classes():
    made = long_tailed(source([100] * 3), 4, order=[2, 0, 1])
    assert made.train.class_counts().tolist() == [50, 25, 100]


def test_unequal_classes_lower_the_most():
    # class 1 must be half of class 0, and has but 30
    assert long_tailed(source([100, 30, 90]), 4).train.class_counts().tolist() == [60, 30, 15]


def test_at_least_one_is_kept():
    assert long_tailed(source([20] * 4), 1000).train.class_counts().tolist() == [20, 2, 1, 1]
    # 98 / 49 in floating point is a hair below 2
    assert long_tailed(source([98] * 2), 49).train.class_counts().tolist() == [98, 2]
    assert long_tailed(source([20] * 4), 1).train.class_counts().tolist() == [20] * 4


def test_samples_keep_their_labels_and_are_drawn_by_the_seed():
    data = source([200, 200])
    first, same, other = (long_tailed(data, 10, seed=seed).train for seed in (3, 3, 4))
    everything = {int(pixel): label for pixel, label in zip(data.train._places, data.train.labels, strict=True)}
    assert [everything[place] for place in first._places] == first.labels.tolist()
    assert len(set(first._places)) == len(first)
    assert np.array_equal(first._places, same._places)
    assert not np.array_equal(first._places, other._places)


def test_the_test_part_and_the_given_data_stay():
    data = source([100] * 2, val=(20, 20))
    made = long_tailed(data, 10)
    assert made.test is data.test
    assert data.train.class_counts().tolist() == [100, 100]
    assert data.report.notes == []
    assert "1:10" in made.report.notes[0]
    assert "test part is untouched" in made.report.notes[0]
    assert "110 of 200 training samples are kept, 100 of the most frequent class, 10 of the rarest" in str(
        made.report.notes
    )


@pytest.mark.parametrize(
    ("validation", "counts"), [("long-tailed", [20, 2, 0]), ("balanced", [12, 12, 0]), ("whole", [20, 12, 0])]
)
def test_the_validation_part(validation, counts):
    made = long_tailed(source([100] * 3, val=(20, 12, 0)), 100, validation=validation)
    assert made.val.class_counts().tolist() == counts


def test_no_validation_part():
    for validation in ("long-tailed", "balanced", "whole"):
        assert len(long_tailed(source([100] * 3), 10, validation=validation).val) == 0


def test_the_normalisation_is_of_what_training_sees():
    made = long_tailed(source([100] * 2), 50)
    pixels = made.train.fetch(np.arange(len(made.train))) / 255
    assert made.normalization.mean[0] == pytest.approx(pixels.mean())
    assert made.normalization.std[0] == pytest.approx(pixels.std())


def test_digits_can_be_trained_on(digits):
    made = long_tailed(digits, 20)
    counts = made.train.class_counts()
    assert counts[0] / counts[9] == pytest.approx(20, rel=0.2)
    assert (np.diff(counts) <= 0).all()
    assert made.as_dict()["class_counts"]["train"] == counts.tolist()
    result = leveret.fit(leveret.ConvNet(1, 10, depth=3, width=8, stages=2), made, epochs=1, progress=False)
    assert result.samples_seen > 0.9 * len(made.train)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ratio": 0.5}, "ratio must be a finite number of at least 1, got 0.5"),
        ({"ratio": float("inf")}, "ratio must be"),
        ({"profile": "linear"}, "profile must be 'exponential' or 'step', got 'linear'"),
        ({"validation": "none"}, "validation must be"),
        ({"order": [0, 0]}, r"order must name each of the classes 0..1 once, got \[0, 0\]"),
        ({"order": ["a", "b"]}, "order must name"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(LeveretUsageError, match=message):
        long_tailed(source([10, 10]), **arguments)


def test_a_class_without_a_training_sample_is_named():
    with pytest.raises(LeveretDataError, match="class 'b' has no training sample"):
        long_tailed(source([10, 0, 10]))
