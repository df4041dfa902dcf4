"""Several levels: each chooses anew among the places of the one before, and its hints reach that one alone."""

import copy
import pickle
from itertools import pairwise

import pytest
import torch
from capacity_nets import coarse_layers, fine_layers, fine_unpadded, images, made_net, top_layers
from torch import nn
from torch.nn import functional as F

import leveret
from leveret.capacity import (
    Budget,
    CoarseConfidence,
    DynamicCapacityNet,
    Edges,
    Hinted,
    LearnedAttention,
    LocalVariance,
    RandomPlaces,
    Separate,
    UntilSure,
    entropy,
)
from leveret.errors import LeveretUsageError
from leveret.training import Batch


def levels_net(k=(6, 3), seed=0, **options):
    """Two levels of fine layers, of fields of 7 and 12 pixels, on one grid."""
    torch.manual_seed(seed + 100)
    return made_net(list(k), seed, fine=[fine_unpadded(), fine_layers()], **options)


def batch(n=4, labels=None):
    return Batch(images(n), torch.arange(n) if labels is None else torch.tensor(labels), torch.arange(n))


def most_salient(net, features, count, among=None):
    """The first places by the norm of the entropy's gradient, one image."""
    features = features.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(entropy(net.top(features)).sum(), features)
    scores = gradient.norm(dim=1).flatten()
    candidates = range(len(scores)) if among is None else among
    return sorted(candidates, key=lambda place: -scores[place].item())[:count]


