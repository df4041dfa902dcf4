"""`leveret compare`: its options, its table, and how cheap its help is."""

import subprocess
import sys
from types import SimpleNamespace

import leveret
from leveret.jobs import compare


def test_passes_its_options_on(run, monkeypatch, tmp_path):
    given = {}

    def fake(source, out, **options):
        given.update(options, source=source, out=out)
        raise leveret.LeveretUsageError("enough")

    monkeypatch.setattr(compare, "run", fake)
    code, _, err = run(
        "compare", "photos", "-o", tmp_path, "--methods", "int8,xnor", "--epochs", 4, "--tune-epochs", 2, "--net",
        "resnet20", "--seed", 2, "--resume", "--strict", "--quick", "--skip-unfit", "--workers", 3, "--threads", 1,
        "--size", 32, "-q",
    )  # fmt: skip
    assert (code, err) == (2, "error: enough\n")
    expected = {"source": "photos", "out": tmp_path, "methods": "int8,xnor", "epochs": 4, "tune_epochs": 2,
                "net": "resnet20", "seed": 2, "resume": True, "strict": True, "quick": True, "skip_unfit": True,
                "workers": 3, "threads": 1, "progress": False}  # fmt: skip
    assert given.items() >= expected.items()
    assert given["data_options"]["size"] == 32


def test_works_on_every_core_unless_told(run, monkeypatch, tmp_path):
    given = {}

    def fake(source, out, **options):
        given.update(options)
        raise leveret.LeveretUsageError("enough")

    monkeypatch.setattr(compare, "run", fake)
    monkeypatch.setenv("LEVERET_THREADS", "5")
    run("compare", "-o", tmp_path)
    assert given["workers"] == 5
    assert given["methods"] == "all"


def test_shows_who_did_how_and_who_failed(run, monkeypatch, tmp_path):
    row = {"title": "a", "family": "real", "accuracy": 0.97, "interval": [0.95, 0.98], "bytes": 300_000,
           "ms_per_image": 0.03, "images_per_second": 40_000.0, "agreement": 1.0, "notes": [], "diverged": False,
           "status": "ok", "why": ""}  # fmt: skip
    rows = [
        {**row, "key": "real"},
        {**row, "key": "xnor", "bytes": 30_000, "diverged": True},
        {**row, "key": "bwn", "status": "failed", "why": "RuntimeError: [boom]"},
    ]
    metrics = {"front": {"bytes": ["xnor"], "ms_per_image": ["xnor", "real"]}, "timing_noise": 2.0}
    result = SimpleNamespace(out=tmp_path, rows=rows, metrics=metrics)
    monkeypatch.setattr(compare, "run", lambda *_, **__: result)
    code, out, _ = run("compare", "-o", tmp_path)
    assert code == 0
    lines = out.splitlines()
    assert lines[2].split()[:3] == ["real", "97.00", "%"]
    assert "10.0x" in lines[3]
    assert "diverged: best epoch" in lines[3]
    assert "bwn: failed: RuntimeError: [boom]" in lines
    assert "as accurate and faster is none than: xnor, real" in lines
    assert str(tmp_path / "report.html") in out
    assert "busy" in out


def test_lists_the_methods(run):
    code, out, _ = run("compare", "--list")
    assert code == 0
    for key in ("real", "magnitude", "deep-compression", "ternary", "ebp", "binary-ensemble"):
        assert f"\n{key} " in out


def test_an_unknown_method_is_one_line_that_names_all(run, tmp_path):
    code, out, err = run("compare", "--methods", "int9", "-o", tmp_path / "out")
    assert (code, out) == (2, "")
    assert err.startswith("error: there is no method 'int9'; there are: all, real, trained-on")
    assert not (tmp_path / "out").exists()


def test_help_loads_nothing_heavy():
    code = (
        "import sys; sys.argv = ['leveret', 'compare', '--help']\n"
        "from leveret.cli import main\n"
        "try: main()\n"
        "finally: print(sorted({'torch', 'numpy', 'joblib', 'rich', 'matplotlib'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "--skip-unfit" in done.stdout
