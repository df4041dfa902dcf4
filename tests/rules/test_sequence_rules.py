"""Rules of tags: what they mean, q against enumeration, and the objective."""

import itertools
import warnings

import numpy as np
import pytest
import torch
from tag_data import LABELS, SENTENCES, TAGS, TinyTagger, labels_of, sentences

from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning
from leveret.rules import Facts, RuleError, SequenceRuleDistillation, check, read_rules, tag_by_rules
from leveret.runtime.rules._chain_costs import chain_costs, pads_of
from leveret.runtime.rules._lists import categories_of, enumerations
from leveret.training import Batch

BIO = "rule bio hard: valid bio\n"
ALL = (
    BIO
    + """
rule capital weight 0.2: matches "[A-Z].*" and not start => not tag is O
rule place weight 0.3: previous word "in" => tag is B-loc
rule after: next word "Lee" => previous tag is O or start
rule lists weight 0.5: list members agree
"""
)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def truth_of(sentence, y):
    """The cost of a tag sequence by ALL, by hand; None for a forbidden one."""
    cost = 0.0
    for t, (word, tag) in enumerate(zip(sentence, y, strict=True)):
        name, before = TAGS[tag], TAGS[y[t - 1]] if t else None
        if name.startswith("I-") and (before is None or before == "O" or before[2:] != name[2:]):
            return None
        cost += 0.2 * (t > 0 and word[0].isupper() and name == "O")
        cost += 0.3 * (t > 0 and sentence[t - 1] == "in" and name != "B-loc")
        cost += 1.0 * (t + 1 < len(sentence) and sentence[t + 1] == "Lee" and not (t == 0 or before == "O"))
    categories = categories_of(TAGS)
    for members in enumerations(sentence):
        cost += 0.5 * sum(categories[y[a]] != categories[y[b]] for a, b in itertools.pairwise(members))
    return 6 * cost


def enumerated(net, sentence):
    """Sequences with their log p and their q."""
    n = len(sentence)
    with torch.no_grad():
        emissions = net([sentence])[0].double().numpy()
        start, between, end = (part.double().numpy() for part in net.crf.scores())
    ys, scores, costs = [], [], []
    for y in itertools.product(range(len(TAGS)), repeat=n):
        s = start[y[0]] + end[y[-1]] + sum(emissions[t, y[t]] for t in range(n))
        s += sum(between[a, b] for a, b in itertools.pairwise(y))
        cost = truth_of(sentence, y)
        ys.append(y), scores.append(s), costs.append(np.inf if cost is None else cost)
    scores, costs = np.array(scores), np.array(costs)
    log_p = scores - np.log(np.exp(scores).sum())
    q = np.exp(log_p - costs)
    return ys, log_p, q / q.sum()


def test_q_is_that_of_all_sequences(write):
    data, net = sentences(), TinyTagger()
    rules = read_rules(write(ALL), data)
    learn = SequenceRuleDistillation(rules, data, pi=1.0, alpha=0.0)
    learn.set_epoch(1, 2)
    indices = torch.tensor([1, 0, 3, 2])
    batch = Batch([SENTENCES[i] for i in indices], labels_of(indices.tolist()), indices)
    expected = []
    for i in indices.tolist():
        ys, log_p, q = enumerated(net, SENTENCES[i])
        expected.append(-(q * log_p).sum())
        best = tag_by_rules(net, rules, [SENTENCES[i]])[0]
        assert tuple(best) == ys[int(q.argmax())]
        assert truth_of(SENTENCES[i], best.tolist()) is not None
    assert learn(net, batch)["teacher"].item() == pytest.approx(np.mean(expected), rel=1e-4)


def test_the_losses_gradient_is_the_enumerated_one(write):
    data, net = sentences(), TinyTagger()
    learn = SequenceRuleDistillation(read_rules(write(ALL), data), data, pi=0.5, alpha=0.0)
    learn.set_epoch(1, 2)
    batch = Batch([SENTENCES[0]], labels_of([0]), torch.tensor([0]))
    losses = learn(net, batch)
    ys, _, q = enumerated(net, SENTENCES[0])
    start, between, end = net.crf.scores()
    rows = net([SENTENCES[0]])[0]
    scores = torch.stack(
        [
            start[y[0]]
            + end[y[-1]]
            + sum(rows[t, y[t]] for t in range(4))
            + sum(between[y[t], y[t + 1]] for t in range(3))
            for y in ys
        ]
    )
    log_p = scores.log_softmax(0)
    by_hand = -0.5 * (torch.from_numpy(q).float() * log_p).sum() - 0.5 * log_p[ys.index((0, 0, 1, 2))]
    assert sum(losses.values()).item() == pytest.approx(by_hand.item(), rel=1e-4)
    parameters = list(net.parameters())
    ours = torch.autograd.grad(sum(losses.values()), parameters)
    for found, expected in zip(ours, torch.autograd.grad(by_hand, parameters), strict=True):
        assert torch.allclose(found, expected, atol=1e-4)


