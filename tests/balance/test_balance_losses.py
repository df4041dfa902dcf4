"""Each objective of the room: its formula in numpy, its gradient, missing labels, and trainings that resume."""

import copy
import math
import pickle
import warnings

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from torch import nn

import leveret
from leveret.balance import (
    LDAM,
    FocalLoss,
    HardMining,
    LogitAdjusted,
    WeightedCrossEntropy,
    class_weights,
    cosine_classifier,
)
from leveret.errors import LeveretUsageError
from leveret.nets import ConvNet
from leveret.training import Batch, CrossEntropy, evaluate, fit

COUNTS = [100, 40, 8]
RNG = np.random.default_rng(3)
LOGITS = RNG.normal(size=(7, 3)) * 2
LABELS = np.array([0, 1, 2, 0, 0, 1, 2])


def log_softmax(x):
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def nll(logits, labels):
    return -log_softmax(logits)[np.arange(len(labels)), labels]


def by_class(**options):
    """Every objective of the room, made for three classes."""
    return {
        "weighted": WeightedCrossEntropy(class_weights(COUNTS), **options),
        "focal": FocalLoss(1.5, class_weights(COUNTS, 0.5)),
        "adjusted": LogitAdjusted(COUNTS, 0.7),
        "ldam": LDAM(COUNTS, scale=1, defer=0),
        "mining": HardMining(COUNTS, mix=0.3, warmup=0),
    }


def total(objective, net, batch):
    return sum(objective(net, batch).values())


def test_weighted_cross_entropy_is_the_plain_mean_of_weighted_losses(given, batch_of):
    weights = np.array([0.5, 1.0, 4.0])
    found = WeightedCrossEntropy(torch.tensor(weights))(given, batch_of(LOGITS, LABELS))
    np.testing.assert_allclose(
        found["weighted_cross_entropy"], (weights[LABELS] * nll(LOGITS, LABELS)).mean(), rtol=1e-6
    )
    # a batch of one class weighs as that class, which torch's own weighted mean would forget
    alone = WeightedCrossEntropy(torch.tensor(weights))(given, batch_of(LOGITS[:2], [2, 2]))
    np.testing.assert_allclose(alone["weighted_cross_entropy"], 4 * nll(LOGITS[:2], [2, 2]).mean(), rtol=1e-6)


def test_label_smoothing(given, batch_of):
    target = 0.9 * np.eye(3)[LABELS] + 0.1 / 3
    expected = (np.array([1, 2, 3])[LABELS] * -(target * log_softmax(LOGITS)).sum(1)).mean()
    objective = WeightedCrossEntropy(torch.tensor([1, 2, 3]), label_smoothing=0.1)
    np.testing.assert_allclose(total(objective, given, batch_of(LOGITS, LABELS)), expected, rtol=1e-6)


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2, 5])
def test_focal_loss_follows_the_formula(gamma, given, batch_of):
    p = np.exp(-nll(LOGITS, LABELS))
    found = FocalLoss(gamma)(given, batch_of(LOGITS, LABELS))["focal"]
    np.testing.assert_allclose(found, (-((1 - p) ** gamma) * np.log(p)).mean(), rtol=1e-6)
    alpha = np.array([0.25, 1, 2])
    found = FocalLoss(gamma, torch.tensor(alpha))(given, batch_of(LOGITS, LABELS))["focal"]
    np.testing.assert_allclose(found, (-alpha[LABELS] * (1 - p) ** gamma * np.log(p)).mean(), rtol=1e-6)


def test_focal_loss_for_two_classes_is_the_papers_with_sigmoids(given, batch_of):
    z, y = RNG.normal(size=9), RNG.integers(0, 2, 9)
    p = np.where(y == 1, 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(z)))
    logits = np.stack([np.zeros(9), z], 1)
    np.testing.assert_allclose(
        total(FocalLoss(2), given, batch_of(logits, y)), (-((1 - p) ** 2) * np.log(p)).mean(), rtol=1e-6
    )


@pytest.mark.parametrize("gamma", [0.3, 1, 2])
def test_focal_loss_has_a_gradient_where_the_net_is_quite_sure(gamma, given, batch_of):
    logits = torch.tensor([[80.0, 0.0, -5.0], [-300.0, 200.0, 0.0]], requires_grad=True)
    total(FocalLoss(gamma), given, batch_of(logits, [0, 0])).backward()
    assert logits.grad.isfinite().all()
    # surely wrong: as cross-entropy; half of it, as the mean is over two
    np.testing.assert_allclose(logits.grad[1], [-0.5, 0.5, 0], atol=1e-6)


@settings(max_examples=40, deadline=None)
@drawn(st.floats(0, 4), st.integers(0, 1000))
def test_focal_loss_is_never_above_cross_entropy(gamma, seed):
    torch.manual_seed(seed)
    batch = Batch(3 * torch.randn(5, 4), torch.randint(0, 4, (5,)), torch.arange(5))
    focal, plain = total(FocalLoss(gamma), nn.Identity(), batch), total(CrossEntropy(), nn.Identity(), batch)
    assert 0 <= focal <= plain + 1e-6
    if gamma == 0:
        torch.testing.assert_close(focal, plain)


