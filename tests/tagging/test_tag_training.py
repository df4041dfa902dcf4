"""`fit` and `evaluate` on sentences with tags, and their figures."""

import numpy as np
import pytest
import torch
from torch import nn

import leveret
from leveret.data import from_sentences
from leveret.errors import LeveretUsageError
from leveret.nets import SequenceTagger
from leveret.text import TextEncoder
from leveret.training import Batch, TagLikelihood
from leveret.training.metrics import EntityMeter, entity_f1


def test_figures_by_hand():
    # said: (a 0-2) right, (b 3-4) wrong type, second sentence: one missed, one wrong border
    true = [["B-a", "I-a", "O", "B-a"], ["B-b", "O", "B-b", "I-b"], ["O"]]
    said = [["B-a", "I-a", "O", "B-b"], ["O", "O", "B-b", "O"], ["O"]]
    assert entity_f1(said, true) == pytest.approx(2 * 1 / (3 + 4))
    classes = ["O", "B-a", "I-a", "B-b", "I-b"]
    meter = EntityMeter(classes)
    numbered = [[[classes.index(tag) for tag in tags] for tags in part] for part in (said, true)]
    for own, gold in zip(*numbered, strict=True):  # one by one is as all at once
        meter.update([own], [gold], loss=2.0)
    found = meter.compute()
    assert found.types == ("a", "b")
    assert (found.right.tolist(), found.said.tolist(), found.true.tolist()) == ([1, 0], [1, 2], [2, 2])
    assert (found.precision, found.recall) == (1 / 3, 1 / 4)
    assert found.type_f1.tolist() == [2 / 3, 0]
    assert found.macro_f1 == 1 / 3
    assert found.accuracy == 6 / 9
    assert found.loss == pytest.approx(6 / 9)
    np.testing.assert_array_equal(found.sentence_f1, [0.5, 0, np.nan])
    assert found.as_dict()["per_type"][1] == {
        "type": "b", "precision": 0.0, "recall": 0.0, "f1": 0.0, "entities": 2, "said": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("true", "said", "expected"),
    [
        (  # with an I behind O, and one that goes on from another type
            [
                ["O", "B-per", "I-per", "O", "B-loc"],
                ["B-org", "I-org", "O", "I-loc"],
                ["O", "O"],
                ["B-per", "B-per", "O"],
            ],
            [
                ["O", "B-per", "I-per", "O", "B-org"],
                ["B-org", "O", "O", "B-loc"],
                ["O", "I-per"],
                ["B-per", "I-per", "O"],
            ],
            (1 / 3, 1 / 3, 1 / 3, 1 / 3),
        ),
        (
            [["S-a", "O", "B-a", "I-a", "E-a"], ["B-b", "E-b", "I-b", "O"], ["E-a", "S-b"]],
            [["S-a", "I-a", "B-a", "E-a", "E-a"], ["B-b", "E-b", "S-b", "O"], ["I-a", "B-b"]],
            (5 / 7, 5 / 8, 5 / 6, 0.75),
        ),
    ],
)
def test_figures_are_those_of_seqeval(true, said, expected):
    """F1, precision, recall and macro F1 as seqeval 1.2.2 gives them in its default mode."""
    classes = sorted({tag for tags in true + said for tag in tags})
    meter = EntityMeter(classes)
    meter.update(*([[classes.index(tag) for tag in tags] for tags in part] for part in (said, true)))
    found = meter.compute()
    assert (found.f1, found.precision, found.recall, found.macro_f1) == pytest.approx(expected)


def test_nothing_said_and_nothing_true_are_no_division():
    meter = EntityMeter(["O", "B-a"])
    meter.update([[0, 0]], [[0, 0]])
    found = meter.compute()
    assert (found.f1, found.precision, found.recall, found.macro_f1, found.accuracy) == (0, 0, 0, 0, 1)
    assert np.isnan(found.loss)


def test_broken_transitions_are_counted():
    meter = EntityMeter(["O", "B-a", "I-a"])
    meter.update([[2, 2, 0, 2], [0, 1, 2]], [[0, 0, 0, 0], [0, 1, 2]])
    assert meter.compute().broken == 2  # at the beginning, and behind O


