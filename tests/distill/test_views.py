"""Labels of views are looked up as an array would be; samples are the labelled and then the others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transfer_fakes import Sized

from leveret.distill._views import Samples, ViewLabels


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(0, 5), st.integers(1, 60), st.data())
def test_labels_are_those_of_an_array(labelled, unlabelled, size, data):
    own = np.arange(labelled) + 5
    whole = np.resize(np.concatenate([own, np.full(unlabelled, -100)]), size)
    labels = ViewLabels(own, labelled + unlabelled, size)
    assert len(labels) == size
    assert np.array_equal(np.asarray(labels), whole)
    assert np.asarray(labels, dtype=np.int32).dtype == np.int32
    indices = np.array(data.draw(st.lists(st.integers(-size, size - 1))), int)
    assert np.array_equal(labels[indices], whole[indices])
    assert labels[indices].dtype == np.int64
    assert labels[size - 1] == whole[-1]
    assert np.array_equal(labels[1::2], whole[1::2])
    assert np.array_equal(labels[whole > 6], whole[whole > 6])


def test_labels_beyond_the_last():
    labels = ViewLabels(np.arange(3), 3, 10)
    for wrong in (10, -11, np.array([0, 10]), np.ones(3, bool)):
        with pytest.raises(IndexError):
            labels[wrong]


def test_many_labels_cost_nothing():
    labels = ViewLabels(np.arange(7), 7, 10**12)
    assert labels[np.array([10**12 - 1])] == (10**12 - 1) % 7


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 6)))
def test_samples_are_the_labelled_and_then_the_others(indices):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 1, 2, 2), dtype=np.uint8)
    samples = Samples(Sized(pixels[:4]), Sized(pixels[4:]))
    assert len(samples) == 7
    indices = np.array(indices, int)
    assert np.array_equal(samples.fetch(indices), pixels[indices])
