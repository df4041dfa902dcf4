"""Objectives and selectors: gradients of hints, warm-up, separate training, learned attention; runs and resumes."""

import pytest
import torch
from capacity_nets import images, made_net
from torch import nn
from torch.nn import functional as F

import leveret
from leveret.capacity import (
    CoarseConfidence,
    DynamicCapacityNet,
    Edges,
    EntropyGradient,
    Glance,
    Hinted,
    LearnedAttention,
    LocalVariance,
    RandomPlaces,
    Separate,
    UntilSure,
    derive,
)
from leveret.errors import LeveretUsageError
from leveret.nets import ConvNet
from leveret.training import Batch

EVERY = [EntropyGradient, CoarseConfidence, RandomPlaces, LocalVariance, Edges, lambda: LearnedAttention(6, 10)]


def batch(n=4, labels=None, seed=0):
    return Batch(images(n, seed=seed), torch.arange(n) if labels is None else torch.tensor(labels), torch.arange(n))


def gradients(net, loss):
    parts = {name: list(getattr(net, name).parameters()) for name in ("coarse", "fine", "top")}
    flat = [p for part in parts.values() for p in part]
    found = iter(torch.autograd.grad(loss, flat, allow_unused=True, retain_graph=True))
    return {name: [next(found) for _ in part] for name, part in parts.items()}


def test_hints_reach_the_coarse_layers_only():
    net = made_net(3).train()
    losses = Hinted(0.5)(net, batch())
    hints = gradients(net, losses["hints"])
    assert all(g is not None and g.abs().sum() > 0 for g in hints["coarse"])
    assert all(g is None for g in (*hints["fine"], *hints["top"]))
    whole = gradients(net, losses["cross_entropy"])
    assert all(g is not None and g.abs().sum() > 0 for part in whole.values() for g in part)


def test_hints_by_hand():
    net = made_net(3).double().eval()
    given = batch()
    given.inputs = given.inputs.double()
    losses = Hinted(0.5)(net, given)
    look = net.look(given.inputs)
    total = 0
    for image, places in enumerate(look.chosen):
        fine = net.fine(given.inputs[image : image + 1])
        for row, column in places.tolist():
            total = total + (look.coarse[image, :, row, column] - fine[0, :, row, column]).square().sum()
    torch.testing.assert_close(losses["hints"], 0.5 * total / 4)
    torch.testing.assert_close(losses["cross_entropy"], F.cross_entropy(look.logits, given.labels))
    assert torch.equal(given.logits, look.logits)


def test_where_all_is_fine_only_hints_reach_the_coarse_layers():
    net = made_net(36).train()
    losses = Hinted(0.5)(net, batch())
    # a zero rather than none: the coarse map is there, all of it overwritten
    assert all(g is None or not g.any() for g in gradients(net, losses["cross_entropy"])["coarse"])
    assert all(g.any() for g in gradients(net, losses["hints"])["coarse"])


def test_warm_up():
    objective = Hinted(0.8, warmup=4)
    weights = []
    for epoch in range(7):
        objective.set_epoch(epoch, 7)
        weights.append(objective.weight)
    assert weights == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 0.8, 0.8])
    assert Hinted(0.8).weight == 0.8


def test_the_coarse_prediction_may_count():
    net = made_net(3).eval()
    losses = Hinted(0, coarse_weight=0.3)(net, batch())
    torch.testing.assert_close(losses["coarse"], 0.3 * F.cross_entropy(net.coarse_logits(images()), torch.arange(4)))
    assert losses["hints"] == 0


def test_separate_training_by_hand_and_by_gradient():
    net = made_net(3).eval()
    given = batch()
    losses = Separate(0.5, 2.0)(net, given)
    coarse, fine = net.top(net.coarse(given.inputs)), net.top(net.fine(given.inputs))
    torch.testing.assert_close(losses["coarse"], 0.5 * F.cross_entropy(coarse, given.labels))
    torch.testing.assert_close(losses["fine"], 2 * F.cross_entropy(fine, given.labels))
    torch.testing.assert_close(given.logits, fine)
    assert all(g is None for g in gradients(net, losses["coarse"])["fine"])
    assert all(g is None for g in gradients(net, losses["fine"])["coarse"])
    assert list(Separate(fine_weight=0)(net, given)) == ["coarse"]
    torch.testing.assert_close(given.logits, coarse)


