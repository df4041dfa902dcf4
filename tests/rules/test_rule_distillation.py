"""The objective: its losses by hand, what the teacher's share does, samples without a label, learned weights."""

import copy
import warnings

import numpy as np
import pytest
import torch
from rule_data import garments, reviews
from torch import nn

import leveret
from leveret.data import few_labels, from_arrays
from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning
from leveret.nets import BagOfWords
from leveret.rules import RuleDistillation, check, posterior, read_rules
from leveret.training import Batch

KIND = "group top = shirt, coat\ngroup shoe = boot, sandal\nrule kind{}: label follows kind"
BUT = """rule but: average(label is positive => net says positive after "but",
    net says positive after "but" => label is positive)"""


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeveretWarning)
        yield


def flat_net():
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 16), nn.ReLU(), nn.Linear(16, 4))


def batch_of(data, indices):
    indices = np.asarray(indices)
    values = data.train.fetch(indices)
    if isinstance(values, np.ndarray):
        values = torch.from_numpy(data.normalization.apply(values))
    return Batch(values, torch.from_numpy(data.train.labels[indices]), torch.from_numpy(indices))


def test_the_losses_are_the_paper_s(write):
    data = few_labels(garments(), per_class=3)
    learn = RuleDistillation(read_rules(write(KIND.format(" weight 0.5")), data), data, pi=0.7, alpha=0.5)
    learn.set_epoch(1, 10)
    net, indices = flat_net(), np.arange(20)
    batch = batch_of(data, indices)
    losses = learn(net, batch)
    log_p = net(batch.inputs).log_softmax(1)
    top = data.train.columns["kind"][indices] == "top"
    truths = np.where(top[:, None], [1, 1, 0, 0], [0, 0, 1, 1])
    q = log_p.detach().exp() * torch.from_numpy(np.exp(-6 * 0.5 * (1 - truths)))
    q = q / q.sum(1, keepdim=True)
    known = batch.labels >= 0
    assert known.sum() not in (0, 20)
    plain = nn.functional.cross_entropy(log_p[known], batch.labels[known])
    assert losses["labels"].item() == pytest.approx(0.5 * plain.item(), rel=1e-5)
    assert losses["teacher"].item() == pytest.approx(-0.5 * (q * log_p).sum(1).mean().item(), rel=1e-5)
    # the teacher is no way for the gradient
    ours = torch.autograd.grad(losses["teacher"], net[1].weight, retain_graph=True)[0]
    expected = torch.autograd.grad(-0.5 * (q.float() * log_p).sum(1).mean(), net[1].weight)[0]
    assert torch.allclose(ours, expected, atol=1e-6)


def test_the_teacher_s_share_grows():
    data = reviews()
    path_rules = _rules_of('rule r: word "great" => label is positive', data)
    learn = RuleDistillation(path_rules, data, pi=0.6, alpha=0.8)
    shares = []
    for epoch in (0, 1, 2, 50):
        learn.set_epoch(epoch, 51)
        shares.append(learn.share)
    assert np.allclose(shares, [0, 0.2, 0.36, 0.6])


def _rules_of(text, data, **options):
    from leveret.rules._compile import compile_rules
    from leveret.rules._ruleset import RuleSet
    from leveret.rules._schema import schema_of

    compiled = compile_rules(text, "t.rules", schema_of(data), logic="lukasiewicz", strength=6.0)
    return RuleSet(compiled, name="t.rules", text=text)


def test_the_first_epoch_learns_from_labels_alone():
    data = garments()
    learn = RuleDistillation(_rules_of(KIND.format(""), data), data)
    losses = learn(flat_net(), batch_of(data, range(8)))
    assert losses["teacher"] == 0
    assert set(losses) == {"labels", "teacher"}


def test_a_batch_without_a_label_learns_from_the_rules():
    data = garments()
    data.train.labels[:] = -100
    learn = RuleDistillation(_rules_of(KIND.format(" hard"), data), data, pi=1.0, alpha=0.0)
    learn.set_epoch(1, 2)
    net = flat_net()
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    batch = batch_of(data, range(len(data.train)))
    for _ in range(60):
        optimizer.zero_grad()
        sum(learn(net, batch).values()).backward()
        optimizer.step()
    top = torch.from_numpy(data.train.columns["kind"] == "top")
    assert (net(batch.inputs).softmax(1)[:, :2].sum(1) > 0.5).equal(top)


