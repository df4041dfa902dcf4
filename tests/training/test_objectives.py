"""Objectives against their formulas in numpy."""

import numpy as np
import pytest
import torch
from torch import nn

from leveret.errors import LeveretUsageError
from leveret.training import Batch, CrossEntropy, Distillation


def log_softmax(x):
    x = x - x.max(1, keepdims=True)
    return x - np.log(np.exp(x).sum(1, keepdims=True))


@pytest.fixture
def batch():
    torch.manual_seed(0)
    return Batch(torch.randn(6, 5), torch.tensor([0, 1, 2, 0, 1, 2]), torch.arange(6))


@pytest.fixture
def nets():
    torch.manual_seed(1)
    return nn.Linear(5, 3), nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3))


def test_cross_entropy_with_smoothing(batch, nets):
    losses = CrossEntropy(0.1)(nets[0], batch)
    logits = nets[0](batch.inputs).detach().numpy()
    target = np.full((6, 3), 0.1 / 3)
    target[np.arange(6), batch.labels] += 0.9
    np.testing.assert_allclose(losses["cross_entropy"].item(), -(target * log_softmax(logits)).sum(1).mean(), rtol=1e-5)
    assert batch.logits is not None


def test_temperature_form_is_t_squared_kl(batch, nets):
    student, teacher = nets
    losses = Distillation(teacher, temperature=3.0, hard_weight=0.25)(student, batch)
    s = log_softmax(student(batch.inputs).detach().numpy() / 3)
    t = log_softmax(teacher.eval()(batch.inputs).detach().numpy() / 3)
    kl = (np.exp(t) * (t - s)).sum(1).mean()
    np.testing.assert_allclose(losses["distillation"].item(), 0.75 * 9 * kl, rtol=1e-5)
    hard = log_softmax(student(batch.inputs).detach().numpy())[np.arange(6), batch.labels]
    np.testing.assert_allclose(losses["cross_entropy"].item(), -0.25 * hard.mean(), rtol=1e-5)


def test_logit_form_is_half_the_squared_distance(batch, nets):
    student, teacher = nets
    losses = Distillation(teacher, "logits")(student, batch)
    s = student(batch.inputs).detach().numpy()
    t = teacher.eval()(batch.inputs).detach().numpy()
    np.testing.assert_allclose(
        losses["distillation"].item(), 0.5 * np.square(s - (t - t.mean(1, keepdims=True))).mean(), rtol=1e-5
    )


@pytest.mark.parametrize("options", [{}, {"form": "logits"}, {"form": "logits", "standardize": ([0] * 3, [1, 2, 3])}])
def test_maps_are_learned_pixel_by_pixel(nets, options):
    """As rows, a pixel each, would be; those without a label too, which only the labels' share leaves out."""
    student, teacher = nets
    rows = torch.randn(24, 5)
    labels = torch.randint(0, 3, (24,))
    labels[:7] = -100

    def map_of(values):
        return values.view(2, 3, 4, *values.shape[1:]).movedim(3, 1) if values.dim() == 2 else values.view(2, 3, 4)

    class Places(nn.Module):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, x):
            return map_of(self.net(x.movedim(1, 3).reshape(-1, 5)))

    as_maps = Distillation(Places(teacher), hard_weight=0.3, **options)(
        Places(student), Batch(map_of(rows), map_of(labels), torch.arange(2))
    )
    as_rows = Distillation(teacher, hard_weight=0.3, **options)(student, Batch(rows, labels, torch.arange(24)))
    for name, loss in as_rows.items():
        assert as_maps[name].item() == pytest.approx(loss.item(), rel=1e-5)


def test_stored_logits_stand_for_the_teacher(batch, nets):
    student, teacher = nets
    teacher.eval()
    table = torch.full((9, 3), torch.nan)
    batch.indices = torch.tensor([4, 8, 0, 2, 1, 7])
    table[batch.indices] = teacher(batch.inputs).detach()
    for form in ("temperature", "logits"):
        stored = Distillation(table, form, hard_weight=0.1)
        assert "logits of 9 samples" in repr(stored)
        live = Distillation(teacher, form, hard_weight=0.1)(student, batch)
        for name, loss in stored(student, batch).items():
            assert loss.item() == live[name].item()
    batch.indices[3] = 9
    with pytest.raises(LeveretUsageError, match=r"9 samples, and the batch holds sample 9"):
        Distillation(table)(student, batch)


