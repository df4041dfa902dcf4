"""The models that come with Leveret: they load, do what their cards say, and are made again by one command."""

import json
from dataclasses import replace

import numpy as np
import pytest

import leveret
from leveret import runtime, zoo
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.experiments.zoo import RECIPES, train
from leveret.experiments.zoo._card import card
from leveret.metrics import wilson_interval
from leveret.report.words import share

EVERY = pytest.mark.parametrize("name", zoo.names())


def figures(name):
    return json.loads(zoo.path(name).with_suffix(".json").read_text())


def test_there_are_three_each_with_a_recipe():
    assert zoo.names() == ("cluttered", "digits", "fashion")
    assert set(RECIPES) == set(zoo.names())


@EVERY
def test_it_is_small_and_is_what_its_card_counts(name):
    packed, known = zoo.load(name), figures(name)
    assert isinstance(packed, runtime.Packed)
    assert zoo.path(name).stat().st_size == known["bytes"] < 100_000
    assert sum(layer.parameters for layer in packed.layers()) == known["parameters"]
    assert sum(layer.macs for layer in packed.layers()) == known["macs"]
    assert sum(layer.binary_macs for layer in packed.layers()) == known["binary_macs"]
    assert packed.provenance["zoo"] == name
    assert packed.provenance["seed"] == known["seed"] == RECIPES[name].seed


@EVERY
def test_the_card_is_rendered_from_the_figures(name):
    known = figures(name)
    assert zoo.card(name) == card(RECIPES[name], known)
    assert known["accuracy"] == known["correct"] / known["test_images"]
    assert known["interval"] == list(wilson_interval(known["correct"], known["test_images"]))
    assert share(known["accuracy"]) in zoo.card(name)
    for heading in ("## Figures", "## Data and licence", "## How it was trained", "## Limits"):
        assert heading in zoo.card(name)


@EVERY
def test_the_sample_is_of_the_test_part(name):
    images, labels = zoo.sample(name)
    assert images.dtype == labels.dtype == np.uint8
    assert images.shape == (40, *zoo.load(name).input.shape)
    right = int((zoo.load(name).predict(images, threads=1) == labels).sum())
    # 40 images of a test part with the card's accuracy: fewer are right in one of a million such samples
    assert right >= 40 * figures(name)["accuracy"] - 5 * np.sqrt(40 * 0.25 * 0.4)


@pytest.mark.parametrize("name", ["digits", "cluttered"])
def test_the_accuracy_is_the_cards(name):
    _agrees(name, RECIPES[name].load(None, RECIPES[name].seed))


@pytest.mark.shared_data
def test_the_accuracy_of_fashion_is_the_cards(shared_data):
    _agrees("fashion", RECIPES["fashion"].load(shared_data, 0))


def _agrees(name, data):
    known = figures(name)
    images, labels = data.test.fetch(np.arange(len(data.test))), np.asarray(data.test.labels)
    assert len(labels) == known["test_images"]
    right = int((zoo.load(name).predict(images, threads=1) == labels).sum())
    # another processor may round otherwise, where two classes are all but equally likely
    assert abs(right - known["correct"]) <= max(1, len(labels) // 1000)


def test_unknown_names_and_paths():
    with pytest.raises(LeveretUsageError, match="the zoo has cluttered, digits, fashion; there is no 'cats'"):
        zoo.load("cats")
    with pytest.raises(LeveretUsageError, match=r"there is no '\.\./digits'"):
        zoo.path("../digits")
    assert zoo.located("zoo:digits") == zoo.path("digits")
    assert str(zoo.located("out/model.lvr")) == "out/model.lvr"


def test_the_command_lists_shows_and_points(run):
    code, out, err = run("zoo")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[:3]] == list(zoo.names())
    assert run("zoo", "digits")[1] == zoo.card("digits")
    assert run("zoo", "digits", "--path")[1] == f"{zoo.path('digits')}\n"
    sample = run("zoo", "digits", "--sample")[1].strip()
    code, out, _ = run("predict", "zoo:digits", sample)
    assert code == 0
    assert len(out.splitlines()) == 40
    assert run("inspect", "zoo:digits", "--json")[0] == 0


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("zoo", "cats"), "there is no 'cats'"),
        (("zoo", "--path"), "of one model: name it"),
        (("zoo", "digits", "-o", "x"), "are of --train"),
        (("zoo", "--train"), "leveret zoo NAME --train -o FOLDER"),
        (("predict", "zoo:cats", "x.png"), "there is no 'cats'"),
    ],
)
def test_wrong_commands(run, words, what):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert what in err


def test_training_writes_the_model_its_card_and_a_sample(tmp_path, monkeypatch, few_digits):
    def net(data, seed):
        return leveret.ConvNet(1, 10, depth=1, width=4)

    data = replace(leveret.load("digits"), train=few_digits.train, val=few_digits.val, test=few_digits.test)
    tiny = replace(RECIPES["digits"], load=lambda folder, seed: data, net=net)
    monkeypatch.setitem(RECIPES, "digits", tiny)
    monkeypatch.setattr("leveret.experiments.zoo._train._SECONDS", 0.0)
    model = train("digits", tmp_path / "new", seed=3)
    assert sorted(path.name for path in model.parent.iterdir()) == [
        "digits.json", "digits.lvr", "digits.md", "digits.npz",
    ]  # fmt: skip
    known = json.loads((model.parent / "digits.json").read_text())
    assert (known["seed"], known["test_images"]) == (3, 100)
    assert (model.parent / "digits.md").read_text() == card(tiny, known)
    with np.load(model.parent / "digits.npz") as arrays:
        assert (arrays["x_test"] == data.test.fetch(range(40))).all()
        assert (arrays["y_test"] == data.test.labels[:40]).all()


def test_training_says_what_it_needs(tmp_path):
    with pytest.raises(LeveretUsageError, match="must be one of digits, fashion, cluttered, got 'cats'"):
        train("cats", tmp_path)
    with pytest.raises(LeveretUsageError, match=r"needs fashion_mnist.npz: give its folder with --data"):
        train("fashion", tmp_path)
    with pytest.raises(LeveretDataError, match=r"there is no .*fashion_mnist.npz"):
        train("fashion", tmp_path, data=tmp_path)
