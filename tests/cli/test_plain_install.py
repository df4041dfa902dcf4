"""What runs where numpy and safetensors alone are installed: predicting, looking into models, and good advice."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors
import typer

import leveret
from leveret import jobs, zoo
from leveret.cli import _light, _plain
from leveret.cli._app import app
from leveret.jobs import bench, predict


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Run Python as if nothing else were installed: (exit code, stdout, stderr)."""
    folder = tmp_path_factory.mktemp("plain")
    packages = Path(np.__file__).parents[1]
    for path in (Path(np.__file__).parent, packages / "numpy.libs", Path(safetensors.__file__).parent):
        if path.exists():
            (folder / path.name).symlink_to(path)
    here = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{Path(leveret.__file__).parents[1]}"}

    def call(*words):
        command = [sys.executable, "-S", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=here)
        return done.returncode, done.stdout, done.stderr

    return call


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "x.npy"
    np.save(path, zoo.sample("digits")[0][:5])
    return path


def test_predict_says_what_it_says_with_all_installed(plain, images):
    code, out, err = plain("-m", "leveret", "predict", "zoo:digits", images, "--threads", 1)
    expected = list(predict.run(zoo.path("digits"), [images], threads=1))
    assert (code, err) == (0, "")
    assert out.splitlines() == ["\t".join(one.words(1)) for one in expected]
    assert expected[4].source == f"{images}[4]"


def test_images_need_pillow_and_other_commands_more(plain, tmp_path):
    (tmp_path / "a.png").write_bytes(b"an image")
    code, out, err = plain("-m", "leveret", "predict", "zoo:digits", tmp_path / "a.png")
    assert (code, out, err) == (1, "", 'error: reading images needs Pillow: pip install "leveret[images]"\n')
    code, out, err = plain("-m", "leveret", "fit", "photos")
    assert (code, out) == (2, "")
    assert "leveret fit is no command of the plain install" in err
    assert 'pip install "leveret[train]"' in err


def test_python_has_the_runtime_and_says_what_the_rest_needs(plain):
    code = """
import json, sys
import leveret, leveret.runtime, leveret.jobs.inspect
right = {}
for name in leveret.zoo.names():
    images, labels = leveret.zoo.sample(name)
    right[name] = int((leveret.load_model(leveret.zoo.path(name)).predict(images) == labels).sum())
said = []
for attempt in ("leveret.fit", "leveret.load('digits')", "__import__('leveret.nets')", "leveret.write_nothing",
                "leveret.data.TiledImage('x.png')", "leveret.export_onnx(leveret.zoo.path('digits'), 'm.onnx')"):
    try:
        eval(attempt)
    except Exception as error:
        said.append(str(error))
others = {"torch", "PIL", "typer", "rich", "sklearn"} & set(sys.modules)
print(json.dumps([right, said, sorted(others)]))
"""
    status, out, err = plain("-c", code)
    assert (status, err) == (0, "")
    right, said, others = json.loads(out)
    assert others == []
    for name, count in right.items():
        images, labels = zoo.sample(name)
        assert count == (zoo.load(name).predict(images) == labels).sum()
    assert said == [
        'leveret.fit needs PyTorch: pip install "leveret[train]"',
        'reading the embedded digits needs scikit-learn: pip install "leveret[train]"',
        'this part of Leveret needs PyTorch: pip install "leveret[train]"',
        "module 'leveret' has no attribute 'write_nothing'",
        'reading images needs Pillow: pip install "leveret[images]"',
        'leveret.export_onnx needs onnx: pip install "leveret[onnx]"',
    ]


def test_help_version_and_wrong_options(monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["leveret", *words])
        with pytest.raises(SystemExit) as stop:
            _light.main()
        return stop.value.code, *capsys.readouterr()

    assert call("--version") == (0, f"leveret {leveret.__version__}\n", "")
    code, out, _ = call()
    assert code == 0
    assert all(name in out for name in _light.COMMANDS)
    assert call("predict", "m.lvr", "x.npy", "--top", "0")[0] == 2
    code, _, err = call("predict", "m.lvr", "x.npy", "--to", "1")
    assert code == 2
    assert "leveret predict of the plain install takes no --to 1" in err
    assert "leveret[train]" in err
    code, _, err = call("inspect", "zoo:nobody")
    assert code == 2
    assert "nobody" in err


