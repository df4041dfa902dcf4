"""The last layer as a logistic regression: as scikit-learn has it, and as strong as the validation part likes."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from leveret import LeveretDataError, LeveretUsageError
from leveret.balance import cosine_classifier, refit_classifier
from leveret.data import from_arrays
from leveret.nets import MLP
from leveret.training import logits_of


def table(classes=2, samples=(60, 20), held=40, noise=1.0, features=4, seed=0):
    """Gaussian clouds."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, features)) * 1.5

    def draw(labels):
        return (centres[labels] + noise * rng.normal(size=(len(labels), features))).astype(np.float32)

    y = np.repeat(np.arange(classes), samples)
    y_val = rng.integers(0, classes, held)
    y_val[:classes] = np.arange(classes)
    return from_arrays(draw(y), y, x_val=draw(y_val), y_val=y_val, x_test=draw(y_val), y_test=y_val)


def net_of(data, bias=True):
    torch.manual_seed(0)
    net = MLP(data.train.fetch([0]).shape[1], data.num_classes, widths=(6,))
    if not bias:
        net.classifier = nn.Linear(6, data.num_classes, bias=False)
    return net.eval()


def last(net):
    return next(module for module in reversed(list(net.modules())) if isinstance(module, nn.Linear))


@pytest.mark.parametrize(("classes", "samples"), [(2, (60, 20)), (3, (40, 20, 5))])
@pytest.mark.parametrize("power", [0.0, 1.0])
def test_it_is_scikit_learns_regression_on_the_features(classes, samples, power):
    data = table(classes, samples)
    net = net_of(data)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    made = refit_classifier(net, data, power=power, strengths=[0.1])
    layer = last(net)
    caught = []
    layer.register_forward_hook(lambda module, inputs, output: caught.append(inputs[0]))
    net(torch.from_numpy(data.normalization.apply(data.train.fetch(np.arange(len(data.train))))))
    x = caught[0].detach().double().numpy()
    std = np.where(x.std(0) > 1e-9, x.std(0), 1)
    x = (x - x.mean(0)) / std
    y = data.train.labels
    weights = np.ones(classes) if power == 0 else len(y) / classes / np.bincount(y)
    wanted = LogisticRegression(C=0.1, max_iter=5000, tol=1e-8).fit(x, y, sample_weight=weights[y])
    found = torch.softmax(logits_of(made, data, "train").double(), 1).numpy()
    np.testing.assert_allclose(found, wanted.predict_proba(x), atol=2e-3)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_the_validation_part_chooses_the_strength():
    """Features of pure noise: the weaker the better."""
    data = table(noise=60.0, samples=(30, 30))
    net = net_of(data)
    weak, strong = (refit_classifier(net, data, strengths=[c]) for c in (1e-4, 100.0))
    chosen = refit_classifier(net, data, strengths=[100.0, 1e-4])
    assert torch.equal(last(chosen).weight, last(weak).weight)
    assert not torch.equal(last(weak).weight, last(strong).weight)


def test_without_a_bias_it_gets_one_and_without_validation_it_still_works():
    data = table()
    made = refit_classifier(net_of(data, bias=False), data)
    assert last(made).bias is not None
    alone = from_arrays(data.train.fetch(np.arange(len(data.train))), data.train.labels, val_fraction=0)
    assert refit_classifier(net_of(data), alone)(torch.zeros(1, 4)).isfinite().all()


def test_what_is_wrong_is_said():
    data = table()
    with pytest.raises(LeveretUsageError, match="strengths must be numbers above 0"):
        refit_classifier(net_of(data), data, strengths=[0.0])
    with pytest.raises(LeveretUsageError, match="power must be from 0"):
        refit_classifier(net_of(data), data, power=-1)
    with pytest.raises(LeveretUsageError, match="is a CosineLinear"):
        refit_classifier(cosine_classifier(net_of(data)), data)
    short = table(3, (20, 20, 20))
    missing = short.train.subset(np.flatnonzero(short.train.labels < 2))
    short.train = missing
    with pytest.raises(LeveretDataError, match="class 2 has none"):
        refit_classifier(net_of(short), short)