def test_wrong_sentences_are_refused():
    meter = EntityMeter(["O", "B-a"])
    for said, true, what in (
        ([[0]], [[0], [1]], "1 sentences were said and 2 are true"),
        ([[0, 0]], [[0]], "has 1 tags and 2 were said"),
        ([[2]], [[0]], r"must be in 0\.\.1, got \[2\]"),
    ):
        with pytest.raises(LeveretUsageError, match=what):
            meter.update(said, true)


@pytest.fixture(scope="module")
def people():
    """Names behind 'mr', places behind 'in'; the same words elsewhere are nothing."""
    rng = np.random.default_rng(0)
    names, other = ["Ada", "Bob", "Cid", "Dan"], ["saw", "a", "dog", "and", "cat", "the"]
    tokens, tags = [], []
    for _ in range(240):
        sentence, own = [], []
        for _ in range(rng.integers(1, 5)):
            kind = rng.integers(3)
            if kind == 0:
                sentence += ["mr", rng.choice(names), rng.choice(names)]
                own += ["O", "B-person", "I-person"]
            elif kind == 1:
                sentence += ["in", rng.choice(names)]
                own += ["O", "B-place"]
            else:
                word = rng.choice([*other, *names])
                sentence.append(word)
                own.append("O")
        tokens.append([str(word) for word in sentence])
        tags.append(own)
    return from_sentences((tokens, tags), test_fraction=0.2, val_fraction=0.1, seed=0)


def tagger(data, **options):
    torch.manual_seed(0)
    encoder = TextEncoder.learn(data.train.fetch(range(len(data.train))), characters=True)
    return SequenceTagger(data.classes, encoder, dim=12, hidden=12, letter_features=8, dropout=0.1, **options)


def test_fit_learns_tags_and_goes_by_f1(people):
    net = tagger(people)
    result = leveret.fit(net, people, epochs=6, batch_size=8, lr=0.02, progress=False)
    assert result.monitor == "f1"
    assert result.best_score == max(row["val_f1"] for row in result.history) > 0.9
    found = leveret.evaluate(net, people)
    assert found.f1 > 0.9
    assert found.loss < 0.3
    labels = people.test.labels
    paths = net.decode(people.test.fetch(range(len(people.test))))
    assert found.accuracy == pytest.approx(
        sum((a == b).sum() for a, b in zip(paths, labels, strict=True)) / sum(map(len, labels))
    )


def test_a_net_without_a_crf_says_each_token_by_itself(people):
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = tagger(people, letters=None)

        def forward(self, x):
            return self.inner(x)

    net = Plain()
    leveret.fit(net, people, epochs=2, batch_size=16, lr=0.02, progress=False)
    batch = Batch(*_first(people, 4))
    loss = TagLikelihood()(net, batch)["likelihood"]
    expected = nn.functional.cross_entropy(batch.logits, batch.labels, reduction="sum") / 4
    torch.testing.assert_close(loss, expected)
    assert leveret.evaluate(net, people).tokens == int(people.test.lengths.sum())


def _first(data, n):
    tokens, labels = data.train.fetch_tagged(range(n))
    return tokens, torch.from_numpy(labels), torch.arange(n)


def test_sentences_without_tags_add_nothing(people):
    net = tagger(people).eval()
    tokens, labels, indices = _first(people, 4)
    alone = TagLikelihood()(net, Batch(tokens[:2], labels[:2, : max(map(len, tokens[:2]))], indices[:2]))
    labels[2:] = -100
    assert TagLikelihood()(net, Batch(tokens, labels, indices))["likelihood"].item() == pytest.approx(
        alone["likelihood"].item(), abs=1e-4
    )
    labels[:] = -100
    nothing = TagLikelihood()(net, Batch(tokens, labels, indices))["likelihood"]
    assert nothing.item() == 0
    nothing.backward()


def test_wrong_nets_and_monitors_are_named(people):
    with pytest.raises(LeveretUsageError, match=r"a net gives emissions \(batch, longest, tags\)"):
        TagLikelihood()(nn.Identity(), Batch(*_first(people, 2)))
    with pytest.raises(LeveretUsageError, match="have the monitors 'f1'"):
        leveret.fit(tagger(people), people, monitor="balanced_accuracy", progress=False)
