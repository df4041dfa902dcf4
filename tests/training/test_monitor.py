"""What tells the best epoch: by accuracy, balanced accuracy or loss; and what is said of skewed data."""

import csv
import io
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from rich.console import Console

import leveret
from leveret._skew import class_counts, skew_of
from leveret.errors import LeveretUsageError, LeveretWarning, SkewWarning
from leveret.metrics import Evaluation
from leveret.training import fit, load_weights
from leveret.training._monitor import MONITORS
from leveret.training._progress import EpochProgress
from leveret.training.metrics import balanced_accuracy


def net(seed=0):
    torch.manual_seed(seed)
    return leveret.ConvNet(1, 10, depth=3, width=8, stages=2)


@pytest.fixture(scope="module")
def rare(digits):
    """Sixes are rare: 3 to train on beside 40 of each other digit; 2 of 62 to validate on, zeros 24 of them."""
    train = np.concatenate([np.flatnonzero(digits.train.labels == c)[: 3 if c == 6 else 40] for c in range(10)])
    val = np.concatenate([np.flatnonzero(digits.val.labels == c)[: {6: 2, 0: 12, 1: 9}.get(c, 3)] for c in range(10)])
    return SimpleNamespace(
        name="rare sixes",
        train=digits.train.subset(train),
        val=digits.val.subset(val),
        classes=digits.classes,
        normalization=digits.normalization,
    )


