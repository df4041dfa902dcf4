"""Soft logic: truth tables, and the laws that each logic keeps."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.rules import Atom, average, exclusive, exists, for_all, label
from leveret.runtime.rules._logic import LOGICS
from leveret.runtime.rules._tree import checked_tree

A, B, C = Atom("a"), Atom("b"), Atom("c")
CRISP = {
    "and": (A & B, lambda a, b: a and b),
    "or": (A | B, lambda a, b: a or b),
    "not": (~A, lambda a, b: not a),
    "implies": (A >> B, lambda a, b: not a or b),
    "same": (A == B, lambda a, b: a == b),
    "exclusive": (exclusive(A, B), lambda a, b: not (a and b)),
}
# at a = 0.7, b = 0.4, by hand
HALF = {
    "lukasiewicz": {"and": 0.1, "or": 1.0, "implies": 0.7, "same": 0.7},
    "product": {"and": 0.28, "or": 0.82, "implies": 0.58, "same": 0.58 * (1 - 0.4 * 0.3)},
    "godel": {"and": 0.4, "or": 0.7, "implies": 0.4, "same": 0.4},
}
unit = st.floats(0, 1, width=32)
logics = st.sampled_from(list(LOGICS))


def near(first, second):
    return torch.allclose(torch.as_tensor(first).double(), torch.as_tensor(second).double(), atol=1e-5)


@pytest.mark.parametrize("logic", LOGICS)
@pytest.mark.parametrize("name", CRISP)
def test_truths_of_0_and_1_obey_the_ordinary_truth_table(logic, name):
    formula, ordinary = CRISP[name]
    for a, b in itertools.product((0.0, 1.0), repeat=2):
        assert float(formula.truth({"a": a, "b": b}, logic)) == float(bool(ordinary(bool(a), bool(b))))


@pytest.mark.parametrize("logic", LOGICS)
def test_half_truths_by_hand(logic):
    for name, expected in HALF[logic].items():
        assert float(CRISP[name][0].truth({"a": 0.7, "b": 0.4}, logic)) == pytest.approx(expected, abs=1e-6)
    assert float(average(A, B, ~A).truth({"a": 0.7, "b": 0.4}, logic)) == pytest.approx(1.4 / 3, abs=1e-6)


@given(unit, unit, unit, logics)
def test_laws_of_every_logic(a, b, c, logic):
    values = {"a": a, "b": b, "c": c}

    def truth(formula):
        return formula.truth(values, logic)

    assert near(truth(A & B), truth(B & A))
    assert near(truth(A & (B & C)), truth((A & B) & C))
    assert near(truth(~(A & B)), truth(~A | ~B))
    assert near(truth(~(A | B)), truth(~A & ~B))
    assert near(truth(~~A), a)
    assert near(truth(A >> B), truth(~A | B))
    assert near(truth(A == B), truth((A >> B) & (B >> A)))
    assert near(truth(A >> B), truth(~B >> ~A))
    for formula in (A & B, A | B, A >> B, A == B, average(A, B, C), exclusive(A, B, C)):
        assert 0 <= float(truth(formula)) <= 1
    assert float(truth(A & B)) <= min(a, b) + 1e-6
    assert float(truth(A | B)) >= max(a, b) - 1e-6
    assert float(truth(average(A, B))) <= max(a, b) + 1e-6


@given(unit, unit, unit)
def test_lukasiewicz_has_its_own_laws(a, b, c):
    values = {"a": a, "b": b, "c": c}
    assert near((A & ~A).truth(values), 0.0)  # no contradiction, no third
    assert near((A | ~A).truth(values), 1.0)
    assert near((A == B).truth(values), 1 - abs(a - b))
    # residuation: a ∧ c ≤ b just where c ≤ a ⇒ b
    slack, excess = float((A >> B).truth(values)) - c, float((A & C).truth(values)) - b
    if abs(slack) > 1e-5 and abs(excess) > 1e-5:
        assert (excess < 0) == (slack > 0)


@given(st.lists(unit, min_size=1, max_size=6), logics)
def test_quantifiers_are_the_connectives_over_all_groundings(truths, logic):
    names = [Atom(f"x{i}") for i in range(len(truths))]
    values = {f"x{i}": value for i, value in enumerate(truths)}
    every, some = names[0], names[0]
    for name in names[1:]:
        every, some = every & name, some | name
    along = {"a": torch.tensor(truths, dtype=torch.float64)}
    assert near(for_all(A).truth(along, logic), every.truth(values, logic))
    assert near(exists(A).truth(along, logic), some.truth(values, logic))


def test_quantifiers_take_any_axis():
    truths = torch.rand(3, 4, 5)
    assert for_all(A >> B, -2).truth({"a": truths, "b": truths[..., :1]}).shape == (3, 5)


@pytest.mark.parametrize("logic", LOGICS)
def test_gradients_reach_the_truths(logic):
    values = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in
              {"a": 0.83, "b": 0.61, "c": 0.37}.items()}  # fmt: skip

    def formula(a, b, c):
        return (average(A, ~B, C) >> ((A | C) & (B == C))).truth({"a": a, "b": b, "c": c}, logic)

    assert torch.autograd.gradcheck(formula, tuple(values.values()))


@pytest.mark.parametrize("logic", LOGICS)
def test_numpy_means_the_same(logic):
    from leveret.runtime.rules._tree import evaluate

    generator = np.random.default_rng(0)
    arrays = {name: generator.random((4, 3)) for name in "abc"}
    tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}
    for formula in (exclusive(A, B, C) & (average(A, B) == C), exists(A >> C) | for_all(B)):
        found = evaluate(formula.tree, lambda leaf: arrays[leaf[1]], LOGICS[logic])
        assert isinstance(found, np.ndarray)
        assert near(found, formula.truth(tensors, logic))


def test_the_paper_s_but_rule_has_its_truths():
    # Hu et al. 2016, section 3.3: (1 + σ) / 2 where the label is positive, (2 − σ) / 2 where it is negative
    sigma = torch.tensor([0.0, 0.3, 1.0])
    rule = average(A >> B, B >> A)
    assert near(rule.truth({"a": 1.0, "b": sigma}), (1 + sigma) / 2)
    assert near(rule.truth({"a": 0.0, "b": sigma}), (2 - sigma) / 2)


def test_mistakes_are_named():
    with pytest.raises(LeveretUsageError, match="needs a truth for 'b'; given are a"):
        (A & B).truth({"a": 1.0})
    with pytest.raises(LeveretUsageError, match="those of 'a' are not"):
        A.truth({"a": 1.5})
    with pytest.raises(LeveretUsageError, match="those of 'a' are not"):
        A.truth({"a": float("nan")})
    with pytest.raises(LeveretUsageError, match="one of lukasiewicz, product, godel"):
        A.truth({"a": 1.0}, "boole")
    with pytest.raises(LeveretUsageError, match="joined with formulas"):
        A & 1
    with pytest.raises(LeveretUsageError, match="no truth of its own"):
        bool(A)
    with pytest.raises(LeveretUsageError, match="speaks of labels"):
        (A >> label("cat")).truth({"a": 1.0})


@pytest.mark.parametrize(
    "tree",
    [
        3, [], ["xor", ["atom", 0]], ["not"], ["implies", ["atom", 0]], ["atom", 5], ["atom", True], ["label", [3]],
        ["previous", [0]], ["start"], ["follows", 0, []], ["exclusive", ["atom", 0]], ["forall", ["atom", 0], 0],
    ],
)  # fmt: skip
def test_formulas_of_files_are_checked(tree):
    with pytest.raises(LeveretFormatError):
        checked_tree(tree, 3, 2, tags=False)


def test_deep_formulas_are_refused():
    tree = ["atom", 0]
    for _ in range(80):
        tree = ["not", tree]
    with pytest.raises(LeveretFormatError, match="deeper"):
        checked_tree(tree, 3, 2, tags=False)