def test_sentences_without_tags_learn_from_the_rules_alone(write):
    data, net = sentences(), TinyTagger()
    learn = SequenceRuleDistillation(read_rules(write(ALL), data), data, pi=0.5, alpha=0.0)
    learn.set_epoch(1, 2)
    labels = labels_of([0, 3])
    labels[1] = -100
    batch = Batch([SENTENCES[0], SENTENCES[3]], labels, torch.tensor([0, 3]))
    alone = Batch([SENTENCES[0]], labels_of([0]), torch.tensor([0]))
    assert learn(net, batch)["labels"].item() == pytest.approx(learn(net, alone)["labels"].item(), rel=1e-5)
    labels[0] = -100
    assert learn(net, batch)["labels"] == 0
    assert learn(net, batch)["teacher"] > 0


def test_training_takes_invalid_transitions_out_of_p_as_well(write):
    data, net = sentences(), TinyTagger()
    learn = SequenceRuleDistillation(read_rules(write(BIO), data), data, pi=1.0, alpha=0.0)
    learn.set_epoch(1, 2)
    batch = Batch(SENTENCES, labels_of(range(4)), torch.arange(4))
    optimizer = torch.optim.Adam(net.parameters(), 0.1)
    wrong = [(a, b) for a in (0, 3, 4) for b in (2,)]
    before = [float(net.crf.transitions[a, b].detach()) for a, b in wrong]
    for _ in range(40):
        optimizer.zero_grad()
        sum(learn(net, batch).values()).backward()
        optimizer.step()
    assert all(float(net.crf.transitions[a, b].detach()) < old for (a, b), old in zip(wrong, before, strict=True))


def test_costs_by_hand(write):
    rules = read_rules(write('rule r weight 2: word "a" => previous tag is O\nrule s: start => tag is O'), sentences())
    evidence = pads_of(rules.token_evidence(Facts(1, None, [["a", "b", "a"]])), 1)
    unary, pair = chain_costs(rules.program, evidence)
    assert unary[0, 0].tolist() == [12, 18, 18, 18, 18]  # no tag before, which is not O either; and the start's rule
    assert not unary[0, 1:].any()
    assert not pair[0, 0].any()
    assert pair[0, 1, :, 0].tolist() == [0, 12, 12, 12, 12]


def test_columns_and_functions_are_asked_of_tokens(write, tmp_path):
    (tmp_path / "mine.py").write_text("def long(e, n): return len(e['tokens'][e['position']]) >= n")
    data = sentences()
    data.train.columns = {"source": ["news", "chat", "chat", ""]}
    text = "rule r: source is news and long(3) => not tag is O"
    rules = read_rules(write(text), data, functions=tmp_path / "mine.py")
    facts = Facts(2, None, [["a", "long"], ["long"]], {"source": ["news", ""]})
    first, second = rules.token_evidence(facts)
    assert first.tolist() == [[1, 0], [1, 1]]
    assert np.isnan(second[0, 0])
    data.train.columns = {}


def test_contradictory_sequences(write):
    data = sentences()
    text = BIO + 'rule odd hard: word "Oslo" => tag is I-loc\nrule other hard: word "in" => tag is O'
    rules = read_rules(write(text), data)
    with pytest.raises(
        LeveretDataError, match=r"1 of 4 sentences no tags: sentence 3 .* by 'bio' and 'odd' and 'other'"
    ):
        SequenceRuleDistillation(rules, data)
    with pytest.warns(LeveretWarning, match="left out of account there"):
        learn = SequenceRuleDistillation(rules, data, contradictory="drop", pi=1.0, alpha=0.0)
    learn.set_epoch(1, 2)
    net = TinyTagger()
    losses = learn(net, Batch(SENTENCES, labels_of(range(4)), torch.arange(4)))
    assert all(bool(loss.isfinite()) for loss in losses.values())
    # the net's own best: here only hard rules could change it
    ys, log_p, _ = enumerated(net, SENTENCES[3])
    best = ys[int(log_p.argmax())]
    assert any(best)
    assert tuple(tag_by_rules(net, rules, SENTENCES)[3]) == best


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rule r: label is O", "these examples have tags: say tag is"),
        ('rule r: word "a" before "b" => tag is O', "of sequences say previous or next"),
        ("rule r hard: list members agree", "can't be hard"),
        ('rule r: word "a" => word "b"', "says nothing of the tag"),
        ("rule r: tag is B-org", "there is no tag 'B-org'"),
    ],
)
def test_mistakes(write, text, said):
    with pytest.raises(RuleError, match=said):
        read_rules(write(text), sentences())


def test_what_can_not_be_trained_with(write):
    data = sentences()
    learn = SequenceRuleDistillation(read_rules(write("rule r: tag is O"), data), data)
    with pytest.raises(LeveretUsageError, match="as SequenceTagger has one; a Linear has none"):
        learn(torch.nn.Linear(1, 1), Batch([SENTENCES[0]], labels_of([0]), torch.tensor([0])))
    other = sentences()
    other.classes = TAGS[:3]
    with pytest.raises(LeveretUsageError, match="the data's tags"):
        SequenceRuleDistillation(read_rules(write("rule r: tag is O"), data), other)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "pi=0.9" in repr(SequenceRuleDistillation(read_rules(write("rule r: tag is O"), data), data))


