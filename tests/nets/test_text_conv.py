"""`TextConvNet`: the formula by hand, padding that changes nothing, words' vectors, and the bound on its norm."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.nets import NormBoundLinear, TextConvNet, final_linear, layer_operations
from leveret.text import TextEncoder, Vectors

TEXTS = ["a fine film with a long end .", "dull", "a film", "not a fine one , not at all , but long"]


@pytest.fixture
def encoder():
    return TextEncoder.learn(TEXTS)


@pytest.fixture
def net(encoder):
    torch.manual_seed(0)
    return TextConvNet(3, encoder, dim=6, filters=4).eval()


def by_hand(net, text):
    """One text alone: k − 1 zeros on either side of its vectors, windows one by one, the largest answer of each."""
    ids, _ = net.encoder.encode([text])
    table = net.words.rows().numpy()
    maxima = []
    for k, conv in zip(net.widths, net.convs, strict=True):
        zeros = np.zeros((k - 1, table.shape[1]), np.float32)
        rows = np.concatenate([zeros, table[ids], zeros])
        weight = conv.weight.detach().numpy()[:, :, 0].transpose(0, 2, 1).reshape(len(conv.weight), -1)
        answers = [rows[t : t + k].reshape(-1) @ weight.T for t in range(len(rows) - k + 1)]
        best = np.max(answers, 0) + conv.bias.detach().numpy() if answers else np.full(len(weight), -1)
        maxima.append(np.maximum(best, 0))
    final = net.classifier
    return np.concatenate(maxima) @ final.weight.detach().numpy().T + final.bias.detach().numpy()


@pytest.mark.parametrize("widths", [(3, 4, 5), (1, 2), (1,), (2,)])
def test_logits_are_the_formula_s_whatever_else_stands_in_the_batch(encoder, widths):
    torch.manual_seed(1)
    net = TextConvNet(3, encoder, dim=6, filters=4, widths=widths).eval()
    texts = [*TEXTS, "", "unheard words"]
    with torch.no_grad():
        together = net(texts).numpy()
        alone = torch.cat([net([text]) for text in texts]).numpy()
    np.testing.assert_allclose(together, [by_hand(net, text) for text in texts], atol=1e-5)
    np.testing.assert_allclose(alone, together, atol=1e-6)


def test_texts_and_their_tokens_are_the_same(net):
    with torch.no_grad():
        assert torch.equal(net(TEXTS), net(net.encoder.tokens(TEXTS)))
        assert net([]).shape == (0, 3)


def test_words_behind_a_text_s_end_have_no_gradient(net):
    net.train()
    net(["a film", "a fine film with a long end ."])[0].sum().backward()
    rows = net.words.trained.weight.grad.abs().sum(1).nonzero()[:, 0].tolist()
    assert set(rows) <= {net.encoder.vocabulary[word] for word in ("a", "film")}


def vectors(dim=6):
    rng = np.random.default_rng(0)
    return Vectors(["a", "fine", "film"], rng.normal(size=(3, dim)))


@pytest.mark.parametrize(("mode", "trained", "fixed"), [("static", 0, 1), ("non-static", 1, 0), ("multichannel", 1, 1)])
def test_vectors_of_others(encoder, mode, trained, fixed):
    net = TextConvNet(2, encoder, vectors(), mode, filters=4)
    place = encoder.vocabulary["fine"]
    tables = [table for table in (net.words.fixed, net.words.trained) if table is not None]
    assert len(tables) == trained + fixed
    for table in tables:
        np.testing.assert_array_equal(table.weight[place].detach(), vectors()["fine"])
        assert not table.weight[0].any()
    assert net.convs[0].in_channels == 6 * len(tables)
    net(TEXTS).sum().backward()
    assert (net.words.trained is not None and net.words.trained.weight.grad is not None) == bool(trained)
    assert net.words.found == 3


def test_multichannel_filters_have_a_part_for_each_channel(encoder):
    net = TextConvNet(2, encoder, vectors(), "multichannel", filters=4).eval()
    with torch.no_grad():
        net.words.trained.weight.mul_(2)
        np.testing.assert_allclose(net(TEXTS).numpy(), [by_hand(net, text) for text in TEXTS], atol=1e-5)


def test_the_norm_of_rows_is_bound_and_others_stay_as_they_are():
    layer = NormBoundLinear(4, 3, max_norm=2.0)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 4, 0, 0], [0.1, 0.2, 0.3, 0.4], [0, 0, 0, 0]]))
    before = layer.weight.detach().clone()
    layer.constrain()
    torch.testing.assert_close(layer.weight[0].detach(), torch.tensor([1.2, 1.6, 0, 0]))
    assert torch.equal(layer.weight[1:], before[1:])


def test_it_is_a_net_as_others_are(net):
    name, layer = final_linear(net)
    assert name == "classifier"
    assert isinstance(layer, nn.Linear)
    assert sum(number for _, number in layer_operations(net, TEXTS)) > 0
    copied = copy.deepcopy(net)
    with torch.no_grad():
        assert torch.equal(copied(TEXTS), net(TEXTS))


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"mode": "static"}, "needs some that are trained"),
        ({"mode": "dynamic"}, "mode must be one of"),
        ({"vectors": vectors(), "dim": 7}, "vectors of 6 numbers, and dim is 7"),
        ({"widths": ()}, "at least one width"),
        ({"widths": (3, 0)}, r"widths\[1\] must be a whole number"),
        ({"dropout": 1}, r"dropout must be in \[0, 1\)"),
        ({"max_norm": 0}, "max_norm must be above 0"),
    ],
)
def test_bad_arguments_are_named(encoder, options, what):
    with pytest.raises(LeveretUsageError, match=what):
        TextConvNet(2, encoder, **options)


def test_vectors_of_another_language_and_inputs_that_are_no_texts_are_refused(net, encoder):
    with pytest.raises(LeveretDataError, match="a vector for none"):
        TextConvNet(2, encoder, Vectors(["ein"], np.ones((1, 6))))
    for x in ("a text", torch.zeros(2, 3), [1, 2]):
        with pytest.raises(LeveretUsageError, match="list of texts"):
            net(x)
