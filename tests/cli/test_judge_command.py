"""`leveret judge` as a user and a cron job type it: exit codes, words, JSON."""

import json
import subprocess
import sys

import numpy as np
import pytest


@pytest.fixture
def tables(tmp_path):
    """Rows of two measures: yesterday's, today's, and a day's on which the second drifted."""
    generator = np.random.default_rng(0)
    for name, drift in (("yesterday", 0), ("today", 0), ("drifted", 1.5)):
        rows = generator.normal((0, drift), 1, (120, 2))
        lines = [f"{a:.4f},{b:.4f}" for a, b in rows]
        (tmp_path / f"{name}.csv").write_text("\n".join(["width,height", *lines]) + "\n")
    return tmp_path


def test_exit_codes_say_the_verdict(run, tables):
    code, out, err = run("judge", tables / "yesterday.csv", tables / "today.csv", "--observer", "logistic", "-q")
    assert (code, err) == (0, "")
    assert "No difference was found between yesterday.csv and today.csv" in " ".join(out.split())
    looks = tables / "looks.json"
    command = ("judge", tables / "yesterday.csv", tables / "drifted.csv", "--observer", "knn", "--looks", looks)
    code, out, err = run(*command, "--period", 30)
    assert code == 3
    assert "A machine can tell yesterday.csv from drifted.csv" in out
    assert "look 1 of 30, each at the level 0.0017" in out
    assert out.index("height ") < out.index("width ")
    assert "yesterday.csv: 120 samples; drifted.csv: 120; nearest neighbours" in err
    code, _, err = run(*command, "--period", 20)
    assert code == 2
    assert "counts looks with period 30, got 20" in err
    code, _, err = run("judge", tables / "yesterday.csv", tables / "gone.csv")
    assert code == 1
    assert "there is no" in err
    assert run("judge", tables / "yesterday.csv")[0] == 2


def test_json(run, tables):
    code, out, _ = run(
        "judge",
        tables / "yesterday.csv",
        tables / "drifted.csv",
        "--observer",
        "logistic",
        "--json",
        "-q",
        "--most",
        50,
    )
    assert code == 3
    found = json.loads(out)
    assert found["different"] is True
    assert found["counts"] == [50, 50]
    assert found["giveaways"][0]["sample"].endswith("of yesterday.csv")


def test_help_is_cheap():
    code = (
        "import sys; sys.argv = ['leveret', 'judge', '--help']\n"
        "from leveret.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'scipy', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "--looks" in found.stdout
    assert "with 3 where one was" in " ".join(found.stdout.split())
