"""What a rule file names: groups of classes, lists of words, other nets; resolved to classes, words and files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leveret.errors import LeveretError
from leveret.rules._errors import Place, Problem, nearest
from leveret.rules._schema import Schema

__all__ = ["Names", "place_of", "text_of"]


class Names:
    """The names of one file.

    Attributes:
        groups: the classes of each group, by its name.
        lists: the words of each list.
        nets: the packed models.
        problems: what is wrong, as it is found.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.groups: dict[str, list[int]] = {}
        self.lists: dict[str, tuple[str, ...]] = {}
        self.nets: dict[str, Any] = {}
        self.problems: list[Problem] = []

    def problem(self, at: Any, what: str) -> None:
        self.problems.append(Problem(place_of(at), what))

    def class_of(self, token: Any) -> list[int]:
        """A class by its name; none where there is no such class, which is a problem."""
        name = text_of(token)
        if name in self.schema.classes:
            return [self.schema.classes.index(name)]
        what = "tag" if self.schema.tags else "class"
        said = nearest(name, self.schema.classes, what)
        self.problem(token, f"{said} ({name!r} is a group: say in {name})" if name in self.groups else said)
        return []

    def members(self, token: Any) -> list[int]:
        """The classes of a group, or a class by itself."""
        name = text_of(token)
        if name in self.groups:
            return self.groups[name]
        if name in self.schema.classes:
            return [self.schema.classes.index(name)]
        self.problem(token, nearest(name, [*self.groups, *self.schema.classes], "group or class"))
        return []

    def column(self, tree: Any) -> str:
        """A column's name, which the data must have."""
        name = text_of(tree.children[0])
        if name not in self.schema.columns:
            self.problem(tree.children[0], nearest(name, self.schema.columns, "column"))
        return name

    def words(self, token: Any) -> tuple[str, ...]:
        """The words of a list."""
        name = text_of(token)
        if name not in self.lists:
            self.problem(token, nearest(name, self.lists, "list"))
        return self.lists.get(name, ("",))

    def define(self, tree: Any) -> None:
        """Take in a statement that gives a name to something."""
        token = tree.children[0].children[0] if tree.data == "group" else tree.children[0]
        name = text_of(token)
        for what, known in (("group", self.groups), ("list", self.lists), ("net", self.nets)):
            if name in known:
                self.problem(token, f"{name!r} is a {what} already")
                return
        if tree.data == "group":
            self._group(name, token, [part.children[0] for part in tree.children[1:]])
        elif tree.data == "word_list":
            self.lists[name] = tuple(text_of(word) for word in tree.children[1:])
        elif tree.data == "word_file":
            self.lists[name] = self._read_words(tree.children[1])
        else:
            self._load_net(name, tree.children[1])

    def _group(self, name: str, token: Any, parts: Sequence[Any]) -> None:
        if name in self.schema.classes:
            self.problem(token, f"{name!r} is a class; call the group otherwise")
        self.groups[name] = sorted({member for part in parts for member in self.members(part)})

    def _read_words(self, token: Any) -> tuple[str, ...]:
        path = self.schema.folder / text_of(token)
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            self.problem(token, f"{path} could not be read: {reason}")
            return ("",)
        words = tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
        if not words:
            self.problem(token, f"{path} holds no word; it should have one a line")
        return words or ("",)

    def _load_net(self, name: str, token: Any) -> None:
        from leveret import runtime

        try:
            self.nets[name] = runtime.load(self.schema.folder / text_of(token))
        except LeveretError as error:
            self.nets[name] = None
            self.problem(token, str(error))


def text_of(token: Any) -> str:
    """What a token says, without the quotes of a text; in one, only a quote needs a backslash."""
    text = str(token)
    return text[1:-1].replace('\\"', '"') if text.startswith('"') else text


def place_of(at: Any) -> Place:
    """Where a token or a tree stands."""
    found = getattr(at, "meta", at)
    return Place(int(getattr(found, "line", 1) or 1), int(getattr(found, "column", 1) or 1))
