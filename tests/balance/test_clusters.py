"""Clusters: by hand, none empty, the same for a seed, by faiss where it is there, and what is refused."""

import importlib.machinery
import sys
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.balance import _clusters, cluster
from leveret.balance._clusters import _none_empty, different_rows, means_of
from leveret.errors import LeveretDataError, LeveretMissingError, LeveretUsageError


def test_two_far_groups_are_found():
    rows = np.array([[0, 0], [0, 2], [10, 0], [10, 2], [10, 4]], np.float32)
    labels, centres = cluster(rows, 2)
    assert labels[0] == labels[1] != labels[2] == labels[3] == labels[4]
    np.testing.assert_allclose(centres[labels[[0, 2]]], [[0, 1], [10, 2]], atol=1e-5)


@given(values=st.lists(st.integers(0, 6), min_size=1, max_size=30), seed=st.integers(0, 9), data=st.data())
@settings(max_examples=40, deadline=None)
def test_every_cluster_has_a_sample_and_equals_stay_together(values, seed, data):
    rows = np.array(values, np.float32)[:, None]
    k = data.draw(st.integers(1, len(set(values))))
    labels, centres = cluster(rows, k, seed=seed, backend="sklearn")
    assert labels.shape == (len(rows),)
    assert centres.shape == (k, 1)
    assert sorted(set(labels.tolist())) == list(range(k))
    assert len({(value, label) for value, label in zip(values, labels.tolist(), strict=True)}) == len(set(values))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_empty_clusters_are_filled_wherever_they_are(data):
    values = data.draw(st.lists(st.integers(0, 5), min_size=2, max_size=20))
    k = data.draw(st.integers(1, len(set(values))))
    # an assignment that a clustering might leave: equals together, clusters missing
    of_value = data.draw(st.lists(st.integers(0, k - 1), min_size=6, max_size=6))
    rows = np.array(values, np.float32)[:, None]
    labels = np.array([of_value[value] for value in values])
    filled, centres = _none_empty(rows, labels, means_of(rows, labels, k).astype(np.float32))
    assert sorted(set(filled.tolist())) == list(range(k))
    np.testing.assert_allclose(centres, means_of(rows, filled, k), atol=1e-6)


def test_a_seed_gives_the_same_clusters():
    rows = np.random.default_rng(0).normal(size=(300, 4))
    first, again, other = (cluster(rows, 12, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()


def test_many_samples_go_in_batches(monkeypatch):
    monkeypatch.setattr(_clusters, "_MINI", 100)
    rows = np.concatenate([np.random.default_rng(i).normal(40 * i, 1, size=(60, 2)) for i in range(3)])
    labels, centres = cluster(rows, 3)
    assert [len(set(labels[start : start + 60].tolist())) for start in (0, 60, 120)] == [1, 1, 1]
    np.testing.assert_allclose(np.sort(centres[:, 0]), [0, 40, 80], atol=1.5)


class Kmeans:
    """As faiss documents it, by scikit-learn, but that it leaves its last cluster empty."""

    made: list = []  # noqa: RUF012 - the test looks here

    def __init__(self, d, k, niter=25, seed=1234, verbose=False, spherical=False, min_points_per_centroid=39):
        self.d, self.k, self.seed = d, k, seed
        self.made.append((d, k, seed, spherical))

    def train(self, x):
        from sklearn.cluster import KMeans

        assert x.dtype == np.float32
        assert x.flags.c_contiguous
        found = KMeans(max(1, self.k - 1), n_init=1, random_state=self.seed).fit(x).cluster_centers_
        self.centroids = np.concatenate([found, np.full((self.k - len(found), self.d), 1e6)]).astype(np.float32)
        self.index = types.SimpleNamespace(search=self._search)

    def _search(self, x, n):
        assert n == 1
        far = ((x[:, None] - self.centroids) ** 2).sum(2)
        return far.min(1, keepdims=True), far.argmin(1)[:, None]


@pytest.fixture
def faiss(monkeypatch):
    module = types.ModuleType("faiss")
    module.Kmeans = Kmeans
    module.__spec__ = importlib.machinery.ModuleSpec("faiss", None)
    monkeypatch.setitem(sys.modules, "faiss", module)
    Kmeans.made.clear()
    return module


@pytest.mark.parametrize("backend", ["auto", "faiss"])
def test_faiss_is_used_where_it_is_there(faiss, backend):
    rows = np.random.default_rng(0).normal(size=(50, 3))
    labels, centres = cluster(rows, 6, seed=7, backend=backend)
    assert Kmeans.made == [(3, 6, 7, False)]
    assert sorted(set(labels.tolist())) == list(range(6))  # the one that it left empty too
    assert np.abs(centres).max() < 10


def test_scikit_learn_is_used_where_it_is_asked_for(faiss):
    cluster(np.arange(8.0)[:, None], 2, backend="sklearn")
    assert not Kmeans.made


def test_real_faiss_agrees_on_far_groups():
    pytest.importorskip("faiss")
    rows = np.concatenate([np.random.default_rng(i).normal(40 * i, 1, size=(60, 2)) for i in range(3)])
    labels, _ = cluster(rows, 3, backend="faiss")
    assert [len(set(labels[start : start + 60].tolist())) for start in (0, 60, 120)] == [1, 1, 1]


def test_different_rows_are_counted():
    rows = np.array([[0, 1], [-0.0, 1], [2, 1], [0, 1]], np.float32)
    assert [different_rows(rows, most) for most in (1, 2, 3, 9)] == [1, 2, 2, 2]


@pytest.mark.parametrize(
    ("features", "k", "words"),
    [
        ([[1.0], [1.0], [2.0]], 3, "there are 2 different samples for 3 clusters"),
        ([[1.0], [np.nan], [np.inf]], 1, r"row 1 of the features isn't finite \(2 in all\)"),
        ([1.0, 2.0], 1, r"rows \(samples, features\), at least one, got \(2,\)"),
        (np.empty((0, 3)), 1, r"at least one, got \(0, 3\)"),
        ([["a"], ["b"]], 1, "rows of numbers"),
    ],
)
def test_features_that_cannot_be_clustered_are_refused(features, k, words):
    with pytest.raises(LeveretDataError, match=words):
        cluster(features, k)


@pytest.mark.parametrize("k", [0, -1, 2.0, True])
def test_k_is_a_number_of_clusters(k):
    with pytest.raises(LeveretUsageError, match="whole number of at least 1 cluster"):
        cluster([[1.0], [2.0]], k)


def test_backends_and_seeds_are_checked(monkeypatch):
    with pytest.raises(LeveretUsageError, match="backend must be"):
        cluster([[1.0], [2.0]], 1, backend="scipy")
    with pytest.raises(LeveretUsageError, match="seed must be at least 0"):
        cluster([[1.0], [2.0]], 1, seed=-1)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LeveretMissingError, match="backend='faiss' needs faiss: pip install"):
        cluster([[1.0], [2.0]], 1, backend="faiss")
