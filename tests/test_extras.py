"""What misses a package says in one way which extra brings it, and no package is forgotten."""

import importlib.metadata
import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest

import leveret
from leveret import _extras
from leveret._extras import installed, missing, needs
from leveret.cli._guard import guarded
from leveret.errors import LeveretError, LeveretMissingError

SOURCE = Path(leveret.__file__).parent
PROJECT = SOURCE.parents[1] / "pyproject.toml"
PLAIN = {"numpy", "safetensors"}
# what others bring: threadpoolctl with scikit-learn, markupsafe with Jinja; and what an experiment does without
BROUGHT = {"threadpoolctl", "markupsafe", "alibi_detect"}
_IMPORT = re.compile(r"^ *(?:from ([a-z]\w*)[\w.]* import |import ([a-z]\w*)[\w.]*(?: as \w+)?$)", re.MULTILINE)


@pytest.fixture
def without_torch(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else real(name))


def test_what_is_there_is_not_complained_of():
    needs("this test", "torch", "PIL")
    assert installed("torch")
    assert not installed("no_such_module_at_all")


def test_what_is_missing_is_said_with_the_extra_that_brings_it(without_torch):
    with pytest.raises(
        LeveretMissingError, match=r'^leveret.fit needs PyTorch: pip install "leveret\[train\]"$'
    ) as caught:
        needs("leveret.fit", "PIL", "torch")
    assert caught.value.name == "torch"
    assert isinstance(caught.value, ImportError)
    assert isinstance(caught.value, LeveretError)


def test_a_failed_import_is_translated_only_where_an_extra_would_help(without_torch):
    assert "needs PyTorch" in str(missing("x", ModuleNotFoundError("no", name="torch.nn")))
    assert missing("x", ModuleNotFoundError("no", name="somebody_elses")) is None
    # it is there, and broken for another reason
    assert missing("x", ImportError("libjpeg.so", name="PIL")) is None


def test_a_command_says_what_it_needs(monkeypatch, capsys, without_torch):
    monkeypatch.setattr(sys, "argv", ["leveret", "fit", "photos"])
    with pytest.raises(SystemExit) as stop, guarded():
        raise ModuleNotFoundError("No module named 'torch'", name="torch")
    assert stop.value.code == 1
    assert capsys.readouterr().err == 'error: leveret fit needs PyTorch: pip install "leveret[train]"\n'
    with pytest.raises(ModuleNotFoundError), guarded():
        raise ModuleNotFoundError("No module named 'leveret.typo'", name="leveret.typo")


@pytest.fixture(scope="module")
def extras():
    if not PROJECT.is_file():
        pytest.skip("needs a checkout: this is an installed package")
    return tomllib.loads(PROJECT.read_text())["project"]


def test_the_plain_install_is_numpy_and_safetensors(extras):
    assert {_name(one) for one in extras["dependencies"]} == PLAIN


def test_each_extra_brings_what_is_said_of_it(extras):
    of = importlib.metadata.packages_distributions()
    for module, (_, extra) in _extras._PACKAGES.items():
        brought = _brought(extra, extras["optional-dependencies"])
        # pyarrow comes with datasets
        names = {name.lower().replace("_", "-") for name in of.get(module, [])} or {module.replace("_", "-").lower()}
        assert names & brought or module in ("pyarrow", "faiss"), f"{extra} doesn't bring {module}: {names}"
    assert "faiss-cpu" in _brought("faiss", extras["optional-dependencies"])


def test_no_package_is_used_that_nothing_brings():
    known = PLAIN | set(_extras._PACKAGES) | set(sys.stdlib_module_names) | {"leveret"} | BROUGHT
    unknown = {}
    for path in SOURCE.rglob("*.py"):
        for module in _imported(path) - known:
            unknown.setdefault(module, path.relative_to(SOURCE))
    assert not unknown


def _imported(path):
    """By the beginnings of lines, which takes a hundredth of the time of parsing; examples in docstrings count, too."""
    return {one[0] or one[1] for one in _IMPORT.findall(path.read_text())}


def _name(requirement):
    return re.match(r"[\w.-]+", requirement)[0].lower()


def _brought(extra, extras):
    """Packages of an extra, those of the extras that it names included."""
    found = set()
    for one in extras[extra]:
        if inner := re.match(r"leveret\[([\w,]+)\]", one):
            for name in inner[1].split(","):
                found |= _brought(name, extras)
        else:
            found.add(_name(one))
    return found
