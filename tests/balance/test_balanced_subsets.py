"""Balanced subsets: by hand, a partition of the frequent classes with all of the rare one, and what is refused."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.balance import balanced_subsets
from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning


def labels_of(counts):
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))


@given(majority=st.integers(2, 200), minority=st.integers(2, 60), flip=st.booleans(), seed=st.integers(0, 9))
@settings(max_examples=80, deadline=None)
def test_each_majority_sample_is_in_one_subset_and_each_minority_sample_in_all(majority, minority, flip, seed):
    majority = max(majority, minority)
    labels = labels_of((majority, minority)) ^ int(flip)
    subsets = balanced_subsets(labels, seed=seed)
    assert len(subsets) == max(1, round(majority / minority))
    frequent, rare = np.flatnonzero(labels == int(flip)), np.flatnonzero(labels != int(flip))
    np.testing.assert_array_equal(np.sort(np.concatenate([s[np.isin(s, frequent)] for s in subsets])), frequent)
    for subset in subsets:
        np.testing.assert_array_equal(subset[np.isin(subset, rare)], rare)
        assert (np.diff(subset) > 0).all()
        assert abs(np.isin(subset, frequent).sum() - majority / len(subsets)) < 1


@given(
    counts=st.lists(st.integers(1, 60), min_size=2, max_size=5),
    members=st.one_of(st.none(), st.integers(1, 12)),
    seed=st.integers(0, 9),
)
@settings(max_examples=80, deadline=None)
def test_of_many_classes_every_sample_is_used_and_every_subset_has_every_class(counts, members, seed):
    if members is not None and members > max(counts):
        return
    labels = labels_of(counts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeveretWarning)
        subsets = balanced_subsets(labels, members=members, seed=seed)
    assert sorted(set(np.concatenate(subsets).tolist())) == list(range(len(labels)))
    found = np.stack([np.bincount(labels[subset], minlength=len(counts)) for subset in subsets])
    assert (found > 0).all()
    most = int(np.argmax(counts))
    assert found[:, most].sum() == counts[most]
    if members is None:
        # the rarest in full; of the others about as many, as near as whole subsets allow
        assert (found[:, int(np.argmin(counts))] == min(counts)).all()
        assert found.max() <= 2 * min(counts)


def test_by_hand():
    # six of the first, two of the second, four of the third: three members, of which two share half the third
    labels = np.repeat([0, 1, 2], (6, 2, 4))
    subsets = balanced_subsets(labels)
    assert [np.bincount(labels[subset]).tolist() for subset in subsets] == [[2, 2, 2]] * 3
    thirds = [set(subset[labels[subset] == 2].tolist()) for subset in subsets]
    assert thirds[0] | thirds[1] | thirds[2] == {8, 9, 10, 11}


def test_a_cap_makes_subsets_larger():
    labels = labels_of((100, 5))
    assert len(balanced_subsets(labels)) == 20
    subsets = balanced_subsets(labels, max_members=4)
    assert [np.bincount(labels[subset]).tolist() for subset in subsets] == [[25, 5]] * 4
    assert len(balanced_subsets(labels, max_members=50)) == 20


def test_each_round_deals_everything_anew():
    labels = labels_of((20, 10))
    subsets = balanced_subsets(labels, rounds=3, seed=4)
    assert len(subsets) == 6
    frequent = np.flatnonzero(labels == 0)
    halves = [frozenset(subset[np.isin(subset, frequent)]) for subset in subsets]
    for first, second in zip(halves[::2], halves[1::2], strict=True):
        assert first | second == frozenset(frequent)
        assert not first & second
    assert len(set(halves)) == 6
    # the first round is what one round alone deals
    for alone, among in zip(balanced_subsets(labels, seed=4), subsets, strict=False):
        np.testing.assert_array_equal(alone, among)


def test_seeds():
    labels = labels_of((40, 8))
    found = [[s.tolist() for s in balanced_subsets(labels, seed=seed)] for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


def test_a_single_sample_is_warned_of_unless_the_members_are_said():
    labels = labels_of((30, 1))
    with pytest.warns(LeveretWarning, match="class 1 has a single sample, so there are 30 members"):
        assert len(balanced_subsets(labels)) == 30
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(balanced_subsets(labels, max_members=3)) == 3


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([], "whole numbers from 0|each of two or more classes"),
        (np.zeros(5, int), r"needs a sample; the classes have \[5\]"),
        (np.array([0, 0, 2]), r"needs a sample; the classes have \[2, 0, 1\]"),
        (np.array(["a", "b"]), "whole numbers from 0"),
        (np.array([0.0, 1.0]), "whole numbers from 0"),
        (np.array([-1, 1]), "whole numbers from 0"),
        (np.eye(2, dtype=int), r"shape \(2, 2\)"),
    ],
)
def test_labels_that_cannot_be_dealt_are_refused(labels, words):
    with pytest.raises(LeveretDataError, match=words):
        balanced_subsets(labels)


@pytest.mark.parametrize("options", [{"members": 0}, {"members": 7}, {"max_members": 0}, {"rounds": 0}])
def test_numbers_of_members_out_of_range_are_refused(options):
    with pytest.raises(LeveretUsageError, match=r"(members|rounds) must be"):
        balanced_subsets(np.repeat([0, 1], (6, 2)), **options)
