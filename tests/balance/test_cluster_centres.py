"""Cluster centres: by hand, of arrays as imbalanced-learn has them, of each kind of data, and what is refused."""

import numpy as np
import pytest
import torch
from balance_data import images, net, table, texts
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.cluster import KMeans

import leveret
from leveret.balance import ClusterCentres
from leveret.data import from_arrays
from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning
from leveret.training import features_of

# two far groups of class 0, whose centres (0, 1) and (10, 3) lie nearest to rows 1 and 4; two samples of class 1
X = np.array([[0, 0], [0, 1], [0, 2], [10, 0], [10, 4], [10, 5], [5, 9], [5, 8]], dtype=float)
Y = np.array(["no"] * 6 + ["yes"] * 2)


def test_the_nearest_samples_by_hand():
    centres = ClusterCentres()
    x, y = centres.fit_resample(X, Y)
    np.testing.assert_array_equal(x, X[[1, 4, 6, 7]])
    assert y.tolist() == ["no", "no", "yes", "yes"]
    assert centres.sample_indices_.tolist() == [1, 4, 6, 7]


def test_the_centres_by_hand():
    centres = ClusterCentres(nearest=False)
    x, y = centres.fit_resample(X, Y)
    assert centres.sample_indices_ is None
    np.testing.assert_allclose(sorted(x[y == "no"].tolist()), [[0, 1], [10, 3]], atol=1e-5)
    np.testing.assert_array_equal(x[y == "yes"], X[6:])


def test_centres_are_imbalanced_learns():
    under_sampling = pytest.importorskip("imblearn.under_sampling")
    data = table()
    x, y = data.train.fetch(np.arange(len(data.train))), data.train.labels
    theirs = under_sampling.ClusterCentroids(voting="soft", estimator=KMeans(n_init=4, random_state=0), random_state=0)
    expected, labels = theirs.fit_resample(x, y)
    found, mine = ClusterCentres(nearest=False).fit_resample(x, y)
    np.testing.assert_array_equal(mine, labels)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@given(
    counts=st.lists(st.integers(1, 25), min_size=2, max_size=4),
    number=st.integers(1, 30),
    seed=st.integers(0, 5),
)
@settings(max_examples=25, deadline=None)
def test_rows_of_each_class_come_down_to_the_number_and_are_its_own(counts, number, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.random.default_rng(seed).normal(size=(len(y), 3))
    centres = ClusterCentres(number, seed=seed)
    found, labels = centres.fit_resample(x, y)
    assert np.bincount(labels).tolist() == [min(count, number) for count in counts]
    places = centres.sample_indices_
    assert (np.diff(places) > 0).all()
    np.testing.assert_array_equal(found, x[places])
    np.testing.assert_array_equal(labels, y[places])


@pytest.mark.parametrize(
    ("strategy", "counts"),
    [
        ("auto", [6, 6, 6]),
        ("not minority", [6, 6, 6]),
        ("majority", [6, 24, 6]),
        (10, [10, 10, 6]),
        (0.25, [24, 24, 6]),
        (1.0, [6, 6, 6]),
        ({"cat": 3}, [3, 24, 6]),
        ({0: 8, "dog": 7}, [8, 7, 6]),
        ({"owl": 99}, [60, 24, 6]),
    ],
)
@pytest.mark.parametrize("nearest", [True, False])
def test_strategies(strategy, counts, nearest):
    data = table()
    found = ClusterCentres(strategy, nearest=nearest).resample(data)
    assert found.train.class_counts().tolist() == counts
    assert found.val is data.val
    assert found.classes == data.classes


def test_labels_of_any_kind_are_kept_as_they_are():
    for y in (Y == "yes", np.where(Y == "yes", -7, 40), np.eye(2)[(Y == "yes").astype(int)]):
        for nearest in (True, False):
            _, found = ClusterCentres(nearest=nearest).fit_resample(X, y)
            assert found.dtype == y.dtype
            assert found.shape[1:] == y.shape[1:]
            values, numbers = np.unique(found, axis=0, return_counts=True)
            assert numbers.tolist() == [2, 2]
            np.testing.assert_array_equal(values, np.unique(y, axis=0))
    _, found = ClusterCentres({True: 1, False: 3}).fit_resample(X, Y == "yes")
    assert found.tolist() == [False, False, False, True]


def test_data_frames_stay_data_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b"])
    for nearest in (True, False):
        found, _ = ClusterCentres(nearest=nearest).fit_resample(frame, Y)
        assert list(found.columns) == ["a", "b"]
        assert len(found) == 4


def test_it_stands_in_imbalanced_learns_pipelines():
    pipeline = pytest.importorskip("imblearn.pipeline")
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    data = table()
    x, y = data.train.fetch(np.arange(len(data.train))), data.train.labels
    steps = pipeline.make_pipeline(ClusterCentres(seed=3), LogisticRegression())
    assert cross_val_score(steps, x, y, cv=2).mean() > 0.9
    assert clone(ClusterCentres(7, nearest=False, seed=2)).get_params() == {
        "sampling_strategy": 7,
        "nearest": False,
        "seed": 2,
        "backend": "auto",
    }


def test_a_seed_gives_the_same_samples():
    data = table()
    chosen = []
    for seed in (1, 1, 2):
        centres = ClusterCentres(5, seed=seed)
        centres.resample(data)
        chosen.append(centres.sample_indices_.tolist())
    assert chosen[0] == chosen[1] != chosen[2]


def test_both_modes_of_images_are_kept():
    data = images()
    centres = ClusterCentres(2)
    found = centres.resample(data)
    kept = found.train.fetch(np.arange(len(found.train)))
    np.testing.assert_array_equal(kept, data.train.fetch(centres.sample_indices_))
    dark, bright = sorted(float(image.mean()) for image in kept[found.train.labels == 0])
    assert dark < 60
    assert bright > 190


def test_mean_images_are_means_of_pixels():
    data = images()
    found = ClusterCentres(2, nearest=False).resample(data)
    kept = found.train.fetch(np.arange(len(found.train)))
    assert kept.dtype == np.uint8
    pixels = data.train.fetch(np.arange(20)).astype(float)
    for label, mean in ((0, pixels[::2].mean(0)), (0, pixels[1::2].mean(0))):
        of_class = kept[found.train.labels == label]
        assert min(np.abs(image - mean).max() for image in of_class) <= 0.5
    assert found.train.class_counts().tolist() == [2, 2]


def test_classes_that_keep_all_keep_their_samples_beside_means():
    data = table()
    found = ClusterCentres({"cat": 4}, nearest=False).resample(data)
    whole = data.train.labels > 0
    np.testing.assert_array_equal(found.train.labels, [*data.train.labels[whole], 0, 0, 0, 0])
    np.testing.assert_array_equal(found.train.fetch(np.arange(30)), data.train.fetch(np.flatnonzero(whole)))
    cats = data.train.fetch(np.flatnonzero(~whole))
    assert (np.abs(found.train.fetch(np.arange(30, 34))[:, 0]) < np.abs(cats[:, 0]).max()).all()


def test_texts_keep_the_nearest_of_each_subject():
    data = texts()
    found = ClusterCentres().resample(data)
    about = [("cat" in text) for text in found.train.fetch(np.flatnonzero(found.train.labels == 0))]
    assert sorted(about) == [False, True]
    with pytest.raises(LeveretUsageError, match="mean of texts is none"):
        ClusterCentres(nearest=False).resample(data)


def test_learned_features_decide():
    data = table()
    torch.manual_seed(0)
    plain = net()
    by_net, by_rows = ClusterCentres(seed=1), ClusterCentres(seed=1)
    by_net.resample(data, net=plain)
    by_rows.resample(data, features=features_of(plain, data))
    np.testing.assert_array_equal(by_net.sample_indices_, by_rows.sample_indices_)
    # one feature that puts the first thirty cats on 0 and the others on 1: a sample of each stays
    steps = np.zeros((len(data.train), 1))
    steps[30:60] = 1
    steps[60:] = np.arange(30)[:, None]
    centres = ClusterCentres({"cat": 2})
    centres.resample(data, features=steps)
    assert [place < 30 for place in centres.sample_indices_[:2]] == [True, False]


def test_the_resampled_data_trains():
    data = ClusterCentres().resample(table())
    result = leveret.fit(net(), data, epochs=30, batch_size=9, lr=0.05, progress=False)
    assert result.best_accuracy == 1


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        ("minority", "sampling_strategy must be 'auto'"),
        (0, "at least 1; got 0 for class 'cat'"),
        (True, "at least 1; got True"),
        (0.0, r"share must be in \(0, 1\], got 0.0"),
        (1.5, r"share must be in \(0, 1\]"),
        ({"cow": 3}, "names class 'cow', which there isn't; there are cat, dog, owl"),
        ({3: 3}, "names class 3"),
        ({"dog": 0}, "got 0 for class 'dog'"),
        ({"dog": 2.5}, "got 2.5 for class 'dog'"),
    ],
)
def test_strategies_out_of_range_are_refused(strategy, words):
    with pytest.raises(LeveretUsageError, match=words):
        ClusterCentres(strategy).resample(table())