class Fetched:
    """Logits as a transfer set on disk has them."""

    def __init__(self, table):
        self.table = table.numpy()

    def fetch(self, indices):
        return self.table[indices]


def test_fetched_logits_are_those_of_the_tensor(batch, nets):
    table = torch.randn(6, 3)
    batch.indices = batch.indices.flip(0)
    for form in ("temperature", "logits"):
        fetched = Distillation(Fetched(table), form)(nets[0], batch)
        assert fetched["distillation"].item() == Distillation(table, form)(nets[0], batch)["distillation"].item()


def test_standardized_logits_are_regression_on_scaled_targets(batch, nets):
    table, mean, std = torch.randn(6, 3) * 5, np.array([1.0, -2.0, 0.5]), np.array([0.5, 4.0, 2.0])
    objective = Distillation(table, "logits", standardize=(mean, std))
    loss = objective(nets[0], batch)["distillation"]
    s = nets[0](batch.inputs).detach().numpy()
    answered, asked = (s - mean) / std, (table.numpy() - mean) / std
    np.testing.assert_allclose(loss.item(), 0.5 * np.square(answered - asked).mean(), rtol=1e-5)
    assert "standardized" in repr(objective)
    with pytest.raises(LeveretUsageError, match="standardize has 2 classes, the teacher's logits 3"):
        Distillation(table, "logits", standardize=(mean[:2], std[:2]))(nets[0], batch)


def test_samples_without_a_label_are_left_out_of_cross_entropy(batch, nets):
    labels = batch.labels
    batch.labels = torch.where(torch.arange(6) < 2, labels, -100)
    logits = log_softmax(nets[0](batch.inputs).detach().numpy())
    expected = -logits[np.arange(2), labels[:2]].mean()
    mixed = Distillation(torch.zeros(6, 3), hard_weight=0.5)
    np.testing.assert_allclose(CrossEntropy()(nets[0], batch)["cross_entropy"].item(), expected, rtol=1e-5)
    np.testing.assert_allclose(mixed(nets[0], batch)["cross_entropy"].item(), 0.5 * expected, rtol=1e-5)
    batch.labels = torch.full((6,), -100)
    for objective in (CrossEntropy(0.1), mixed):
        losses = objective(nets[0], batch)
        assert losses["cross_entropy"].item() == 0
        sum(losses.values()).backward()
        assert all(torch.isfinite(p.grad).all() for p in nets[0].parameters())


def test_the_teacher_neither_learns_nor_moves(batch, nets):
    student, teacher = nets
    teacher.train()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    sum(Distillation(teacher)(student, batch).values()).backward()
    assert all(p.grad is None for p in teacher.parameters())
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert teacher.training
    assert all(p.grad is not None for p in student.parameters())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda t: CrossEntropy(1.0), "label_smoothing"),
        (lambda t: Distillation(t, "features"), "'temperature' or 'logits'"),
        (lambda t: Distillation(torch.zeros(3)), r"\(samples, num_classes\) float, got \(3,\)"),
        (lambda t: Distillation(torch.zeros(3, 2, dtype=int)), r"got \(3, 2\) torch.int64"),
        (lambda t: Distillation(t, temperature=0), "temperature must be above 0"),
        (lambda t: Distillation(t, hard_weight=2), "hard_weight"),
        (lambda t: Distillation([1.0]), "what fetches them; got list"),
        (lambda t: Distillation(t, standardize=([0.0], [1.0])), "for form 'logits' alone, got it with 'temperature'"),
        (lambda t: Distillation(t, "logits", standardize=([0.0, 1.0], [1.0])), r"got \(2,\) and \(1,\)"),
        (lambda t: Distillation(t, "logits", standardize=([0.0, 1.0], [1.0, 0.0])), "a deviation of 0.0"),
    ],
)
def test_errors(make, says, nets):
    with pytest.raises(LeveretUsageError, match=says):
        make(nets[1])


def test_different_outputs_are_named(batch, nets):
    with pytest.raises(LeveretUsageError, match=r"\(6, 3\) and \(6, 4\)"):
        Distillation(nets[1])(nn.Linear(5, 4), batch)
