"""Weights that share values: k-means against its definition, the hash against xxHash's own numbers, gradients."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import leveret
from leveret.errors import LeveretUsageError
from leveret.runtime.codings._hashed import xxh32
from leveret.shrink import hash_weights, prune, share
from leveret.shrink.shared import HashedConv2d, HashedLinear, SharedConv2d, SharedLinear, _clusters
from leveret.training import fit


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 6)
    )


def error(a, b):
    return float((a - b).detach().square().sum())


# --- k-means ---


@settings(deadline=None)  # the first call loads scikit-learn
@given(st.integers(1, 60), st.integers(1, 8), st.sampled_from(["linear", "density", "random"]), st.integers(0, 2))
def test_each_point_is_at_its_nearest_centre_and_each_centre_is_their_mean(n, entries, start, seed):
    points = np.random.default_rng((n, seed)).normal(size=(n, 1)).round(2)
    centres, found = _clusters.clusters(points, entries, start, seed)
    assert centres.shape == (entries, 1)
    distance = np.abs(points - centres[:, 0])
    np.testing.assert_allclose(distance[np.arange(n), found], distance.min(1), atol=1e-12)
    for entry in set(found):
        np.testing.assert_allclose(centres[entry], points[found == entry].mean(0), atol=1e-3)


def test_two_far_groups_are_found_whatever_the_start():
    points = np.array([0.0, 0.1, 0.2, 5.0, 5.2])[:, None]
    for start in ("linear", "density", "random"):
        centres, found = _clusters.clusters(points, 2, start, 0)
        np.testing.assert_allclose(np.sort(centres[:, 0]), [0.1, 5.1])
        assert len(set(found[:3])) == len(set(found[3:])) == 1


# --- tables ---


def test_a_shared_net_has_few_values_near_its_own():
    plain = net()
    small = share(plain, 3)
    conv, linear = small[0], small[4]
    assert type(conv) is SharedConv2d
    assert type(linear) is SharedLinear
    for layer, own in ((conv, plain[0]), (linear, plain[4])):
        assert layer.weight.shape == own.weight.shape
        assert len(layer.weight.unique()) == 8
        assert layer.bias is not own.bias
        torch.testing.assert_close(layer.bias, own.bias)
        assert error(layer.weight, own.weight) < 0.1 * error(own.weight, 0)
    assert error(share(plain, 5)[4].weight, plain[4].weight) < error(linear.weight, plain[4].weight)
    x = torch.randn(2, 4, 4, 4)
    plain[0].weight.data, plain[4].weight.data = conv.weight.detach(), linear.weight.detach()
    torch.testing.assert_close(small.eval()(x), plain.eval()(x))


def test_gradients_add_up_in_the_table():
    small = share(net(), 2).eval()
    x = torch.randn(3, 4, 4, 4)
    conv, linear = small[0], small[4]
    whole = conv.weight.detach().requires_grad_()
    y = torch.nn.functional.conv2d(x, whole, conv.bias, padding=1)
    linear(small[3](small[2](small[1](y)))).square().sum().backward()
    small(x).square().sum().backward()
    expected = torch.zeros(4).index_add_(0, conv.indices.flatten(), whole.grad.flatten())
    torch.testing.assert_close(conv.values.grad.flatten(), expected)


def test_pruned_layers_keep_their_zeros_in_training(few_digits):
    torch.manual_seed(0)
    small = share(prune(leveret.ConvNet(1, 10, depth=3, width=8, stages=2), 0.7, scope="layer"), 3)
    layer = next(m for m in small.modules() if isinstance(m, SharedConv2d))
    zeros = layer.weight == 0
    assert zeros.float().mean() == pytest.approx(0.7, abs=0.01)
    before = layer.values.clone()
    fit(small, few_digits, epochs=1, progress=False)
    assert torch.equal(layer.weight == 0, zeros)
    assert not torch.equal(layer.values, before)
    assert len(layer.weight.unique()) == 9


def test_runs_have_a_table_for_each_place():
    plain = net()
    small = share(plain, 2, length=4, layers=["4"])
    layer = small[4]
    assert layer.values.shape == (32, 4, 4)
    assert layer.indices.shape == (6, 32)
    for row, place in itertools.product(range(6), range(32)):
        run = layer.weight[row, 4 * place : 4 * place + 4]
        torch.testing.assert_close(run, layer.values[place, layer.indices[row, place]])
    assert error(layer.weight, plain[4].weight) < 0.8 * error(plain[4].weight, 0)
    # as many entries as rows: nothing is lost
    exact = share(plain, 3, length=4, layers=["4"])
    torch.testing.assert_close(exact[4].weight, plain[4].weight)


def test_layers_with_fewer_weights_than_entries_lose_nothing():
    small = share(nn.Linear(2, 3), 4)
    assert small.values.shape == (1, 16, 1)
    plain = nn.Linear(2, 3)
    torch.testing.assert_close(share(plain, 4).weight, plain.weight)


def test_a_layer_that_is_gone_altogether():
    gone = prune(nn.Linear(3, 2), 0.0)
    gone.keep(torch.zeros(2, 3, dtype=torch.bool))
    assert (share(gone, 2).weight == 0).all()


# --- hashing ---


def test_the_hash_is_xxhash():
    """The numbers that the xxhash package gives for these four bytes each."""
    known = {(0, 0): 148298089, (1, 0): 4089149075, (12345, 7): 926992320, (2**32 - 1, 2**31): 1225377669}
    for (number, seed), expected in known.items():
        assert int(xxh32(np.array([number], np.uint32), seed)[0]) == expected


def test_a_hashed_net_is_tied_by_hash_and_sign():
    plain = net()
    small = hash_weights(plain, 4, seed=3)
    conv, linear = small[0], small[4]
    assert type(conv) is HashedConv2d
    assert type(linear) is HashedLinear
    assert conv.values.shape == (1, 72, 1)
    assert linear.values.shape == (1, 192, 1)
    flat, own = linear.weight.flatten(), plain[4].weight.flatten()
    for entry in range(192):
        tied = linear.indices[:, 0] == entry
        signs = linear.signs[tied, 0, 0]
        values = flat[tied] * signs
        if tied.any():
            torch.testing.assert_close(values, values[:1].expand(len(values)))
            # the nearest that one value can be to its weights
            torch.testing.assert_close(values[0], (own[tied] * signs).mean())
    assert set(linear.signs.flatten().tolist()) == {-1.0, 1.0}
    assert abs(float(linear.signs.mean())) < 0.1
    counts = torch.bincount(linear.indices.flatten(), minlength=192).float()
    assert float(counts.var()) < 3 * float(counts.mean())  # about Poisson


def test_a_hashed_nets_gradients_add_up_with_their_signs():
    layer = hash_weights(nn.Linear(12, 5), 6)
    x = torch.randn(4, 12)
    whole = layer.weight.detach().requires_grad_()
    torch.nn.functional.linear(x, whole).square().sum().backward()
    torch.nn.functional.linear(x, layer.weight).square().sum().backward()
    expected = torch.zeros(10).index_add_(0, layer.indices[:, 0], whole.grad.flatten() * layer.signs.flatten())
    torch.testing.assert_close(layer.values.grad.flatten(), expected)


def test_seed_and_name_say_everything():
    small = hash_weights(net(), 8, seed=1)
    other = hash_weights(net(5), 8, seed=1)
    assert not any("indices" in name or "signs" in name for name in small.state_dict())
    other.load_state_dict(small.state_dict())
    x = torch.randn(2, 4, 4, 4)
    torch.testing.assert_close(other.eval()(x), small.eval()(x))
    twins = hash_weights(nn.Sequential(nn.Linear(20, 20), nn.Linear(20, 20)), 8)
    assert not torch.equal(twins[0].indices, twins[1].indices)


def test_random_values_deviate_as_the_weights_did():
    plain = nn.Linear(200, 100)
    small = hash_weights(plain, 8, start="random")
    assert small.values.std().item() == pytest.approx(plain.weight.std().item(), rel=0.1)


def test_a_hashed_net_learns(digits):
    torch.manual_seed(0)
    small = hash_weights(leveret.ConvNet(1, 10, depth=3, width=16, stages=2), 4, start="random")
    result = fit(small, digits, epochs=3, lr=0.01, progress=False)
    assert result.best_accuracy > 0.85


# --- both ---


@pytest.mark.parametrize("transform", [lambda n: share(n, 2), lambda n: hash_weights(n, 4)])
def test_they_pack_as_the_weights_that_they_compute_with(transform):
    small = transform(net()).eval()
    x = torch.randn(3, 4, 4, 4)
    packed = leveret.pack(small, x)
    with torch.no_grad():
        np.testing.assert_allclose(packed(x.numpy()), small(x).numpy(), rtol=1e-4, atol=1e-5)


def flattened(seed=0):
    """Layers of every order of axes that a packed net turns: filters, features of a flattened image, and plain ones."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(4, 24, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(384, 64), nn.ReLU(), nn.Linear(64, 32)
    )


