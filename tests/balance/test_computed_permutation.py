"""Computed permutations: each place goes to another, and where to looks like chance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.balance._permutation import permuted
from leveret.training._keyed import view_keys


def chi_square(counts):
    """In deviations from the mean."""
    expected = counts.sum() / counts.size
    freedom = counts.size - 1
    return (np.square(counts - expected).sum() / expected - freedom) / (2 * freedom) ** 0.5


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5000), st.integers(0, 2**64 - 1))
def test_each_place_goes_to_another(size, key):
    found = permuted(np.arange(size), size, np.uint64(key))
    assert sorted(found.tolist()) == list(range(size))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 300) | st.integers(16_380, 16_390), min_size=1, max_size=5), st.integers(0, 1000))
def test_many_permutations_at_once_are_the_same_ones(sizes, seed):
    keys = view_keys(seed, np.arange(len(sizes)))
    alone = [permuted(np.arange(size), size, key) for size, key in zip(sizes, keys, strict=True)]
    together = permuted(
        np.concatenate([np.arange(size) for size in sizes]), np.repeat(sizes, sizes), np.repeat(keys, sizes)
    )
    assert together.tolist() == np.concatenate(alone).tolist()


@pytest.mark.parametrize("size", [2**31 + 11, 2**40 + 7, 2**52])
def test_large_sizes(size):
    places = np.r_[np.arange(50_000), size - 1 - np.arange(50_000)]
    found = permuted(places, size, np.uint64(3))
    assert found.min() >= 0
    assert found.max() < size
    assert len(np.unique(found)) == len(places)
    assert abs(chi_square(np.bincount((found / size * 64).astype(int), minlength=64))) < 5


@pytest.mark.parametrize("size", [3, 10, 100, 1000, 16_384])
def test_places_and_pairs_of_places_are_evenly_spread_over_the_keys(size):
    keys = view_keys(size, np.arange(min(400 * size, 500_000)))
    first, second = (permuted(np.full(len(keys), place), size, keys) for place in (0, 1))
    assert abs(chi_square(np.bincount(first, minlength=size))) < 5
    apart = np.bincount((second - first) % size, minlength=size)
    assert apart[0] == 0
    assert abs(chi_square(apart[1:])) < 5


def test_of_no_place():
    assert len(permuted(np.arange(0), 10, np.uint64(0))) == 0
