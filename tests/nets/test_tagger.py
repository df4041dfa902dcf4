"""`SequenceTagger`: padding changes nothing, both directions see, and letters tell of words that nobody saw."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from leveret.errors import LeveretUsageError
from leveret.nets import Letters, SequenceTagger
from leveret.nets._letters import turned
from leveret.text import TextEncoder

TAGS = ("O", "B-a", "I-a")
SENTENCES = [["Ada", "wrote", "a", "Note"], ["A"], ["the", "Note", "of", "Ada", "Byron", "."]]


@pytest.fixture
def encoder():
    return TextEncoder.learn(SENTENCES, characters=True)


def tagger(encoder, seed=0, **options):
    torch.manual_seed(seed)
    options = {"dim": 5, "hidden": 4, "letter_features": 6} | options
    return SequenceTagger(TAGS, encoder, **options).eval()


@pytest.mark.parametrize("letters", ["cnn", "lstm", None])
def test_emissions_are_a_sentence_s_own_whatever_else_stands_in_the_batch(encoder, letters):
    net = tagger(encoder, letters=letters)
    with torch.no_grad():
        together = net([*SENTENCES, []])
        assert together.shape == (4, 6, 3)
        for i, sentence in enumerate(SENTENCES):
            torch.testing.assert_close(net([sentence])[0], together[i, : len(sentence)], atol=1e-6, rtol=1e-5)
        assert [len(path) for path in net.decode([*SENTENCES, []])] == [4, 1, 6, 0]
        assert net([[]]).shape == (1, 0, 3)


def test_the_lstm_is_torch_s_own_in_both_directions(encoder):
    net = tagger(encoder)
    both = nn.LSTM(11, 4, batch_first=True, bidirectional=True)
    for own, theirs in ((net.forwards, ""), (net.backwards, "_reverse")):
        for name, value in own.named_parameters():
            getattr(both, name + theirs).data.copy_(value)
    entered = []
    net.dropout.register_forward_pre_hook(lambda module, inputs: entered.append(inputs[0]))
    lengths = torch.tensor([len(sentence) for sentence in SENTENCES])
    with torch.no_grad():
        net(SENTENCES)
        packed = nn.utils.rnn.pack_padded_sequence(entered[0], lengths, batch_first=True, enforce_sorted=False)
        expected, _ = nn.utils.rnn.pad_packed_sequence(both(packed)[0], batch_first=True)
    for i, n in enumerate(lengths):
        torch.testing.assert_close(entered[1][i, :n], expected[i, :n])


@pytest.mark.parametrize("form", ["cnn", "lstm"])
def test_letters_see_their_word_alone(form):
    torch.manual_seed(0)
    letters = Letters(9, form, dim=3, features=4)
    ids = torch.tensor([[2, 3, 4, 5], [6, 7, 0, 0]])
    with torch.no_grad():
        both = letters(ids, torch.tensor([4, 2]))
        torch.testing.assert_close(letters(ids[1:, :2], torch.tensor([2])), both[1:])
        assert (letters(torch.tensor([[7, 6]]), torch.tensor([2])) != both[1:]).any()


def test_unknown_words_differ_by_their_letters(encoder):
    with torch.no_grad():
        for letters, same in (("cnn", False), (None, True)):
            said = tagger(encoder, letters=letters)([["Anne"], ["none"]])
            assert torch.equal(said[0], said[1]) is same


def test_turned_sequences_turn_back():
    values = torch.randn(3, 5, 2)
    lengths = torch.tensor([5, 2, 0])
    assert torch.equal(turned(turned(values, lengths), lengths), values)
    assert torch.equal(turned(values, lengths)[1, :2], values[1, :2].flip(0))


def test_texts_are_split_and_nets_copy(encoder):
    net = tagger(TextEncoder.learn(SENTENCES, characters=True))
    with torch.no_grad():
        assert torch.equal(net(["Ada wrote a Note"]), net([SENTENCES[0]]))
        assert torch.equal(copy.deepcopy(net)(SENTENCES), net(SENTENCES))
    assert net.lengths(["Ada wrote", "a"]).tolist() == [2, 1]


def test_constrained_taggers_follow_the_scheme(encoder):
    net = tagger(encoder, constrained=True)
    rng = np.random.default_rng(0)
    words = [word for sentence in SENTENCES for word in sentence]
    for path in net.decode([list(rng.choice(words, 9)) for _ in range(50)]):
        assert path[0] != 2
        assert not ((path[1:] == 2) & (path[:-1] == 0)).any()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"tags": ["O"]}, "at least two tags"),
        ({"hidden": 0}, "hidden must be"),
        ({"letters": "rnn"}, "'cnn', 'lstm' or None"),
        ({"letters": "lstm", "letter_features": 5}, "must be even"),
        ({"dropout": 1.5}, "dropout must be in"),
        ({"encoder": TextEncoder.learn(SENTENCES)}, "numbers no characters"),
    ],
)
def test_bad_arguments_are_named(encoder, options, what):
    with pytest.raises(LeveretUsageError, match=what):
        SequenceTagger(**({"tags": TAGS, "encoder": encoder} | options))
