"""The main job: its outputs, its folder, and every way to be stopped."""

import json

import pytest

from leveret import LeveretError, LeveretUsageError
from leveret.jobs import shrink

OUTPUTS = {"model.lvr", "teacher", "student", "metrics.json", "config.json", "report.html"}


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_leaves_model_checkpoints_figures_and_report(fake_house, tmp_path):
    result = shrink.run("digits", tmp_path / "out", progress=False, epochs=2)
    assert names(tmp_path / "out") == OUTPUTS
    metrics = json.loads((tmp_path / "out/metrics.json").read_text())
    assert metrics == json.loads(json.dumps(result.metrics))
    teacher, student, packed = result.models
    assert (teacher.key, student.key, packed.key) == ("teacher", "student", "packed")
    assert teacher.bytes == 4 * (64 * 10 + 10)
    assert teacher.macs == 640
    assert packed.binary_macs == 147456
    assert packed.bytes == (tmp_path / "out/model.lvr").stat().st_size
    for model in result.models:
        assert 0 <= model.interval[0] <= model.accuracy <= model.interval[1] <= 1
        assert model.ms_per_image > 0
        assert model.images_per_second > 0
    assert metrics["times_smaller"] == pytest.approx(teacher.bytes / packed.bytes)
    assert len(result.headlines) == 3


def test_says_what_goes_on_only_if_asked(fake_house, tmp_path, capsys):
    with pytest.warns(match="another class than PyTorch"):
        shrink.run("digits", tmp_path / "quiet", progress=False)
    assert capsys.readouterr() == ("", "")
    with pytest.warns(match="another class than PyTorch"):
        shrink.run("digits", tmp_path / "loud")
    out, err = capsys.readouterr()
    assert out == ""
    assert "training the teacher" in err


def test_refuses_a_finished_run(fake_house, tmp_path):
    shrink.run("digits", tmp_path, progress=False)
    with pytest.raises(LeveretUsageError, match="a finished run already; name another folder"):
        shrink.run("digits", tmp_path, progress=False)


def test_refuses_foreign_files(fake_house, tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    for resume in (False, True):
        with pytest.raises(LeveretUsageError, match=r"thesis\.tex"):
            shrink.run("digits", tmp_path, progress=False, resume=resume)
    with pytest.raises(LeveretUsageError, match="is a file"):
        shrink.run("digits", tmp_path / "thesis.tex", progress=False)
    assert names(tmp_path) == {"thesis.tex"}


def test_resume_names_what_differs(fake_house, tmp_path):
    shrink.run("digits", tmp_path, progress=False, epochs=2)
    with pytest.raises(LeveretUsageError, match=r"run\.|seed was 0, now 3"):
        shrink.run("digits", tmp_path, progress=False, epochs=2, seed=3, resume=True)
    with pytest.raises(LeveretUsageError, match=r"recipe\.epochs was 2, now 5"):
        shrink.run("digits", tmp_path, progress=False, epochs=5, resume=True)


def test_resume_of_a_finished_run_only_reads(fake_house, tmp_path):
    first = shrink.run("digits", tmp_path, progress=False)
    fake_house.calls.clear()
    assert shrink.run("digits", tmp_path, progress=False, resume=True).metrics == json.loads(json.dumps(first.metrics))
    assert fake_house.calls == []


def test_resume_of_nothing_begins(fake_house, tmp_path):
    # a run killed before its first file was whole
    (tmp_path / ".config.json.abc.tmp").write_text("{")
    shrink.run("digits", tmp_path, progress=False, resume=True)
    assert names(tmp_path) >= OUTPUTS


@pytest.mark.parametrize(
    ("stage", "epoch", "kept"),
    [("teacher", 1, "keeps whatever was finished"), ("teacher", 2, "1 epoch of the teacher"),
     ("student", 3, "the teacher, 2 epochs of the student")],
)  # fmt: skip
def test_ctrl_c_in_training_says_what_is_kept_and_resume_repeats_nothing(fake_house, tmp_path, stage, epoch, kept):
    fake_house.stop_at[stage, epoch] = "interrupt"
    with pytest.raises(shrink.JobInterrupted, match=kept) as stopped:
        shrink.run("digits", tmp_path / "o", progress=False, epochs=3, strict=True, data_options={"size": (8, 8)})
    command = f"leveret shrink digits -o {tmp_path}/o --epochs 3 --size 8x8 --strict --resume"
    assert str(stopped.value).endswith(command)
    fake_house.stop_at.clear()
    shrink.run("digits", tmp_path / "o", progress=False, epochs=3, strict=True, resume=True)
    assert fake_house.calls == [f"{s} {e}" for s in ("teacher", "student") for e in (1, 2, 3)]
    assert names(tmp_path / "o") == OUTPUTS


@pytest.mark.parametrize("where", ["_pack", "_compare", "_report"])
def test_ctrl_c_after_training(fake_house, tmp_path, monkeypatch, where):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shrink._Job, where, stop)
        with pytest.raises(shrink.JobInterrupted, match="keeps the teacher, the student"):
            shrink.run("digits", tmp_path, progress=False)
    with pytest.raises(LeveretUsageError, match="--resume"):
        shrink.run("digits", tmp_path, progress=False)
    fake_house.calls.clear()
    shrink.run("digits", tmp_path, progress=False, resume=True)
    assert fake_house.calls == []
    assert names(tmp_path) == OUTPUTS


