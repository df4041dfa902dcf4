"""The judge's tests against cases by hand, enumeration and scipy."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import kstest

from leveret.errors import LeveretUsageError
from leveret.judge import (
    binomial_p,
    clopper_pearson,
    detectable_accuracy,
    mmd_test,
    permutation_p,
    permuted_sides,
    power,
    samples_needed,
)
from leveret.judge._differences import holm
from leveret.judge._halves import halves


def test_eight_of_ten_by_hand():
    # 45 + 10 + 1 of 1,024 ways to guess are right 8 times or more
    assert binomial_p(8, 10) == pytest.approx(56 / 1024)
    assert binomial_p(0, 10) == 1
    low, high = clopper_pearson(0, 10)
    # nobody right of ten: 1 - 0.025 ** (1/10)
    assert (low, high) == (0, pytest.approx(1 - 0.025**0.1))


def test_power_by_hand():
    # of 5 samples only 5 right ones reach 5 %: 1/32
    assert power(0.9, 5) == pytest.approx(0.9**5)
    # of 4 not even those do: 1/16
    assert power(1.0, 4) == 0
    assert detectable_accuracy(4) is None
    accuracy = detectable_accuracy(200)
    assert power(accuracy, 200) == pytest.approx(0.8, abs=1e-4)


def test_the_power_is_what_simulated_tests_reach():
    draws = np.random.default_rng(0).binomial(300, 0.58, 2000)
    reached = np.mean([binomial_p(int(k), 300) <= 0.05 for k in draws])
    assert power(0.58, 300) == pytest.approx(reached, abs=0.03)


@pytest.mark.parametrize("accuracy", [0.55, 0.7, 0.95])
def test_samples_needed_suffice_from_there_on(accuracy):
    needed = samples_needed(accuracy)
    assert all(power(accuracy, n) >= 0.8 for n in range(needed, needed + 40))
    assert any(power(accuracy, n) < 0.8 for n in range(max(1, needed - 12), needed))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: binomial_p(3, 2), "correct must be in 0..2"),
        (lambda: power(1.2, 10), "accuracy must be in 0..1"),
        (lambda: power(0.6, 10, alpha=0), "alpha must be between 0 and 1"),
        (lambda: samples_needed(0.5), "accuracy must be above 0.5"),
        (lambda: mmd_test(np.zeros((5, 2)), np.zeros((5, 3))), "of one width"),
        (lambda: mmd_test(np.zeros((5, 2)), np.zeros((5, 2)), sigma=-1), "sigma must be above 0"),
    ],
)
def test_arguments_out_of_range(call, said):
    with pytest.raises(LeveretUsageError, match=said):
        call()


def brute_mmd(a, b, sigma):
    """Gretton et al., equation 3, in loops."""

    def k(x, y):
        return np.exp(-np.sum((x - y) ** 2) / (2 * sigma**2))

    m, n = len(a), len(b)
    within_a = sum(k(a[i], a[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    within_b = sum(k(b[i], b[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return within_a + within_b - 2 * sum(k(x, y) for x in a for y in b) / (m * n)


def test_mmd_by_loops_and_by_all_exchanges():
    generator = np.random.default_rng(1)
    a, b = generator.normal(size=(5, 3)), generator.normal(0.8, 1, (4, 3)) + 1000
    a += 1000  # an offset costs no digits
    found = mmd_test(a, b, permutations=20_000)
    pooled = np.concatenate([a, b])
    distances = cdist(pooled, pooled)
    assert found.sigma == pytest.approx(np.median(distances[np.triu_indices(9, 1)]))
    true = brute_mmd(a, b, found.sigma)
    assert found.squared == pytest.approx(true)
    others = [
        brute_mmd(pooled[list(rows)], pooled[[i for i in range(9) if i not in rows]], found.sigma)
        for rows in combinations(range(9), 5)
    ]
    exact = np.mean([other >= true - 1e-12 for other in others])
    # sequential: about 20 draws reached it
    assert found.p == pytest.approx(exact, rel=0.6)


def statistic_of(values):
    return lambda names: names @ values


def test_the_p_of_exchanges_against_all_of_them():
    values = np.array([0.1, 0.9, 0.3, 1.4, 0.2, 2.0, 0.7, 1.1])
    side = np.array([0, 0, 0, 1, 0, 1, 1, 1])
    found = values[side == 1].sum()
    exact = np.mean([sum(values[list(rows)]) >= found - 1e-9 for rows in combinations(range(8), 4)])
    assert exact == pytest.approx(2 / comb(8, 4))  # B's own four, and those with 0.9 in place of 0.7
    p = permutation_p(
        statistic_of(values), side, np.arange(8), most=5000, generator=np.random.default_rng(0), enough=10_000
    )
    assert p == pytest.approx(exact, rel=0.5)


def test_sequential_ps_are_spread_evenly_under_the_null():
    generator = np.random.default_rng(0)
    side = np.repeat([0, 1], 20)
    ps = [
        permutation_p(statistic_of(generator.normal(size=40)), side, np.arange(40), most=199, generator=generator)
        for _ in range(400)
    ]
    assert kstest(ps, "uniform").pvalue > 0.01
    assert np.mean(np.array(ps) <= 0.05) < 0.09


def test_exchanges_keep_groups_together():
    generator = np.random.default_rng(0)
    side = np.array([0, 0, 1, 1, 1, 0, 1, 0, 1])
    # groups 0 and 1 are of one side, 2 and 3 of both
    groups = np.array([0, 0, 1, 1, 1, 2, 2, 3, 3])
    drawn = permuted_sides(side, groups, 400, generator)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn[:, 2] == drawn[:, 3]).all()
    assert (drawn[:, 0] != drawn[:, 2]).all()
    for pair in ([5, 6], [7, 8]):
        assert (drawn[:, pair].sum(1) == 1).all()
    assert np.allclose(drawn[:, [0, 5, 7]].mean(0), 0.5, atol=0.1)
    # the three exchanges are drawn by themselves
    assert len(np.unique(drawn[:, [0, 5, 7]], axis=0)) == 8


def test_single_samples_are_exchanged_freely():
    drawn = permuted_sides(np.array([0, 0, 0, 1]), np.arange(4), 400, np.random.default_rng(0))
    assert (drawn.sum(1) == 1).all()
    assert np.allclose(drawn.mean(0), 0.25, atol=0.08)


def test_halves_are_equal_and_keep_groups():
    side = np.repeat([0, 1], 51)
    train, asked = halves(side, np.arange(102), np.random.default_rng(0))
    assert np.bincount(side[asked]).tolist() == [25, 25]
    assert np.array_equal(np.sort(np.concatenate([train, asked])), np.arange(102))
    groups = np.concatenate([np.arange(51), np.arange(51)])  # pairs
    train, asked = halves(side, groups, np.random.default_rng(0))
    assert not set(groups[train]) & set(groups[asked])
    assert np.bincount(side[asked]).tolist() == [25, 25]


def test_holm_by_hand():
    # 0.01 * 3, then 0.02 * 2, then the largest as it is, never falling
    assert holm([0.02, 0.03, 0.01]) == pytest.approx([0.04, 0.04, 0.03])
    assert holm([0.9, 0.8]) == [1, 1]