@pytest.mark.parametrize("nearest", [True, False])
def test_fewer_different_samples_than_clusters_are_refused_by_class(nearest):
    x = np.array([[1.0], [1.0], [1.0], [2.0], [5.0], [6.0], [7.0]])
    y = np.array(["a"] * 4 + ["b"] * 3)
    words = "class 'a': there are 2 different samples for 3 clusters"
    with pytest.raises(LeveretDataError, match=words):
        ClusterCentres(nearest=nearest).fit_resample(x, y)
    with pytest.raises(LeveretDataError, match=words):
        ClusterCentres(nearest=nearest).resample(from_arrays(x, y, val_fraction=0.0))


def test_a_class_of_one_sample_is_warned_of():
    with pytest.warns(LeveretWarning, match="class 'yes' has a single training sample"):
        x, _ = ClusterCentres().fit_resample(X[:7], Y[:7])
    assert len(x) == 2


def test_a_class_without_samples_is_refused():
    data = table()
    data.train = data.train.subset(np.arange(84))
    with pytest.raises(LeveretDataError, match="class 'owl' has no training sample"):
        ClusterCentres().resample(data)


def test_rows_and_labels_that_do_not_fit_are_refused():
    broken = X.copy()
    broken[2, 1] = np.inf
    with pytest.raises(LeveretDataError, match="row 2 of the features isn't finite"):
        ClusterCentres().fit_resample(broken, Y)
    with pytest.raises(LeveretDataError, match="x has 8 samples and y 7 labels"):
        ClusterCentres().fit_resample(X, Y[:7])
    with pytest.raises(LeveretDataError, match="row 0 has 2 classes"):
        ClusterCentres().fit_resample(X, np.ones((8, 2), int))
    with pytest.raises(LeveretUsageError, match="features must be of 90 training samples, got 3"):
        ClusterCentres().resample(table(), features=np.zeros((3, 2)))
    with pytest.raises(LeveretUsageError, match="not both"):
        ClusterCentres().resample(table(), net=net(), features=np.zeros((90, 2)))
    with pytest.raises(LeveretDataError, match="row 7 of the features"):
        ClusterCentres().resample(table(), features=np.where(np.arange(90) == 7, np.nan, 1.0)[:, None])