def test_learned_weights_follow_the_likelihood_of_the_tags_under_q(write):
    data, net = sentences(), TinyTagger()
    text = ALL.replace("weight 0.2", "learned").replace("weight 0.5", "learned").replace("after:", "after learned:")
    learn = SequenceRuleDistillation(read_rules(write(text), data), data, pi=0.5, alpha=0.0)
    # by hand below, with the weights that this begins with
    given = SequenceRuleDistillation(learn.taught(), data, pi=0.5, alpha=0.0)
    batch = Batch(SENTENCES, labels_of(range(4)), torch.arange(4))
    losses = learn(net, batch)
    assert losses["teacher"] == 0  # π is 0 in the first epoch, and weights are learned nonetheless
    losses["weights"].backward()
    assert given.free is None
    assert all(parameter.grad is None for parameter in net.parameters())

    def loss(free):
        with torch.no_grad():
            learn.free.copy_(free)
            return learn(net, batch)["weights"].item()

    start = learn.free.detach().clone()
    for i, name in enumerate(learn.rules.names):
        step = torch.zeros(len(start))
        step[i] = 0.02
        change = (loss(start + step) - loss(start - step)) / 0.04
        assert learn.free.grad[i].item() == pytest.approx(change, abs=2e-3), name
    # "after" wants no tag after Ann but O, which the labels break: it is to weigh less
    assert learn.free.grad[learn.rules.names.index("after")] != 0
    assert learn.free.grad[0] == learn.free.grad[2] == 0  # hard, and of a given weight


def test_the_likelihood_is_the_enumerated_one(write):
    data, net = sentences(), TinyTagger()
    rules = read_rules(write(ALL.replace("weight 0.5", "learned")), data).with_weights([0, 0.2, 0.3, 1.0, 0.5])
    learn = SequenceRuleDistillation(read_rules(write(ALL.replace("rule after", "rule after learned")), data), data)
    assert learn.taught().program.weights == pytest.approx(rules.program.weights)
    expected = []
    for i in range(4):
        ys, _, q = enumerated(net, SENTENCES[i])
        expected.append(-np.log(q[ys.index(tuple(LABELS[i]))]))
    losses = learn(net, Batch(SENTENCES, labels_of(range(4)), torch.arange(4)))
    assert losses["weights"].item() == pytest.approx(np.mean(expected), rel=1e-5)
    labels = labels_of(range(4))
    labels[0, 3] = 4  # I-loc after I-per: forbidden, so that it says nothing of weights
    losses = learn(net, Batch(SENTENCES, labels, torch.arange(4)))
    assert losses["weights"].item() == pytest.approx(np.mean(expected[1:]), rel=1e-5)


def test_rules_that_never_fire_are_told(write):
    data = sentences()
    rules = read_rules(write('rule never: word "Paris" => tag is O\nrule once: word "Lee" => tag is O'), data)
    with pytest.warns(LeveretWarning) as told:
        SequenceRuleDistillation(rules, data)
    assert [str(one.message) for one in told] == ["rule 'never' never fires on the training part"]
    data.train.sentences = SENTENCES[2:]
    with pytest.warns(LeveretWarning, match="rule 'lists' never fires"):
        SequenceRuleDistillation(read_rules(write("rule lists: list members agree"), data), data)


def test_check_counts_tokens_and_ties(write):
    data = sentences()
    data.train.labels = [np.array(tags) for tags in LABELS]
    data.train.labels[3] = np.array([0, -100])
    text = (
        BIO
        + """
    rule capital: matches "[A-Z].*" => not tag is O
    rule after: word "Lee" => previous tag is B-per
    rule never: word "Paris" => tag is O
    rule lists: list members agree
    """
    )
    found = check(read_rules(write(text), data), data)
    bio, capital, after, never, lists = found.counts
    assert (bio.groundings, bio.fires, bio.labelled, bio.obeyed) == (12, 12, 11, 1.0)
    # I, Ann, Lee, Rome, Oslo, Bern, Hello and the other Oslo, of which I and Hello are O
    assert (capital.fires, capital.labelled, capital.obeyed) == (8, 7, pytest.approx(5 / 7))
    assert (after.fires, after.obeyed) == (1, 1.0)
    assert (never.fires, never.obeyed) == (0, None)
    assert (lists.groundings, lists.obeyed) == (2, 1.0)
    assert len(found.warnings) == 2
    odd = BIO + 'rule odd hard: word "Hello" => tag is I-per\nrule one hard: word "in" => tag is O'
    assert [tuple(one) for one in check(read_rules(write(odd), data), data).contradictions] == [(2, ("bio", "odd"))]