def test_unlabelled_samples_count_for_the_hints_alone():
    net = made_net(3).eval()
    some = Hinted(0.5)(net, batch(labels=[1, -100, 2, -100]))
    torch.testing.assert_close(some["cross_entropy"], F.cross_entropy(net(images())[[0, 2]], torch.tensor([1, 2])))
    none = Hinted(0.5)(net, batch(labels=[-100] * 4))
    assert none["cross_entropy"] == 0
    torch.testing.assert_close(none["hints"], some["hints"])
    assert Separate()(net, batch(labels=[-100] * 4))["fine"] == 0


def test_learned_attention_learns_where_to_look_and_reaches_nothing_else():
    torch.manual_seed(0)
    attention = LearnedAttention(6, 3)
    net = made_net(2, selector=attention)
    losses = Hinted(0.1)(net, batch(labels=[0, 1, 2, 0]))
    assert all(g is None for part in gradients(net, losses["attention"]).values() for g in part)
    # the class stands at one place, which is told by channel 0; elsewhere is noise
    optimizer = torch.optim.Adam(attention.parameters(), 0.05)
    for _ in range(80):
        labels, features = torch.randint(3, (64,)), torch.randn(64, 6, 5, 5)
        at = torch.randint(25, (64,))
        features[:, 0] = 0
        features.flatten(2)[torch.arange(64), :, at] = F.one_hot(labels + 1, 6).float() * 3 + F.one_hot(
            torch.zeros(64, dtype=torch.int64), 6
        )
        glance = Glance(torch.zeros(64, 1, 9, 9), features, nn.Identity(), derive(nn.Conv2d(1, 1, 5), "fine"))
        optimizer.zero_grad()
        attention.loss(glance, labels).backward()
        optimizer.step()
    found = attention(glance).flatten(1).argmax(1)
    assert (found == at).float().mean() > 0.6  # by chance 0.04


def test_variance_and_edges_by_hand():
    fine = nn.Sequential(nn.Conv2d(2, 1, 3, 2, 1), nn.Conv2d(1, 1, 2))
    geometry = derive(fine, "fine")
    x = torch.randn(2, 2, 9, 11, dtype=torch.float64) + 50
    rows, columns = geometry.grid(9, 11)
    glance = Glance(x, torch.zeros(2, 1, rows, columns), nn.Identity(), geometry)
    variance, edges = LocalVariance()(glance), Edges()(glance)
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    right = padded[:, :, :, 2:] - padded[:, :, :, :-2]
    down = padded[:, :, 2:] - padded[:, :, :-2]
    across = (right[:, :, :-2] + 2 * right[:, :, 1:-1] + right[:, :, 2:]) / 8
    along = (down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]) / 8
    strength = (across**2 + along**2).sqrt()
    for row in range(rows):
        for column in range(columns):
            top, left = -1 + 2 * row, -1 + 2 * column
            field = (..., slice(max(0, top), top + 5), slice(max(0, left), left + 5))
            torch.testing.assert_close(variance[:, row, column], x[field].var((2, 3), correction=0).mean(1))
            torch.testing.assert_close(edges[:, row, column], strength[field].mean((1, 2, 3)))


def test_confidence_is_what_a_place_adds_to_the_log_probability():
    net = made_net(selector=CoarseConfidence()).double().eval()
    net.top = nn.Sequential(nn.Flatten(), nn.Linear(216, 3)).double()
    look = net.look(images(dtype=torch.float64))
    coarse = look.coarse.detach()
    best = look.coarse_logits.argmax(1)
    step = 1e-6
    for row, column in ((0, 0), (3, 4)):
        ends = []
        for factor in (1 + step, 1 - step):
            scaled = coarse.clone()
            scaled[:, :, row, column] *= factor
            ends.append(net.top(scaled).log_softmax(1)[torch.arange(4), best])
        slope = (ends[0] - ends[1]) / (2 * step)
        torch.testing.assert_close(look.saliency[:, row, column], slope.detach(), rtol=1e-4, atol=1e-9)


