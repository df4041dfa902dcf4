"""Bootstraps in which the classes come alike often."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret import LeveretDataError, LeveretUsageError
from leveret.balance import balanced_bootstraps


@given(
    counts=st.lists(st.integers(0, 40), min_size=2, max_size=5).filter(lambda c: c[-1] > 0),
    members=st.integers(1, 4),
    power=st.floats(0, 1),
    seed=st.integers(0, 5),
)
def test_places_of_as_many_samples_as_there_are(counts, members, power, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    found = balanced_bootstraps(labels, members=members, power=power, seed=seed)
    assert len(found) == members
    for places in found:
        assert len(places) == len(labels)
        assert (np.diff(places) >= 0).all()
        assert places.min() >= 0
        assert places.max() < len(labels)
    again = balanced_bootstraps(labels, members=members, power=power, seed=seed)
    assert all((one == other).all() for one, other in zip(found, again, strict=True))


@pytest.mark.parametrize(("power", "share"), [(1.0, 0.5), (0.5, 1 / 4), (0.0, 0.1)])
def test_shares_follow_the_power(power, share):
    labels = np.repeat([0, 1], (9000, 1000))
    first, second = balanced_bootstraps(labels, members=2, power=power, seed=3)
    assert np.mean(labels[first] == 1) == pytest.approx(share, abs=0.02)
    assert not np.array_equal(first, second)
    if power == 0:  # the plain bootstrap misses 1/e of all
        assert len(np.unique(first)) / len(labels) == pytest.approx(1 - np.exp(-1), abs=0.02)


def test_what_is_wrong_is_said():
    with pytest.raises(LeveretUsageError, match="members must be a number of nets, at least 1, got 0"):
        balanced_bootstraps([0, 1], members=0)
    with pytest.raises(LeveretUsageError, match="power must be from 0"):
        balanced_bootstraps([0, 1], power=2)
    for labels in ([], [-1, 0], [0.5, 1.0], [[0, 1]]):
        with pytest.raises(LeveretDataError, match="whole numbers from 0"):
            balanced_bootstraps(labels)
