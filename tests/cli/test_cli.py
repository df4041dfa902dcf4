"""The command line: what it prints, where, and with which exit code."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import leveret
from leveret.runtime import kernels


def in_a_process(*args, **options):
    command = [sys.executable, "-m", "leveret.cli", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def test_version(run):
    assert run("--version") == (0, f"leveret {leveret.__version__}\n", "")


def test_help_is_plain_and_names_the_commands(run):
    code, out, _ = run("--help")
    assert code == 0
    assert out.isascii()
    for name in ("shrink", "compare", "predict", "explain", "inspect", "bench", "export", "data", "reproduce"):
        assert f"\n  {name}" in out
    assert "..." not in out.split("Commands:")[1]


def test_nothing_asked_shows_help(run):
    code, out, err = run()
    assert "Commands:" in out + err
    assert code in (0, 2)


@pytest.mark.parametrize(
    "args", [("sharpen",), ("predict",), ("shrink", "--epochs", "0"), ("predict", "m", "x", "--top", "no"),
             ("data", "--size", "3x")],
)  # fmt: skip
def test_a_wrong_command_line_is_2(run, args):
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert "Traceback" not in err


def test_predict_goes_on_after_a_broken_file(run, model, pictures):
    code, out, err = run("predict", model, pictures)
    rows = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert [(row[0], row[1]) for row in rows] == [
        (str(pictures / "a.png"), "top"),
        (str(pictures / "below" / "b.png"), "bottom"),
    ]
    assert all(0.9 < float(row[2]) <= 1 for row in rows)
    assert f"{pictures / 'broken.png'}: not an image" in err
    assert "1 of 3 images could not be read" in err


def test_predict_strict(run, model, pictures):
    code, out, err = run("predict", model, pictures, "--strict")
    assert code == 1
    assert len(out.splitlines()) == 2
    assert "error: 1 of 3 images" in err


@pytest.mark.parametrize("path", ["broken.png", "nothere.png", "notes.txt", "nothere.npz", "empty"])
def test_predict_of_nothing_readable_is_1(run, model, pictures, path):
    (pictures / "empty").mkdir()
    code, out, err = run("predict", model, pictures / path)
    assert (code, out) == (1, "")
    assert path in err
    assert "error: 1 of 1 images" in err


def test_predict_json_lines(run, model, pictures):
    code, out, _ = run("predict", model, pictures, "--json", "--top", "2")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["path"] for row in rows] == [
        str(pictures / name) for name in ("a.png", "broken.png", os.path.join("below", "b.png"))
    ]
    assert rows[0]["class"] == "top"
    assert rows[0]["top"][0]["class"] == "top"
    assert len(rows[0]["top"]) == 2
    assert rows[0]["top"][0]["probability"] == rows[0]["probability"] > rows[0]["top"][1]["probability"]
    assert rows[1].keys() == {"path", "error"}


def test_predict_reads_a_list_from_stdin(model, pictures):
    odd = os.fsencode(pictures) + b"/caf\xe9.png"  # Latin-1, as old disks hold
    os.rename(pictures / "a.png", odd)
    listed = odd + b"\n\n" + os.fsencode(pictures / "below" / "b.png") + b"\r\n"
    command = [sys.executable, "-m", "leveret.cli", "predict", str(model), "-"]
    done = subprocess.run(command, input=listed, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    rows = [line.split(b"\t") for line in done.stdout.splitlines()]
    assert [row[1] for row in rows] == [b"top", b"bottom"]
    assert rows[0][0] == odd


def test_predict_npz(run, model, tmp_path):
    images = np.zeros((300, 4, 4), np.uint8)
    images[::2, 0] = 255
    images[1::2, 3] = 255
    np.savez(tmp_path / "plain.npz", x=images)
    np.savez_compressed(tmp_path / "floats.npz", images[:, :, :, None] / 255.0)
    for name, array in (("plain", "x"), ("floats", "arr_0")):
        code, out, _ = run("predict", model, tmp_path / f"{name}.npz")
        rows = [line.split("\t") for line in out.splitlines()]
        assert code == 0
        assert [row[1] for row in rows] == ["top", "bottom"] * 150
        assert rows[299][0] == f"{tmp_path / name}.npz:{array}[299]"


def test_predict_bad_npz(run, model, tmp_path):
    np.savez(tmp_path / "names.npz", a=np.zeros((2, 4, 4)), b=np.zeros(2))
    np.savez(tmp_path / "size.npz", x=np.zeros((2, 5, 5), np.uint8))
    np.savez(tmp_path / "nan.npz", x=np.full((2, 4, 4), np.nan))
    np.savez(tmp_path / "objects.npz", x=np.array([{}], object))
    np.savez(tmp_path / "whole.npz", x=np.zeros((50, 4, 4), np.uint8))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:400])
    words = {"names": "it holds a, b", "size": "the model takes (1, 4, 4)", "nan": "NaN", "objects": "objects",
             "cut": "not a whole .npz"}  # fmt: skip
    for name, word in words.items():
        code, out, err = run("predict", model, tmp_path / f"{name}.npz")
        assert (code, out) == (1, "")
        assert f"{name}.npz" in err
        assert word in err


def heavy_imports(*args):
    """What a command prints, and the heavy modules that it has loaded at its end."""
    code = (
        "import sys; sys.argv[0] = 'leveret'\n"
        "from leveret.cli import main\n"
        "try: main()\n"
        "finally:\n"
        "    heavy = {'torch', 'lightning', 'pytorch_lightning', 'datasets', 'matplotlib', 'sklearn', 'pandas',\n"
        "             'onnxruntime', 'openvino'}\n"
        "    print(sorted(heavy & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", code, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    return lines, last


def test_predict_imports_nothing_heavy(model, pictures):
    lines, heavy = heavy_imports("predict", model, pictures / "a.png")
    assert heavy == "[]"
    assert "\ttop\t" in lines[0]


def test_bench_alone_imports_nothing_heavy(model):
    lines, heavy = heavy_imports("bench", model, "--profile", "--batch-size", 2)
    assert heavy == "[]"
    assert lines[0].startswith(str(model))


@pytest.mark.parametrize("more", [(), ("--floats",)])
def test_export_writes_onnx_and_imports_no_torch(model, tmp_path, more):
    onnx = pytest.importorskip("onnx", reason="onnx isn't installed: pip install 'leveret[onnx]'")
    _, heavy = heavy_imports("export", model, "-o", tmp_path / "m.onnx", *more)
    assert "torch" not in heavy
    (taken,) = onnx.load(tmp_path / "m.onnx").graph.input
    assert taken.type.tensor_type.elem_type == (onnx.TensorProto.FLOAT if more else onnx.TensorProto.UINT8)


def test_predict_stays_under_120_mb(model, tmp_path):
    np.savez(tmp_path / "many.npz", x=np.zeros((200_000, 4, 4), np.uint8))
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run([sys.executable, '-m', 'leveret.cli', 'predict', *sys.argv[1:]], check=True, stdout=-3)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, model, tmp_path / "many.npz"], capture_output=True, text=True, timeout=60
    )
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 120e6, done.stderr


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['leveret', '--help']\n"
        "from leveret.cli import main\n"
        "try: main()\n"
        "finally: print(sorted({'torch', 'numpy', 'PIL', 'rich', 'jinja2'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_has_had_enough(model, tmp_path):
    np.savez(tmp_path / "many.npz", x=np.zeros((20_000, 4, 4), np.uint8))
    command = f"{sys.executable} -m leveret.cli predict {model} {tmp_path / 'many.npz'} | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60)
    assert len(done.stdout.splitlines()) == 1
    assert (done.returncode, done.stderr) == (0, "")


def test_inspect(run, model):
    code, out, _ = run("inspect", model)
    assert code == 0
    assert "4x4 pixels, grey" in out
    assert "top, middle, bottom" in out
    assert "\x1b" not in out
    [row] = [line.split() for line in out.splitlines() if line.startswith("scores")]
    assert row == ["scores", "linear", "16", "3", "32", "48", "192", "48"]


def test_inspect_json(run, model):
    code, out, _ = run("inspect", model, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["nbytes"] == model.stat().st_size
    assert found["totals"] == {"parameters": 48, "bytes": 192, "macs": 48, "binary_macs": 0}
    assert found["classes"] == ["top", "middle", "bottom"]


@pytest.fixture
def quick_bench(monkeypatch):
    from leveret.jobs import bench

    whole = bench.run
    monkeypatch.setattr(bench, "run", lambda model, **options: whole(model, **options, seconds=0))


@pytest.mark.usefixtures("quick_bench")
def test_bench(run, model):
    code, out, err = run("bench", model, "--threads", 1, "--batch-size", 3)
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    lines = out.splitlines()
    assert lines[0].startswith(f"{model}  ")
    assert "1 thread," in lines[1]
    assert "images/s by 3" in lines[3]
    [row] = [line.split() for line in lines if line.startswith("Leveret")]
    assert float(row[1]) > 0
    assert "layer" not in out
    assert "float32" not in out


@pytest.mark.usefixtures("quick_bench")
def test_bench_of_layers(run, model):
    code, out, _ = run("bench", model, "--profile", "--batch-size", 3)
    rows = [line.split() for line in out.splitlines()]
    assert code == 0
    assert ["batch", "1", "batch", "3"] in rows
    assert [row[1] for row in rows if row and row[0] in ("input", "flat", "scores")] == [
        "normalize",
        "flatten",
        "linear",
    ]
    assert any(row[0] == "Peak:" for row in rows if row) == (kernels.isa() != "reference")
    assert max(map(len, out.splitlines()[2:])) <= 80


@pytest.mark.usefixtures("quick_bench")
def test_bench_json(run, model):
    code, out, _ = run("bench", model, "--json", "--profile", "--batch-size", 3, "--threads", 2)
    found = json.loads(out)
    assert code == 0
    assert found["models"][0]["key"] == "leveret"
    assert (found["threads"], found["batch"], found["nbytes"]) == (2, 3, model.stat().st_size)
    assert [row["name"] for row in found["profile"]["3"]] == ["input", "flat", "scores", "all"]


def test_bench_says_who_is_missing_and_who_differs(capsys):
    from types import SimpleNamespace

    from leveret.cli._show import show_bench

    models = [
        SimpleNamespace(key=key, title=title, ms_per_image=ms, images_per_second=1 / ms, peak_bytes=peak,
                        weight_bytes=1000, same_shapes=same)
        for key, title, ms, peak, same in (("leveret", "Leveret", 0.5, 9e6, True), ("torch", "PyTorch", 1, None, False))
    ]  # fmt: skip
    show_bench(
        SimpleNamespace(
            path="m[1].lvr", nbytes=1000, threads=1, batch=64, noise=9, models=models, profile={}, parts={},
            unit="image", left_out={"openvino": "needs openvino: pip install \"leveret[bench]\""},
            environment={"kernels": "avx2", "processor": "a [fast] one"},
        )
    )  # fmt: skip
    out = capsys.readouterr().out
    assert "m[1].lvr" in out
    assert "a [fast] one" in out
    assert "against PyTorch: 2.0x faster one by one, 2.0x faster in batches of 64" in out
    assert "PyTorch gave other shapes" in out
    assert 'without openvino: needs openvino: pip install "leveret[bench]"' in out
    assert "the fastest turns count" in out


def test_bench_passes_its_options_on(run, monkeypatch, model):
    from leveret.jobs import bench

    given = {}

    def fake(path, **options):
        given.update(options, path=path)
        raise leveret.LeveretUsageError("enough")

    monkeypatch.setattr(bench, "run", fake)
    done = run("bench", model, "--against", "torch,openvino", "--threads", 3, "--batch-size", 5, "--profile")
    assert done == (2, "", "error: enough\n")
    expected = {"path": model, "against": "torch,openvino", "threads": 3, "batch_size": 5, "profile": True}
    assert given.items() >= expected.items()


@pytest.mark.parametrize("command", [("inspect",), ("bench",), ("predict", "x.png")])
def test_a_damaged_model_is_one_line(run, model, tmp_path, command):
    content = model.read_bytes()
    for name, damaged in (("cut", content[:-7]), ("none", b""), ("flipped", content[:-1] + bytes([content[-1] ^ 4]))):
        path = tmp_path / f"{name}.lvr"
        path.write_bytes(damaged)
        code, out, err = run(command[0], path, *command[1:])
        assert (code, out) == (1, "")
        assert err.startswith("error: ")
        assert len(err.splitlines()) == 1
        assert f"{name}.lvr" in err


@pytest.mark.parametrize("command", [("inspect",), ("bench",), ("predict", "x.png")])
def test_an_unknown_instruction_set_is_one_line(model, command):
    done = in_a_process(command[0], model, *command[1:], env={**os.environ, "LEVERET_ISA": "mmx"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: LEVERET_ISA must be")
    assert len(done.stderr.splitlines()) == 1


def test_debug_shows_the_traceback(tmp_path):
    done = in_a_process("inspect", tmp_path / "no.lvr", env={**os.environ, "LEVERET_DEBUG": "1"})
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "LeveretFormatError" in done.stderr


def test_data(run, tmp_path):
    code, out, err = run("data", "digits", "--sheet", tmp_path / "sheet.png")
    assert code == 0
    assert "8x8 pixels in 10 classes" in out
    assert "\x1b" not in out
    assert (tmp_path / "sheet.png").read_bytes()[:4] == b"\x89PNG"
    assert "sheet.png" in err


def test_data_json(run):
    code, out, _ = run("data", "digits", "--json", "--seed", "3")
    found = json.loads(out)
    assert code == 0
    assert sum(found["samples"].values()) == 1797


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (leveret.LeveretUsageError, 2),
        (leveret.LeveretDataError, 1),
        (leveret.LeveretFormatError, 1),
        (leveret.LeveretPackError, 1),
        (leveret.LeveretTrainingError, 1),
        (leveret.LeveretError, 1),
    ],
)
def test_exit_codes_say_whether_the_command_line_is_wrong(run, monkeypatch, model, error, expected):
    from leveret.jobs import inspect

    def fails(path):
        raise error("so it is")

    monkeypatch.setattr(inspect, "run", fails)
    assert run("inspect", model) == (expected, "", "error: so it is\n")


@pytest.mark.parametrize(
    "command",
    [
        "zoo nosuch", "zoo --path", "inspect zoo:nosuch", "predict zoo:nosuch x.png", "bench zoo:nosuch",
        "export zoo:nosuch -o OUT", "judge A A --test x --observer knn", "judge A A --alpha 2 -o OUT",
        "judge A A --observer x -o OUT", "judge A A --period 3", "budget --fps x", "budget --deadline 3m",
        "compare digits --methods x -o OUT", "fit digits --balance x -o OUT", "distill digits --params x",
        "data digits --size x", "data digits --channels 2", "data digits --task x", "data digits --val-fraction 2",
        "rules check A digits --part x", "reproduce nosuch", "grow A A --groups x -o OUT", "grow A A --beams x -o OUT",
    ],
)  # fmt: skip
def test_a_wrong_value_is_2_wherever_it_is_found(run, tmp_path, command):
    rows = "\n".join(f"{i},{i * i % 7}" for i in range(30))
    (tmp_path / "a.csv").write_text(f"width,height\n{rows}\n")
    words = [{"A": tmp_path / "a.csv", "OUT": tmp_path / "out"}.get(word, word) for word in command.split()]
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_seed_below_0_is_refused(run):
    code, _, err = run("data", "digits", "--seed", "-1")
    assert code == 2
    assert "--seed" in err


def test_data_missing(run):
    code, out, err = run("data", "nowhere")
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1


def test_warnings_are_a_line_each(run, monkeypatch, model):
    import warnings

    from leveret.jobs import inspect

    def warned(path):
        warnings.warn("three files were skipped", leveret.LeveretWarning, stacklevel=2)
        warnings.warn("some library's own business", UserWarning, stacklevel=2)
        raise leveret.LeveretDataError("two\n  lines")

    monkeypatch.setattr(inspect, "run", warned)
    code, _, err = run("inspect", model)
    assert code == 1
    assert err == "warning: three files were skipped\nerror: two lines\n"


def test_ctrl_c_is_130(run, monkeypatch, model):
    from leveret.jobs import inspect
    from leveret.jobs.shrink import JobInterrupted

    for stop, words in ((KeyboardInterrupt(), "stopped"), (JobInterrupted("stopped; 3 epochs"), "stopped; 3 epochs")):

        def stopped(path, stop=stop):
            raise stop

        monkeypatch.setattr(inspect, "run", stopped)
        code, out, err = run("inspect", model)
        assert (code, out) == (130, "")
        assert err.strip() == words


def test_shrink_passes_its_options_on(run, monkeypatch, tmp_path):
    from leveret.jobs import shrink

    given = {}

    def fake(source, out, **options):
        given.update(options, source=source, out=out)
        raise leveret.LeveretUsageError("enough")

    monkeypatch.setattr(shrink, "run", fake)
    code, _, err = run(
        "shrink", "photos", "-o", tmp_path, "--epochs", 4, "--net", "resnet20", "--seed", 2, "--resume", "--strict",
        "--quick", "--size", "32x48", "--channels", 1, "--no-flip", "-q",
    )  # fmt: skip
    assert (code, err) == (2, "error: enough\n")
    assert given["data_options"].items() >= {"size": (32, 48), "channels": 1, "val_fraction": 0.1}.items()
    expected = {"source": "photos", "out": tmp_path, "epochs": 4, "net": "resnet20", "seed": 2, "resume": True,
                "strict": True, "quick": True, "flip": False, "progress": False}  # fmt: skip
    assert given.items() >= expected.items()


def test_reproduce_passes_its_options_on(run, monkeypatch, tmp_path):
    from types import ModuleType

    given = {}
    fake = ModuleType("leveret.experiments")
    fake.run = lambda name, **options: given.update(options, name=name) or tmp_path / "page.md"
    monkeypatch.setitem(sys.modules, "leveret.experiments", fake)
    monkeypatch.setattr(leveret, "experiments", fake, raising=False)
    monkeypatch.setenv("LEVERET_SHARED_DATA", str(tmp_path))
    done = run("reproduce", "main-job", "--part", "digits", "--part", "cifar", "--seeds", 2)
    assert done == (0, f"{tmp_path / 'page.md'}\n", "")
    assert given == {
        "name": "main-job",
        "parts": ["digits", "cifar"],
        "seeds": 2,
        "data": tmp_path,
        "out": None,
        "quick": False,
    }