@pytest.mark.parametrize(
    ("transform", "kind", "ratio"),
    [
        (lambda n: share(n, 3), "table", 9),
        (lambda n: share(n, 3, length=2), "product", 3),
        (lambda n: hash_weights(n, 16, seed=7), "hashed", 10),
        (lambda n: share(prune(n, 0.6), 3), "table", 13),
    ],
)
def test_a_file_holds_tables_and_indices_alone(tmp_path, transform, kind, ratio):
    small = transform(flattened()).eval()
    x = torch.randn(3, 4, 4, 4)
    leveret.pack(small, x).save(tmp_path / "small.lvr")
    packed = leveret.runtime.load(tmp_path / "small.lvr")
    kinds = [coding.kind for name, coding in packed.codings.items() if "slope" not in name]
    assert kinds == [kind] * 3
    assert 4 * sum(p.numel() for p in flattened().parameters()) > ratio * packed.nbytes
    with torch.no_grad():
        np.testing.assert_allclose(packed(x.numpy()), small(x).numpy(), rtol=1e-4, atol=1e-5)


def shared_twice():
    made = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    made[1].weight = made[0].weight
    return made


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: share(net(), 0), "bits must be a whole number from 1 to 12, got 0"),
        (lambda: share(net(), 2.5), "bits must be"),
        (lambda: share(net(), length=0), "length must be"),
        (lambda: share(net(), start="middle"), "start must be one of 'linear', 'density', 'random', got 'middle'"),
        (lambda: share(net(), length=5), r"layer '0' has rows of 36 weights, which don't divide into runs of 5"),
        (lambda: share(prune(net(), 0.5), length=4), "layer '0' was pruned"),
        (lambda: share(nn.ReLU()), "nothing to make shared"),
        (lambda: share(shared_twice()), "shares its weight"),
        (lambda: hash_weights(net(), 0.5), "ratio must be a number of at least 1, got 0.5"),
        (lambda: hash_weights(net(), start="zeros"), "start must be"),
        (lambda: hash_weights(net(), seed=-1), "seed must be"),
        (lambda: hash_weights(shared_twice()), "shares its weight"),
    ],
)
def test_errors(call, says):
    with pytest.raises(LeveretUsageError, match=says):
        call()
