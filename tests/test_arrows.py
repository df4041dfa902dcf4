"""Which room imports which is `lint-imports`'s to say (pyproject.toml); here: what the engine needs of the world."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import leveret

HOME = Path(leveret.__file__).parent
# where texts are cut by the trained tokenizer of a model, and only there
ASKED_FOR = {"text/_library.py": {"tokenizers"}}
# of the same floor or below, so that the engine could be shipped alone
OWN = {"runtime", "text", "errors", "_extras", "_files", "_pixels"}


def imported(path):
    """Each module that a file imports, at its top or within a function; not what only a type checker reads."""
    todo = [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module if node.module != "leveret" else f"leveret.{node.names[0].name}"
        todo.extend(ast.iter_child_nodes(node))


def test_the_engine_needs_numpy_and_safetensors_alone():
    files = [path for name in sorted(OWN) for path in (*HOME.glob(f"{name}.py"), *HOME.glob(f"{name}/**/*.py"))]
    assert len(files) > 90
    wrong = []
    for path in files:
        place = path.relative_to(HOME).as_posix()
        for module in imported(path):
            first, *rest = module.split(".")
            if first == "leveret":
                fine = bool(rest) and rest[0] in OWN
            else:
                known = {*sys.stdlib_module_names, "numpy", "safetensors"} | ASKED_FOR.get(place, set())
                fine = first in known
            if not fine:
                wrong.append(f"{place} imports {module}")
    assert wrong == []
