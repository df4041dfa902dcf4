"""The main job's experiment: what it records, merges and renders; the jobs themselves are stood in for."""

import json

import pytest

from leveret import experiments
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.experiments import main_job
from leveret.experiments._results import Results, markdown_table


def model(accuracy, nbytes, ms):
    return {"accuracy": accuracy, "bytes": nbytes, "ms_per_image": ms, "interval": [accuracy - 0.01, accuracy + 0.01]}


@pytest.fixture
def jobs(monkeypatch):
    """Main jobs that are over at once; gives the calls."""
    calls = []

    def run(source, out, **options):
        calls.append((source, out.name, options))
        out.mkdir(parents=True, exist_ok=True)
        accuracy = 0.9 + 0.01 * options.get("seed", 0)
        metrics = {
            "models": {
                "teacher": model(accuracy, 3200, 2.0),
                "student": model(accuracy - 0.02, 3200, 3.0),
                "packed": model(accuracy - 0.02, 100, 1.0),
            },
            "agreement": 1.0,
            "largest_logit_difference": 1e-5,
            "binary_bytes_ratio": 31.5,
            "training": {
                "teacher": {"seconds": 60, "history": [{}] * 3},
                "student": {"seconds": 30, "history": [{}] * 4},
            },
        }
        return type("Result", (), {"metrics": metrics})

    monkeypatch.setattr(main_job.shrink, "run", run)
    return calls


def test_digits_take_the_mean_of_the_seeds(jobs, tmp_path):
    page = experiments.run("main-job", parts=["digits"], seeds=3, out=tmp_path)
    values = json.loads((tmp_path / "main-job.json").read_text())
    assert values["digits_teacher_acc"] == pytest.approx(0.91)
    assert values["digits_packed_acc"] == pytest.approx(0.89)
    assert [run["seed"] for run in values["parts"]["digits"]["runs"]] == [0, 1, 2]
    text = page.read_text()
    assert "| digits, packed binary student | 89.00% | at least 97 % | no |" in text
    assert "`leveret reproduce main-job --part digits --seeds 3`" in text
    assert "3 + 4 epochs, 1:30" in text


def test_parts_keep_what_others_left(jobs, tmp_path):
    (tmp_path / "fashion_mnist.npz").write_bytes(b"")
    experiments.run("main-job", parts=["digits"], seeds=1, out=tmp_path)
    experiments.run("main-job", parts=["fashion"], data=tmp_path, out=tmp_path)
    values = json.loads((tmp_path / "main-job.json").read_text())
    assert {"digits_teacher_acc", "fashion_packed_acc", "binary_bytes_ratio"} <= values.keys()
    assert jobs[-1][2]["flip"] is True


def test_results_of_two_processes_are_merged(tmp_path):
    one, other = Results(tmp_path / "x.json"), Results(tmp_path / "x.json")
    one.record("a", {"figure_a": 1}, {"command": "a"})
    other.record("b", {"figure_b": 2}, {"command": "b"})
    values = json.loads((tmp_path / "x.json").read_text())
    assert (values["figure_a"], values["figure_b"], set(values["parts"])) == (1, 2, {"a", "b"})
    assert values["parts"]["a"]["machine"]


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"name": "paper"}, LeveretUsageError, "must be one of main-job"),
        ({"name": "main-job", "parts": ["mnist"]}, LeveretUsageError, "there is no 'mnist'"),
        ({"name": "main-job", "seeds": 0}, LeveretUsageError, "seeds"),
        ({"name": "main-job", "parts": ["fashion"]}, LeveretUsageError, "LEVERET_SHARED_DATA"),
        ({"name": "main-job", "parts": ["cifar"], "data": "nowhere"}, LeveretDataError, "there is no nowhere"),
    ],
)
def test_errors(options, error, says, tmp_path):
    with pytest.raises(error, match=says):
        experiments.run(**options, out=tmp_path)


def test_bench_needs_a_checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LeveretUsageError, match="checkout"):
        experiments.run("main-job", parts=["bench"], out=tmp_path)


def test_bars_in_cells_are_escaped():
    assert markdown_table(["a"], [["x|y"]]).splitlines()[-1] == "| x\\|y |"