def test_rules_help_where_labels_are_few():
    data = few_labels(garments(240), per_class=2, seed=1)
    rules = _rules_of(KIND.format(" hard"), data)
    found = {}
    for name, objective in (("plain", None), ("rules", RuleDistillation(rules, data))):
        torch.manual_seed(1)
        net = flat_net()
        leveret.fit(net, data, objective=objective, epochs=12, batch_size=32, lr=0.01, progress=False, keep_best=False)
        found[name] = posterior(net, rules, data)
    ours = found["rules"]
    assert ours.q.accuracy >= ours.p.accuracy > found["plain"].p.accuracy
    assert (ours.q.probabilities[np.arange(len(ours.q.labels)), (ours.q.labels + 2) % 4] == 0).all()
    assert ours.obeyed_by_q[0].obeyed == 1


def test_the_but_rule_asks_the_net_of_the_clause():
    data = reviews()
    learn = RuleDistillation(_rules_of(BUT, data), data, pi=1.0, alpha=0.0)
    learn.set_epoch(1, 2)
    net = BagOfWords(2, dim=8, buckets=512).eval()
    net.classifier.weight.data *= 40
    batch = batch_of(data, range(8))
    losses = learn(net, batch)
    clauses = {0: "great actors", 1: "a boring film", 6: "never boring", 7: "dull in the end"}
    with torch.no_grad():
        p = net(batch.inputs).softmax(1)
        expected = 0.0
        for i in range(8):
            r = torch.ones(2)
            if i in clauses:
                sigma = net([clauses[i]]).softmax(1)[0, list(data.classes).index("positive")]
                r = torch.stack([(2 - sigma) / 2, (1 + sigma) / 2])
            q = p[i] * torch.exp(-6 * (1 - r))
            expected -= (q / q.sum() * p[i].log()).sum() / 8
    assert losses["teacher"].item() == pytest.approx(expected.item(), rel=1e-4)
    found = posterior(net, learn.rules, data, "train")
    assert found.labels[0].fires == 4


def test_asking_the_net_leaves_its_mode_and_its_norms_alone():
    data = reviews()

    class Noisy(BagOfWords):
        def __init__(self):
            super().__init__(2, dim=8, buckets=512)
            self.norm = nn.BatchNorm1d(8)

        def forward(self, x):
            return self.classifier(self.norm(self.features(x)))

    learn = RuleDistillation(_rules_of(BUT, data), data)
    net = Noisy().train()
    learn.set_epoch(3, 5)
    learn(net, batch_of(data, range(8)))
    assert net.norm.training
    assert net.norm.num_batches_tracked == 1


def test_learned_weights_tell_good_rules_from_bad_ones():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 3)).astype(np.float32)
    y = np.where(x[:, 0] > 0, "b", "a")
    data = from_arrays(x, y, val_fraction=0.2)
    text = """
    rule good learned: x0 > 0 <=> label is b
    rule bad learned: x1 > 0 <=> label is b
    rule fixed weight 0.3: x2 > 0 => label is b
    """
    learn = RuleDistillation(_rules_of(text, data), data)
    net = nn.Linear(3, 2)
    leveret.fit(net, data, objective=learn, epochs=15, lr=0.03, batch_size=32, progress=False)
    good, bad, fixed = learn.weights.tolist()
    assert good > 2 * bad
    assert fixed == pytest.approx(0.3)
    assert [rule.weight for rule in learn.taught().program.rules] == pytest.approx([good, bad, fixed])


