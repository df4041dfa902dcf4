"""`leveret fit` and `leveret compare --balance`: their options, their tables, and how cheap their help is."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from leveret.jobs import balance, fit
from leveret.jobs.fit import FitJobResult

FIGURES = {"pr_auc": 0.5, "roc_auc": 0.75, "balanced_accuracy": 0.625, "accuracy": 0.9, "majority_accuracy": 0.875}


def test_fit_hands_its_options_on(run, tmp_path, monkeypatch):
    asked = {}
    metrics = {"figures": FIGURES, "data": {"ratio": 8.0, "kind": "image"}}
    monkeypatch.setattr(
        fit, "run", lambda *where, **how: asked.update(where=where, **how) or FitJobResult(tmp_path, metrics)
    )
    code, out, _ = run(
        "fit", "photos", "-o", tmp_path, "--balance", "focal", "--epochs", 4, "--size", 16, "--seed", 3, "--no-flip",
    )  # fmt: skip
    assert code == 0
    assert asked["where"] == ("photos", tmp_path)
    assert (asked["balance"], asked["epochs"], asked["seed"], asked["flip"]) == ("focal", 4, 3, False)
    assert asked["data_options"]["size"] == 16
    assert "62.50 %" in out
    assert "majority vote" in out
    assert "87.50 %" in out
    # nothing was packed
    assert "net.safetensors" in out


def test_compare_with_balance_compares_trainings(run, tmp_path, monkeypatch):
    asked = {}
    rows = [
        {"key": key, "status": "ok", "diverged": False, "notes": [], "figures": FIGURES} for key in ("plain", "focal")
    ] + [{"key": "ldam-drw", "status": "failed", "why": "no last layer", "notes": []}]
    metrics = {"headline": "pr_auc", "auto": {"key": "logit-adjusted"}}
    result = SimpleNamespace(rows=rows, metrics=metrics, out=tmp_path)
    monkeypatch.setattr(balance, "run", lambda *where, **how: asked.update(where=where, **how) or result)
    code, out, _ = run("compare", "photos", "-o", tmp_path, "--balance", "focal,ldam-drw", "--workers", 1)
    assert code == 0
    assert asked["methods"] == "focal,ldam-drw"
    assert asked["workers"] == 1
    assert "ldam-drw: no last layer" in out
    assert "auto would take logit-adjusted" in out


@pytest.mark.parametrize("extra", [("--methods", "int8"), ("--tune-epochs", "2"), ("--skip-unfit",)])
def test_compare_says_what_does_not_go_with_balance(run, tmp_path, extra):
    code, _, err = run("compare", "digits", "-o", tmp_path / "out", "--balance", "all", *extra)
    assert code == 2
    assert "don't go with --balance" in err


def test_methods_are_named(run):
    for command in (("fit", "--list"), ("compare", "--balance", "all", "--list")):
        code, out, _ = run(*command)
        assert code == 0
        assert "logit-adjusted-post" in out
        assert "Menon" in out


def test_an_unknown_method_is_refused_before_any_work(run, tmp_path):
    code, _, err = run("fit", "digits", "--balance", "focus", "-o", tmp_path / "out")
    assert code == 2
    assert "no method 'focus'" in err
    assert not (tmp_path / "out").exists()


def test_help_loads_no_torch():
    code = (
        "import sys; sys.argv = ['leveret', 'fit', '--help']\n"
        "from leveret.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'sklearn', 'numpy', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
