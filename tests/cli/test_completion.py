"""What a shell completes, asked as a shell asks, and that the names are those of the catalogues."""

from __future__ import annotations

import subprocess
import sys

import pytest

from leveret.cli import _completion


@pytest.fixture
def completed(run, monkeypatch):
    """What bash offers behind the last word typed."""

    def ask(*words):
        monkeypatch.setenv("_LEVERET_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", " ".join(["leveret", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        code, out, err = run()
        assert (code, err) == (0, "")
        return out.split()

    return ask


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("sh",), ["shrink"]),
        (("rules", "c"), ["check"]),
        (("fit", "--net", "res"), ["resnet20", "resnet18"]),
        (("fit", "--net", "te"), ["text-conv"]),
        (("fit", "--balance", "class-"), ["class-weights", "class-balanced"]),
        (("fit", "--task", "seg"), ["segment"]),
        (("compare", "--methods", "two"), ["two-of-four", "two-pointwise"]),
        (("compare", "--methods", "magnitude,two-o"), ["magnitude,two-of-four"]),
        (("compare", "--methods", "int8,int8"), ["int8,int8-training"]),
        (("distill", "--student", "conv"), ["conv0", "conv1", "conv2", "conv3", "conv4"]),
        (("bench", "m.lvr", "--against", "torch,o"), ["torch,onnxruntime", "torch,openvino"]),
        (("judge", "a", "b", "--observer", "k"), ["knn"]),
        (("grow", "--policy", "m"), ["memory"]),
        (("reproduce", "deep"), ["deep-vs-shallow"]),
        (("fit", "dig"), ["digits"]),
        (("fit", "--val-f"), ["--val-fraction"]),
        (("inspect", "zoo:nosuch", "--js"), ["--json"]),
    ],
)
def test_words_are_completed(completed, words, offered):
    assert completed(*words) == offered


@pytest.mark.parametrize("words", [("predict", ""), ("fit", ""), ("fit", "pho"), ("fit", "--out", "")])
def test_paths_are_left_to_the_shell(completed, words):
    assert completed(*words) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_shown(run, shell, monkeypatch):
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    code, out, _ = run("--show-completion", shell)
    assert code == 0
    assert "_LEVERET_COMPLETE" in out


def test_names_are_those_of_the_catalogues():
    from leveret.balance.catalogue import METHODS as BALANCES
    from leveret.jobs import _compare_recipe, _recipe, _segment_recipe
    from leveret.jobs._distill_recipe import STUDENTS
    from leveret.jobs._engines import ENGINES
    from leveret.shrink.catalogue import METHODS

    assert tuple(METHODS) == _completion.METHODS
    assert tuple(BALANCES) == _completion.BALANCES
    assert tuple(ENGINES) == _completion.ENGINES
    assert _completion.STUDENTS == STUDENTS
    assert _completion.IMAGE_NETS == _recipe.NETS == _compare_recipe.NETS
    assert _completion.MASK_NETS == _segment_recipe.NETS


def test_completing_imports_nothing_heavy():
    code = (
        "import os, sys\n"
        "os.environ['_LEVERET_COMPLETE'] = 'complete_bash'\n"
        "os.environ.update(COMP_WORDS='leveret compare --methods x', COMP_CWORD='3')\n"
        "sys.argv = ['leveret']\n"
        "from leveret.cli import main\n"
        "try: main()\n"
        "finally: print(sorted({'torch', 'numpy', 'PIL', 'jinja2', 'sklearn'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["xnor", "[]"]
