"""`leveret fit` and `leveret compare --balance` as jobs: what they leave, how they go on, what they refuse."""

import dataclasses
import functools
import json

import numpy as np
import pytest

import leveret
from leveret import LeveretUsageError
from leveret.data import from_arrays, long_tailed
from leveret.jobs import balance
from leveret.jobs import fit as fit_job
from leveret.jobs._trial import Trial
from leveret.nets import ConvNet

pytestmark = pytest.mark.filterwarnings("ignore::leveret.errors.LeveretWarning")

QUIET = {"progress": False, "epochs": 1, "batch_size": 50, "threads": 1}
tiny = functools.partial(ConvNet, 1, 10, depth=3, widths=(8,))


@pytest.fixture(scope="module")
def skewed(digits):
    data = long_tailed(digits, 10, seed=1)
    return dataclasses.replace(data, test=data.test.subset(np.arange(120)))


@pytest.fixture(scope="module")
def two(digits):
    """Whether a digit is an eight: one in ten."""
    parts = {"": digits.train.subset(np.arange(500)), "_val": digits.val, "_test": digits.test}
    given = {f"x{suffix}": split.fetch(np.arange(len(split))) for suffix, split in parts.items()}
    given |= {f"y{suffix}": np.where(split.labels == 8, "eight", "other") for suffix, split in parts.items()}
    return from_arrays(given.pop("x"), given.pop("y"), **given)


def test_a_comparison_ranks_by_balanced_accuracy(skewed, tmp_path):
    result = balance.run(skewed, tmp_path, methods="class-weights,focal", net=tiny, **QUIET)
    assert json.loads((tmp_path / "metrics.json").read_text()) == json.loads(json.dumps(result.metrics))
    plain, *others = result.rows
    assert plain["key"] == "plain"
    assert {row["key"] for row in others} == {"class-weights", "focal"}
    assert result.metrics["headline"] == "balanced_accuracy"
    reached = [row["figures"]["balanced_accuracy"] for row in others]
    assert reached == sorted(reached, reverse=True)
    for row in result.rows:
        packed = leveret.runtime.load(tmp_path / "methods" / row["key"] / "model.lvr")
        assert packed.provenance["method"] == row["key"]
        assert leveret.evaluate(packed, skewed).accuracy == pytest.approx(row["figures"]["accuracy"], abs=0.01)
        assert row["figures"]["majority_accuracy"] == pytest.approx((skewed.test.labels == 0).mean())
        assert {"many", "medium", "few", "pr_auc", "roc_auc", "mcc", "ece"} <= set(row["figures"])
        assert row["samples_seen"] == len(skewed.train)
    page = (tmp_path / "report.html").read_text()
    assert all(row["title"] in page for row in result.rows)
    assert "majority vote" in page


def test_of_two_classes_the_rare_one_counts(two, tmp_path):
    result = balance.run(two, tmp_path, methods=["logit-adjusted-post"], **QUIET)
    assert result.metrics["headline"] == "pr_auc"
    figures = result.rows[0]["figures"]
    assert figures["threshold"]["positive"] == "eight"
    assert {"recall_at_90", "f1"} <= set(figures)
    assert "many" not in figures
    assert "Precision against recall" in (tmp_path / "report.html").read_text()


def test_a_stopped_comparison_goes_on(skewed, tmp_path, monkeypatch):
    work = Trial.work
    done = []

    def stopped(self, *shared):
        done.append(self.key)
        if len(done) == 2:
            raise KeyboardInterrupt
        return work(self, *shared)

    monkeypatch.setattr(Trial, "work", stopped)
    run = functools.partial(balance.run, skewed, tmp_path, methods="focal,class-weights", net=tiny, **QUIET)
    with pytest.raises(balance.JobInterrupted, match="keeps plain training"):
        run()
    with pytest.raises(LeveretUsageError, match="holds a run that was stopped"):
        run()
    result = run(resume=True)
    assert done == ["plain", "class-weights", "class-weights", "focal"]
    assert all(row["status"] == "ok" for row in result.rows)
    assert run(resume=True).metrics == json.loads(json.dumps(result.metrics))
    with pytest.raises(LeveretUsageError, match="another run than this"):
        balance.run(skewed, tmp_path, methods="focal", net=tiny, resume=True, **QUIET)


def test_a_method_that_fails_is_told_and_the_rest_goes_on(skewed, tmp_path):
    result = balance.run(
        skewed, tmp_path, methods="focal,class-balanced", options={"focal": {"gamma": -1}}, net=tiny, **QUIET
    )
    rows = {row["key"]: row for row in result.rows}
    assert rows["focal"]["status"] == "failed"
    assert "gamma must be" in rows["focal"]["why"]
    assert rows["class-balanced"]["status"] == "ok"
    assert "gamma must be" in (tmp_path / "report.html").read_text()


def test_fit_trains_packs_and_reports(two, tmp_path):
    result = fit_job.run(two, tmp_path, balance="auto", **QUIET)
    assert result.metrics["method"]["key"] == "classifier-retraining"
    assert result.metrics["chosen_since"]
    assert result.model == tmp_path / "model.lvr"
    assert leveret.runtime.load(result.model).classes == two.classes
    page = (tmp_path / "report.html").read_text()
    assert "classifier retraining" in page
    assert "majority vote" in page
    again = fit_job.run(two, tmp_path, balance="auto", resume=True, **QUIET)
    assert again.metrics == json.loads(json.dumps(result.metrics))


def test_fit_on_even_classes_speaks_of_accuracy(digits, tmp_path):
    few = dataclasses.replace(digits, train=digits.train.subset(np.arange(300)))
    result = fit_job.run(few, tmp_path, net=tiny, **QUIET)
    assert result.metrics["method"]["key"] == "plain"
    assert "many" not in result.metrics["figures"]
    assert "majority vote" not in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("kind", ["table", "text"])
def test_fit_takes_tables_and_texts(tmp_path, kind):
    generator = np.random.default_rng(0)
    y = (np.arange(300) % 10 == 0).astype(int)
    if kind == "table":
        x = generator.normal(size=(300, 4)) + 3 * y[:, None]
    else:
        x = [" ".join(generator.choice(["hare", "field"] if label else ["fox", "wood"], 5)) for label in y]
    data = from_arrays(x, y, test_fraction=0.3)
    result = fit_job.run(data, tmp_path, balance="logit-adjusted", progress=False, epochs=8, batch_size=20, threads=1)
    assert (result.model is None) == (kind == "table")  # which doesn't pack
    assert result.metrics["figures"]["pr_auc"] > 0.9
    assert (tmp_path / "net" / "net.safetensors").exists()
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"balance": "focus"}, "no method 'focus'; there are: auto, plain"),
        ({"net": "convnet9"}, "must be one of convnet"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"lr": -1.0}, "lr must be above 0"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"options": {"gamma": 1}}, "has no option 'gamma'"),
    ],
)
def test_fit_refuses(digits, tmp_path, options, said):
    with pytest.raises(LeveretUsageError, match=said):
        fit_job.run(digits, tmp_path / "out", **{**QUIET, **options})
    assert not (tmp_path / "out" / "config.json").exists()
