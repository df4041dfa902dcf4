"""Nets for texts packed: what PyTorch says, at any length, from texts that are split the same way."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

import leveret
from leveret import runtime
from leveret.errors import LeveretPackError, LeveretUsageError
from leveret.nets import BagOfWords, SequenceTagger, TextConvNet
from leveret.runtime.routes import _sequence
from leveret.text import TextEncoder, Tokenizer, Vectors

TEXTS = ["A fine film, with a long end.", "dull", "I don't like a film that's dull ...", "not a fine one; but long"]
ODD = [*TEXTS, "", "  ", "unheard words only", "fine " * 90 + "film", "é ß <pad>"]


def encoder(**options):
    return TextEncoder.learn(TEXTS, tokenizer=Tokenizer(), **options)


def text_net(mode="non-static", **options):
    torch.manual_seed(0)
    vectors = None if mode == "non-static" else Vectors(["a", "film"], np.random.default_rng(0).normal(size=(2, 7)))
    options = {"filters": 5} | options
    net = TextConvNet(3, encoder(), vectors, mode, **({"dim": 7} | options)).eval()
    for conv in net.convs:
        nn.init.normal_(conv.bias)  # zeros that took part where they shouldn't would show
    return net


def expected(net, texts):
    with torch.no_grad():
        return net(texts).numpy()


@pytest.mark.parametrize("widths", [(3, 4, 5), (1,), (1, 2), (6,)])
@pytest.mark.parametrize("piece", [4096, 16])
def test_text_conv_says_what_pytorch_says(widths, piece, monkeypatch):
    monkeypatch.setattr(_sequence, "_PIECE", piece)
    net = text_net(widths=widths)
    packed = leveret.pack(net, TEXTS)
    np.testing.assert_allclose(packed(ODD), expected(net, ODD), atol=1e-5)
    for text in ODD:
        np.testing.assert_allclose(packed([text]), expected(net, [text]), atol=1e-5)


@pytest.mark.parametrize("mode", ["static", "multichannel"])
def test_vectors_of_others_pack(mode):
    net = text_net(mode)
    np.testing.assert_allclose(leveret.pack(net, TEXTS)(ODD), expected(net, ODD), atol=1e-5)


def test_bags_pack():
    torch.manual_seed(0)
    net = BagOfWords(3, dim=6, buckets=50).eval()
    packed = leveret.pack(net, TEXTS)
    np.testing.assert_allclose(packed(ODD), expected(net, ODD), atol=1e-5)
    with pytest.raises(LeveretUsageError, match="item 0 is list"):
        packed([["a", "film"]])


TAGS = ("O", "B-a", "I-a", "B-b", "I-b")
SENTENCES = [["Ada", "wrote", "a", "Note"], ["A"], ["the", "Note", "of", "Ada", "Byron", "."]]


def tagger(letters="cnn", **options):
    torch.manual_seed(0)
    options = {"dim": 5, "hidden": 6, "letter_features": 8} | options
    known = TextEncoder.learn(SENTENCES, characters=True)
    net = SequenceTagger(TAGS, known, letters=letters, **options).eval()
    with torch.no_grad():
        net.classifier.weight.mul_(8)
        for parameter in net.crf.parameters():
            parameter.normal_()
    return net


@pytest.mark.parametrize("letters", ["cnn", "lstm", None])
@pytest.mark.parametrize("constrained", [False, True])
def test_taggers_say_what_pytorch_says(letters, constrained):
    net = tagger(letters, constrained=constrained)
    packed = leveret.pack(net, SENTENCES)
    rng = np.random.default_rng(0)
    words = ["Ada", "a", "Note", "new", "Übergröße", "x" * 60, "."]
    given = [list(map(str, rng.choice(words, n))) for n in (7, 1, 0, 30, 3)]
    paths = packed.predict(given)
    assert [path.tolist() for path in paths] == [path.tolist() for path in net.decode(given)]
    whole = expected(net, given)
    for i, emissions in enumerate(packed(given)):
        np.testing.assert_allclose(emissions, whole[i, : len(given[i])], atol=1e-4)
    assert packed.classes == TAGS
    assert packed.predict([]) == []


def test_tags_come_with_their_tokens_and_entities():
    packed = leveret.pack(tagger(), SENTENCES)
    (found,) = packed.tag(["Ada wrote  a Note"])
    assert found.tokens == ("Ada", "wrote", "a", "Note")
    assert len(found.tags) == 4
    for kind, start, end in found.entities:
        assert all(tag.endswith(f"-{kind}") for tag in found.tags[start:end])


def test_files_hold_all_of_it_and_run_without_torch(tmp_path):
    for name, net, given in (("c", text_net(), ODD), ("t", tagger(), SENTENCES), ("b", BagOfWords(2, 4, 40), TEXTS)):
        packed = leveret.pack(net, given, classes=TAGS[: 3 - (name == "b")] if name != "t" else TAGS)
        packed.save(tmp_path / f"{name}.lvr")
        again = runtime.load(tmp_path / f"{name}.lvr")
        assert type(again) is type(packed)
        assert again.encoder == packed.encoder
        for a, b in zip(again(given), packed(given), strict=True):
            np.testing.assert_array_equal(a, b)
        assert again.described() == packed.described()
    code = (
        "import sys; from leveret import runtime\n"
        "for name in 'ctb': runtime.load(f'{sys.argv[1]}/{name}.lvr')(['a fine film'])\n"
        "print([m for m in ('torch', 'datasets', 'pandas') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_layers_costs_and_times():
    packed = leveret.pack(text_net(), TEXTS)
    layers = {layer.name: layer for layer in packed.layers()}
    assert layers["filters0.conv"].macs == 22 * 3 * 7 * 5  # of 20 tokens 22 windows of 3
    assert layers["words.table"].parameters == packed.tensors["words.table.weight"].size
    steps = packed.profile(packed.example(3), repeats=2)
    assert [step.name.partition(".")[0] for step in steps] == [
        "input", "words", "filters0", "filters1", "filters2", "top", "text_conv",
    ]  # fmt: skip
    assert all(step.seconds >= 0 for step in steps)
    assert not any("along" in vars(part) for part in packed.parts.values())


def test_what_does_not_pack_is_named():
    class Halved(nn.Conv2d):
        def forward(self, x):
            return super().forward(x) / 2

    net = text_net()
    net.convs[1] = Halved(7, 5, (1, 4))
    with pytest.raises(LeveretPackError, match=r"layer 'convs\.1' of this TextConvNet is a Halved"):
        leveret.pack(net, TEXTS)
    for example in ("a text", [], torch.zeros(1, 3)):
        with pytest.raises(LeveretUsageError, match="example must be a list of texts"):
            leveret.pack(text_net(), example)
    with pytest.raises(LeveretUsageError, match="takes texts"):
        leveret.pack(text_net(), TEXTS, normalization=object())
    packed = leveret.pack(text_net(), TEXTS)
    for given in ("a text", 3, np.zeros((2, 3))):
        with pytest.raises(LeveretUsageError, match="list of texts"):
            packed(given)
    assert packed([]).shape == (0, 3)