def silent(*args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error", LeveretWarning)
        return fit(*args, progress=False, precision="float32", **options)


def test_balanced_accuracy_is_measured_over_the_whole_part(rare):
    """Batches of 256 at least: 300 validation samples are two of them."""
    data = SimpleNamespace(**vars(rare) | {"val": rare.train.subset(np.arange(300))})
    result = silent(net(), data, epochs=2, lr=0.01, monitor="balanced_accuracy")
    evaluation = leveret.evaluate(result.net, SimpleNamespace(**vars(data)), "val")
    row = result.history[result.best_epoch - 1]
    assert len(np.unique(data.val.labels)) < 10  # classes that are not there count for nothing
    assert row["val_balanced_accuracy"] == pytest.approx(balanced_accuracy(evaluation), abs=1e-6)
    assert result.best_score == row["val_balanced_accuracy"]
    assert result.best_accuracy == row["val_accuracy"]


def test_a_rare_class_is_said_once_and_balanced_accuracy_rules(rare):
    with pytest.warns(SkewWarning) as caught:
        result = fit(net(), rare, epochs=2, progress=False)
    (said,) = [w for w in caught if issubclass(w.category, LeveretWarning)]
    text = str(said.message)
    assert "class '6' is rarer than 1:10: 3 training samples, 1:13 of class '0'" in text
    vote = (rare.val.labels == 0).mean()
    assert f"Always saying '0' is right for {vote:.1%} of the validation part" in text
    assert "validation balanced accuracy" in text
    assert "leveret.training.metrics.measure" in text
    assert said.filename == __file__
    assert result.monitor == "balanced_accuracy"
    assert result.best_score == max(row["val_balanced_accuracy"] for row in result.history)


class Numbered:
    """Ten images of one pixel, their number."""

    labels = np.array([0] * 8 + [1, 2])

    def __len__(self):
        return 10

    def fetch(self, indices):
        return np.asarray(indices, np.uint8).reshape(-1, 1, 1, 1)


class Scripted(torch.nn.Module):
    """Ten samples, told apart by their pixel: eight of class 0, one of 1 and one of 2. In its first epoch it says 0 for
    all and is sure; in its second it finds both rare ones and half of the others, and is sure; then it knows nothing.
    """

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.register_buffer("epoch", torch.tensor(0))
        said = [np.zeros(10, int), np.array([0] * 4 + [1] * 4 + [1, 2]), np.zeros(10, int)]
        self.tables = [torch.eye(3)[torch.tensor(row)] * sure for row, sure in zip(said, (10, 10, 0.01), strict=True)]

    def forward(self, x):
        return self.tables[min(int(self.epoch) - 1, 2)][(x * 255).round().long().flatten()] + self.weight

    @staticmethod
    def data():
        part = Numbered()
        return SimpleNamespace(train=part, val=part, normalization=SimpleNamespace(mean=(0.0,), std=(1.0,)))


def one_more_epoch(model, batch):
    model.epoch += 1
    return {"nothing": 0 * model.weight}


@pytest.mark.parametrize(("monitor", "epoch"), [("accuracy", 1), ("balanced_accuracy", 2), ("loss", 3)])
def test_a_monitor_that_is_named_rules_in_silence(tmp_path, monitor, epoch):
    model = Scripted()
    result = silent(model, Scripted.data(), objective=one_more_epoch, epochs=4, monitor=monitor, out=tmp_path)
    accuracies = [row["val_accuracy"] for row in result.history]
    np.testing.assert_allclose(accuracies, [0.8, 0.6, 0.8, 0.8], atol=1e-6)
    balanced = [row["val_balanced_accuracy"] for row in result.history]
    np.testing.assert_allclose(balanced, [1 / 3, 5 / 6, 1 / 3, 1 / 3], atol=1e-6)
    assert (result.monitor, result.best_epoch) == (monitor, epoch)
    assert result.best_score == result.history[epoch - 1][f"val_{monitor}"]
    assert result.best_accuracy == accuracies[epoch - 1]
    # the net, and the checkpoint, are of that epoch
    assert int(model.epoch) == epoch
    assert int(load_weights(Scripted(), tmp_path / "best.ckpt").epoch) == epoch


def test_monitors_of_an_evaluation():
    table = Scripted().tables[1].numpy()
    evaluation = Evaluation(table, Numbered.labels, ("a", "b", "c"))
    assert MONITORS["accuracy"].of(evaluation) == 0.6
    assert MONITORS["balanced_accuracy"].of(evaluation) == pytest.approx(5 / 6)
    assert MONITORS["loss"].of(evaluation) == pytest.approx(evaluation.loss)


def test_data_that_is_not_skewed_goes_by_accuracy(few_digits):
    result = silent(net(), few_digits, epochs=1)
    assert result.monitor == "accuracy"
    assert result.best_score == result.best_accuracy == result.history[0]["val_accuracy"]
    assert "val_balanced_accuracy" in result.history[0]


@pytest.mark.parametrize("monitor", ["accuracy", "balanced_accuracy", "loss"])
def test_early_stopping_heeds_the_monitor(rare, monitor):
    def worse_and_worse(model, batch):
        return {"ascent": -leveret.CrossEntropy()(model, batch)["cross_entropy"].clamp(max=50)}

    result = silent(net(), rare, objective=worse_and_worse, epochs=30, early_stopping=2, monitor=monitor, lr=1e-3)
    assert len(result.history) < 30
    assert len(result.history) == result.best_epoch + 2


def test_no_validation_part(rare):
    data = SimpleNamespace(**vars(rare) | {"val": rare.val.subset(np.arange(0))})
    with pytest.warns(SkewWarning, match=r"alone misleads\. Look at"):
        result = fit(net(), data, epochs=1, progress=False)
    assert result.best_score is None
    assert "val_balanced_accuracy" not in result.history[0]


def test_an_unknown_monitor(few_digits):
    with pytest.raises(LeveretUsageError, match="monitor must be 'auto', 'accuracy', 'balanced_accuracy', 'loss'"):
        fit(net(), few_digits, monitor="auc", progress=False)


def make_old(path):
    """As a checkpoint was before there was a choice."""
    state = torch.load(path, weights_only=True)
    del state["callbacks"]["History"]["monitor"]
    for row in state["callbacks"]["History"]["rows"]:
        del row["val_balanced_accuracy"]
    torch.save(state, path)


def test_a_run_of_before_there_was_a_choice_goes_on(rare, tmp_path):
    options = {"epochs": 3, "lr": 0.02, "batch_size": 64, "out": tmp_path}
    silent(net(), rare, monitor="accuracy", **options | {"epochs": 2})
    for name in ("last.ckpt", "best.ckpt"):
        make_old(tmp_path / name)
    with pytest.raises(LeveretUsageError, match=r"best validation accuracy, and monitor is 'balanced_accuracy'"):
        fit(net(1), rare, monitor="balanced_accuracy", progress=False, **options)
    with pytest.warns(SkewWarning):
        result = fit(net(1), rare, progress=False, **options)
    assert result.monitor == "accuracy"
    assert ["val_balanced_accuracy" in row for row in result.history] == [False, False, True]
    assert result.best_score == max(row["val_accuracy"] for row in result.history)
    rows = list(csv.DictReader((tmp_path / "history.csv").open()))
    assert [bool(row["val_balanced_accuracy"]) for row in rows] == [False, False, True]
    # finished: only loaded
    with pytest.warns(SkewWarning):
        again = fit(net(2), rare, progress=False, **options)
    assert again.history == result.history
    evaluation = leveret.evaluate(again.net, rare, "val")
    assert evaluation.accuracy == pytest.approx(result.best_accuracy, abs=1e-6)


def test_a_resumed_run_keeps_its_monitor(rare, few_digits, tmp_path):
    silent(net(), rare, monitor="balanced_accuracy", epochs=1, out=tmp_path)
    # these labels are not skewed, and alone would go by accuracy
    assert silent(net(), few_digits, epochs=2, out=tmp_path).monitor == "balanced_accuracy"
    with pytest.raises(LeveretUsageError, match="go on with monitor='balanced_accuracy', or begin anew"):
        fit(net(), rare, monitor="loss", epochs=3, out=tmp_path, progress=False)
    assert silent(net(), rare, monitor="loss", epochs=1, out=tmp_path, resume=False).monitor == "loss"


def test_the_best_row_by_hand():
    rows = [{"val_loss": v, "val_accuracy": a, "epoch": i} for i, (v, a) in enumerate([(3, 0.5), (1, 0.5), (1, 0.4)])]
    assert MONITORS["loss"].best(rows)["epoch"] == 1
    assert MONITORS["accuracy"].best(rows)["epoch"] == 0
    broken = [{"val_loss": float("nan"), "epoch": 1}, {"val_loss": 9.0, "epoch": 2}]
    assert MONITORS["loss"].best(broken)["epoch"] == 2


@pytest.mark.parametrize("balanced", [True, False])
def test_the_line_of_an_epoch(balanced):
    out = io.StringIO()
    row = {"epoch": 1, "train_loss": 1.0, "val_accuracy": 0.99, "val_balanced_accuracy": 0.5, "seconds": 1.0}
    shown = EpochProgress("training", SimpleNamespace(rows=[row]), Console(file=out, width=200), balanced=balanced)
    shown.on_train_epoch_end(
        SimpleNamespace(is_global_zero=True, max_epochs=1, current_epoch=0, num_training_batches=1), None
    )
    assert "val 99.00 %" in out.getvalue()
    assert ("balanced 50.00 %" in out.getvalue()) == balanced


def test_skew_by_hand():
    assert not skew_of([100, 10]).skewed
    assert skew_of([101, 10]).skewed
    assert skew_of([101, 10]).in_words == "1:10.1"
    found = skew_of([5, 0, 2000, 5])
    assert (found.most, found.least, found.ratio, found.in_words) == (2, 0, 400, "1:400")
    assert skew_of([0, 0]) is None
    assert class_counts(np.array([0, 2, 2, -100])).tolist() == [1, 0, 2]


def test_labels_are_counted_in_parts(monkeypatch):
    monkeypatch.setattr("leveret._skew._CHUNK", 3)
    labels = np.array([0, 0, 1, 5, 1, 0, -1, 2], np.int8)
    assert class_counts(labels).tolist() == [3, 2, 1, 0, 0, 1]
    assert class_counts(labels, 8).tolist() == [3, 2, 1, 0, 0, 1, 0, 0]
