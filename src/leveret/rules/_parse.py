"""From a rule file's text to its syntax tree, by lark; what is no rule is said with line and column."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from leveret.rules._errors import Place, Problem, RuleError

__all__ = ["parse"]

# how people know what the grammar calls by these names
_WORDS = {
    "NAME": "a name",
    "STRING": 'a text in "quotes"',
    "NUMBER": "a number",
    "COMPARISON": "<, <=, > or >=",
    "SIDE": "before or after",
    "$END": "the end of the file",
}
_SIGNS = {
    "COLON": ":", "COMMA": ",", "EQUAL": "=", "LPAR": "(", "RPAR": ")", "LBRACE": "{", "RBRACE": "}", "VBAR": "|",
    "AMPERSAND": "&", "TILDE": "~", "__ANON_0": "<=>", "__ANON_1": "=>",
}  # fmt: skip
_NEXT = {"GROUP", "LIST", "NET", "RULE", "$END"}


def parse(text: str, name: str) -> Any:
    """The syntax tree of a rule file.

    Args:
        text: of the file.
        name: of the file, for messages.

    Raises:
        RuleError: the text isn't of the language; says where, and what could stand there.
    """
    from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

    try:
        return _parser().parse(text)
    except UnexpectedEOF as error:
        raise RuleError(
            name, [Problem(_end(text), f"the file ends where {_expected(error.expected)} must be")]
        ) from None
    except UnexpectedToken as error:
        if error.token.type == "$END":
            what = f"the file ends where {_expected(error.accepts or error.expected)} must be"
            raise RuleError(name, [Problem(_end(text), what)]) from None
        what = f"{str(error.token)!r} can't stand here; expected {_expected(error.accepts or error.expected)}"
        raise RuleError(name, [Problem(Place(error.line, error.column), what)]) from None
    except UnexpectedCharacters as error:
        what = f"{error.char!r} can't stand here"
        if error.char == '"':
            what = 'a text begun by " must end with " on the same line'
        raise RuleError(name, [Problem(Place(error.line, error.column), what)]) from None


@cache
def _parser() -> Any:
    from lark import Lark

    grammar = resources.files("leveret.rules").joinpath("rules.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=True)


def _expected(names: Any) -> str:
    names = set(names)
    if names > _NEXT:  # where a rule may end, what comes then is of no interest
        names = names - _NEXT
    words = sorted({_WORDS.get(name) or repr(_SIGNS.get(name, name.lower())) for name in names})
    return ", ".join(words[:-1]) + (" or " if len(words) > 1 else "") + words[-1] if words else "something else"


def _end(text: str) -> Place:
    lines = text.split("\n")
    return Place(len(lines), len(lines[-1]) + 1)