def test_ctrl_c_before_anything(fake_house, tmp_path, monkeypatch):
    import leveret.data

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(leveret.data, "load", stop)
    with pytest.raises(shrink.JobInterrupted, match="nothing was written"):
        shrink.run("digits", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), RuntimeError("PytorchStreamWriter failed writing file data/3")],
)
def test_a_full_disk_is_one_clear_error_and_resume_goes_on(fake_house, tmp_path, error):
    fake_house.stop_at["student", 2] = error
    with pytest.raises(LeveretError, match=r"could not be written.*--resume"):
        shrink.run("digits", tmp_path, progress=False)
    fake_house.stop_at.clear()
    fake_house.calls.clear()
    shrink.run("digits", tmp_path, progress=False, resume=True)
    assert fake_house.calls == ["student 2", "student 3"]


def test_other_errors_of_training_are_not_hidden(fake_house, tmp_path):
    fake_house.stop_at["teacher", 1] = RuntimeError("a bug")
    with pytest.raises(RuntimeError, match="a bug"):
        shrink.run("digits", tmp_path, progress=False)


def test_needs_a_test_part(fake_house, tmp_path):
    with pytest.raises(LeveretError, match="test"):
        shrink.run("digits", tmp_path / "o", progress=False, data_options={"test_fraction": 0.0})
    assert not (tmp_path / "o").exists()


def test_a_damaged_config_is_named(fake_house, tmp_path):
    (tmp_path / "config.json").write_text("[1, 2")
    with pytest.raises(LeveretUsageError, match=r"config\.json is damaged"):
        shrink.run("digits", tmp_path, progress=False, resume=True)


def test_the_report_tells_no_path_of_the_machine(fake_house, tmp_path):
    import numpy as np
    from PIL import Image

    secret = tmp_path / "home-of-ada"
    rng = np.random.default_rng(0)
    for name in ("cat", "dog & <i>fox</i>".replace("/", "")):
        (secret / name).mkdir(parents=True)
        for i in range(20):
            Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)).save(secret / name / f"{i}.png")
    (secret / "cat" / "broken.png").write_bytes(b"no")
    with pytest.warns():
        shrink.run(secret, tmp_path / "out", progress=False, data_options={"cache": False})
    page = (tmp_path / "out/report.html").read_text()
    assert str(tmp_path) not in page
    assert "broken.png" in page
    assert "dog &amp; &lt;i&gt;" in page
    assert "<i>fox" not in page
