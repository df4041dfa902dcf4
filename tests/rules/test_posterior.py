"""The teacher of one label: its closed form against minimising what it minimises, and hard rules."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_data import reviews
from scipy.optimize import minimize

from leveret.rules import Facts, Schema, contradictions, facts_of, read_rules
from leveret.runtime.rules import log_posterior

SCHEMA = Schema(("a", "b", "c"), ("x", "y"))


def kl_and_slack(q, p, truths, weights, strength):
    """KL(q ‖ p) + C Σ ξ, with the least slack that λ (1 − E_q[r]) ≤ ξ and 0 ≤ ξ leave."""
    slack = np.maximum(weights * (1 - truths @ q), 0)
    return float((q * np.log(np.maximum(q, 1e-300) / p)).sum() + strength * slack.sum())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_closed_form_is_the_minimum(seed):
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.ones(3))
    truths = generator.random((2, 3))
    weights, strength = generator.uniform(0, 2, 2), generator.uniform(0.1, 3)
    penalties = strength * (weights[:, None] * (1 - truths)).sum(0)
    q = np.exp(log_posterior(np.log(p)[None], penalties[None], np.zeros((1, 3), bool)))[0]
    assert q.sum() == pytest.approx(1)

    def of(z):
        e = np.exp(z - z.max())
        return kl_and_slack(e / e.sum(), p, truths, weights, strength)

    best = min((minimize(of, start, tol=1e-12) for start in (np.zeros(3), np.log(p))), key=lambda found: found.fun)
    brute = np.exp(best.x - best.x.max())
    ours = kl_and_slack(q, p, truths, weights, strength)
    assert ours <= best.fun + 1e-9
    assert np.allclose(q, brute / brute.sum(), atol=1e-3)
    # and no other distribution nearby is better
    for other in generator.dirichlet(np.ones(3), 50):
        assert ours <= kl_and_slack(0.99 * q + 0.01 * other, p, truths, weights, strength) + 1e-12


def test_the_but_rule_by_hand(write):
    rules = read_rules(
        write('rule but: average(label is positive => net says positive after "but", '
              'net says positive after "but" => label is positive)'), reviews(), strength=6.0,
    )  # fmt: skip
    p = np.tile([0.6, 0.4], (8, 1))
    q = rules.project(p, facts_of(reviews()), own={0: [0.9] + [np.nan] * 7})
    # Hu et al.: the truths are (1 + σ) / 2 = 0.95 of positive, (2 − σ) / 2 = 0.55 of negative
    odds = (0.4 * np.exp(-6 * 0.05)) / (0.6 * np.exp(-6 * 0.45))
    assert q[0, 1] == pytest.approx(odds / (1 + odds))
    assert np.allclose(q[1:], p[1:])


def test_hard_rules_are_exact(write):
    rules = read_rules(write("rule h hard: x > 0 => label in {a, b}\nrule s: x > 0 => label is a"), SCHEMA)
    q = rules.project([[0.0001, 0.0001, 0.9998]] * 2, Facts(2, columns={"x": [1, 0], "y": [0, 0]}))
    assert q[0, 2] == 0
    assert q[0, 0] == pytest.approx(1 / (1 + np.exp(-6)))
    assert q[1, 2] == pytest.approx(0.9998)


def test_contradictions_name_the_fewest_rules(write):
    text = """
    rule one hard: x > 0 => label is a
    rule two hard: y > 0 => label in {b, c}
    rule three hard: x > 5 => label in {a, b}
    rule soft: x > 0 => label is c
    """
    rules = read_rules(write(text), SCHEMA)
    facts = Facts(4, columns={"x": [1, 1, 0, 9], "y": [0, 1, 1, 1]})
    evidence = rules.evidence(facts)
    found = contradictions(rules.program, evidence)
    assert [(c.example, c.rules) for c in found] == [(1, ("one", "two")), (3, ("one", "two"))]
    # where they contradict each other, hard rules are left out and soft ones stay
    q = rules.project(np.full((4, 3), 1 / 3), facts)
    assert q[1].argmax() == 2
    assert (q[1] > 0).all()
    assert q[0].tolist() == [1, 0, 0]


def test_tensors_and_arrays_agree(write):
    rules = read_rules(write("rule h hard: x > 0 => label in {a, b}\nrule s weight 0.3: y > 0 or x > 0 <=> label is a"),
                       SCHEMA)  # fmt: skip
    evidence = rules.evidence(Facts(4, columns={"x": [1, 0, None, 1], "y": [0.2, 1, 1, None]}))
    logits = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    ours = log_posterior(logits, *rules.program.penalties(rules.program.truths(evidence)))
    tensor = torch.from_numpy(evidence)
    theirs = log_posterior(torch.from_numpy(logits), *rules.program.penalties(rules.program.truths(tensor)))
    assert isinstance(theirs, torch.Tensor)
    assert np.allclose(np.exp(ours), theirs.exp().numpy(), atol=1e-6)
    assert np.exp(ours[0, 2]) == 0


def test_projecting_checks_its_shapes(write):
    rules = read_rules(write("rule s: x > 0 => label is a"), SCHEMA)
    with pytest.raises(ValueError, match=r"must be \(1 examples, 3 classes\), got \(1, 2\)"):
        rules.project([[0.5, 0.5]], Facts(1, columns={"x": [1], "y": [1]}))