@pytest.mark.parametrize("name", by_class())
def test_gradients(name, given, batch_of):
    objective = by_class()[name]
    logits = torch.tensor(LOGITS, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: total(objective, given, batch_of(x, LABELS)), [logits])


@pytest.mark.parametrize("name", by_class())
def test_samples_without_a_label_are_left_out(name, given, batch_of):
    objective = by_class()[name]
    with_gaps, mixed = batch_of(np.concatenate([LOGITS, LOGITS]), [*LABELS, *[-100] * 7]), batch_of(LOGITS, LABELS)
    torch.testing.assert_close(total(objective, given, with_gaps), total(objective, given, mixed))
    assert with_gaps.logits.shape == (14, 3)
    nothing = batch_of(torch.tensor(LOGITS, requires_grad=True), [-100] * 7)
    loss = total(objective, given, nothing)
    loss.backward()
    assert loss == 0
    assert (nothing.inputs.grad == 0).all()


@pytest.mark.parametrize("name", by_class())
def test_a_net_of_other_classes_is_refused(name, given, batch_of):
    with pytest.raises(LeveretUsageError, match="for 3 classes, the net gives logits \\(4, 5\\)"):
        by_class()[name](given, batch_of(torch.zeros(4, 5), [0, 1, 1, 0]))


@pytest.mark.parametrize("name", by_class())
def test_they_pickle_and_say_what_they_are(name, given, batch_of):
    objective = by_class()[name]
    again = pickle.loads(pickle.dumps(objective))
    batch = batch_of(LOGITS, LABELS)
    torch.testing.assert_close(total(again, given, batch), total(objective, given, batch))
    assert type(objective).__name__ in repr(again)


@pytest.mark.parametrize("name", by_class())
def test_half_precision_logits_are_summed_in_float32(name, given, batch_of):
    batch = batch_of(torch.tensor(LOGITS).bfloat16(), LABELS)
    loss = total(by_class()[name], given, batch)
    assert loss.dtype == torch.float32
    exact = total(by_class()[name], given, batch_of(batch.inputs.float(), LABELS))
    torch.testing.assert_close(loss, exact)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: FocalLoss(-0.1), "gamma must be at least 0"),
        (lambda: FocalLoss(float("inf")), "gamma must be at least 0"),
        (lambda: FocalLoss(2, torch.tensor([1.0, -1.0])), "class weights"),
        (lambda: WeightedCrossEntropy(torch.tensor([1.0, math.nan])), "class weights"),
        (lambda: WeightedCrossEntropy(torch.zeros(3)), "not all 0"),
        (lambda: WeightedCrossEntropy(torch.ones(2, 2)), "class weights"),
        (lambda: WeightedCrossEntropy("abc"), "class weights"),
        (lambda: WeightedCrossEntropy(torch.ones(2), label_smoothing=1), "label_smoothing"),
    ],
)
def test_arguments_out_of_range(make, says):
    with pytest.raises(LeveretUsageError, match=says):
        make()


def small_net(name):
    torch.manual_seed(0)
    net = ConvNet(1, 3, depth=2, width=6, dropout=0.2)
    return cosine_classifier(net, scale=8.0) if name == "ldam" else net


def training_of(name, counts):
    return {
        "weighted": lambda: WeightedCrossEntropy(class_weights(counts)),
        "focal": lambda: FocalLoss(2.0),
        "adjusted": lambda: LogitAdjusted(counts),
        "ldam": lambda: LDAM(counts, scale=8.0, defer=0.5),
        "mining": lambda: HardMining(counts, mix=0.4, warmup=1),
    }[name]()


class Killed(pl.Callback):
    """Ends a run, like a crash, before its third epoch."""

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == 2:
            raise RuntimeError("killed")


@pytest.mark.parametrize("name", by_class())
def test_it_trains_resumes_as_if_never_stopped_and_packs(name, skewed, tmp_path):
    counts = skewed.train.class_counts()
    settings = {"epochs": 4, "batch_size": 32, "lr": 0.02, "progress": False, "keep_best": False, "monitor": "loss"}
    whole, objective = small_net(name), training_of(name, counts)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="LDAM")
        result = fit(whole, skewed, objective=objective, **settings)
    with pytest.raises(RuntimeError, match="killed"):
        fit(
            small_net(name),
            skewed,
            objective=training_of(name, counts),
            out=tmp_path,
            trainer_args={"callbacks": [Killed()]},
            **settings,
        )
    resumed, second = small_net(name), training_of(name, counts)
    again = fit(resumed, skewed, objective=second, out=tmp_path, **settings)
    assert len(again.history) == 4
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(value, resumed.state_dict()[key], msg=key)
    if name == "mining":
        assert second.diagnosis().as_dict() == objective.diagnosis().as_dict()
        assert second.diagnosis().mined_epochs == 3
    assert all(math.isfinite(v) for row in result.history for k, v in row.items() if k.startswith("train_"))
    images = torch.from_numpy(skewed.normalization.apply(skewed.test.fetch(np.arange(20))))
    packed = leveret.pack(copy.deepcopy(whole).eval(), images, normalization=skewed.normalization)
    assert evaluate(packed, skewed).accuracy == evaluate(whole, skewed).accuracy
