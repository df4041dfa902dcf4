"""Errors have one style: Leveret's own kinds, a sentence that begins small and ends without a full stop."""

from __future__ import annotations

import ast
import builtins
import re
from pathlib import Path

import leveret

HOME = Path(leveret.__file__).parent
BUILT_IN = {name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)}
# what Python's protocols ask for, and what the same file catches
FINE = {
    "__init__.py AttributeError",
    "_deprecated.py AttributeError",
    "_pillow.py AttributeError",
    "data/segmentation/_load.py IndexError",  # a sequence
    "data/segmentation/_masks.py ValueError",  # caught, and told with the file
    "distill/_manifest.py ValueError",  # caught, and told with the file
    "distill/_sharded.py ValueError",  # caught, and told with the file
    "distill/_views.py IndexError",  # a sequence
    "estimator/_classifier.py ValueError",  # in scikit-learn's own words
    "experiments/_index/_answers.py KeyError",  # as where a part wasn't run
    "runtime/__init__.py AttributeError",
    "runtime/_graph.py ValueError",  # caught, and told with the file
    "shrink/pruned/__init__.py AttributeError",
}


# what a message may begin with that is written large
NAMES = {"Adadelta", "Augment", "L2Norm", "LEVERET_ISA", "Optuna", "Pillow"}


def raised():
    for path in sorted(HOME.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                yield path.relative_to(HOME).as_posix(), node.lineno, ast.unparse(node.exc.func), node.exc.args
            elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name):
                yield path.relative_to(HOME).as_posix(), node.lineno, node.exc.id, []


def words(node):
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(words(value) if isinstance(value, ast.Constant) else "{}" for value in node.values)
    if isinstance(node, ast.BinOp):
        return words(node.left) + words(node.right)
    return "{}"


def test_they_are_leverets_own():
    bare = {f"{path} {kind}" for path, _, kind, _ in raised() if kind in BUILT_IN}
    assert bare - FINE == set()
    assert FINE - bare == set(), "no longer raised: take it off the list"


def test_they_read_alike():
    public = {name for name in dir(leveret) if name[:1].isupper()}
    wrong, seen = [], 0
    for path, line, kind, args in raised():
        if not kind.startswith("Leveret"):
            continue
        text = words(args[0]) if args else ""
        seen += 1
        first = re.split("[ '.:]", text)[0]
        # a name, a formula or a placeholder may come first, an ordinary word is written small
        named = first in public | NAMES or re.search(r"[a-z][A-Z]|^[A-Z]+$", first)
        if not text or text.endswith(".") or (re.match(r"[A-Z]", text) and not named):
            wrong.append(f"{path}:{line} {text!r}")
    assert wrong == []
    assert seen > 800