def test_two_levels_by_hand():
    net = levels_net((6, 3)).double().eval()
    x = images(3, dtype=torch.float64)
    look = net.look(x)
    for i in range(3):
        features = net.coarse(x[i : i + 1])
        chosen = None
        for fine, count in zip(net.fine, (6, 3), strict=True):
            chosen = most_salient(net, features, count, chosen)
            vectors = fine(x[i : i + 1])
            features = features.clone()
            for place in chosen:
                features[0, :, place // 6, place % 6] = vectors[0, :, place // 6, place % 6]
            level = look.levels[0 if count == 6 else 1]
            found = level.chosen[i]
            assert (found[:, 0] * 6 + found[:, 1]).tolist() == chosen
            torch.testing.assert_close(level.refined[i : i + 1], features)
        torch.testing.assert_close(look.logits[i : i + 1], net.top(features))
    first, second = look.levels
    torch.testing.assert_close(first.coarse_logits, net.coarse_logits(x))
    torch.testing.assert_close(second.coarse_logits, net.top(first.refined))
    assert second.logits is look.logits
    assert (first.counts.tolist(), second.counts.tolist()) == ([6] * 3, [3] * 3)
    # the saliency is computed anew: the second order isn't the first one's
    assert any(a[:3].tolist() != b.tolist() for a, b in zip(first.chosen, second.chosen, strict=True))


def test_three_levels_and_boxes_of_each():
    net = made_net([5, 3, 1], fine=[fine_unpadded(), fine_layers(), fine_unpadded()]).eval()
    looks = net.look(images(2)).levels
    assert len(looks) == len(net.levels) == 3
    for before, after in pairwise(looks):
        for one, other in zip(before.chosen, after.chosen, strict=True):
            assert {tuple(place) for place in other.tolist()} < {tuple(place) for place in one.tolist()}
    row, column = looks[2].chosen[0][0].tolist()
    at = [4 * row, 4 * column, 4 * row + 7, 4 * column + 7]
    assert looks[2].boxes[0].tolist() == [at]
    where = looks[1].chosen[0].tolist().index([row, column])
    assert looks[1].boxes[0][where].tolist() == [at[0] - 3, at[1] - 3, at[2] + 2, at[3] + 2]


def gradients(net, loss):
    parts = {"coarse": net.coarse, "fine[0]": net.fine[0], "fine[1]": net.fine[1], "top": net.top}
    flat = [p for part in parts.values() for p in part.parameters()]
    found = iter(torch.autograd.grad(loss, flat, allow_unused=True, retain_graph=True))
    return {name: [next(found) for _ in part.parameters()] for name, part in parts.items()}


def nothing(found):
    return all(g is None or not g.any() for g in found)


def test_a_levels_hints_reach_the_level_before_alone():
    net = levels_net((6, 3)).double().eval()
    given = batch()
    given.inputs = given.inputs.double()
    hints = Hinted(0.5)(net, given)["hints"]
    found = gradients(net, hints)
    assert nothing(found["fine[1]"])
    assert nothing(found["top"])
    # to the coarse layers come the first level's hints, as if there were no second one
    alone = copy.deepcopy(net)
    alone.k = [6, 0]
    first = Hinted(0.5)(alone, given)["hints"]
    before = gradients(alone, first)
    assert nothing(before["fine[0]"])
    for got, expected in zip(found["coarse"], before["coarse"], strict=True):
        torch.testing.assert_close(got, expected)
        assert got.any()
    # to the first level come the second's, from where that looked
    finer = net.look(given.inputs).finer
    wanted = net.fine[1](given.inputs).flatten(2)[finer.sample, :, finer.place].detach()
    at_hand = net.fine[0](given.inputs).flatten(2)[finer.sample, :, finer.place]
    second = 0.5 * (at_hand - wanted).square().sum() / 4
    torch.testing.assert_close(hints, first + second)
    for got, expected in zip(found["fine[0]"], gradients(net, second)["fine[0]"], strict=True):
        torch.testing.assert_close(got, expected)
        assert got.any()


def test_the_cross_entropy_reaches_every_level():
    net = levels_net((6, 3)).train()
    found = gradients(net, Hinted(0.5)(net, batch())["cross_entropy"])
    assert not any(nothing(part) for part in found.values())


def test_separate_trains_each_level_by_itself():
    net = levels_net().eval()
    losses = Separate(0.5, 2.0)(net, given := batch())
    assert list(losses) == ["coarse", "fine[0]", "fine[1]"]
    for i, fine in enumerate(net.fine):
        logits = net.top(fine(given.inputs))
        torch.testing.assert_close(losses[f"fine[{i}]"], 2 * F.cross_entropy(logits, given.labels))
        found = gradients(net, losses[f"fine[{i}]"])
        assert not nothing(found[f"fine[{i}]"])
        assert nothing(found[f"fine[{1 - i}]"])
        assert nothing(found["coarse"])
    torch.testing.assert_close(given.logits, logits)


def test_a_second_level_without_places_changes_nothing():
    net = levels_net((4, 0)).eval()
    one = DynamicCapacityNet(net.coarse, net.fine[0], net.top, 4).eval()
    look = net.look(images())
    torch.testing.assert_close(look.logits, one(images()))
    assert look.finer.fine.shape == (0, 6)
    net.k = (0, 0)
    torch.testing.assert_close(net(images()), net.coarse_logits(images()))


def test_all_places_are_the_finest_net():
    net = levels_net((36, 36)).eval()
    look = net.look(images())
    assert [(level.patches, level.images) for level in look.levels] == [(0, 4)] * 2
    torch.testing.assert_close(look.logits, net.fine_logits(images()))
    torch.testing.assert_close(look.logits, net.top(net.fine[1](images())))
    torch.testing.assert_close(net.fine_logits(images(), 0), net.top(net.fine[0](images())))


def test_each_level_runs_once():
    net = levels_net((6, 2)).eval()
    calls = []
    for fine in net.fine:
        fine[0].register_forward_hook(lambda layer, inputs, output: calls.append(tuple(inputs[0].shape)))
    net(images())
    assert calls == [(24, 1, 7, 7), (8, 1, 16, 16)]


def test_a_list_of_one_is_the_module_itself():
    net = made_net([3], fine=[fine_layers()])
    assert net.k == 3
    assert net.state_dict().keys() == made_net(3).state_dict().keys()
    assert len(net.levels) == 1
    assert net.look(images()).finer is None
    other = made_net(3).eval()
    other.load_state_dict(net.state_dict())
    torch.testing.assert_close(net.eval()(images()), other(images()))


def test_amounts_of_each_level():
    net = levels_net((UntilSure(8, sure=0.0), 3)).double().eval()
    x = images(6, dtype=torch.float64)
    first, second = net.look(x).levels
    one = DynamicCapacityNet(net.coarse, net.fine[0], net.top, UntilSure(8, sure=0.0)).double().eval().look(x)
    assert first.counts.tolist() == one.counts.tolist()
    assert second.counts.tolist() == first.counts.clamp(max=3).tolist()
    assert len(first.counts.unique()) > 1
    # a budget goes to the places with the highest scores among those that are fine
    net.k = [Budget(patches=4), Budget(patches=1.5)]
    first, second = net.look(x).levels
    assert (int(first.counts.sum()), int(second.counts.sum())) == (24, 9)
    assert (second.counts <= first.counts).all()
    scores = second.saliency.flatten(1)
    candidates = scores[first.sample, first.place].sort(descending=True).values
    assert scores[second.sample, second.place].min() == candidates[8]
    net.k = [2, Budget(patches=100)]
    assert net.look(x).finer.counts.tolist() == [2] * 6
    # where the first level made sure, the second doesn't look
    net.k = [2, UntilSure(2, sure=10.0)]
    look = net.look(x)
    assert look.finer.counts.tolist() == [0] * 6
    torch.testing.assert_close(look.logits, net.top(look.refined))
    net.k = [3, UntilSure(2, sure=0.0, fall=0.0)]
    look = net.look(x)
    assert ((look.finer.counts >= 1) & (look.finer.counts <= 2)).all()
    assert net.train().look(x).finer.counts.tolist() == [2] * 6


def test_operations_add_up():
    net = levels_net().eval()
    counted = net.operations(28, 28)
    first, second = counted.levels
    assert (first.patch, first.whole) == net.levels[0].patches.costs(net.fine[0], 1, 28, 28)
    assert (second.patch, second.whole) == net.levels[1].patches.costs(net.fine[1], 1, 28, 28)
    expected = counted.coarse + 5 * counted.top + 6 * first.patch + 2 * second.patch
    assert counted.with_patches([6, 2]) == expected
    assert counted.with_patches([6, 0]) == counted.with_patches([6, 2]) - 2 * counted.top - 2 * counted.finer.patch
    assert counted.with_patches([6, 2], gradient=False) == expected - 4 * counted.top
    assert counted.fine_net == second.whole + counted.top
    with pytest.raises(LeveretUsageError, match="a number for each of 2 levels"):
        counted.with_patches(6)


@pytest.mark.parametrize(
    "make", [CoarseConfidence, RandomPlaces, LocalVariance, Edges, lambda: LearnedAttention(6, 10)]
)
@pytest.mark.parametrize("borders", ["zeros", "crop"])
def test_every_selector_and_border(make, borders):
    net = levels_net((5, 2), selector=make(), borders=borders).eval()
    first, second = net.look(images()).levels
    assert second.saliency.shape == (4, 6, 6)
    whole = net.fine_features(images(), 0).flatten(2)[first.sample, :, first.place]
    torch.testing.assert_close(first.fine, whole)
    if hasattr(net.selector, "loss"):
        both = Hinted()(net, batch())["attention"]
        alone = [net.selector.loss(level.glance, torch.arange(4)) for level in (first, second)]
        torch.testing.assert_close(both, sum(alone))


def test_each_level_may_have_crops_of_its_own():
    net = made_net([4, 2], fine=[fine_layers(), fine_layers()], borders="crop", patch_size=[10, (14, 18)]).eval()
    assert [level.patches.patch_size for level in net.levels] == [(10, 10), (14, 18)]
    first, second = net.look(images()).levels
    assert (first.size, second.size) == ((10, 10), (14, 18))
    same = made_net([4, 2], fine=[fine_layers(), fine_layers()], borders="crop", patch_size=(10, 12))
    assert [level.patches.patch_size for level in same.levels] == [(10, 12)] * 2


def test_it_pickles_copies_and_loads():
    net = levels_net().eval()
    expected = net(images())
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(other(images()), expected)
    other = levels_net(seed=5).eval()
    other.load_state_dict(net.state_dict())
    assert torch.equal(other(images()), expected)
    assert "fine.1.0.weight" in net.state_dict()


@pytest.mark.parametrize("objective", [Hinted(0.01, coarse_weight=0.1), Separate()])
def test_levels_train(objective, few_digits):
    torch.manual_seed(0)
    coarse = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU())
    fines = [nn.Sequential(nn.Conv2d(1, n, 3, padding=1), nn.ReLU(), nn.Conv2d(n, 6, 3), nn.ReLU()) for n in (8, 16)]
    net = DynamicCapacityNet(coarse, fines, nn.Sequential(nn.Flatten(), nn.Linear(216, 10)), [8, 3])
    before = {name: value.clone() for name, value in net.named_parameters()}
    leveret.fit(net, few_digits, objective=objective, epochs=3, batch_size=25, lr=0.01, progress=False)
    assert all(not torch.equal(value, before[name]) for name, value in net.named_parameters())
    assert leveret.evaluate(net, few_digits).accuracy > 0.3


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"fine": []}, "fine has no levels"),
        ({"k": 3}, "an amount for each level of fine layers, 2 in all, got 3"),
        ({"k": [3, 2, 1]}, "an amount for each level"),
        ({"k": [3, -1]}, "k must be a whole number of at least 0"),
        ({"k": [3, 4]}, "k gives level 2 4 places and level 1 3"),
        ({"k": [UntilSure(3), UntilSure(4)]}, "k gives level 2 4 places"),
        ({"fine": fine_layers(), "k": [3, 2]}, "one amount, as there is one level"),
        ({"fine": [fine_layers(), nn.Conv2d(1, 7, 7, 4)]}, r"coarse and fine\[1\] must give the same channels"),
        ({"fine": [fine_layers(), nn.Conv2d(1, 6, 7, 2)]}, r"coarse and fine\[1\] must have the same stride"),
        ({"fine": [fine_layers(), nn.Conv2d(3, 6, 7, 4)]}, r"images of 1 channels, fine\[1\] of 3"),
        (
            {"fine": [fine_layers(), nn.Sequential(nn.Conv2d(1, 6, 7, 4), nn.AdaptiveMaxPool2d(6))]},
            r"fine\[1\] can't be derived: layer '1'",
        ),
        # each has coarse's grid on some images, but the two never agree
        (
            {"fine": [nn.Conv2d(1, 6, 10, 4), nn.Conv2d(1, 6, 5, 4)]},
            r"fine\[0\] and fine\[1\] must have the same grid",
        ),
        ({"borders": "crop", "patch_size": [14]}, "a size for each of 2 levels"),
    ],
)
def test_levels_that_dont_fit_are_refused(parts, says):
    given = {"coarse": coarse_layers(), "fine": [fine_unpadded(), fine_layers()], "top": top_layers(), "k": [3, 2]}
    with pytest.raises(LeveretUsageError, match=says):
        DynamicCapacityNet(**(given | parts))


def test_images_on_which_a_finer_levels_grid_is_another_are_refused():
    with pytest.raises(LeveretUsageError, match=r"a grid of 6x6 for images of 30x30, fine\[1\] one of 7x7"):
        levels_net()(torch.zeros(1, 1, 30, 30))


def test_amounts_set_anew_are_checked():
    net = levels_net()
    net.k = [UntilSure(4), 2]
    assert net.k == (UntilSure(4), 2)
    with pytest.raises(LeveretUsageError, match="2 in all"):
        net.k = 4
    net.k = [37, 1]
    with pytest.raises(LeveretUsageError, match="k is 37, and images of 28x28 have a grid of 6x6, 36 places"):
        net(images())
