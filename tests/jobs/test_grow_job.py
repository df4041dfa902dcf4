"""`leveret grow` as a job and as a command: from a run of fit on and on; what it leaves, refuses, how it goes on."""

import json
from pathlib import Path

import numpy as np
import pytest

import leveret
from leveret import runtime
from leveret.cli._show_grow import show_grow
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.grow import ClassTree
from leveret.grow._task import NodeTask
from leveret.jobs import fit as fit_job
from leveret.jobs import grow as grow_job
from leveret.nets import MLP, ConvNet

pytestmark = pytest.mark.filterwarnings("ignore::leveret.errors.LeveretWarning")

QUIET = {"progress": False, "epochs": 1, "leaf_epochs": 1, "threads": 1}


@pytest.fixture(scope="module")
def sources(digits, tmp_path_factory):
    """Files of the digits 0 to 3, 4 to 6, 7 alone, and 3 with 8; a few samples each."""
    folder = tmp_path_factory.mktemp("digits")
    pixels, labels = digits.train.fetch(np.arange(len(digits.train)))[:, 0], digits.train.labels
    for name, wanted in (("first", "0123"), ("more", "456"), ("one", "7"), ("known", "38")):
        rows = np.concatenate([np.flatnonzero(labels == int(digit))[:30] for digit in wanted])
        np.savez(folder / f"{name}.npz", x=pixels[rows], y=labels[rows].astype(str))
    np.savez(folder / "large.npz", x=np.zeros((20, 9, 9, 3), np.uint8), y=np.repeat(["8", "9"], 10))
    return folder


@pytest.fixture(scope="module")
def fitted(sources, tmp_path_factory):
    out = tmp_path_factory.mktemp("fitted") / "run"
    fit_job.run(sources / "first.npz", out, progress=False, epochs=2, threads=1)
    return out


@pytest.fixture(scope="module")
def grown(fitted, sources, tmp_path_factory):
    out = tmp_path_factory.mktemp("grown") / "run"
    return grow_job.run(fitted, sources / "more.npz", out, max_classes=5, distill_back=True, prune=True, **QUIET)


def test_a_fitted_net_takes_up_classes(grown, fitted, sources, capsys):
    metrics = json.loads((grown.out / "metrics.json").read_text())
    assert metrics == json.loads(json.dumps(grown.metrics))
    assert metrics["classes"] == list("0123456")
    assert metrics["old_classes"] == list("0123")
    assert metrics["plan"]["action"] == "branch"
    assert metrics["figures"]["before"] is not None
    assert 0 < metrics["compute"]["ratio"] < 1
    (step,) = metrics["history"]
    assert step["classes"] == list("456")
    packed = runtime.load(grown.model)
    assert packed.classes == tuple("0123456")
    assert runtime.load(grown.out / "single.lvr").classes == packed.classes
    page = (grown.out / "report.html").read_text()
    for words in (
        "What the new classes were taken for",
        "Decisions",
        "Before and after",
        "leveret grow . MORE",
        "samples seen",
        "2x as often",
    ):
        assert words in page
    assert str(sources) not in page
    tried = metrics["pruned"][-1]
    show_grow(grown)
    said = capsys.readouterr().out
    assert said.count(" without") == len(metrics["pruned"])
    assert ("branch taken away, " if tried["pruned"] else "branch stays, ") in said
    # the packed tree says what the saved one says
    seen = leveret.data.joined([leveret.load(sources / f"{name}.npz") for name in ("first", "more")])
    assert leveret.evaluate(packed, seen).accuracy == pytest.approx(metrics["figures"]["accuracy"], abs=0.02)


def test_a_grown_tree_grows_on_by_one_class_with_a_memory(grown, sources, tmp_path, run):
    arguments = ("grow", grown.out, sources / "one.npz", "-o", tmp_path / "next", "--policy", "memory", "--budget", 40)
    options = ("--epochs", 1, "--leaf-epochs", 1, "--threads", 1, "--beams", "all", "--new-rate", 1.5, "-q")
    code, said, complaint = run(*arguments, *options)
    assert code == 0, complaint
    assert "new classes" in said
    metrics = json.loads((tmp_path / "next" / "metrics.json").read_text())
    assert metrics["classes"] == list("01234567")
    assert [step["classes"] for step in metrics["history"]] == [list("456"), ["7"]]
    assert metrics["memory"]["samples"] <= 40
    assert metrics["recipe"]["new_rate"] == 1.5
    assert (tmp_path / "next" / "memory.npz").is_file()
    # once more is refused without --resume, and only read with it
    code, _, complaint = run(*arguments, *options)
    assert code == 2
    assert "holds a finished run already" in complaint
    before = (tmp_path / "next" / "report.html").stat().st_mtime_ns
    assert run(*arguments, *options, "--resume")[0] == 0
    assert (tmp_path / "next" / "report.html").stat().st_mtime_ns == before
    code, _, complaint = run(*arguments, *options, "--resume", "--max-classes", 3)
    assert code == 2
    assert "max_classes" in complaint