@pytest.mark.parametrize("name", _light.COMMANDS)
def test_its_commands_are_the_real_ones(name):
    """Every option is one of the command proper, with the same default."""
    real = typer.main.get_command(app).commands[name]
    known = {flag: param for param in real.params for flag in (param.opts if param.param_type_name == "option" else [])}
    arguments = [param.name for param in real.params if param.param_type_name == "argument"]
    one = _light.parser()._subparsers._group_actions[0].choices[name]
    for action in one._actions:
        if not action.option_strings:
            assert action.dest in arguments
        elif "--help" not in action.option_strings:
            for flag in action.option_strings:
                assert flag in known, f"leveret {name} has no {flag}"
                assert action.default == known[flag].default or (not action.default and not known[flag].default)


def test_inspect_and_bench_in_plain_text(plain, model):
    code, out, err = plain("-m", "leveret", "inspect", model)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].split() == ["all", "48", "192", "48", "0"]
    assert "classes: top, middle, bottom" in out
    found = bench.run(model, threads=1, batch_size=2, profile=True, seconds=0)
    text = _plain.timings(found)
    assert f"{found.models[0].ms_per_image:.3f} ms/image" in text
    assert [line.split()[0] for line in text.splitlines()[-3:]] == ["flat", "scores", "all"]


def test_jobs_do_not_know_the_command_line():
    """What both command lines call stands below them."""
    assert "leveret.cli" not in inspect.getsource(jobs)


def _bright_bands(kind):
    """Three images that `model` calls top, middle and bottom, in one of the forms that arrays come in."""
    x = np.zeros((3, 4, 4), np.uint8)
    x[0, 0] = x[1, 2] = x[2, 3] = 255
    return {
        "grey": x[[0, 1, 2, 2]],
        "channels first": x[:, None],
        "channels last": x[..., None],
        "fractions": x[[0, 1, 2, 2]].astype(np.float32) / 255,
        "Fortran's order": np.asfortranarray(x[:, None]),
    }[kind]


@pytest.mark.parametrize("kind", ["grey", "channels first", "channels last", "fractions", "Fortran's order"])
def test_npy_files_hold_images(model, tmp_path, kind):
    path = tmp_path / "x.npy"
    np.save(path, _bright_bands(kind))
    found = list(predict.run(model, [path], threads=1))
    assert [one.source for one in found][:3] == [f"{path}[{i}]" for i in range(3)]
    assert [one.top[0][0] for one in found][:3] == ["top", "middle", "bottom"]


def test_an_npy_file_may_be_one_image(model, tmp_path):
    image = _bright_bands("grey")[0]
    for number, array in enumerate((image, image[None], image[..., None])):
        np.save(tmp_path / f"{number}.npy", array)
    found = list(predict.run(model, sorted(tmp_path.glob("*.npy")), threads=1))
    assert [(one.source, one.top[0][0]) for one in found] == [(str(tmp_path / f"{i}.npy"), "top") for i in range(3)]


def test_npy_files_that_are_none(model, tmp_path):
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY\x01")
    np.save(tmp_path / "line.npy", np.zeros(5, np.uint8))
    np.save(tmp_path / "nan.npy", np.full((5, 4, 4), np.nan))
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    np.save(tmp_path / "scalar.npy", np.float32(3))
    np.save(tmp_path / "none.npy", np.zeros((0, 1, 4, 4), np.uint8))
    names = ("cut", "line", "nan", "objects", "scalar", "none", "nothere")
    said = {name: list(predict.run(model, [tmp_path / f"{name}.npy"], threads=1)) for name in names}
    assert said.pop("none") == []
    words = {name: one.error for name, (one,) in said.items()}
    assert words["nothere"] == "no such file"
    assert "NaN or infinity in 5 rows" in words["nan"]
    assert "must be images" in words["line"]
    assert all("not a whole .npy file of a plain array" in words[name] for name in ("cut", "objects"))
    assert words["scalar"]
