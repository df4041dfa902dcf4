"""The classifier itself: kinds of X, parameters, weights, and what is refused."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs, make_classification
from sklearn.exceptions import NotFittedError
from torch.utils.data import SequentialSampler, WeightedRandomSampler

from leveret import CrossEntropy, LeveretClassifier, LeveretUsageError, LeveretWarning
from leveret.nets import MLP, BagOfWords, ConvNet
from leveret.training import Augment


@pytest.fixture(scope="module")
def table():
    return make_classification(160, 6, n_informative=4, class_sep=2.0, random_state=0)


@pytest.fixture(scope="module")
def pictures():
    x, y = load_digits(n_class=3, return_X_y=True)
    return x[:200].reshape(-1, 8, 8) / 16, y[:200]


def quick(**settings):
    return LeveretClassifier(**{"epochs": 8, "lr": 1e-2, "random_state": 0} | settings)


def test_two_classes(table):
    x, y = table
    names = np.array(["no", "yes"])[y]
    model = quick().fit(x[:120], names[:120])
    assert model.score(x[120:], names[120:]) > 0.85
    assert model.classes_.tolist() == ["no", "yes"]
    assert (model.n_features_in_, model.n_iter_, len(model.history_)) == (6, 8, 8)
    assert not model.net_.training
    decision = model.decision_function(x)
    share = model.predict_proba(x)
    assert decision.shape == (160,)
    assert share.shape == (160, 2)
    np.testing.assert_allclose(share[:, 1], 1 / (1 + np.exp(-decision)), rtol=1e-5)
    np.testing.assert_allclose(model.predict_log_proba(x), np.log(share), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(model.predict(x), names[y * 0 + (decision > 0)])


def test_images_and_flat_rows_of_them_are_the_same(pictures):
    x, y = pictures
    pixels = (x * 255).round().astype(np.uint8)
    settings = {"net": small_convnet, "epochs": 3}
    square = quick(**settings).fit(pixels, y)
    assert square.score(pixels, y) > 0.8
    assert isinstance(square.net_, ConvNet)
    assert square.n_features_in_ == 64
    flat = quick(image_shape=(8, 8), **settings).fit(pixels.reshape(len(x), -1), y)
    np.testing.assert_array_equal(flat.predict_proba(pixels.reshape(len(x), -1)), square.predict_proba(pixels))
    # floats of the same pixels are the same
    floats = quick(**settings).fit(x, y)
    np.testing.assert_array_equal(floats.predict_proba(x), square.predict_proba(pixels))
    # a single dark image is read on the scale of those in fit
    dark = np.ones((1, 8, 8))
    wide = quick(epochs=1, net=small_convnet).fit(pixels.astype(np.float64), y)
    np.testing.assert_array_equal(wide.predict_proba(dark), wide.predict_proba(dark.astype(np.uint8)))
    with pytest.raises(ValueError, match=r"images of shape \(8, 8\), as in fit, got \(9, 8\)"):
        square.predict(np.zeros((2, 9, 8), np.uint8))
    with pytest.raises(ValueError, match="X has 63 features, but LeveretClassifier is expecting 64"):
        flat.predict(np.zeros((2, 63)))


def small_convnet(data):
    return ConvNet(data.image_shape[0], data.num_classes, depth=3, width=8, stages=1)


def words(n):
    y = np.arange(n) % 2
    return [f"{'warm sunny' if value else 'cold rainy'} day number {i}" for i, value in enumerate(y)], y


def test_texts():
    texts, y = words(60)
    model = quick(net=lambda data: BagOfWords(data.num_classes, buckets=512), epochs=15).fit(texts, y)
    for same in (texts, np.array(texts), np.array(texts, dtype=object), pd.Series(texts)):
        assert model.score(same, y) == 1
    assert not hasattr(model, "n_features_in_")
    with pytest.raises(ValueError, match="X must be texts, as in fit"):
        model.predict(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="row 1 holds 3"):
        model.predict(["a", 3])
    with pytest.raises(LeveretUsageError, match="augment is for images and tables"):
        clone(model).set_params(augment=Augment(flip=True)).fit(texts, y)
    assert isinstance(LeveretClassifier(epochs=1).fit(texts, y).net_, BagOfWords)


def test_a_frame_is_held_to_its_columns(table):
    x, y = table
    frame = pd.DataFrame(x, columns=list("abcdef"))
    model = quick(epochs=1).fit(frame, y)
    assert model.feature_names_in_.tolist() == list("abcdef")
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        model.predict(frame[list("bacdef")])
    model.fit(*words(10))
    assert not hasattr(model, "feature_names_in_")


def test_the_same_seed_gives_the_same_and_torchs_own_is_left_alone(table):
    x, y = table
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second, other = (quick(epochs=2, random_state=seed).fit(x, y) for seed in (1, 1, 2))
    torch.testing.assert_close(torch.rand(3), expected)
    np.testing.assert_array_equal(first.predict_proba(x), second.predict_proba(x))
    assert not np.array_equal(first.predict_proba(x), other.predict_proba(x))


def test_it_is_silent_unless_asked(table, capfd):
    x, y = table
    y = y.copy()
    y[0] = 2  # a class of one sample
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick(epochs=1).fit(x, y).predict(x)
    assert capfd.readouterr() == ("", "")
    with pytest.warns(LeveretWarning, match="a single training sample"):
        quick(epochs=1, verbose=1).fit(x, y)
    assert "1/1" in capfd.readouterr().err


def test_copies_predict_the_same(table):
    x, y = table
    model = quick(epochs=1, net=MLP(6, 2, widths=(5,)), objective=CrossEntropy(0.1)).fit(x, y)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(other.predict_proba(x), model.predict_proba(x))
    fresh = clone(model)
    assert not hasattr(fresh, "net_")
    np.testing.assert_array_equal(fresh.fit(x, y).predict_proba(x), model.predict_proba(x))


def test_a_module_is_copied_with_its_weights(table):
    x, y = table
    net = MLP(6, 2, widths=(4,))
    before = copy.deepcopy(net.state_dict())
    model = quick(net=net, lr=1e-12, epochs=1, weight_decay=0).fit(x, y)
    assert model.net_ is not net
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, before[name])
    torch.testing.assert_close(model.net_.classifier.weight, net.classifier.weight)


def test_objectives_and_samplers_come_as_they_are_or_from_the_data(table):
    x, y = table
    seen = []

    def objective_for(data):
        seen.append((len(data.train), data.num_classes))
        return CrossEntropy(0.1)

    def objective(net, batch):
        seen.append(len(batch.labels))
        return {"mine": CrossEntropy()(net, batch)["cross_entropy"]}

    quick(epochs=1, objective=objective_for, validation_fraction=0).fit(x, y)
    assert seen == [(160, 2)]
    model = quick(epochs=1, objective=objective, batch_size=80, validation_fraction=0).fit(x, y)
    assert seen[1:] == [80, 80]
    assert "train_mine" in model.history_[0]
    # a sampler that never shows class 1 leaves a net that never says it
    only = np.flatnonzero(y == 0)
    drawn = quick(
        sampler=lambda data: WeightedRandomSampler((data.train.labels == 0).astype(float), 160), epochs=3
    ).fit(x, y)
    assert set(drawn.predict(x[only])) == {0}
    assert drawn.predict(x).mean() < 0.2
    quick(epochs=1, sampler=SequentialSampler(range(144))).fit(x, y)


class Counting:
    """An objective that remembers its calls."""

    calls = 0

    def __call__(self, net, batch):
        self.calls += 1
        return CrossEntropy()(net, batch)


def test_an_objective_is_left_as_it_was(table):
    objective = Counting()
    quick(epochs=1, objective=objective).fit(*table)
    assert objective.calls == 0


def test_weights_count_in_training():
    # two classes in one place: only the weights can tell which to say
    x, y = np.random.default_rng(0).normal(size=(80, 2)), np.arange(80) % 2
    for heavy in (0, 1):
        model = quick().fit(x, y, sample_weight=np.where(y == heavy, 30.0, 1.0))
        assert (model.predict(x) == heavy).mean() > 0.95
        model = quick(class_weight={heavy: 30.0, 1 - heavy: 1.0}).fit(x, y)
        assert (model.predict(x) == heavy).mean() > 0.95
        both = quick(class_weight={heavy: 30.0, 1 - heavy: 1.0})
        evened = both.fit(x, y, sample_weight=np.where(y == heavy, 1 / 30, 1.0))
        np.testing.assert_allclose(evened.predict_proba(x), quick().fit(x, y).predict_proba(x), atol=1e-4)


def test_balanced_weights_find_the_rare_class():
    x, y = make_blobs([360, 24], 2, centers=[[0, 0], [1.2, 1.2]], random_state=0)
    plain, balanced = (quick(class_weight=weight).fit(x, y).predict(x)[y == 1].mean() for weight in (None, "balanced"))
    assert balanced > plain + 0.2


def test_a_weight_of_zero_leaves_a_sample_out(table):
    x, y = table
    weights = np.ones(160)
    weights[::3] = 0
    kept = weights > 0
    first = quick(epochs=2).fit(x, y, sample_weight=weights)
    second = quick(epochs=2).fit(x[kept], y[kept], sample_weight=weights[kept])
    np.testing.assert_array_equal(first.predict_proba(x), second.predict_proba(x))
    texts, labels = words(20)
    assert quick(epochs=1).fit(texts, labels, sample_weight=np.arange(20)).classes_.tolist() == [0, 1]
    with pytest.raises(ValueError, match="got 1 class"):
        quick().fit(x, y, sample_weight=(y == 1).astype(float))


def test_warm_start_goes_on(table):
    x, y = table
    model = quick(warm_start=True, epochs=3).fit(x, y)
    first = model.history_[-1]["train_loss"]
    assert model.fit(x, y).history_[0]["train_loss"] < first * 1.5
    cold = quick(epochs=3).fit(x, y)
    assert model.history_[-1]["train_loss"] < cold.history_[-1]["train_loss"]
    with pytest.raises(LeveretUsageError, match="warm_start goes on only with"):
        model.fit(x[:, :4], y)


def test_early_stopping_keeps_the_best_epoch(table):
    x, y = table
    model = quick(early_stopping=2, epochs=60, validation_fraction=0.3).fit(x, y)
    assert model.n_iter_ < 60
    assert "val_accuracy" in model.history_[0]
    with pytest.raises(LeveretUsageError, match="early_stopping needs a validation part"):
        quick(early_stopping=2, validation_fraction=0).fit(x, y)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"net": 3}, "net must be None, a name"),
        ({"net": lambda data: None}, "net must be None, a name"),
        ({"net": "convnet"}, "a net for tables must be one of mlp"),
        ({"objective": CrossEntropy}, "must be an instance or a function of the data, got the class CrossEntropy"),
        ({"objective": 3}, "objective must be None"),
        ({"objective": lambda data: 3}, "objective must be None.*which gave 3"),
        ({"sampler": [1, 2]}, "sampler must be None"),
        ({"sampler": lambda data: [1]}, "sampler must be None.*which gave"),
        ({"batch_size": "all"}, "batch_size must be 'auto' or a whole number"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"validation_fraction": 1.0}, "val_fraction must be in"),
        ({"image_shape": (8, 8)}, r"image_shape \(8, 8\) has 64 pixels, and X 6 columns"),
        ({"image_shape": 6}, "image_shape must be"),
        ({"class_weight": "balanced", "objective": lambda net, batch: {}}, "takes no sample weights"),
    ],
)
def test_parameters_that_are_refused(table, settings, match):
    with pytest.raises(LeveretUsageError, match=match):
        quick(**settings).fit(*table)


def test_labels_and_samples_that_are_refused(table):
    x, y = table
    with pytest.raises(ValueError, match=r"y.argmax\(axis=1\)"):
        quick().fit(x, np.eye(2)[y])
    with pytest.raises(ValueError, match="Unknown label type"):
        quick().fit(x, x[:, 0])
    with pytest.raises(ValueError, match="at least two classes"):
        quick().fit(x, np.zeros(160))
    with pytest.raises(ValueError, match="Negative values"):
        quick().fit(x, y, sample_weight=-np.ones(160))
    with pytest.raises(ValueError, match="X contains NaN"):
        quick().fit(np.where(x > 1, np.nan, x), y)
    with pytest.raises(ValueError, match="Expected 2D array"):
        quick().fit([], [])
    with pytest.raises(NotFittedError):
        quick().predict(x)


def test_texts_by_a_net_that_knows_their_words():
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.permutation(["fine" if i % 2 else "dull", "film", "plot", "a"])) for i in range(120)]
    labels = np.array(["good" if i % 2 else "bad" for i in range(120)])
    model = LeveretClassifier("text-conv", epochs=6, lr=0.01, random_state=0).fit(texts, labels)
    assert type(model.net_).__name__ == "TextConvNet"
    assert model.score(["fine plot", "a dull film", "dull", "fine words"], ["good", "bad", "bad", "good"]) == 1
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(texts[:9]), model.predict_proba(texts[:9]))
