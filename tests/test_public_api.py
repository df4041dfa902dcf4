"""The interface: every public name as it is listed in public_api.txt, and each of them described."""

from __future__ import annotations

import ast
import difflib
import inspect
import re
import textwrap

import pytest

import public_api


@pytest.fixture(scope="module")
def described():
    """Every public function, class and method of ours once: its full name, itself, the class it is of or None."""
    found, seen = [], set()
    for module in public_api.modules():
        for name in public_api.names(module):
            value = getattr(module, name)
            ours = (getattr(value, "__module__", None) or "").startswith("leveret")
            if not ours or id(value) in seen or not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            seen.add(id(value))
            found.append((f"{module.__name__}.{name}", value, None))
            if inspect.isclass(value):
                found += [(f"{module.__name__}.{name}.{m}", f, value) for m, f, _ in public_api.members(value)]
    return found


def said_of(full, value, of):
    """A function's docstring; of a method also those of its class, and of what it is in the classes below."""
    if of is None:
        return value.__doc__
    inherited = [getattr(base, full.rsplit(".", 1)[1], None) for base in of.__mro__]
    return " ".join(one.__doc__ or "" for one in (value, of, *inherited) if one is not None)


def test_names_and_signatures_are_as_listed():
    now = list(public_api.lines())
    listed = public_api.LISTED.read_text(encoding="utf-8").splitlines()
    changed = [line for line in difflib.unified_diff(listed, now, lineterm="", n=0) if line[:1] in "+-"][2:]
    assert changed == [], "the public interface changed: if that is meant, `make public-api`, and tell of it in the log"


def test_every_name_exists_once():
    for module in public_api.modules():
        names = getattr(module, "__all__", None)
        assert names is not None or module.__name__ == "leveret.jobs", f"{module.__name__} has no __all__"
        assert len(set(names or ())) == len(names or ()), module.__name__
        for name in names or ():
            assert hasattr(module, name), f"{module.__name__}.{name}"


def test_everything_is_described(described):
    bare = []
    for full, value, of in described:
        text = value.__doc__
        if of is None and inspect.isclass(value):
            text = vars(value).get("__doc__")
            if text and text.startswith(f"{value.__name__}("):  # what dataclass writes where nobody did
                text = None
        elif not text and of is not None:
            text = any(hasattr(base, full.rsplit(".", 1)[1]) for base in of.__mro__[1:])  # as that one says
        if not text:
            bare.append(full)
    assert bare == []


def test_every_argument_of_many_is_described(described):
    """Of functions with four or more; the engine's own, which are named as their layers' are, say it by module."""
    silent = []
    for full, value, of in described:
        if inspect.isclass(value) or not value.__doc__ or full.startswith("leveret.runtime."):
            continue
        names = [
            one.name
            for one in inspect.signature(value).parameters.values()
            if one.name not in ("self", "cls") and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
        ]
        text = said_of(full, value, of)
        missing = [name for name in names if not re.search(rf"\b{re.escape(name)}\b", text)]
        if len(names) >= 4 and missing:
            silent.append(f"{full}: {', '.join(missing)}")
    assert silent == []


def test_what_is_raised_is_described(described):
    """Where a function itself raises one of Leveret's errors, its docstring, or its class's, says so."""
    silent = []
    for full, value, of in described:
        if inspect.isclass(value) or not value.__doc__ or full.startswith("leveret.runtime."):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(value)))
        raised = {
            ast.unparse(node.exc.func)
            for node in ast.walk(body)
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
        }
        text = said_of(full, value, of)
        if any(name.startswith("Leveret") for name in raised) and "aises" not in text:
            silent.append(full)
    assert silent == []
