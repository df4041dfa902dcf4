"""Draws from keys: even, and as good as independent, also between keys that are neighbours."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.errors import LeveretUsageError
from leveret.training._keyed import KeyedDraws, keys_under, view_keys

N = 20_000


def chi_square(counts):
    expected = counts.sum() / counts.size
    return np.square(counts - expected).sum() / expected


@pytest.fixture(params=["counted", "far apart", "of views"])
def keys(request):
    numbers = np.arange(N, dtype=np.uint64)
    return {"counted": numbers, "far apart": numbers << np.uint64(48), "of views": view_keys(0, numbers)}[request.param]


def test_draws_are_even(keys):
    draws = KeyedDraws(keys)
    # limits: mean and 5 deviations of chi-square with 63 and 6 degrees of freedom
    assert chi_square(np.bincount((draws.random(N) * 64).astype(int), minlength=64)) < 63 + 5 * 126**0.5
    values = draws.integers(-3, 4, size=(2, N))
    assert values.shape == (2, N)
    for row in values:
        assert set(row) == set(range(-3, 4))
        assert chi_square(np.bincount(row + 3)) < 6 + 5 * 12**0.5


def test_neighbours_and_successive_draws_are_independent(keys):
    draws = KeyedDraws(keys)
    first, second = draws.random(N), draws.random(N)
    for a, b in ((first[:-1], first[1:]), (first, second), (first[:-1], second[1:])):
        together = np.bincount((a * 8).astype(int) * 8 + (b * 8).astype(int), minlength=64)
        assert chi_square(together) < 63 + 5 * 126**0.5


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=9))
def test_a_draw_depends_on_its_key_alone(keys):
    keys = np.array(keys, np.uint64)
    draws = KeyedDraws(keys)
    whole = draws.random(len(keys)), *draws.integers(0, 1000, size=(2, len(keys)))
    for i in range(len(keys)):
        one = KeyedDraws(keys[i : i + 1])
        assert one.random(1)[0] == whole[0][i]
        assert one.integers(0, 1000, size=(2, 1))[:, 0].tolist() == [whole[1][i], whole[2][i]]


def test_seeds_and_numbers_have_keys_of_their_own():
    keys = np.concatenate([view_keys(seed, np.arange(2000)) for seed in (0, 1, 2, 2**64 - 1)])
    assert keys.dtype == np.uint64
    assert len(np.unique(keys)) == len(keys)


def test_errors():
    for seed in (-1, 2**64):
        with pytest.raises(LeveretUsageError, match="seed must be from 0"):
            view_keys(seed, [0])
    with pytest.raises(LeveretUsageError, match="2 images were asked of 3 keys"):
        KeyedDraws(np.zeros(3, np.uint64)).random(2)


def test_keys_under_keys():
    keys = view_keys(5, np.arange(4))
    under = keys_under(keys[:, None], np.arange(300))
    assert under.shape == (4, 300)
    assert len(np.unique(under)) == under.size
    assert under[2, 7] == keys_under(keys[2], 7)
