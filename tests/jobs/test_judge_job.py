"""`leveret judge` as a job: folders, resuming, models against models."""

import json

import numpy as np
import pytest

from leveret.errors import LeveretUsageError
from leveret.jobs import fit, judge
from leveret.judge import Looks


@pytest.fixture
def digits_in_files(digits, tmp_path):
    """Three arrays of 150 digits: two as they are, one shifted by a pixel."""
    order = np.random.default_rng(0).permutation(len(digits.train))
    images = digits.train.fetch(order[:450])
    for i, name in enumerate(("old", "new", "moved")):
        part = images[150 * i : 150 * (i + 1)]
        np.save(tmp_path / f"{name}.npy", np.roll(part, 1, 3) if name == "moved" else part)
    return tmp_path


def test_a_verdict_with_its_page_and_samples(digits_in_files):
    base = digits_in_files
    looks = base / "looks.json"
    options = {"observer": "logistic", "progress": False, "looks": looks}
    result = judge.run(base / "old.npy", base / "moved.npy", base / "out", **options)
    assert result.different
    assert sorted(path.name for path in result.out.iterdir()) == [
        "config.json", "metrics.json", "report.html", "samples.png",
    ]  # fmt: skip
    metrics = json.loads((result.out / "metrics.json").read_text())
    assert metrics["names"] == ["old.npy", "moved.npy"]
    assert metrics["giveaways"][0]["sample"].startswith("old.npy:old[")
    assert metrics["differences"][0]["name"] == "centre x"
    page = (result.out / "report.html").read_text()
    assert "Can a machine tell old.npy from moved.npy?" in page
    assert str(base) not in page
    # a finished run is read, and is no further look
    again = judge.run(base / "old.npy", base / "moved.npy", base / "out", resume=True, **options)
    assert again.metrics == metrics
    assert len(Looks(looks).taken) == 1
    with pytest.raises(LeveretUsageError, match="holds a finished run already"):
        judge.run(base / "old.npy", base / "moved.npy", base / "out", **options)


def test_a_stopped_observer_goes_on(digits_in_files, monkeypatch):
    from leveret.judge import _trained

    base = digits_in_files
    options = {"epochs": 3, "progress": False}
    whole = judge.run(base / "old.npy", base / "new.npy", **options)
    assert whole.out is None
    import pytorch_lightning as pl

    class StopAfterTwo(pl.Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            if trainer.current_epoch == 2:
                raise KeyboardInterrupt

    real = _trained.Trained.scores
    monkeypatch.setattr(
        _trained.Trained,
        "scores",
        lambda self, *data, **how: (
            self.options.update(trainer_args={"callbacks": [StopAfterTwo()]}) or real(self, *data, **how)
        ),
    )
    with pytest.raises(judge.JobInterrupted, match="leveret judge"):
        judge.run(base / "old.npy", base / "new.npy", base / "out", **options)
    monkeypatch.setattr(_trained.Trained, "scores", real)
    with pytest.raises(LeveretUsageError, match="epochs was"):
        judge.run(base / "old.npy", base / "new.npy", base / "out", resume=True, epochs=4, progress=False)
    found = judge.run(base / "old.npy", base / "new.npy", base / "out", resume=True, **options)
    history = (base / "out" / "observer" / "history.csv").read_text().splitlines()
    assert len(history) == 1 + 3
    assert found.metrics["auc"] == whole.metrics["auc"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, few_digits):
    out = tmp_path_factory.mktemp("runs") / "fit"
    return fit.run("digits", out, epochs=1, progress=False).out


def test_a_packed_model_against_its_float_net(trained, tmp_path):
    options = {"on": "digits", "observer": "logistic", "progress": False}
    result = judge.run(trained / "model.lvr", trained, tmp_path / "out", **options)
    assert not result.different
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Samples that the observer was surest of" in page
    assert "gave it away" not in page
    assert result.metrics["models"]["agreement"] > 0.99
    assert result.metrics["models"]["largest_difference"] < 1e-3
    assert (tmp_path / "out" / "samples.png").exists()
    assert result.metrics["differences"][0]["name"] in "0123456789"


def test_a_student_against_its_teacher(trained, tmp_path):
    other = fit.run("digits", tmp_path / "other", epochs=1, seed=1, progress=False).out
    result = judge.run(trained / "model.lvr", other, on="digits", observer="knn", progress=False)
    assert result.different
    assert result.metrics["models"]["agreement"] < 1


def test_features_of_a_run(trained, digits_in_files):
    base = digits_in_files
    result = judge.run(base / "old.npy", base / "moved.npy", observer="logistic", features=trained, progress=False)
    assert result.different


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"threads": 0}, "threads must be at least 1"),
        ({"period": 3}, "a period is of looks"),
        ({"resume": True}, "nothing is kept to go on with"),
        ({"observer": "knn", "epochs": 3}, "epochs are of nets"),
        ({"features": "x", "observer": "net"}, "features are for the observers logistic and knn"),
        ({"features": "x", "observer": "knn"}, "holds no run of leveret fit"),
        ({"observer": "mlp"}, "a net for images must be one of"),
        ({"on": "digits"}, "must be a classifier|not a|lvr"),
    ],
)
def test_what_is_refused(digits_in_files, options, said):
    from leveret.errors import LeveretError

    base = digits_in_files
    with pytest.raises(LeveretError, match=said):
        judge.run(base / "old.npy", base / "new.npy", progress=False, **options)
