"""The fuzzer: its mutants are repeatable and of both kinds, and a worker that dies is noticed and passed by."""

import json
from pathlib import Path

import pytest

from leveret.errors import LeveretFormatError
from leveret.experiments import _fuzz, engine
from leveret.experiments._fuzz_seeds import SEEDS, write_seeds
from leveret.runtime import load
from leveret.runtime.ops import OPS


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds")
    count, operations = write_seeds(folder)
    assert operations == len(OPS), "a new operation needs a seed in _fuzz_seeds.py"
    paths = sorted(folder.glob(SEEDS))
    assert len(paths) == count
    return [path.read_bytes() for path in paths]


def test_mutants_are_the_same_each_time_and_hardly_ever_the_seed(seeds):
    for number in range(60):
        made, again = _fuzz.mutant(seeds, number), _fuzz.mutant(seeds, number)
        if number % 2:
            assert made == again
        else:
            (texts, tensors), (texts_again, tensors_again) = _fuzz._content(made), _fuzz._content(again)
            assert texts == texts_again
            assert tensors.keys() == tensors_again.keys()
            assert all(tensors[name].tobytes() == tensors_again[name].tobytes() for name in tensors)
    assert sum(_fuzz.mutant(seeds, n) in seeds for n in range(200)) < 20


def test_lies_get_past_the_digest(seeds, tmp_path):
    """Otherwise all that stands behind it would never be tried."""
    reasons = []
    for number in range(0, 80, 2):
        path = tmp_path / "lie.lvr"
        path.write_bytes(_fuzz.mutant(seeds, number))
        try:
            load(path)
        except LeveretFormatError as error:
            reasons.append(str(error))
    assert not any("SHA-256" in reason for reason in reasons)
    assert sum("step" in reason for reason in reasons) > 10


def test_no_crash_in_a_few():
    found = _fuzz.fuzz(300)
    assert found.files == 300
    assert found.loaded > 0
    assert found.crashes == {}


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 11)", "raise MemoryError"])
def test_a_crash_is_found_and_passed_by(end, monkeypatch):
    dies = f"import os\ndef fall(*_):\n    {end}\n"
    patch = f"{dies}\nimport leveret.runtime as r\nload = r.load\ncount = [0]\n"
    patch += (
        "def counted(path):\n    count[0] += 1\n    return fall() if count[0] == 5 else load(path)\nr.load = counted\n"
    )
    monkeypatch.setattr(_fuzz, "_WORKER", patch + _fuzz._WORKER)
    monkeypatch.setattr(_fuzz, "_CHUNK", 10)
    found = _fuzz.fuzz(8)
    assert found.files == 8
    assert list(found.crashes) == [4]


def test_a_file_that_hangs_is_stopped(monkeypatch):
    """By the time that it computes, or sleeps."""
    for clock, endless in (("_SECONDS", "while True: pass"), ("_ASLEEP", "import time; time.sleep(99)")):
        patch = f"import leveret.runtime as r\nfrom leveret.experiments import _fuzz\n_fuzz.{clock} = 1\n"
        patch += f"def hang(path):\n    {endless}\nr.load = hang\n"
        with monkeypatch.context() as context:
            context.setattr(_fuzz, "_WORKER", patch + _fuzz._WORKER)
            found = _fuzz.fuzz(1)
        assert list(found.crashes) == [0]
        assert "signal" in found.crashes[0]


def test_the_engine_page_names_what_was_asked():
    text = engine._page({"xnor_vs_torch": 7.4, "fuzz_files": 100_000})
    assert "| XNOR 3x3, times PyTorch's float speed | 7.4 | at least 7.5 | no |" in text
    assert "| mutated files tried | 100,000 | at least 100,000 | yes |" in text


def test_the_engine_page_is_what_its_figures_say():
    """Nobody edits the page: it is rendered from the JSON file beside it, every table of it."""
    results = Path(__file__).parents[2] / "docs" / "results"
    values = json.loads((results / "engine.json").read_text(encoding="utf-8"))
    assert set(values["parts"]) == set(engine.PARTS)
    assert engine._page(values) == (results / "engine.md").read_text(encoding="utf-8")
