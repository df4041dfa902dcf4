"""The house's figures: read from what other tools wrote, recorded, rendered; wrong files are told."""

import json
from pathlib import Path

import pytest

from leveret.errors import LeveretDataError
from leveret.experiments.house import PARTS, record
from leveret.experiments.house._page import page

RECORDED = Path(__file__).parents[2] / "docs" / "results" / "house.json"


@pytest.fixture
def measured(tmp_path):
    def file(covered, statements):
        return {"summary": {"covered_lines": covered, "num_statements": statements}}

    files = {
        "src/leveret/__init__.py": file(9, 10),
        "src/leveret/errors.py": file(10, 10),
        "src/leveret/metrics.py": file(1, 10),
        "src/leveret/judge/_mmd.py": file(30, 40),
        "src/leveret/judge/deeper/_x.py": file(0, 10),
        "src/leveret/judge/empty.py": file(0, 0),
    }
    folder = tmp_path / "measured"
    folder.mkdir()
    (folder / "coverage.json").write_text(json.dumps({"files": files}))
    times = {"make_demo_seconds": 200.5, "make_test_seconds": 500, "commit": "a" * 40}
    (folder / "times.json").write_text(json.dumps(times))
    sizes = {"install_bytes": 30, "wheel_bytes": 4, "sdist_bytes": 5, "packages": {"leveret": 10, "numpy": 20}}
    (folder / "install.json").write_text(json.dumps(sizes))
    return folder


def test_all_parts(measured, tmp_path):
    written = record(measured, tmp_path / "out")
    values = json.loads((tmp_path / "out" / "house.json").read_text())
    assert set(values["parts"]) == set(PARTS)
    assert values["coverage"] == 50 / 80
    assert values["least_coverage"] == 30 / 50
    assert values["parts"]["coverage"]["packages"] == [
        {"package": "judge", "covered": 30, "statements": 50},
        {"package": "leveret", "covered": 20, "statements": 30},
    ]
    text = written.read_text()
    assert text == page(values)
    assert "| `judge` | 50 | 60.0% |" in text
    assert "`make test` 8 min 20 s, `make demo` 3 min 20 s" in " ".join(text.split())
    assert "| all | 30 B |" in text


@pytest.mark.parametrize(
    ("part", "content", "what"),
    [
        ("coverage", "{", "isn't JSON"),
        ("coverage", "[]", "must hold an object"),
        ("coverage", '{"files": {"src/leveret/x.py": {}}}', "isn't what coverage json writes"),
        ("coverage", '{"files": {"other/x.py": {"summary": {}}}}', "of leveret's files alone, it holds other/x.py"),
        ("coverage", '{"files": {}}', "has no file of leveret's"),
        ("times", '{"make_demo_seconds": 3}', "must hold the number make_test_seconds, got None"),
        ("install", '{"install_bytes": 1, "wheel_bytes": 1, "sdist_bytes": 1}', "how many bytes it takes"),
    ],
)
def test_wrong_files_are_told(measured, tmp_path, part, content, what):
    (measured / f"{part}.json").write_text(content)
    with pytest.raises(LeveretDataError, match=what):
        record(measured, tmp_path, [part])
    assert not (tmp_path / "house.json").exists()


def test_what_was_not_measured_is_told(tmp_path):
    with pytest.raises(LeveretDataError, match="make house measures it"):
        record(tmp_path, tmp_path, ["times"])


@pytest.mark.skipif(not RECORDED.exists(), reason="the house wasn't measured yet: make house")
def test_the_page_is_the_records():
    assert RECORDED.with_suffix(".md").read_text() == page(json.loads(RECORDED.read_text()))
