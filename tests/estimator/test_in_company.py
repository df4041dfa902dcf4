"""The classifier inside scikit-learn's and imbalanced-learn's pipelines, searches and ensembles."""

from __future__ import annotations

import numpy as np
import pytest
from imblearn.ensemble import BalancedBaggingClassifier
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_resampling_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_validate
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leveret import LeveretClassifier
from leveret.nets import MLP, ConvNet

pytestmark = pytest.mark.filterwarnings("error::leveret.errors.LeveretWarning")


@pytest.fixture(scope="module")
def table():
    return make_classification(150, 8, n_informative=5, class_sep=2.0, weights=[0.8], flip_y=0, random_state=1)


def quick(**settings):
    return LeveretClassifier(**{"net": small, "epochs": 5, "lr": 1e-2, "random_state": 0} | settings)


def small(data):
    return MLP(len(data.features), data.num_classes, widths=(16,))


def convnet(data):
    return ConvNet(1, data.num_classes, depth=2, width=8, stages=1)


def test_pipeline(table):
    x, y = table
    model = make_pipeline(StandardScaler(), SelectKBest(k=5), quick())
    assert model.fit(x[:100], y[:100]).score(x[100:], y[100:]) > 0.8
    model.fit(x, y, leveretclassifier__sample_weight=np.where(y == 1, 4.0, 1.0))
    assert model[-1].n_features_in_ == 5


def test_grid_search_over_nets_rates_and_weights(table):
    x, y = table
    grid = {"net": [small, MLP(8, 2, widths=())], "lr": [1e-7, 1e-2]}
    search = GridSearchCV(quick(), grid, cv=2, scoring="balanced_accuracy").fit(x, y)
    assert search.best_params_["lr"] == 1e-2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_halving_search_gives_good_ones_more_epochs(table):
    x, y = table
    search = HalvingGridSearchCV(
        quick(), {"lr": [1e-7, 1e-2, 2e-2]}, resource="epochs", min_resources=1, max_resources=3, cv=2
    ).fit(x, y)
    assert search.best_params_["epochs"] == 3
    assert search.best_params_["lr"] > 1e-7


def test_cross_validation_in_processes_gives_the_same(table):
    x, y = table
    scores = [
        cross_validate(quick(), x, y, cv=2, scoring=("roc_auc", "average_precision", "neg_log_loss"), n_jobs=jobs)
        for jobs in (None, 2)
    ]
    for name in ("test_roc_auc", "test_average_precision", "test_neg_log_loss"):
        np.testing.assert_allclose(scores[0][name], scores[1][name])
    assert scores[0]["test_roc_auc"].min() > 0.8


def test_resampling_pipeline_over_rows_of_images():
    x, y = load_digits(n_class=3, return_X_y=True)
    rare = np.concatenate([np.flatnonzero(y == 0)[:20], np.flatnonzero(y > 0)[:150]])
    pixels = (x[rare] / 16 * 255).round().astype(np.uint8)
    net = quick(net=convnet, image_shape=(8, 8), epochs=3)
    model = make_resampling_pipeline(SMOTE(k_neighbors=3, random_state=0), net)
    model.fit(pixels, y[rare])
    assert model.score(pixels, y[rare]) > 0.8
    under = make_resampling_pipeline(RandomUnderSampler(random_state=0), quick(net=convnet, image_shape=(8, 8)))
    assert cross_validate(under, pixels, y[rare], cv=2, error_score="raise")["test_score"].shape == (2,)


def test_balanced_bagging(table):
    x, y = table
    model = BalancedBaggingClassifier(quick(), n_estimators=3, random_state=0).fit(x, y)
    assert len(model.estimators_) == 3
    assert model.predict(x)[y == 1].mean() > 0.7


def test_calibration(table):
    x, y = table
    for method in ("sigmoid", "isotonic"):
        share = CalibratedClassifierCV(quick(), cv=2, method=method).fit(x, y).predict_proba(x)
        np.testing.assert_allclose(share.sum(1), 1, rtol=1e-6)
        assert ((share[:, 1] > 0.5) == y).mean() > 0.85


def test_calibration_of_images():
    x, y = load_digits(n_class=3, return_X_y=True)
    images = x[:120].reshape(-1, 8, 8) / 16
    model = CalibratedClassifierCV(quick(net=convnet), cv=2).fit(images, y[:120])
    assert model.score(images, y[:120]) > 0.7


def test_voting_and_many_labels(table):
    x, y = table
    voting = VotingClassifier([("net", quick()), ("line", LogisticRegression())], voting="soft").fit(x, y)
    assert voting.score(x, y) > 0.8
    both = MultiOutputClassifier(quick()).fit(x, np.stack([y, x[:, 0] > 0], 1).astype(int))
    assert both.predict(x).shape == (150, 2)