def test_a_stopped_growth_says_how_to_go_on(fitted, sources, tmp_path, run, monkeypatch):
    work = NodeTask.work

    def stops(self, *args):
        if self.key != "root":
            raise KeyboardInterrupt
        return work(self, *args)

    arguments = ["grow", fitted, sources / "more.npz", "-o", tmp_path / "out", "--max-classes", 5, "--threads", 1]
    arguments += ["--epochs", 1, "--leaf-epochs", 1, "--old", sources / "first.npz", "--groups", 2]
    monkeypatch.setattr(NodeTask, "work", stops)
    monkeypatch.setattr("leveret.grow.GrowRecipe.settled", -1.0, raising=False)
    code, _, complaint = run(*arguments)
    if code == 0:
        pytest.skip("the branch knew all there was to know")
    assert code == 130
    assert "keeps the net of root" in complaint
    again = complaint[complaint.index("leveret grow") :].split()
    assert again[1:4] == ["grow", str(fitted), str(sources / "more.npz")]
    assert again[-1] == "--resume"
    assert not (tmp_path / "out" / "tree.safetensors").exists()
    code, _, complaint = run("grow", tmp_path / "out", sources / "one.npz", "-o", tmp_path / "other")
    assert code == 2
    assert "isn't finished" in complaint
    monkeypatch.setattr(NodeTask, "work", work)
    code, _, complaint = run(*again[1:], "-q")
    assert code == 0, complaint
    assert (tmp_path / "out" / "tree.safetensors").exists()


def test_without_old_data(fitted, sources, tmp_path):
    """Where what the model learned from is gone."""
    config = json.loads((fitted / "config.json").read_text())
    alone = tmp_path / "alone"
    (alone / "net").mkdir(parents=True)
    (alone / "net" / "net.safetensors").write_bytes((fitted / "net" / "net.safetensors").read_bytes())
    (alone / "config.json").write_text(json.dumps({**config, "source": str(tmp_path / "gone.npz")}))
    with pytest.raises(LeveretUsageError, match=r"aren't there: name them by --old, or take --policy none"):
        grow_job.run(alone, sources / "more.npz", tmp_path / "out", **QUIET)
    assert not (tmp_path / "out").exists()
    result = grow_job.run(alone, sources / "more.npz", tmp_path / "out", policy="none", **QUIET)
    figures = result.metrics["figures"]
    assert figures["before"] is figures["old"] is None
    assert figures["new"] is not None
    assert "so that what it forgot" in (tmp_path / "out" / "report.html").read_text()


def test_known_classes_and_other_names(fitted, sources, tmp_path):
    with pytest.raises(LeveretUsageError, match="samples of 3, which the model knows already: --known merge"):
        grow_job.run(fitted, sources / "known.npz", tmp_path / "a", **QUIET)
    result = grow_job.run(fitted, sources / "known.npz", tmp_path / "b", known="merge", **QUIET)
    assert result.metrics["classes"] == list("01238")
    result = grow_job.run(fitted, sources / "known.npz", tmp_path / "c", names=["three", "eight"], **QUIET)
    assert result.metrics["classes"] == [*"0123", "three", "eight"]
    with pytest.raises(LeveretUsageError, match="names must be 2 different ones"):
        grow_job.run(fitted, sources / "known.npz", tmp_path / "d", names=["three"], **QUIET)


def test_a_tree_of_a_users_own_net(digits, tmp_path, sources):
    first = leveret.load(sources / "first.npz")
    tree = ClassTree.of(ConvNet(1, 4, depth=2, widths=(4,)), first)
    data = leveret.load(sources / "more.npz")
    result = grow_job.run(tree, data, tmp_path / "out", old=first, **QUIET)
    assert result.metrics["classes"] == list("0123456")
    loaded = ClassTree.load(tmp_path / "out" / "tree.safetensors", ConvNet(1, 2, depth=2, widths=(4,)))
    assert loaded.classes == tuple("0123456")
    with pytest.raises(LeveretUsageError, match="can't be made anew from a name"):
        grow_job.run(tmp_path / "out", data, tmp_path / "next", **QUIET)


