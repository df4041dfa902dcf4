"""Pruning: which weights go, by each method, against definitions, autograd's Hessian and brute force."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import leveret
from leveret.errors import LeveretUsageError
from leveret.shrink import prune
from leveret.shrink.pruned import (
    GradualPruning,
    PrunedConv2d,
    PrunedLinear,
    _blocks,
    _curvature,
    _masks,
    _surgeon,
    fill_holes,
    pruned_layers,
    sparsity_of,
)
from leveret.training import fit


def mlp(seed=0, widths=(6, 5, 3), activation=nn.ReLU):
    torch.manual_seed(seed)
    layers = []
    for a, b in itertools.pairwise(widths):
        layers += [nn.Linear(a, b), activation()]
    return nn.Sequential(*layers[:-1])


def conv_net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 5)
    )


def weights(net):
    return torch.cat([layer.weight.detach().flatten() for _, layer in pruned_layers(net)])


def mean_loss(net, x, loss):
    """The quadratic's own loss: with the targets at the net's outputs its curvature is the Gauss-Newton matrix."""
    target = net(x).detach()

    def of(moved):
        if loss == "squared":
            return 0.5 * (moved(x) - target).square().sum(1).mean()
        return -(target.softmax(1) * moved(x).log_softmax(1)).sum(1).mean()

    return of


# --- masks ---


@given(st.integers(1, 40), st.floats(0, 0.999), st.integers(0, 3))
def test_exactly_so_many_of_the_least_worth_go(n, sparsity, seed):
    generator = np.random.default_rng(seed)
    worth = torch.from_numpy(generator.integers(0, 5, n).astype(float))
    parts = list(worth.split([n // 3, n - n // 3]))
    masks = _masks.best_together(parts, sparsity)
    mask = torch.cat(masks)
    assert int((~mask).sum()) == round(sparsity * n)
    if mask.any() and not mask.all():
        assert worth[~mask].max() <= worth[mask].min()


@given(st.integers(1, 3), st.integers(1, 13), st.integers(2, 5), st.data())
def test_n_of_each_m_neighbours_stay(out, inputs, group, data):
    keep = data.draw(st.integers(1, group - 1))
    worth = torch.from_numpy(np.random.default_rng(out).random((out, inputs, 2, 1)))
    mask = _masks.best_of_groups(worth, keep, group)
    for o, k in itertools.product(range(out), range(2)):
        for start in range(0, inputs, group):
            own = worth[o, start : start + group, k, 0]
            left = mask[o, start : start + group, k, 0]
            assert int(left.sum()) == min(keep, len(own))
            if not left.all():
                assert own[left].min() >= own[~left].max()


# --- the transform ---


def test_the_smallest_weights_go_over_all_layers_or_in_each():
    net = conv_net()
    together = prune(net, 0.6)
    conv, linear = together[0], together[4]
    assert type(conv) is PrunedConv2d
    assert type(linear) is PrunedLinear
    before = torch.cat([net[0].weight.flatten(), net[4].weight.flatten()]).abs()
    gone = torch.cat([~conv.mask.flatten(), ~linear.mask.flatten()])
    assert int(gone.sum()) == round(0.6 * len(before))
    assert before[gone].max() <= before[~gone].min()
    assert sparsity_of(together) == pytest.approx(0.6, abs=1e-3)
    each = prune(net, 0.6, scope="layer")
    assert each[0].sparsity == pytest.approx(0.6, abs=2e-3)
    assert each[4].sparsity == pytest.approx(0.6, abs=2e-3)
    # the net given is as it was, and what is left has its old value
    assert type(net[0]) is nn.Conv2d
    torch.testing.assert_close(conv.weight[conv.mask], net[0].weight[conv.mask])


def test_a_pruned_net_computes_with_zeros_and_keeps_them_in_training():
    net = prune(conv_net(), 0.7)
    x = torch.randn(3, 4, 4, 4)
    plain = fill_holes(net)
    assert type(plain[0]) is nn.Conv2d
    assert type(plain[4]) is nn.Linear
    torch.testing.assert_close(net.eval()(x), plain.eval()(x))
    assert (plain[0].weight == 0).float().mean() == pytest.approx(net[0].sparsity)
    before = weights(net).clone()
    optimizer = torch.optim.AdamW(net.train().parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        net(x).square().sum().backward()
        optimizer.step()
    after = weights(net)
    gone = torch.cat([~layer.mask.flatten() for _, layer in pruned_layers(net)])
    assert (after[gone] == 0).all()
    assert (after[~gone] != before[~gone]).all()


def test_pruning_again_prunes_further_and_brings_nothing_back():
    once = prune(conv_net(), 0.5)
    twice = prune(once, 0.8)
    assert sparsity_of(twice) == pytest.approx(0.8, abs=1e-3)
    for (_, a), (_, b) in zip(pruned_layers(once), pruned_layers(twice), strict=True):
        assert not (b.mask & ~a.mask).any()
    assert sparsity_of(prune(twice, 0.3)) == pytest.approx(0.8, abs=1e-3)


def test_a_state_dict_holds_the_masks():
    net = prune(conv_net(), 0.5)
    other = prune(conv_net(1), 0.0)
    other.load_state_dict(net.state_dict())
    assert sparsity_of(other) == sparsity_of(net)


def test_a_pattern():
    net = prune(conv_net(), pattern=(2, 4))
    for _, layer in pruned_layers(net):
        groups = layer.mask.movedim(1, -1).reshape(-1, 4)
        assert (groups.sum(1) == 2).all()
    with pytest.raises(LeveretUsageError, match=r"layer '0' has 4 inputs a weight, fewer than a group of 8"):
        prune(conv_net(), pattern=(2, 8))


def test_layers_are_chosen():
    assert [name for name, _ in pruned_layers(prune(conv_net(), 0.5, keep_first=True))] == ["4"]
    assert [name for name, _ in pruned_layers(prune(conv_net(), 0.5, layers=["0"]))] == ["0"]
    alone = prune(nn.Linear(6, 4), 0.5)
    assert int(alone.mask.sum()) == 12


# --- curvature ---


@pytest.mark.parametrize("loss", ["cross-entropy", "squared"])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_curvature_is_the_hessian_of_a_loss_without_residuals(loss, activation):
    net = mlp(activation=activation).double()
    x = torch.randn(7, 6, dtype=torch.float64)
    of = mean_loss(net, x, loss)
    names = ["0.weight", "2.weight"]
    start = {name: p.detach() for name, p in net.named_parameters()}

    def of_weights(flat):
        first, second = flat.split([30, 15])
        moved = {**start, "0.weight": first.view(5, 6), "2.weight": second.view(3, 5)}
        return of(lambda x: torch.func.functional_call(net, moved, (x,)))

    flat = torch.cat([start[name].flatten() for name in names])
    hessian = torch.autograd.functional.hessian(of_weights, flat)
    batches = [x[:4], (x[4:], "labels")]
    torch.testing.assert_close(_curvature.curvature_matrix(net, names, batches, loss), hessian)
    diagonal = torch.cat([h.flatten() for h in _curvature.curvature_diagonal(net, names, batches, loss)])
    torch.testing.assert_close(diagonal, hessian.diagonal())
    blocks = _curvature.row_blocks(net, "0.weight", slice(1, 3), batches, loss)
    for i, row in enumerate((1, 2)):
        part = slice(6 * row, 6 * row + 6)
        torch.testing.assert_close(blocks[i], hessian[part, part])


def test_the_curvature_of_a_net_with_norms_leaves_it_as_it_was():
    net = conv_net().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    _curvature.curvature_diagonal(net, ["0.weight"], [torch.randn(5, 4, 4, 4)], "cross-entropy")
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


# --- Optimal Brain Damage ---


def test_damage_takes_the_least_saliency():
    net = mlp()
    x = torch.randn(50, 6)
    pruned = prune(net, 0.4, method="obd", batches=x.split(20))
    curvature = _curvature.curvature_diagonal(net, ["0.weight", "2.weight"], [x], "cross-entropy")
    saliency = torch.cat([(h * net[i].weight.square() / 2).flatten() for h, i in zip(curvature, (0, 2), strict=True)])
    gone = torch.cat([~layer.mask.flatten() for _, layer in pruned_layers(pruned)])
    assert int(gone.sum()) == round(0.4 * 45)
    assert saliency[gone].max() <= saliency[~gone].min()
    magnitude = prune(net, 0.4)
    assert any(not torch.equal(pruned[i].mask, magnitude[i].mask) for i in (0, 2))


# --- Optimal Brain Surgeon ---


def quadratic(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(2 * n, n, generator=generator, dtype=torch.float64)
    return torch.randn(n, generator=generator, dtype=torch.float64), a.T @ a / (2 * n)


def test_the_inverse_is_that_of_the_papers_recursion():
    """Hassibi & Stork: `H⁻¹ ← H⁻¹ − H⁻¹ x xᵀ H⁻¹ / (P + xᵀ H⁻¹ x)` over the samples, from `α⁻¹ I`."""
    x = torch.randn(9, 5, dtype=torch.float64)
    hessian = x.T @ x / 9
    damping = 1e-3
    alpha = damping * hessian.diagonal().mean()
    inverse = torch.eye(5, dtype=torch.float64) / alpha
    for row in x:
        moved = inverse @ row
        inverse -= torch.outer(moved, moved) / (9 + row @ moved)
    torch.testing.assert_close(_surgeon.damped_inverse(hessian[None], damping)[0], inverse)


@pytest.mark.parametrize("seed", range(5))
def test_one_step_is_the_closed_form_and_the_best_of_all(seed):
    w, h = quadratic(6, seed)
    inverse = torch.linalg.inv(h)
    done = _surgeon.operate(w[None], inverse.clone()[None], torch.ones(1, 6, dtype=torch.bool), torch.tensor([1]))
    costs = w.square() / (2 * inverse.diagonal())
    q = int(costs.argmin())
    assert int(done.order[0, 0]) == q
    expected = w - w[q] / inverse[q, q] * inverse[:, q]
    expected[q] = 0
    torch.testing.assert_close(done.weights[0], expected)
    # brute force: without q, the others at their best by solving for them
    found = []
    for gone in range(6):
        left = [i for i in range(6) if i != gone]
        delta = torch.zeros(6, dtype=torch.float64)
        delta[gone] = -w[gone]
        delta[left] = torch.linalg.solve(h[left][:, left], h[left, gone] * w[gone])
        found.append(float(0.5 * delta @ h @ delta))
    assert float(done.costs[0, 0]) == pytest.approx(min(found))
    assert q == int(np.argmin(found))


def test_several_steps_stay_exact():
    w, h = quadratic(8)
    done = _surgeon.operate(w[None], torch.linalg.inv(h)[None], torch.ones(1, 8, dtype=torch.bool), torch.tensor([5]))
    left, gone = done.kept[0].nonzero().flatten(), (~done.kept[0]).nonzero().flatten()
    assert len(left) == 3
    assert sorted(done.order[0].tolist()) == gone.tolist()
    best = w.clone()
    best[gone] = 0
    best[left] += torch.linalg.solve(h[left][:, left], h[left][:, gone] @ w[gone])
    torch.testing.assert_close(done.weights[0], best)
    delta = best - w
    assert float(done.costs[0].sum()) == pytest.approx(float(0.5 * delta @ h @ delta))


def test_blocks_go_their_own_ways_and_begin_where_weights_are_gone():
    blocks = [quadratic(6, seed) for seed in range(3)]
    kept = torch.ones(3, 6, dtype=torch.bool)
    kept[1, 2] = kept[1, 4] = False
    w = torch.stack([w for w, _ in blocks]) * kept
    inverses = torch.stack([torch.linalg.inv(h) for _, h in blocks])
    done = _surgeon.operate(w, inverses.clone(), kept, torch.tensor([2, 3, 0]))
    assert (~done.kept).sum(1).tolist() == [2, 5, 0]
    torch.testing.assert_close(done.weights[2], w[2])
    left = [0, 1, 3, 5]
    alone = _surgeon.operate(
        w[1, left][None],
        torch.linalg.inv(blocks[1][1][left][:, left])[None],
        torch.ones(1, 4, dtype=torch.bool),
        torch.tensor([3]),
    )
    torch.testing.assert_close(done.weights[1, left], alone.weights[0])


@pytest.mark.parametrize("one_by_one", [False, True])
def test_large_blocks_are_taken_one_by_one_with_the_same_outcome(one_by_one, monkeypatch):
    blocks = [quadratic(12, seed) for seed in range(3)]
    kept = torch.ones(3, 12, dtype=torch.bool)
    kept[0, 3:5] = kept[2, 11] = False
    w = torch.stack([w for w, _ in blocks]) * kept
    inverses = torch.stack([torch.linalg.inv(h) for _, h in blocks])
    monkeypatch.setattr(_surgeon, "_LARGE", 0 if one_by_one else 1 << 30)
    steps = torch.tensor([10, 4, 9])
    done = _surgeon.operate(w, inverses.clone(), kept, steps)
    assert (~done.kept).sum(1).tolist() == [12, 4, 10]
    assert done.order.shape == done.costs.shape == (3, 10)
    for row, (_, h) in enumerate(blocks):
        gone = [*(~kept[row]).nonzero().flatten().tolist(), *done.order[row, : steps[row]].tolist()]
        assert sorted(gone) == (~done.kept[row]).nonzero().flatten().tolist()
        # where the order is known, the outcome follows at once
        torch.testing.assert_close(_surgeon.without(w[row], h, done.kept[row]), done.weights[row])
        assert done.costs[row].isinf().tolist() == [step >= steps[row] for step in range(10)]


def test_a_linear_layers_blocks_follow_from_its_inputs():
    net = mlp().double()
    batches = [torch.randn(9, 6, dtype=torch.float64), (torch.randn(4, 6, dtype=torch.float64), "labels")]
    pruned = prune(net, 0.3)
    for name, part in (("0.weight", slice(1, 4)), ("2.weight", slice(0, 2))):
        inputs, squares = _curvature.linear_factors(pruned, name, batches, "cross-entropy")
        mask = pruned.get_submodule(name[0]).mask[part]
        made = _blocks._linear_blocks(inputs, squares, part, mask)
        torch.testing.assert_close(made, _curvature.row_blocks(pruned, name, part, batches, "cross-entropy"))


def test_what_has_no_such_blocks_is_told_apart():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 6)

        def forward(self, x):
            return self.layer(self.layer(x))

    class Rows(nn.Sequential):
        def forward(self, x):
            return super().forward(x[:, None]).sum(1)

    tied = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    tied[1].bias = tied[0].bias
    x = [torch.randn(5, 6)]
    assert _curvature.linear_factors(Twice(), "layer.weight", x, "squared") is None
    assert _curvature.linear_factors(Rows(nn.Linear(6, 3)), "0.weight", x, "squared") is None
    assert _curvature.linear_factors(tied, "0.weight", x, "squared") is None
    assert _curvature.linear_factors(nn.Sequential(nn.Linear(6, 3, bias=False)), "0.weight", x, "squared") is None
    assert _curvature.linear_factors(conv_net(), "0.weight", [torch.randn(2, 4, 4, 4)], "squared") is None
    assert _curvature.linear_factors(nn.Linear(6, 3), "weight", x, "squared") is not None


@pytest.mark.parametrize("loss", ["cross-entropy", "squared"])
def test_the_surgeon_hurts_the_loss_less_than_damage_and_magnitude(loss):
    net = mlp(widths=(8, 7, 4)).double()
    x = torch.randn(200, 8, dtype=torch.float64)
    of = mean_loss(net, x, loss)
    options = {"batches": x.split(64), "loss": loss}
    hurt = {
        method: float(of(prune(net, 0.1, method=method, **(options if method != "magnitude" else {}))).detach())
        for method in ("magnitude", "obd", "obs")
    }
    assert hurt["obs"] < hurt["obd"]
    assert hurt["obs"] < hurt["magnitude"]


def test_rows_are_operated_on_as_one_would_by_hand(monkeypatch):
    monkeypatch.setattr(_blocks, "_ONE_BLOCK", 10)
    monkeypatch.setattr(_blocks, "_BYTES", 8 * 36 * 2)  # two rows of six at once
    net = mlp().double()
    x = torch.randn(60, 6, dtype=torch.float64)
    pruned = prune(net, 0.4, method="obs", batches=[x], damping=1e-4)
    gone = torch.cat([~layer.mask.flatten() for _, layer in pruned_layers(pruned)])
    assert int(gone.sum()) == round(0.4 * 45)
    steps = (~pruned[0].mask).sum(1)
    for row in range(5):
        block = _curvature.row_blocks(net, "0.weight", slice(row, row + 1), [x], "cross-entropy")
        alone = _surgeon.operate(
            net[0].weight.detach()[row : row + 1],
            _surgeon.damped_inverse(block, 1e-4),
            torch.ones(1, 6, dtype=torch.bool),
            steps[row : row + 1],
        )
        torch.testing.assert_close(pruned[0].weight.detach()[row], alone.weights[0])


# --- schedules ---


def test_the_schedule_is_the_papers():
    pruning = GradualPruning(0.9, initial=0.1, begin=0.2, end=0.6)
    assert pruning.due(0.0) == pruning.due(0.2) == pytest.approx(0.1)
    assert pruning.due(0.4) == pytest.approx(0.9 + (0.1 - 0.9) * 0.5**3)
    assert pruning.due(0.6) == pruning.due(1.0) == pytest.approx(0.9)


def test_a_net_is_pruned_while_it_trains(few_digits):
    torch.manual_seed(0)
    net = prune(leveret.ConvNet(1, 10, depth=3, width=8, stages=2), 0.0)
    pruning = GradualPruning(0.8, every=3)
    fit(net, few_digits, epochs=4, keep_best=False, progress=False, trainer_args={"callbacks": [pruning]})
    assert sparsity_of(net) == pytest.approx(0.8, abs=1e-3)
    with pytest.raises(LeveretUsageError, match=r"net = prune\(net, 0.0\)"):
        fit(mlp(), few_digits, epochs=1, progress=False, trainer_args={"callbacks": [GradualPruning(0.5)]})


# --- errors ---


def shared():
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    net[1].weight = net[0].weight
    return net


def broken():
    net = mlp()
    net[2].weight.data[1, 1] = torch.nan
    return net


@pytest.mark.parametrize(
    ("net", "options", "says"),
    [
        (mlp(), {"sparsity": 1.0}, r"sparsity must be in \[0, 1\), got 1.0"),
        (mlp(), {"sparsity": float("nan")}, r"sparsity must be in \[0, 1\)"),
        (mlp(), {}, "either a sparsity or a pattern"),
        (mlp(), {"sparsity": 0.5, "pattern": (2, 4)}, "either a sparsity or a pattern"),
        (mlp(), {"pattern": (4, 4)}, "0 < n < m"),
        (mlp(), {"sparsity": 0.5, "method": "size"}, "method must be one of 'magnitude', 'obd', 'obs', got 'size'"),
        (mlp(), {"sparsity": 0.5, "scope": "all"}, "scope must be one of"),
        (mlp(), {"sparsity": 0.5, "method": "obd"}, "give batches of inputs"),
        (mlp(), {"sparsity": 0.5, "method": "obd", "batches": []}, "at least one batch"),
        (mlp(), {"sparsity": 0.5, "method": "obs", "batches": [1], "scope": "layer"}, "no pattern, no scope"),
        (mlp(), {"sparsity": 0.5, "damping": -1}, "damping must be at least 0"),
        (nn.Sequential(nn.ReLU()), {"sparsity": 0.5}, "nothing to make sparse"),
        (shared(), {"sparsity": 0.5}, "shares its weight"),
        (broken(), {"sparsity": 0.5}, "layer '2' holds NaN"),
    ],
)
def test_errors(net, options, says):
    with pytest.raises(LeveretUsageError, match=says):
        prune(net, **options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sparsity": -0.1}, "sparsity must be"),
        ({"sparsity": 0.5, "initial": 1}, "initial must be"),
        ({"sparsity": 0.5, "begin": 0.8}, "0 <= begin < end <= 1"),
        ({"sparsity": 0.5, "every": 0}, "at least 1 step"),
        ({"sparsity": 0.5, "scope": "all"}, "'net' or 'layer'"),
    ],
)
def test_errors_of_schedules(options, says):
    with pytest.raises(LeveretUsageError, match=says):
        GradualPruning(**options)


def test_a_net_without_pruned_layers_has_no_sparsity():
    with pytest.raises(LeveretUsageError, match="no pruned layer"):
        sparsity_of(mlp())
