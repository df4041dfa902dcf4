"""Texts and sentences with tags from a source to a report and a model, and what can be asked of it."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from leveret import pack
from leveret.data import from_arrays, from_sentences
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.jobs import fit, predict, tag
from leveret.jobs._worst_texts import said_by_words
from leveret.nets import BagOfWords, TextConvNet, encoder_for
from leveret.rules import read_rules
from leveret.runtime import load

GOOD, BAD, REST = (
    ["fine", "great"],
    ["dull", "weak"],
    ["the", "a", "film", "plot", "of", "with", "it", "that", "long", "new"],
)


def reviews(count=160, seed=0):
    rng = np.random.default_rng(seed)
    texts = []
    for i in range(count):
        words = list(rng.choice(REST, rng.integers(2, 9)))
        words.insert(int(rng.integers(len(words))), rng.choice(GOOD if i % 2 else BAD))
        texts.append(" ".join(words))
    return texts, ["good" if i % 2 else "bad" for i in range(count)]


def sentences(count=120, seed=0):
    rng = np.random.default_rng(seed)
    tokens, tags = [], []
    for _ in range(count):
        kinds = rng.integers(3, size=rng.integers(1, 4))
        parts = [(["mr", "Ada", "Byron"], ["O", "B-person", "I-person"]), (["in", "Ada"], ["O", "B-place"])]
        parts += [([str(rng.choice(REST))], ["O"])]
        tokens.append([word for kind in kinds for word in parts[kind][0]])
        tags.append([own for kind in kinds for own in parts[kind][1]])
    return tokens, tags


@pytest.fixture(scope="module")
def text_run(tmp_path_factory):
    data = from_arrays(*reviews(), test_fraction=0.2, seed=0, name="reviews")
    out = tmp_path_factory.mktemp("text") / "out"
    return data, fit.run(data, out, epochs=8, progress=False)


@pytest.fixture(scope="module")
def tag_run(tmp_path_factory):
    data = from_sentences(sentences(), test_fraction=0.2, seed=0, name="people")
    out = tmp_path_factory.mktemp("tag") / "out"
    return data, tag.run(data, out, epochs=6, batch_size=4, progress=False)


def test_texts_are_fitted_packed_and_reported(text_run):
    data, result = text_run
    metrics = result.metrics
    assert metrics["recipe"]["net"] == "text-conv"
    assert metrics["recipe"]["optimizer"] == "adadelta"
    assert metrics["recipe"]["batch_size"] == 50
    assert metrics["packed"]
    packed = load(result.model)
    said = packed.predict(data.test.fetch(range(len(data.test))))
    assert (said == data.test.labels).mean() == metrics["test"]["accuracy"] > 0.8
    page = (result.out / "report.html").read_text()
    assert "leveret predict model.lvr texts.txt" in page


def test_each_word_says_how_much_less_likely_the_answer_is_without_it(text_run):
    packed = load(text_run[1].model)
    words = ["the", "dull", "film"]
    weights = said_by_words(packed, words, said=0)  # bad

    def log_of(tokens):
        logits = packed([tokens])[0].astype(np.float64)
        return logits[0] - np.log(np.exp(logits).sum())

    np.testing.assert_allclose(
        weights, [log_of(words) - log_of(words[:i] + words[i + 1 :]) for i in range(3)], atol=1e-6
    )
    assert weights.argmax() == 1
    assert said_by_words(packed, [], 0).shape == (0,)


def test_wrong_texts_are_shown_with_their_words_coloured(text_run, tmp_path):
    texts, labels = reviews(60, seed=1)
    labels[:6] = labels[1:7]  # some that can't be right
    data = from_arrays(texts, labels, x_test=texts[:20], y_test=labels[:20], val_fraction=0, name="noisy")
    net = BagOfWords(2, dim=8, buckets=64)
    result = fit.run(data, tmp_path / "out", net=net, epochs=12, lr=0.05, progress=False)
    assert result.model is not None
    page = (result.out / "report.html").read_text()
    assert "The surest mistakes" in page
    assert 'mark class="bad"' in page
    assert "good taken for bad" in page or "bad taken for good" in page


def test_tags_are_fitted_packed_and_reported(tag_run):
    data, result = tag_run
    test = result.metrics["test"]
    assert 0 < test["f1"] <= 1
    assert [row["type"] for row in test["per_type"]] == ["person", "place"]
    packed = load(result.model)
    paths = packed.predict(data.test.fetch(range(len(data.test))))
    right = sum((a == b).sum() for a, b in zip(paths, data.test.labels, strict=True))
    assert right / data.test.lengths.sum() == pytest.approx(test["accuracy"])
    page = (result.out / "report.html").read_text()
    assert "F1, precision and recall of each type" in page
    assert "F1 of entities on the validation part" in page


@pytest.mark.parametrize("which", ["text", "tag"])
def test_finished_runs_are_read_and_others_refused(which, text_run, tag_run):
    data, result = text_run if which == "text" else tag_run
    job = fit if which == "text" else tag
    recipe = result.metrics["recipe"]
    epochs, options = recipe["epochs"], {"batch_size": recipe["batch_size"], "resume": True, "progress": False}
    again = job.run(data, result.out, epochs=epochs, **options)
    assert again.metrics == result.metrics
    with pytest.raises(LeveretUsageError, match=r"another run than this: .*epochs"):
        job.run(data, result.out, epochs=epochs + 1, **options)


def test_an_interrupted_tagger_goes_on(tmp_path, monkeypatch):
    data = from_sentences(sentences(60), test_fraction=0.2, seed=0, name="people")
    whole = tag.run(data, tmp_path / "a", epochs=2, progress=False)
    from leveret.training._history import History

    row = History.on_train_epoch_end

    def stop(self, trainer, module):
        row(self, trainer, module)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(History, "on_train_epoch_end", stop)
        with pytest.raises(tag.JobInterrupted, match="resume=True"):
            tag.run(data, tmp_path / "b", epochs=2, progress=False)
    resumed = tag.run(data, tmp_path / "b", epochs=2, resume=True, progress=False)
    assert resumed.metrics["test"] == whole.metrics["test"]


def test_vectors_begin_the_words(tmp_path):
    data = from_arrays(*reviews(40), test_fraction=0.2, name="reviews")
    words = [*REST, *GOOD, *BAD, "unseen"]
    np.savez(tmp_path / "v.npz", words=np.array(words), vectors=np.random.default_rng(0).normal(size=(len(words), 8)))
    result = fit.run(data, tmp_path / "out", vectors=tmp_path / "v.npz", epochs=1, progress=False)
    assert result.metrics["recipe"]["vectors"] == "v.npz"
    packed = load(result.model)
    assert packed.encoder.vocabulary.words[-1] == "unseen"
    assert packed.tensors["words.table.weight"].shape[1] == 8
    assert packed.tensors["words.table.weight"][2:].std() == pytest.approx(0.15, rel=0.1)
    with pytest.raises(LeveretUsageError, match="an option of the net 'text-conv' alone"):
        fit.run(data, tmp_path / "o2", vectors=tmp_path / "v.npz", net="bag-of-words", progress=False)
    with pytest.raises(LeveretDataError, match="there is no file of vectors"):
        fit.run(data, tmp_path / "o3", vectors=tmp_path / "none.npz", progress=False)


def test_nets_of_the_user_train_and_say_why_they_do_not_pack(tmp_path):
    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = BagOfWords(2, dim=4, buckets=64)

        def forward(self, x):
            return self.inner(x)

    data = from_arrays(*reviews(40), test_fraction=0.2, name="reviews")
    result = fit.run(data, tmp_path / "out", net=Own(), epochs=1, progress=False)
    assert result.model is None
    assert "nets for those that pack are TextConvNet" in result.metrics["result"]["notes"][0]


def test_rules_are_carried_and_heeded(tmp_path):
    (tmp_path / "a.rules").write_text('rule film hard: word "film" => label is good\n')
    data = from_arrays(*reviews(60), test_fraction=0.2, name="reviews")
    packed = pack(TextConvNet(2, encoder_for(data.train), dim=4, filters=4), ["a film"], classes=data.classes)
    with pytest.raises(LeveretUsageError, match="for models that carry rules"):
        predict.run(packed, ["-"], heed=True)
    packed = pack(
        TextConvNet(2, encoder_for(data.train), dim=4, filters=4), ["a film"], classes=data.classes,
        rules=read_rules(tmp_path / "a.rules", data),
    )  # fmt: skip
    packed.save(tmp_path / "m.lvr")
    texts = ["dull film\n", "dull\n"]
    alone = list(predict.run(tmp_path / "m.lvr", ["-"], stdin=texts, top=2))
    heeded = list(predict.run(tmp_path / "m.lvr", ["-"], stdin=texts, top=2, heed=True))
    assert dict(heeded[0].top) == {"good": 1, "bad": 0}
    assert 0 < dict(alone[0].top)["bad"] < 1
    assert dict(heeded[1].top)["bad"] == pytest.approx(dict(alone[1].top)["bad"])


@pytest.fixture
def files(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "a.txt").write_text("mr Ada Byron\n\nin Ada, a film\n")
    (tmp_path / "a.csv").write_text('text,other\n"in Ada",1\n,2\n')
    (tmp_path / "a.jsonl").write_text('{"tokens": ["mr", "Ada", "Byron"]}\nno json\n{"tokens": null}\n')
    (tmp_path / "a.conll").write_text("in O\nAda B-place\n\na\nfilm\n")
    (tmp_path / "b.csv").write_text("first,second\n1,2\n")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\xff")
    pq.write_table(pa.table({"text": ["a film", None]}), tmp_path / "a.parquet")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "one.txt").write_text("in\nAda")
    return tmp_path


def test_entities_of_every_kind_of_file(tag_run, files):
    names = ["a.txt", "a.csv", "a.jsonl", "a.conll", "a.parquet", "d", "b.csv", "bad.txt", "none.txt"]
    found = list(predict.run(tag_run[1].model, [files / name for name in names]))
    places = [one.source.removeprefix(f"{files}/") for one in found]
    assert places == [
        "a.txt:1", "a.txt:2", "a.txt:3", "a.csv[0]", "a.csv[1]", "a.jsonl:1", "a.jsonl:2", "a.jsonl:3", "a.conll:1",
        "a.conll:4", "a.parquet[0]", "a.parquet[1]", "d/one.txt", "b.csv", "bad.txt", "none.txt",
    ]  # fmt: skip
    by = dict(zip(places, found, strict=True))
    assert by["a.txt:1"].entities == (("person", "Ada Byron", 1, 3),)
    assert by["a.txt:2"].tokens == ()
    assert by["a.txt:3"].tokens == ("in", "Ada", ",", "a", "film")
    assert by["d/one.txt"].entities == by["a.conll:1"].entities == by["a.csv[0]"].entities
    errors = {place: one.error for place, one in by.items() if one.error}
    assert list(errors) == ["a.jsonl:2", "a.jsonl:3", "a.parquet[1]", "b.csv", "bad.txt", "none.txt"]
    assert errors["b.csv"].startswith("no column of texts")
    assert errors["bad.txt"].startswith("not UTF-8")
    assert by["a.txt:1"].words(1)[1:] == ["Ada Byron\tperson"]
    json.dumps([one.as_dict() for one in found])


def test_classes_of_texts_and_of_standard_input(text_run, files):
    found = list(predict.run(text_run[1].model, ["-"], top=2, stdin=["a fine film\n", "\n", "weak\r\n"]))
    assert [one.source for one in found] == ["stdin:1", "stdin:2", "stdin:3"]
    assert [one.top[0][0] for one in (found[0], found[2])] == ["good", "bad"]
    assert sum(share for _, share in found[1].top) == pytest.approx(1)
    (tokens,) = (one for one in predict.run(text_run[1].model, [files / "a.jsonl"]) if not one.error)
    assert tokens.top


def test_what_texts_can_not_be_asked(text_run, tag_run):
    with pytest.raises(LeveretUsageError, match="a tagger names the one best"):
        predict.run(tag_run[1].model, ["-"], top=2)
    with pytest.raises(LeveretUsageError, match="this model takes texts"):
        predict.run(text_run[1].model, ["-"], budget=2.0)


def test_prediction_is_free_of_torch(tag_run, files):
    code = (
        "import sys; from leveret.jobs import predict\n"
        "list(predict.run(sys.argv[1], sys.argv[2:]))\n"
        "print([m for m in ('torch', 'datasets', 'pandas', 'sklearn') if m in sys.modules])"
    )
    given = [str(tag_run[1].model), str(files / "a.txt"), str(files / "a.conll"), str(files / "a.parquet")]
    run = subprocess.run([sys.executable, "-c", code, *given], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
