"""Rules of tags with `nets.SequenceTagger` itself: the losses by its own chain, the loop, many sentences at once."""

import itertools

import numpy as np
import pytest
import torch
from tag_data import LABELS, SENTENCES, TAGS

from leveret.data import from_sentences
from leveret.nets import SequenceTagger, encoder_for
from leveret.rules import SequenceRuleDistillation, read_rules, tag_by_rules
from leveret.training import Batch, evaluate, fit

BIO = "rule bio hard: valid bio\n"


def data_of(times=1):
    tags = [[TAGS[tag] for tag in one] for one in LABELS]
    few = (SENTENCES, tags)
    # so that all tags are there
    more = (SENTENCES * times + [["Ann", "Lee", "Rome", "Oslo"]], [*tags * times, list(TAGS[1:])])
    return from_sentences(more, val=few, test=few)


def tagger(data, **options):
    torch.manual_seed(0)
    return SequenceTagger(data.classes, encoder_for(data.train, characters=True), hidden=8, **options)


def batch_of(data):
    tokens, labels = data.train.fetch_tagged(range(len(data.train)))
    return Batch(tokens, torch.from_numpy(labels), torch.arange(len(data.train)))


@pytest.mark.parametrize("constrained", [False, True])
def test_the_losses_are_those_of_its_chain(write, constrained):
    data = data_of()
    net = tagger(data, constrained=constrained).eval()
    learn = SequenceRuleDistillation(read_rules(write(BIO), data), data, pi=0.5, alpha=0.0)
    learn.set_epoch(1, 2)
    batch = batch_of(data)
    losses = learn(net, batch)
    emissions, lengths = net(batch.inputs), net.lengths(batch.inputs)
    labels = net.crf.negative_log_likelihood(emissions, batch.labels, lengths).mean()
    assert losses["labels"].item() == pytest.approx(0.5 * labels.item(), rel=1e-4)
    assert torch.equal(batch.logits, emissions.transpose(1, 2))
    # CE(q, p) with q = p on the sequences that are valid, made 1: -sum q log p, by all sequences
    expected = []
    for tokens, row, n in zip(batch.inputs, emissions, lengths.tolist(), strict=True):
        if n > 4:
            continue
        ys = torch.tensor(list(itertools.product(range(len(data.classes)), repeat=n)))
        nll = net.crf.negative_log_likelihood(row[None, :n].expand(len(ys), -1, -1), ys, torch.full((len(ys),), n))
        valid = [all(follows(data.classes, y, t) for t in range(n)) for y in ys.tolist()]
        log_p = -nll[torch.tensor(valid)].double()
        q = log_p.softmax(0)
        expected.append(-(q * log_p).sum().item())
        best = tag_by_rules(net, learn.rules, [tokens])[0]
        assert best.tolist() == ys[torch.tensor(valid)][int(q.argmax())].tolist()
    kept = [i for i, n in enumerate(lengths.tolist()) if n <= 4]
    alone = Batch([batch.inputs[i] for i in kept], batch.labels[kept][:, :4], torch.tensor(kept))
    assert learn(net, alone)["teacher"].item() == pytest.approx(0.5 * np.mean(expected), rel=1e-4)


def follows(classes, y, t):
    name, before = classes[y[t]], classes[y[t - 1]] if t else "O"
    return not name.startswith("I-") or before[2:] == name[2:]


def test_it_learns_in_the_loop_and_breaks_nothing(write):
    data = data_of(8)
    net = tagger(data)
    rules = read_rules(write(BIO + "rule lists weight 0.5: list members agree\n"), data)
    learn = SequenceRuleDistillation(rules, data, pi=0.5, alpha=0.5)
    result = fit(net, data, objective=learn, epochs=12, batch_size=8, optimizer="adam", lr=0.02, progress=False)
    assert result.history[-1]["train_teacher"] > 0
    assert result.history[-1]["train_accuracy"] > 0.9
    assert evaluate(net, data).f1 > 0.9


def test_many_sentences_are_tagged_as_each_alone(write):
    data = data_of()
    net = tagger(data)
    net.train()
    rules = read_rules(write(BIO), data)
    many = [*SENTENCES * 30, []]
    together = tag_by_rules(net, rules, many)
    assert net.training
    assert len(together) == len(many)
    assert [len(one) for one in together] == [len(one) for one in many]
    for sentence, found in zip(SENTENCES, together, strict=False):
        assert found.tolist() == tag_by_rules(net, rules, [sentence])[0].tolist()
    for i in range(len(SENTENCES)):
        assert together[i].tolist() == together[i + 116].tolist()
    assert tag_by_rules(net, rules, []) == []
