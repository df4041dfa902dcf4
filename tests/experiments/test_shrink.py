"""The experiment of shrinking: its parts on tiny stand-in data, the JSON they leave, and the page rendered from it."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl

from leveret import experiments
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.experiments.shrink import PARTS, _page, deep, ensemble, hashed, methods, obs
from leveret.experiments.shrink import _stages as stages
from leveret.experiments.shrink._check import check
from leveret.experiments.shrink._coding import entropy_bytes
from leveret.experiments.shrink._ensemble_page import answer
from leveret.experiments.shrink._nets import lenet5, lenet300, normed_perceptron, perceptron
from leveret.nets import parameter_count
from leveret.shrink import prune, share


def write_images(path, samples=160):
    """A bright bar whose height tells ten classes apart."""
    generator = np.random.default_rng(0)
    labels = np.arange(samples) % 10
    images = generator.integers(0, 60, (samples, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 + 2 * label :][:2] += 150
    cut = samples * 3 // 4
    np.savez(path, x_train=images[:cut], y_train=labels[:cut], x_test=images[cut:], y_test=labels[cut:])


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    write_images(folder / "mnist.npz")
    write_images(folder / "fashion_mnist.npz")
    return folder


@pytest.fixture
def fast(monkeypatch):
    """Settings that train for a moment."""
    monkeypatch.setattr(
        deep,
        "RECIPES",
        {
            "lenet300": deep.Recipe(
                lambda seed: perceptron(784, 12, 10, seed=seed), 0.5, 0.0, 3, 3, 1, (0.5, 0.8), (2,)
            ),
            "lenet5": deep.Recipe(lenet5, 0.5, 0.0, 1, 1, 1, (0.9,), (3,)),
        },
    )
    small = obs.Curve(lambda seed: perceptron(49, 4, 10, seed=seed), "small", 3, (0.3, 0.6), 50, (0.1, 1.0))
    monkeypatch.setattr(obs, "NETS", {"perceptron": small})
    monkeypatch.setattr(hashed, "SETTING", hashed.Setting(16, (8,), 2))
    settings = {
        "mnist": dataclasses.replace(
            methods.SETTINGS["mnist"],
            net=lambda: normed_perceptron(784, 16, 16, 10),
            epochs=2,
            tune_epochs=1,
            keys=("xnor", "binaryconnect-stochastic", "binarynet", "ebp"),
            options={"ebp": {"hidden": (8,), "batch_size": 10}},
        )
    }
    monkeypatch.setattr(methods, "SETTINGS", settings)
    monkeypatch.setattr(ensemble, "SETTING", ensemble.Setting(2, 8, (8, 11), 1, 64, 1e-2, 0.01))


def run(part, data, out, **options):
    page = experiments.run("shrink", parts=[part], data=data, out=out, **options)
    return json.loads((out / "shrink.json").read_text(encoding="utf-8")), page.read_text(encoding="utf-8")


def test_the_nets_are_the_papers():
    assert parameter_count(lenet300()) == 266_610
    assert parameter_count(lenet5()) == 431_080


def test_deep_compression_takes_the_smallest_file_below_the_bound(fast, data, tmp_path, monkeypatch):
    values, page = run("deep", data, tmp_path / "out")
    net = values["parts"]["deep"]["nets"]["lenet300"]
    good = [row for row in net["tried"] if row["val_error"] <= net["bound"]]
    assert net["bytes"] == min(row["bytes"] for row in good or net["tried"])
    file = tmp_path / "out" / "runs" / "shrink" / "deep" / "lenet300" / net["chosen"]
    assert file.stat().st_size == net["bytes"]
    assert values["lenet300_ratio"] == pytest.approx(4 * net["parameters"] / net["bytes"])
    assert values["lenet5_error"] == values["parts"]["deep"]["nets"]["lenet5"]["error"]
    assert net["tried"][0]["kept"].keys() == {"1", "3"}
    assert "| LeNet-300-100, times smaller |" in page
    assert "`leveret reproduce shrink --part deep`" in page

    def never(*_, **__):
        raise AssertionError("trained again")

    # what was trained is only measured again
    monkeypatch.setattr(stages, "fit", never)
    again, _ = run("deep", data, tmp_path / "out")
    for found in (values, again):
        assert found["parts"]["deep"].pop("took_seconds") > 0
    assert again == values


def test_a_training_that_was_stopped_goes_on(fast, data, tmp_path, monkeypatch):
    whole, _ = run("hashed", data, tmp_path / "whole")
    fit = stages.fit

    class Stop(pl.Callback):
        def on_train_epoch_start(self, trainer, module):
            if trainer.current_epoch == 1:
                raise KeyboardInterrupt

    def stops(*arguments, **options):
        return fit(*arguments, trainer_args={"callbacks": [Stop()]}, **options)

    with monkeypatch.context() as context:
        context.setattr(stages, "fit", stops)
        with pytest.raises(KeyboardInterrupt):
            run("hashed", data, tmp_path / "out")
    assert not (tmp_path / "out" / "shrink.json").exists()
    values, _ = run("hashed", data, tmp_path / "out")
    errors = [[row["error"] for row in found["parts"]["hashed"]["rows"]] for found in (whole, values)]
    assert errors[0] == errors[1]


def test_surgeons(fast, data, tmp_path):
    values, page = run("obs", data, tmp_path / "out")
    (net,) = values["parts"]["obs"]["nets"].values()
    assert [row["sparsity"] for row in net["points"]] == [0.3, 0.6]
    assert values["obs_no_worse"] == obs.no_worse(net)
    assert net["points"][0]["damping"] in (0.1, 1.0)
    assert (tmp_path / "out" / "shrink-obs.png").read_bytes().startswith(b"\x89PNG")
    assert "![Test error against the share of weights taken](shrink-obs.png)" in page


def test_a_single_point_makes_the_surgeon_worse():
    point = {"magnitude": 0.1, "obd": 0.1, "obs": 0.1}
    assert obs.no_worse({"points": [point]})
    assert not obs.no_worse({"points": [point, point | {"obs": 0.1001}]})


def test_the_surgeons_step_is_the_closed_form_and_what_a_search_finds():
    found = check(4)
    assert found["closed_form"] < 1e-12
    assert found["search"] < 1e-12
    assert found["same_choices"]


def test_hashed_nets_beside_dense_ones_of_as_many_numbers(fast, data, tmp_path):
    values, page = run("hashed", data, tmp_path / "out")
    whole, small, dense = values["parts"]["hashed"]["rows"]
    assert whole["numbers"] == parameter_count(perceptron(784, 16, 10))
    assert dense["numbers"] == pytest.approx(small["numbers"], rel=0.3)
    assert "HashedNet, 1/8" in page


def test_methods(fast, data, tmp_path):
    values, page = run("mnist", data, tmp_path / "out")
    assert values["methods"][0]["name"] == "real net"
    assert len(values["methods"]) == 5
    for row in values["methods"]:
        assert row.keys() == {"name", "dataset", "error", "bytes", "ms"}
        assert row["ms"] > 0
    rows = {row["key"]: row for row in values["parts"]["mnist"]["rows"]}
    assert all(row["agreement"] > 0.94 for row in rows.values())
    assert rows["binarynet"]["bytes"] < rows["real"]["bytes"]
    assert "2.12% (Cheng et al., 2015)" in page


def test_methods_of_the_other_dataset_are_kept(fast, data, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    other = {"name": "the real net", "dataset": "cifar", "error": 0.1, "bytes": 1, "ms": 1.0}
    stale = other | {"dataset": "mnist", "name": "stale"}
    (out / "shrink.json").write_text(json.dumps({"methods": [other, stale]}), encoding="utf-8")
    values, _ = run("mnist", data, out)
    assert other in values["methods"]
    assert stale not in values["methods"]


def test_ensembles(fast, data, tmp_path):
    values, page = run("ensemble", data, tmp_path / "out", seeds=2)
    assert [row["k"] for row in values["ensemble"]] == [1, 2]
    first, second = (row["ensemble"] for row in values["ensemble"])
    assert first["bytes"] < second["bytes"]
    for row in values["ensemble"]:
        assert row["same_bytes"]["bytes"] == pytest.approx(row["ensemble"]["bytes"], rel=0.8)
        assert {"accuracy", "spread", "bytes", "ms", "channels"} == row["same_time"].keys()
    assert values["parts"]["ensemble"]["seed"] == [0, 1]
    assert "--part ensemble --seeds 2" in page
    assert (tmp_path / "out" / "shrink-ensemble.png").exists()


def rows_of(leads):
    rival = {"accuracy": 0.8, "spread": 0.01, "bytes": 10, "ms": 1.0}
    return [
        {"k": k, "ensemble": rival | {"accuracy": 0.8 + lead}, "same_bytes": rival, "same_time": rival}
        for k, lead in enumerate(leads, 1)
    ]


@pytest.mark.parametrize(
    ("leads", "says"),
    [
        ((0.05, 0.06), "yes, the ensemble is more accurate at every k"),
        ((-0.05, -0.06), "no, the real net is more accurate at every k"),
        ((-0.05, 0.0, 0.05), "ahead at k = 3, behind at k = 1, else within the spread"),
        ((0.0, 0.005), "ahead at no k, behind at no k"),
    ],
)
def test_the_answer_in_words(leads, says):
    assert says in answer(rows_of(leads))[0]


def test_the_width_for_a_time_lies_between_those_measured():
    by_width = {8: 1.0, 16: 2.0, 32: 2.5}
    assert ensemble._between(by_width, 1.5) == 12
    assert ensemble._between(by_width, 9.0) == 32
    assert ensemble._between(by_width, 0.1) == 8
    # noise that says that a wider net is faster is evened out
    assert ensemble._between({8: 1.0, 16: 3.0, 32: 2.0, 64: 4.0}, 3.25) == 48


def test_the_entropy_of_a_net_whose_weights_are_all_the_same_is_its_tables_and_biases():
    net = perceptron(4, 2)
    net[1].weight.data.fill_(1.0)
    assert entropy_bytes(share(net, 1)) == 4 * 2 + 4 * 2
    assert entropy_bytes(share(prune(lenet300(), 0.97), 3)) < 20_000


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"parts": ["fashion"]}, LeveretUsageError, "there is no 'fashion'"),
        ({"parts": ["deep"]}, LeveretUsageError, r"mnist\.npz: give its folder with --data"),
        ({"parts": ["cifar"], "data": "nowhere"}, LeveretDataError, "there is no nowhere"),
    ],
)
def test_errors(options, error, says, tmp_path):
    with pytest.raises(error, match=says):
        experiments.run("shrink", **options, out=tmp_path)
    assert not (tmp_path / "shrink.json").exists()


def test_the_page_is_what_its_figures_say():
    """Nobody edits the page: it is rendered from the JSON file beside it."""
    results = Path(__file__).parents[2] / "docs" / "results"
    values = json.loads((results / "shrink.json").read_text(encoding="utf-8"))
    assert _page.page(values, PARTS) == (results / "shrink.md").read_text(encoding="utf-8")


def test_a_page_of_nothing_yet():
    assert "# Shrinking, measured" in _page.page({}, ("deep",))