def test_the_weights_gradient_is_the_expected_truth():
    data = garments()
    learn = RuleDistillation(_rules_of(KIND.format(" learned"), data), data)
    net, batch = flat_net(), batch_of(data, range(12))
    learn.set_epoch(2, 4)
    losses = learn(net, batch)
    # the teacher doesn't make itself easy to follow, and weights don't move the net
    assert torch.autograd.grad(losses["teacher"], learn.free, allow_unused=True, retain_graph=True) == (None,)
    assert torch.autograd.grad(losses["weights"], net[1].weight, allow_unused=True, retain_graph=True) == (None,)
    (gradient,) = torch.autograd.grad(losses["weights"], learn.free)
    with torch.no_grad():
        truths = learn.rules.program.truths(learn.evidence[:12])[:, 0]
        q = net(batch.inputs).softmax(1) * torch.exp(-6 * learn.weights * (1 - truths))
        q /= q.sum(1, keepdim=True)
        said = truths.gather(1, batch.labels[:, None])[:, 0]
        by_weight = 6 * ((1 - said) - (q * (1 - truths)).sum(1)).mean()
    assert gradient.item() == pytest.approx((by_weight * torch.sigmoid(learn.free)).item(), rel=1e-4)


def test_contradictions_are_refused_or_dropped():
    data = garments()
    text = KIND.format(" hard") + "\nrule odd hard: kind is top => label is boot"
    rules = _rules_of(text, data)
    with pytest.raises(LeveretDataError, match=r"18 of 36 training samples .*sample \d+ .*by 'kind' and 'odd'.*more"):
        RuleDistillation(rules, data)
    with pytest.warns(LeveretWarning, match="left out of account there"):
        learn = RuleDistillation(rules, data, contradictory="drop")
    learn.set_epoch(5, 9)
    assert all(bool(loss.isfinite()) for loss in learn(flat_net(), batch_of(data, range(20))).values())


def test_a_rule_that_never_fires_is_a_warning():
    data = garments()
    with pytest.warns(LeveretWarning, match="rule 'hats' never fires on the training part"):
        RuleDistillation(_rules_of("rule hats: kind is hat => label is boot", data), data)


@pytest.mark.parametrize("wrong", [{"pi": 1.1}, {"alpha": 1.0}, {"contradictory": "maybe"}])
def test_arguments_out_of_range(wrong):
    data = garments()
    with pytest.raises(LeveretUsageError):
        RuleDistillation(_rules_of(KIND.format(""), data), data, **wrong)


def test_rules_of_other_classes():
    with pytest.raises(LeveretUsageError, match="rules are for the classes"):
        RuleDistillation(_rules_of(KIND.format(""), garments()), reviews())


def test_check_counts_what_rules_do():
    data = few_labels(garments(), per_class=5)
    text = f"""{KIND.format(" hard")}
    rule most: kind is top => label is coat
    rule hats: kind is hat => label is boot
    rule own: kind is top => net says coat or label is shirt"""
    found = check(_rules_of(text, data), data)
    kind, most, hats, own = found.counts
    tops = int((data.train.columns["kind"] == "top").sum())
    assert (kind.groundings, kind.fires, kind.labelled, kind.obeyed) == (len(data.train), len(data.train), 20, 1.0)
    assert (most.fires, most.labelled, most.obeyed) == (tops, 10, 0.5)
    assert (hats.fires, hats.obeyed) == (0, None)
    assert own.asks_net
    assert own.fires == tops
    assert found.warnings == ("t.rules, line 5, column 10: rule 'hats' never fires on the train part",)
    found.as_dict()


def test_check_names_words_and_values_that_nothing_has():
    data = reviews(kind=["film"] * 7 + ["hat"])
    text = 'group film = negative, positive\nrule a: label follows kind\nrule b: word "grreat" => label is positive'
    told = check(_rules_of(text, data), data).warnings
    assert "t.rules, line 3, column 9: no text has 'grreat'" in told
    assert "column 'kind' has values that name no group or class: 'hat'" in told


def test_objectives_can_be_copied():
    data = garments()
    learn = RuleDistillation(_rules_of(KIND.format(""), data), data)
    other = copy.deepcopy(learn)
    other.set_epoch(2, 4)
    assert learn.share == 0
    assert "RuleDistillation(RuleSet(1 rules, 0 of them hard" in repr(learn)


def test_in_scikit_learn():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 2)).astype(np.float32)
    y = np.where(x[:, 0] > 0, "sick", "well")
    model = leveret.LeveretClassifier(
        objective=lambda data: RuleDistillation(_rules_of("rule hot: x0 > 1 => label is sick", data), data),
        epochs=4, random_state=0,
    )  # fmt: skip
    assert model.fit(x, y).score(x, y) > 0.7
