"""The loop: it learns, is reproducible, resumes, stops early, and keeps what was finished."""

import csv
import os
import signal
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import leveret
import warm_processes
from leveret.errors import LeveretTrainingError, LeveretUsageError
from leveret.training import Augment, fit, load_weights, logits_of
from leveret.training.metrics import balanced_accuracy


def net(seed=0, dropout=0.0):
    torch.manual_seed(seed)
    return leveret.ConvNet(1, 10, depth=3, width=8, stages=2, dropout=dropout)


def weights(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def test_learns_digits(digits):
    model = net()
    result = fit(model, digits, epochs=6, batch_size=64, lr=0.01, progress=False)
    assert leveret.evaluate(model, digits).accuracy > 0.93
    assert [row["epoch"] for row in result.history] == [1, 2, 3, 4, 5, 6]
    assert result.history[-1]["train_loss"] < result.history[0]["train_loss"]
    assert result.samples_seen == sum(64 * (len(digits.train) // 64) + _rest(len(digits.train)) for _ in range(6))


def _rest(size):
    rest = size % 64
    return rest if rest > 1 else 0


def test_the_net_holds_the_best_epoch(few_digits):
    model = net()
    result = fit(model, few_digits, epochs=4, lr=0.02, progress=False)
    evaluation = leveret.evaluate(model, few_digits, "val")
    assert evaluation.accuracy == pytest.approx(max(row["val_accuracy"] for row in result.history), abs=1e-6)
    assert result.best_accuracy == pytest.approx(evaluation.accuracy, abs=1e-6)


@pytest.mark.parametrize("labelled", [0, 37])
def test_accuracy_counts_labelled_samples_alone(few_digits, labelled):
    train = few_digits.train.subset(np.arange(200))
    train.labels = np.where(np.arange(200) < labelled, train.labels, -100)
    data = SimpleNamespace(**vars(few_digits) | {"train": train})

    def never_learns(model, batch):
        # right for every labelled sample, so that less than 1 shows that others were counted
        batch.logits = torch.eye(10)[batch.labels.clamp(min=0)] + 0 * model(batch.inputs)
        return {"loss_of_nothing": batch.logits.sum()}

    row = fit(net(), data, objective=never_learns, epochs=1, batch_size=32, progress=False).history[0]
    assert ("train_accuracy" in row) == (labelled > 0)
    assert row.get("train_accuracy", 1) == 1


def test_a_seed_gives_the_same_net_twice(few_digits):
    options = {"epochs": 2, "augment": Augment(shift=1), "progress": False, "keep_best": False}
    models = [net(dropout=0.2) for _ in range(3)]
    for model, seed in zip(models, (3, 3, 4), strict=True):
        fit(model, few_digits, seed=seed, **options)
    assert torch.equal(weights(models[0]), weights(models[1]))
    assert not torch.equal(weights(models[0]), weights(models[2]))


@pytest.mark.parametrize("schedule", ["cosine", "one-cycle"])
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(few_digits, tmp_path, schedule):
    """The run is killed after its second epoch by an exception in a callback, then goes on."""
    import pytorch_lightning as pl

    class Kill(pl.Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            if trainer.current_epoch == 2:
                raise RuntimeError("killed")

    options = {
        "epochs": 4,
        "schedule": schedule,
        "augment": Augment(shift=1),
        "progress": False,
        "keep_best": False,
        "seed": 5,
    }
    straight = net(dropout=0.2)
    whole = fit(straight, few_digits, **options)
    stopped = net(dropout=0.2)
    with pytest.raises(RuntimeError, match="killed"):
        fit(stopped, few_digits, out=tmp_path, trainer_args={"callbacks": [Kill()]}, **options)
    resumed = net(seed=9, dropout=0.2)
    result = fit(resumed, few_digits, out=tmp_path, **options)
    assert torch.equal(weights(straight), weights(resumed))
    assert result.samples_seen == whole.samples_seen
    for one, other in zip(whole.history, result.history, strict=True):
        for key in one.keys() - {"seconds"}:
            assert one[key] == other[key], key
    rows = list(csv.DictReader((tmp_path / "history.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]


def test_a_finished_run_is_not_run_again(few_digits, tmp_path):
    model = net()
    first = fit(model, few_digits, epochs=2, out=tmp_path, progress=False)
    again = net(seed=1)
    second = fit(again, few_digits, epochs=2, out=tmp_path, progress=False)
    assert first.history == second.history
    assert torch.equal(weights(model), weights(again))


def test_early_stopping(few_digits):
    result = fit(net(), few_digits, epochs=30, lr=1e-9, early_stopping=2, progress=False)
    assert len(result.history) == 3


def test_gradient_clipping_reaches_lightning(few_digits):
    model = net()
    before = weights(model)
    fit(
        model,
        few_digits,
        epochs=1,
        optimizer=lambda groups: torch.optim.SGD(groups, lr=1.0),
        schedule="constant",
        warmup=0,
        weight_decay=0,
        gradient_clip=1e-6,
        keep_best=False,
        progress=False,
    )
    assert (weights(model) - before).norm() < 1e-5


def test_two_processes(few_digits, tmp_path, monkeypatch):
    """Lightning's own arguments; each process sees its share of every batch, and one history is left."""
    warm_processes.instead_of_spawn(monkeypatch)
    model = net()
    result = fit(
        model,
        few_digits,
        epochs=2,
        batch_size=50,
        out=tmp_path,
        progress=False,
        trainer_args={"devices": 2, "strategy": "ddp_spawn"},
    )
    assert [row["samples_seen"] for row in result.history] == [200, 400]
    assert result.samples_seen == 400
    # each process saw half of them
    assert result.unique_seen == 200
    evaluation = leveret.evaluate(model, few_digits, "val")
    assert evaluation.accuracy == pytest.approx(result.best_accuracy, abs=1e-6)
    row = result.history[result.best_epoch - 1]
    assert row["val_balanced_accuracy"] == pytest.approx(balanced_accuracy(evaluation), abs=1e-6)


def test_a_resumed_run_remembers_that_its_last_epoch_was_the_best(few_digits, tmp_path):
    class Killed(BaseException):
        pass

    class KilledAt:
        """Cross-entropy to be made small for five epochs of four batches, then large; a kill in front of a batch."""

        def __init__(self, batch, before=0):
            self.batch = batch
            self.calls = before

        def __call__(self, net, batch):
            self.calls += 1
            if self.calls == self.batch:
                raise Killed
            losses = leveret.CrossEntropy()(net, batch)
            return {name: loss if self.calls <= 20 else -loss for name, loss in losses.items()}

    options = {"epochs": 7, "batch_size": 50, "lr": 0.02, "schedule": "constant", "progress": False}
    whole = fit(net(), few_digits, objective=KilledAt(0), **options)
    best = whole.best_epoch
    assert best < 7
    model = net()
    with pytest.raises(Killed):
        fit(model, few_digits, objective=KilledAt(4 * best + 1), out=tmp_path, **options)
    resumed = fit(model, few_digits, objective=KilledAt(0, 4 * best), out=tmp_path, **options)
    assert resumed.best_epoch == best
    assert torch.equal(weights(model), weights(whole.net))


def test_no_validation_part_is_fine(few_digits):
    import copy

    data = copy.copy(few_digits)
    data.val = few_digits.val.subset(np.arange(0))
    result = fit(net(), data, epochs=1, progress=False)
    assert result.best_accuracy is None
    assert "val_accuracy" not in result.history[0]


def test_an_infinite_loss_is_an_error_that_says_what_to_do(few_digits):
    with pytest.raises(LeveretTrainingError, match="lower lr"):
        fit(net(), few_digits, optimizer="sgd", lr=1e30, epochs=2, progress=False)


class BreaksAt:
    """Cross-entropy, but NaN from the first batch of an epoch on, counted over all calls."""

    def __init__(self, batch):
        self.batch = batch
        self.calls = 0

    def __call__(self, net, batch):
        self.calls += 1
        losses = leveret.CrossEntropy()(net, batch)
        return {name: loss * (float("nan") if self.calls > self.batch else 1) for name, loss in losses.items()}


def finite(model):
    return all(value.isfinite().all() for value in model.state_dict().values())


@pytest.mark.parametrize("keep_best", [True, False])
def test_a_diverging_training_keeps_the_best_or_last_finished_epoch_and_says_so(few_digits, tmp_path, keep_best):
    # four batches an epoch: three epochs are finished, and a step of the fourth was taken
    options = {"batch_size": 50, "lr": 0.02, "epochs": 5, "progress": False, "keep_best": keep_best, "out": tmp_path}
    model = net()
    with pytest.raises(LeveretTrainingError, match=r"nan in epoch 4, batch 2.*stopped; the net holds") as caught:
        fit(model, few_digits, objective=BreaksAt(13), **options)
    result = caught.value.result
    assert result.diverged
    assert result.net is model
    assert [row["epoch"] for row in result.history] == [1, 2, 3]
    kept = load_weights(net(1), tmp_path / ("best.ckpt" if keep_best else "last.ckpt"))
    assert torch.equal(weights(kept), weights(model))
    assert finite(model)


def test_a_training_that_diverges_at_once_leaves_the_net_as_it_was(few_digits):
    model = net()
    before = weights(model).clone()
    with pytest.raises(LeveretTrainingError, match="no epoch was finished") as caught:
        fit(model, few_digits, objective=BreaksAt(2), batch_size=50, progress=False)
    assert torch.equal(weights(model), before)
    assert finite(model)
    assert caught.value.result.best_epoch is None


def test_weights_that_break_in_an_epochs_last_step_reach_no_checkpoint(few_digits, tmp_path):
    class Breaks:
        """The sixth gradient is infinite, behind a loss that is not."""

        calls = 0

        def __call__(self, net, batch):
            self.calls += 1
            losses = leveret.CrossEntropy()(net, batch)
            if self.calls == 6:
                net.classifier.bias.register_hook(lambda grad: grad * float("inf"))
            return losses

    model = net()
    with pytest.raises(LeveretTrainingError, match=r"classifier.* became infinite or NaN in epoch 2"):
        fit(model, few_digits, objective=Breaks(), batch_size=67, epochs=3, out=tmp_path, progress=False)
    assert finite(model)
    assert torch.equal(weights(load_weights(net(1), tmp_path / "last.ckpt")), weights(model))


def test_an_objective_with_parameters_is_trained(few_digits):
    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, net, batch):
            batch.logits = net(batch.inputs) * self.scale
            return {"scaled": torch.nn.functional.cross_entropy(batch.logits, batch.labels)}

    objective = Scaled()
    result = fit(net(), few_digits, objective=objective, epochs=1, progress=False)
    assert objective.scale.item() != 1.0
    assert "train_scaled" in result.history[0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"batch_size": 1}, "batch_size must be at least 2"),
        ({"gradient_clip": 0}, "gradient_clip"),
        ({"early_stopping": 0}, "early_stopping"),
        ({"precision": "int8"}, "'float32' or 'bfloat16'"),
        ({"optimizer": "lion"}, "adam, adamw, sgd"),
        ({"schedule": "step"}, "'cosine' or 'one-cycle'"),
        ({"warmup": 1.0}, "warmup"),
        ({"resume": "nowhere.ckpt"}, "no checkpoint at nowhere.ckpt"),
    ],
)
def test_errors(few_digits, options, says):
    with pytest.raises(LeveretUsageError, match=says):
        fit(net(), few_digits, progress=False, **{"epochs": 1, **options})


def test_a_damaged_checkpoint_is_named(few_digits, tmp_path):
    fit(net(), few_digits, epochs=1, out=tmp_path, progress=False)
    path = tmp_path / "last.ckpt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(LeveretUsageError, match=r"last\.ckpt is not a whole checkpoint"):
        fit(net(), few_digits, epochs=2, out=tmp_path, progress=False)


def test_weights_of_another_net_are_refused(few_digits, tmp_path):
    fit(net(), few_digits, epochs=1, out=tmp_path, progress=False)
    other = leveret.ConvNet(1, 10, depth=3, width=4, stages=2)
    with pytest.raises(LeveretUsageError, match=r"another net.*stem\.0\.weight is \(8, 1, 3, 3\) in the file"):
        load_weights(other, tmp_path / "best.ckpt")
    with pytest.raises(LeveretUsageError, match="another net"):
        fit(other, few_digits, epochs=2, out=tmp_path, progress=False)


def trains_until_stopped(folder):
    # tests that run in a shell's background inherit that Ctrl-C is ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.manual_seed(0)
    result = fit(leveret.ConvNet(1, 10, depth=3, width=8, stages=2), leveret.load("digits"), epochs=500, out=folder)
    print("interrupted", result.interrupted, len(result.history) > 0, flush=True)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_process_leaves_a_checkpoint_that_resumes(tmp_path, how):
    said = tmp_path / "said.txt"
    run = warm_processes.start(trains_until_stopped, tmp_path / "out", said=said)
    deadline = time.monotonic() + 60
    while not (tmp_path / "out" / "last.ckpt").exists() and time.monotonic() < deadline:
        assert run.is_alive(), said.read_text()
        time.sleep(0.05)
    time.sleep(0.3)
    os.kill(run.pid, how)
    run.join(60)
    if how is signal.SIGINT:
        assert run.exitcode == 0, said.read_text()
        assert "interrupted True True" in said.read_text()
        assert "last.ckpt holds epoch" in "".join(said.read_text().split("\n"))
    done = len(list(csv.DictReader((tmp_path / "out" / "history.csv").open())))
    model = leveret.ConvNet(1, 10, depth=3, width=8, stages=2)
    result = fit(model, leveret.load("digits"), epochs=done + 1, out=tmp_path / "out", progress=False)
    assert len(result.history) == done + 1


def test_a_net_in_eval_mode_is_trained_all_the_same(few_digits):
    model = net().eval()
    norm = next(m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d))
    fit(model, few_digits, epochs=1, progress=False)
    assert int(norm.num_batches_tracked) > 0
    frozen = net().train()
    norm = next(m for m in frozen.modules() if isinstance(m, torch.nn.BatchNorm2d)).eval()
    fit(frozen, few_digits, epochs=1, progress=False)
    assert int(norm.num_batches_tracked) == 0


def test_logits_of_a_part_and_of_its_mirror_images(few_digits):
    torch.manual_seed(0)
    model = net(dropout=0.5).train()
    logits = logits_of(model, few_digits, "val", batch_size=7)
    assert model.training
    x = few_digits.normalization.apply(few_digits.val.fetch(np.arange(len(few_digits.val))))
    with torch.no_grad():
        plain, mirrored = (model.eval()(torch.from_numpy(v.copy())) for v in (x, x[..., ::-1]))
    torch.testing.assert_close(logits, plain)
    torch.testing.assert_close(logits_of(model, few_digits, "val", mirrored=True), (plain + mirrored) / 2)
    with pytest.raises(LeveretUsageError, match="part must be"):
        logits_of(model, few_digits, "training")
