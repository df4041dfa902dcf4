"""Dynamic programming over tags against enumerating all tag sequences."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.runtime.rules import _chain, _chain_tied
from leveret.runtime.rules._chain import best_paths, marginals, scored_paths
from leveret.runtime.rules._lists import categories_of, enumerations, remembering


def enumerated(unary, pair, extra=lambda y: 0.0):
    """log Z, probabilities of tags and of pairs, and the best sequence of one sequence, from all K^n of them."""
    length, tags = unary.shape
    sequences = list(itertools.product(range(tags), repeat=length))
    scores = np.array(
        [
            sum(unary[t, y[t]] for t in range(length))
            + sum(pair[min(t, len(pair) - 1), y[t], y[t + 1]] for t in range(length - 1))
            + extra(y)
            for y in sequences
        ]
    )
    top = scores.max()
    weights = np.exp(scores - top)
    log_z = np.log(weights.sum()) + top
    of_tags, of_pairs = np.zeros((length, tags)), np.zeros((max(length - 1, 0), tags, tags))
    for y, weight in zip(sequences, weights / weights.sum(), strict=True):
        for t in range(length):
            of_tags[t, y[t]] += weight
            if t + 1 < length:
                of_pairs[t, y[t], y[t + 1]] += weight
    return log_z, of_tags, of_pairs, sequences[int(scores.argmax())]


def random_chain(generator, batch, longest, tags, forbidden=0.2):
    unary = generator.normal(size=(batch, longest, tags))
    pair = generator.normal(size=(batch, max(longest - 1, 1), tags, tags))
    pair[generator.random(pair.shape) < forbidden] = -np.inf
    unary[generator.random(unary.shape) < forbidden / 4] = -np.inf
    # one way stays open
    unary[:, :, 0] = generator.normal(size=unary.shape[:2])
    pair[:, :, 0, 0] = generator.normal(size=pair.shape[:2])
    return unary, pair


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.booleans())
def test_against_all_sequences(seed, longest, in_logs):
    generator = np.random.default_rng(seed)
    unary, pair = random_chain(generator, 3, longest, 3)
    lengths = np.array([longest, *generator.integers(1, longest + 1, 2)])
    found = (_chain._in_logs if in_logs else marginals)(unary, pair, lengths)
    paths = best_paths(unary, pair, lengths)
    for i, n in enumerate(lengths):
        log_z, of_tags, of_pairs, best = enumerated(unary[i, :n], pair[i])
        assert found[0][i] == pytest.approx(log_z)
        assert np.allclose(found[1][i, :n], of_tags)
        assert np.allclose(found[2][i, : n - 1], of_pairs)
        assert not found[1][i, n:].any()
        assert not found[2][i, n - 1 :].any()
        assert tuple(paths[i, :n]) == best
        score = unary[i, range(n), best].sum() + sum(pair[i, t, best[t], best[t + 1]] for t in range(n - 1))
        assert scored_paths(unary, pair, lengths)[1][i] == pytest.approx(score)
        assert (paths[i, n:] == -100).all()


def test_what_is_forbidden_has_no_probability():
    unary, pair = np.zeros((1, 4, 2)), np.array([[[[0, -np.inf], [0, 0]]]])
    unary[0, 0, 1] = -5
    found = marginals(unary, pair, np.array([4]))
    # from tag 0 no way leads to tag 1, which can only be kept
    assert found.pairs[0, :, 0, 1].tolist() == [0, 0, 0]
    unary[0, 3, 0] = -100
    assert best_paths(unary, pair, np.array([4]))[0].tolist() == [1, 1, 1, 1]


def test_where_nothing_is_allowed_there_is_no_distribution():
    unary = np.zeros((2, 3, 2))
    unary[0, 1] = -np.inf
    found = marginals(unary, np.zeros((1, 1, 2, 2)), np.array([3, 3]))
    assert found.log_z[0] == -np.inf
    assert np.isfinite(found.tags).all()
    assert found.tags[1].sum() == pytest.approx(3)
    assert scored_paths(unary, np.zeros((1, 1, 2, 2)), np.array([3, 3]))[1].tolist() == [-np.inf, 0]


def test_sequences_without_a_place():
    found = marginals(np.zeros((2, 0, 3)), np.zeros((1, 1, 3, 3)), np.array([0, 0]))
    assert found.tags.shape == (2, 0, 3)
    found = marginals(np.zeros((2, 1, 3)), np.zeros((1, 1, 3, 3)), np.array([0, 1]))
    assert found.tags[0].sum() == 0
    assert found.tags[1].sum() == pytest.approx(1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_the_list_rule_is_exact(seed, in_logs):
    generator = np.random.default_rng(seed)
    tags = ("O", "B-x", "I-x", "B-y")
    categories = categories_of(tags)
    lists = [[[0, 2, 3], [4, 5]], [[1, 4]], [[0, 1, 5]]][seed % 3]
    unary, pair = random_chain(generator, 1, 6, 4)
    unary, pair = unary[0], pair[0][: 1 if seed % 2 else 5]

    def apart(y):
        pairs = [(a, b) for members in lists for a, b in itertools.pairwise(members)]
        return sum(categories[y[a]] != categories[y[b]] for a, b in pairs)

    log_z, of_tags, of_pairs, best = enumerated(unary, pair, lambda y: -1.7 * apart(y))
    found = (_chain_tied._in_logs if in_logs else _chain_tied.tied)(unary, pair, lists, categories, 1.7)
    assert found.log_z == pytest.approx(log_z)
    assert np.allclose(found.tags, of_tags)
    assert np.allclose(found.pairs, of_pairs)
    # a little more for a member apart is that many times less of all
    step = 1e-5
    dearer, _, _, _ = enumerated(unary, pair, lambda y: -(1.7 + step) * apart(y))
    assert found.apart == pytest.approx((log_z - dearer) / step, abs=1e-3)
    large, moves = remembering(unary, pair, lists, categories, 1.7)
    assert tuple(best_paths(large[None], moves[None], np.array([6]))[0] % 4) == best


def test_what_is_too_small_for_probabilities_goes_by_logarithms():
    # the way that is 2000 nats worse at first is the only one that is open at the end
    unary, pair = np.zeros((2, 3, 2)), np.zeros((1, 1, 2, 2))
    unary[:, 0, 1] = -2000
    pair[0, 0, 0, 1] = pair[0, 0, 1, 0] = -np.inf
    unary[0, 2, 0] = -np.inf
    found = marginals(unary, pair, np.array([3, 3]))
    assert found.log_z.tolist() == [-2000, 0]
    assert found.tags[0].tolist() == [[0, 1]] * 3
    assert found.tags[1].tolist() == [[1, 0]] * 3
    one = _chain_tied.tied(unary[0], pair[0], [[0, 1, 2]], np.array([0, 1]), 1.7)
    assert (one.log_z, one.apart) == (-2000, 0)
    assert one.tags.tolist() == [[0, 1]] * 3


def test_categories():
    assert categories_of(("O", "B-person", "I-person", "B-group", "I-group")).tolist() == [0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("I saw Paris , London and Berlin today", ["Paris", "London", "Berlin"]),
        ("New York , Los Angeles , and San Francisco", ["New", "Los", "San"]),
        ("apples , pears & plums", ["apples", "pears", "plums"]),
        ("he said , she said", None),
        ("Paris and London", None),
        (", a , b , c", None),
        ("a , b ,", None),
        ("Tom , Dick . Ann , Eve", None),
        ("meet me , @ann , @bob , and @cid", ["@ann", "@bob", "@cid"]),
        ("Oslo University , University of Bern and Rome", ["Oslo", "University", "Rome"]),
        # clauses, no members
        ("that guy and honestly , Tom is fat", None),
        ("40 days , 1 hour , 49 minutes and 36 seconds", None),
        ("Summer came , Carly was Megan and Josh fat", None),
    ],
)
def test_lists_are_found_by_their_separators(text, members):
    tokens = text.split()
    found = [[tokens[i] for i in places] for places in enumerations(tokens)]
    assert found == ([members] if members else [])


def test_two_lists_in_a_sentence():
    tokens = [
        "Rome",
        ",",
        "Oslo",
        ",",
        "Bern",
        "beat",
        "the",
        "very",
        "strong",
        "team",
        "of",
        "Ann",
        ",",
        "Eve",
        "or",
        "Tom",
    ]
    assert [[tokens[i] for i in places] for places in enumerations(tokens)] == [
        ["Rome", "Oslo", "Bern"], ["Ann", "Eve", "Tom"],
    ]  # fmt: skip
