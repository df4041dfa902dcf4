"""`leveret judge` as a job: folders, resuming, models against models."""

import json

import numpy as np
import pytest

from leveret.errors import LeveretError, LeveretUsageError
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
        ({"period": 3}, "a period is of looks; name the file that counts them with --looks"),
        ({"test": "t"}, "test must be one of ranks"),
        ({"alpha": 1.0}, "alpha must be between 0 and 1"),
        ({"observer": "net20"}, "a net for images must be one of convnet.*'net20'; or dcn"),
        ({"resume": True}, "nothing is kept to go on with"),
        ({"observer": "knn", "epochs": 3}, "epochs are of nets"),
        ({"features": "x", "observer": "net"}, "features are for the observers logistic and knn"),
        ({"features": "x", "observer": "knn"}, "holds no run of leveret fit"),
        ({"observer": "mlp"}, "a net for images must be one of"),
        ({"on": "digits"}, "must be a classifier|not a|lvr"),
    ],
)
def test_what_is_refused(digits_in_files, options, said):
    base = digits_in_files
    out = None if options.get("resume") else base / "out"
    with pytest.raises(LeveretError, match=said):
        judge.run(base / "old.npy", base / "new.npy", out, progress=False, **options)
    assert not (base / "out").exists()  # so that the corrected call may have it


def test_a_net_for_texts_is_checked_before_the_folder_is_taken(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text("\n".join(f"{name} of {i}" for i in range(40)))
    files = tmp_path / "a.txt", tmp_path / "b.txt"
    with pytest.raises(
        LeveretUsageError, match="a net for texts must be one of bag-of-words, text-conv, got 'convnet'"
    ):
        judge.run(*files, tmp_path / "out", observer="convnet", progress=False)
    assert not (tmp_path / "out").exists()
    with pytest.raises(LeveretUsageError, match="dynamic capacity net looks closer at parts of images"):
        judge.run(*files, tmp_path / "out", observer="dcn", progress=False)
    judge.run(*files, tmp_path / "out", observer="bag-of-words", epochs=1, progress=False)


def test_a_side_that_is_wrong_is_named(tmp_path):
    rows = np.random.default_rng(0).normal(size=(30, 4))
    sides = {"a": rows, "one": rows[:1], "wide": np.c_[rows, rows], "nan": np.where(rows > 2, np.nan, rows)}
    sides["nan"][3, 1] = np.nan
    for name, values in sides.items():
        np.save(tmp_path / f"{name}.npy", values)
    for name, said in (
        ("one", "^one.npy has 1 sample to judge by"),
        ("wide", "^a.npy holds rows of 4 numbers and wide.npy of 8"),
        ("nan", "^nan.npy: row 3, column 'x1' is missing"),
    ):
        with pytest.raises(LeveretError, match=said):
            judge.run(tmp_path / "a.npy", tmp_path / f"{name}.npy", progress=False)


def test_models_are_judged_on_something(trained, digits_in_files):
    for a, b in ((trained, trained), (digits_in_files / "old.npy", trained), (trained / "model.lvr", trained)):
        with pytest.raises(LeveretUsageError, match="is a model: name a source of images with --on"):
            judge.run(a, b, progress=False)


def test_features_are_of_images(trained, tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(30, 4)))
    with pytest.raises(LeveretUsageError, match=r"--features are of images, and a.npy .A. and a.npy .B. hold tables"):
        judge.run(tmp_path / "a.npy", tmp_path / "a.npy", observer="knn", features=trained, progress=False)
