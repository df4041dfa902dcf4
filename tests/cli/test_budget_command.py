"""`leveret budget` as a user types it."""

import json

from leveret.jobs import budget
from leveret.jobs.budget import Plan


def test_a_lifetime(run):
    code, out, err = run("budget")
    assert (code, err) == (0, "")
    assert "67,171,680,000 images in a lifetime" in out
    assert "86,000,000,000 neurons" in out
    assert "1,492,704,000 s of it awake" in out
    code, out, _ = run("budget", "--fps", 300, "--json")
    assert json.loads(out)["images"] == 447_811_200_000
    code, out, _ = run("budget", "--fps", 300)
    assert "images a second: 300 is beyond what is plausible" in out


def test_what_goes_together(run):
    for options, said in (
        (("--deadline", "3m"), "--deadline is of a plan: name a source to train on"),
        (("--batch-size", 8), "--batch-size is of a plan"),
        (("digits", "--fps", 30), "--fps is of a lifetime, not of a plan"),
        (("digits", "--deadline", "soon"), "a deadline must be a time above 0"),
        (("--awake", "2"), "awake must be above 0 and at most 1, got 2"),
    ):
        code, _, err = run("budget", *options)
        assert code == 2
        assert said in err


def test_a_plan(run, monkeypatch):
    from leveret.budget import TrainingCosts

    asked = {}
    costs = TrainingCosts(10, 320, 32, 1000, 0.5, 0.5, 2.0, 2.0, 1.0, 1.0, 4.0, 4.0, 1.0)
    plan = Plan("photos", "convnet", 30, 1234, costs, 2.0, 1, 100.0)
    monkeypatch.setattr(budget, "run", lambda source, **how: asked.update(source=source, **how) or plan)
    code, out, _ = run("budget", "photos", "--net", "convnet", "--deadline", "100s", "--size", 16)
    assert code == 0
    assert (asked["source"], asked["net"], asked["deadline"]) == ("photos", "convnet", "100s")
    assert asked["data_options"]["size"] == 16
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "30 epochs 4 min 6 s" in lines
    assert "in 1 min 40 s 11 epochs: --epochs 11" in lines
    assert "3,520, 320 different ones" in out
    assert "busy" not in out
