"""The documentation's tables are those of the code."""

from pathlib import Path

import pytest

from leveret.packing import table
from leveret.packing._registry import RULES
from leveret.runtime.ops import OPS

DOCS = Path(__file__).parents[2] / "docs" / "operations.md"


def test_the_documentation_is_not_stale():
    text = DOCS.read_text(encoding="utf-8")
    assert table.fill(text) == text, "run: python -m leveret.packing.table docs/operations.md"


def test_every_rule_and_operation_is_described():
    for name, rule in RULES.items():
        assert rule.row.net, name
        assert rule.row.section in table.SECTIONS, name
        # `transpose` shares the line of `permute`
        assert rule.row.file or rule.row.net in table.table(rule.row.section), name
    for name, op in OPS.items():
        assert op.__doc__, name
        assert f"| `{name}` |" in table.table("operations")


def test_what_the_tables_say_becomes_of_a_layer_exists():
    words = {"abs", "exact"}
    for rule in RULES.values():
        for word in rule.row.file.split("`")[1::2]:
            assert word in OPS or word in words, f"{rule.row.net}: {word}"


def test_a_file_is_filled_and_filling_again_changes_nothing(tmp_path):
    path = tmp_path / "doc.md"
    path.write_text("\n".join(f"<!-- table: {s} -->\n<!-- end of table -->" for s in table.SECTIONS) + "\nend\n")
    table.main([str(path)])
    first = path.read_text(encoding="utf-8")
    assert "| `Conv2d`, `Conv1d`, `PrunedConv2d` | `conv2d` |" in first
    assert first.endswith("end\n")
    table.main([str(path)])
    assert path.read_text(encoding="utf-8") == first


def test_a_text_without_a_place_is_refused():
    with pytest.raises(ValueError, match="no place for the table of layers"):
        table.fill("nothing")