def test_random_places_are_an_images_own_in_eval_mode_and_drawn_anew_in_training():
    net = made_net(5, selector=RandomPlaces(3)).eval()
    x = images(6)
    one = net.look(x).saliency
    assert torch.equal(net.look(x[2:4]).saliency, one[2:4])
    assert not torch.equal(one[0], one[1])
    assert not torch.equal(made_net(5, selector=RandomPlaces(4)).eval().look(x).saliency, one)
    net.train()
    torch.manual_seed(0)
    first = net.look(x).saliency
    assert not torch.equal(net.look(x).saliency, first)
    torch.manual_seed(0)
    assert torch.equal(net.look(x).saliency, first)


def digit_net(selector=None):
    """For digits of 8x8: a grid of 6x6 places, of which 4 get a fine look."""
    torch.manual_seed(0)
    coarse = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU())
    fine = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 6, 3), nn.ReLU())
    top = nn.Sequential(nn.Flatten(), nn.Dropout(0.1), nn.Linear(216, 10))
    return DynamicCapacityNet(coarse, fine, top, 4, selector=selector)


@pytest.mark.parametrize("make", EVERY)
def test_it_trains_with_every_selector(make, few_digits):
    net = digit_net(make())
    before = {name: value.clone() for name, value in net.named_parameters()}
    result = leveret.fit(net, few_digits, objective=Hinted(0.01), epochs=2, batch_size=50, lr=0.01, progress=False)
    first, last = (row["train_cross_entropy"] for row in result.history)
    assert last < first
    assert all(not torch.equal(value, before[name]) for name, value in net.named_parameters())
    assert 0 <= leveret.evaluate(net, few_digits).accuracy <= 1


@pytest.mark.parametrize(
    ("objective", "selector"),
    [(lambda: Hinted(0.1, warmup=2, coarse_weight=0.1), RandomPlaces()), (Separate, None)],
)
def test_a_resumed_run_goes_on_as_if_never_stopped(objective, selector, few_digits, tmp_path):
    settings = {"batch_size": 50, "progress": False, "schedule": "constant", "keep_best": False}
    straight, resumed = digit_net(selector), digit_net(selector)
    leveret.fit(straight, few_digits, objective=objective(), epochs=2, **settings)
    leveret.fit(digit_net(selector), few_digits, objective=objective(), epochs=1, out=tmp_path, **settings)
    leveret.fit(resumed, few_digits, objective=objective(), epochs=2, out=tmp_path, **settings)
    for name, value in straight.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value)


def test_it_learns_digits_and_looks_closer(few_digits):
    net = digit_net()
    settings = {"epochs": 8, "batch_size": 25, "lr": 0.01, "precision": "float32", "progress": False}
    result = leveret.fit(net, few_digits, objective=Hinted(0.01), **settings)
    assert result.best_accuracy > 0.6
    net.k = UntilSure(6, sure=0.1)
    assert leveret.evaluate(net, few_digits).accuracy > 0.6


@pytest.mark.parametrize(
    "make",
    [
        lambda: Hinted(-1),
        lambda: Hinted(float("nan")),
        lambda: Hinted("a"),
        lambda: Hinted(coarse_weight=None),
        lambda: Hinted(warmup=-1),
        lambda: Hinted(warmup=1.5),
        lambda: Hinted(coarse_weight=-0.1),
        lambda: Separate(0, 0),
        lambda: Separate(-1),
        lambda: LearnedAttention(0, 3),
        lambda: Hinted()(ConvNet(1, 10, depth=1, width=4), batch()),
        lambda: Separate()(ConvNet(1, 10, depth=1, width=4), batch()),
    ],
)
def test_out_of_range(make):
    with pytest.raises(LeveretUsageError):
        make()