def test_a_tree_over_a_table(tmp_path):
    from leveret.data import from_arrays, of_classes

    rows = np.random.default_rng(0).standard_normal((90, 3)).astype(np.float32)
    labels = np.repeat(["a", "b", "c"], 30)
    rows[np.arange(90), np.repeat([0, 1, 2], 30)] += 4
    whole = from_arrays(rows, labels, test_fraction=0.2)
    tree = ClassTree.of(MLP(3, 2), of_classes(whole, "ab"))
    result = grow_job.run(tree, of_classes(whole, "c"), tmp_path / "out", old=of_classes(whole, "ab"), **QUIET)
    assert result.model is None
    assert result.metrics["figures"]["accuracy"] is not None


def test_refusals(fitted, sources, tmp_path, run):
    with pytest.raises(LeveretUsageError, match=r"takes samples of shape \(1, 8, 8\).*--size 8x8 --channels 1"):
        grow_job.run(fitted, sources / "large.npz", tmp_path / "a", **QUIET)
    with pytest.raises(LeveretUsageError, match="holds no run of leveret fit or leveret grow"):
        grow_job.run(sources, sources / "more.npz", tmp_path / "a", **QUIET)
    with pytest.raises(LeveretUsageError, match="is a packed model, whose weights can't be trained"):
        grow_job.run(fitted / "model.lvr", sources / "more.npz", tmp_path / "a", **QUIET)
    with pytest.raises(LeveretDataError, match="there is no"):
        grow_job.run(fitted, sources / "none.npz", tmp_path / "a", **QUIET)
    with pytest.raises(LeveretDataError, match=r"no training sample of 0, 1, 2, which the tree knows"):
        grow_job.run(fitted, sources / "more.npz", tmp_path / "b", old=[sources / "known.npz"], **QUIET)
    assert run("grow", fitted, sources / "more.npz", "-o", tmp_path / "c", "--beams", "few")[0] == 2
    code, _, complaint = run("grow", fitted, sources / "more.npz", "-o", tmp_path / "c", "--policy", "some")
    assert code == 2
    assert "policy must be 'all', 'memory' or 'none'" in complaint


def test_a_packed_tree_is_timed_part_by_part(grown, capsys):
    """A single image runs fewer of its parts than a batch."""
    from leveret.cli._plain import timings
    from leveret.cli._show import show_bench
    from leveret.jobs import bench

    found = bench.run(grown.model, batch_size=32, seconds=0.1, profile=True)
    for profile in (found.parts, found.profile):
        one, many = ([row.name for row in rows] for rows in profile.values())
        assert one == many
    assert "root" in timings(found)
    few, many = (
        tuple(bench.LayerTime(name, "conv2d", 1.0, 1.0, 2, 3, None) for name in names) for names in ("ac", "abc")
    )
    both = bench._aligned({1: few, 8: many})
    assert [[row.name for row in rows] for rows in both.values()] == [list("abc")] * 2
    assert [row.seconds for row in both[1]] == [1.0, 0.0, 1.0]
    show_bench(found)
    assert "root" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"policy": "foo"}, "policy must be"),
        ({"shape": "foo"}, "shape must be"),
        ({"beams": 0}, "beams must be"),
        ({"policy": "memory", "budget": 1}, "a memory of 1 samples"),
        ({"distillation": float("inf")}, "distillation must be"),
        ({"max_error": 2.0}, "max_error must be"),
    ],
)
def test_what_is_refused_leaves_the_folder_free(fitted, sources, tmp_path, options, said):
    with pytest.raises(LeveretUsageError, match=said):
        grow_job.run(fitted, sources / "more.npz", tmp_path / "out", **{**QUIET, **options})
    assert not (tmp_path / "out").exists()


def test_old_data_that_lacks_a_class_leaves_the_folder_free(fitted, sources, tmp_path):
    with pytest.raises(LeveretDataError, match=r"no training sample of 0, 1, 2.*without\(\)"):
        grow_job.run(fitted, sources / "more.npz", tmp_path / "out", old=[sources / "known.npz"], **QUIET)
    assert not (tmp_path / "out").exists()


def test_the_command_that_goes_on_has_every_option_that_was_given():
    from leveret.jobs._grow_described import resume_words

    asked = {"policy": "memory", "balance": "plain", "distillation": 0.0, "max_error": 0.0, "new_rate": 2.0, "seed": 0}
    words = resume_words("one", "more.npz", Path("two"), asked, (), {"strict": False, "workers": None})
    assert words == (
        "leveret grow one more.npz -o two --policy memory --balance plain --distillation 0.0 --max-error 0.0 --resume"
    )
