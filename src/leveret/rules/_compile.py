"""From syntax trees to a `RuleProgram`: every name resolved, every mistake found, each with its place."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from leveret.rules._errors import Place, Problem, RuleError, nearest
from leveret.rules._names import Names, place_of, text_of
from leveret.rules._parse import parse
from leveret.rules._schema import Schema
from leveret.runtime.rules._evidence import (
    Call,
    Compare,
    Evidence,
    Group,
    Is,
    Known,
    Matches,
    Says,
    Truth,
    Words,
)
from leveret.runtime.rules._program import HARD, Rule, RuleProgram
from leveret.runtime.rules._tree import Tree, leaves_of
from leveret.runtime.rules._words import Side

__all__ = ["Compiled", "compile_rules"]

_OPERATORS = {"same": "same", "implies": "implies", "or_": "or", "and_": "and", "not_": "not"}
_OPERATORS |= {"average": "average", "exclusive": "exclusive"}
_LABELS = ("label", "follows")
_TAGS = ("tag", "previous_tag", "start_of_sequence", "valid_bio", "agree")


@dataclass(frozen=True)
class Compiled:
    """A rule file, understood.

    Attributes:
        program: what it comes to.
        places: of each rule.
        groups: names of the groups of classes.
        nets: packed models that rules ask, by name.
        words: the words that evidence asks for, each with the place of the first rule that does.
    """

    program: RuleProgram
    places: tuple[Place, ...]
    groups: tuple[str, ...]
    nets: dict[str, Any]
    words: dict[str, Place]


def compile_rules(text: str, name: str, schema: Schema, *, logic: str, strength: float) -> Compiled:
    """Understand a rule file.

    Args:
        text, name: of the file.
        schema: what it may speak of.
        logic, strength: of the program.

    Raises:
        RuleError: what it says has no meaning here; lists every such place.
    """
    tree = parse(text, name)
    compiler = _Compiler(Names(schema))
    for statement in tree.children:
        if statement.data == "rule":
            compiler.rule(statement)
        else:
            compiler.names.define(statement)
    problems = compiler.names.problems
    if not compiler.rules and not problems:
        says = "tag is TAG" if schema.tags else "label is CLASS"
        problems.append(Problem(Place(1, 1), f'the file holds no rule; one is: rule NAME: word "x" => {says}'))
    if problems:
        raise RuleError(name, sorted(problems))
    tags = schema.tags
    program = RuleProgram(schema.classes, tuple(compiler.evidence), tuple(compiler.rules), logic, tags, strength)
    return Compiled(program, tuple(compiler.places), tuple(compiler.names.groups), compiler.names.nets, compiler.words)


class _Compiler:
    def __init__(self, names: Names) -> None:
        self.names = names
        self.schema = names.schema
        self.evidence: list[Evidence] = []
        self.rules: list[Rule] = []
        self.places: list[Place] = []
        self.words: dict[str, Place] = {}

    def rule(self, statement: Any) -> None:
        title, strength, body = statement.children
        name = text_of(title.children[0])
        if any(rule.name == name for rule in self.rules):
            self.names.problem(title.children[0], f"there are two rules {name!r}")
        weight, learned = self._strength(strength)
        agree = body.data == "agree"
        formula = self._formula(body)
        self._sensible(body, name, weight, formula, agree)
        self.rules.append(Rule(name, weight, formula, learned, agree))
        self.places.append(place_of(title.children[0]))

    def _strength(self, tree: Any) -> tuple[float | None, bool]:
        if tree is None or tree.data == "learned":
            return 1.0, tree is not None
        if tree.data == "hard":
            return HARD, False
        weight = float(tree.children[0])
        if not 0 <= weight < math.inf:
            self.names.problem(tree.children[0], f"a weight must be a finite number of at least 0, got {weight:g}")
        return weight, False

    def _sensible(self, body: Any, name: str, weight: float | None, formula: Tree, agree: bool) -> None:
        if agree:
            if weight is HARD:
                self.names.problem(body, f"rule {name!r} can't be hard: list members agree is a soft rule")
            return
        if not any(leaf[0] in ("label", "follows", "previous", "start") for leaf in leaves_of(formula)):
            what = "tag" if self.schema.tags else "label"
            self.names.problem(body, f"rule {name!r} says nothing of the {what}, so that it can teach nothing")
        if weight is not HARD:
            return
        for leaf in leaves_of(formula):
            asked = self.evidence[leaf[1]] if leaf[0] == "atom" else None
            if isinstance(asked, Says) and not asked.net:
                self.names.problem(body, f"rule {name!r} can't be hard, as it asks the net that it teaches")
            elif isinstance(asked, Says) and not asked.comparison:
                self.names.problem(body, f"rule {name!r} is hard and needs plain truths: say how sure, such as >= 0.9")

    def _formula(self, tree: Any) -> Tree:
        kind = str(tree.data)
        if kind in _OPERATORS:
            return [_OPERATORS[kind], *(self._formula(part) for part in tree.children)]
        if kind in (_LABELS if self.schema.tags else _TAGS):
            right = "tag is …" if self.schema.tags else "label is …"
            self.names.problem(tree, f"these examples have {'tags' if self.schema.tags else 'labels'}: say {right}")
            return ["label", []]
        return getattr(self, f"_{kind}")(tree)

    def _agree(self, tree: Any) -> Tree:
        return ["label", []]

    def _chosen(self, tree: Any) -> list[int]:
        parts = [part.children[0] for part in tree.children]
        if tree.data == "in_group":
            return self.names.members(parts[0])
        return sorted({member for part in parts for member in self.names.class_of(part)})

    def _label(self, tree: Any) -> Tree:
        return ["label", self._chosen(tree.children[0])]

    _tag = _label

    def _previous_tag(self, tree: Any) -> Tree:
        return ["previous", self._chosen(tree.children[0])]

    def _start_of_sequence(self, tree: Any) -> Tree:
        return ["start"]

    def _valid_bio(self, tree: Any) -> Tree:
        tags = self.schema.classes
        inside = [i for i, tag in enumerate(tags) if tag.startswith("I-")]
        if not inside or not all(tag == "O" or tag[:2] in ("B-", "I-") for tag in tags):
            self.names.problem(tree, f"valid bio needs tags O, B-x and I-x; these are {', '.join(tags[:8])}")
            return ["label", []]
        parts = []
        for i in inside:
            before = [j for j, tag in enumerate(tags) if tag[2:] == tags[i][2:] and tag != "O"]
            parts.append(["implies", ["label", [i]], ["previous", before]])
        return ["and", *parts]

    def _follows(self, tree: Any) -> Tree:
        column = self.names.column(tree.children[0])
        groups = {**self.names.groups, **{name: [i] for i, name in enumerate(self.schema.classes)}}
        return ["follows", self._number(Group(column, tuple(groups))), list(groups.values())]

    def _word(self, tree: Any) -> Tree:
        return self._words(tree, (text_of(tree.children[1]),))

    def _word_in(self, tree: Any) -> Tree:
        return self._words(tree, self.names.words(tree.children[1]))

    def _words(self, tree: Any, phrases: tuple[str, ...]) -> Tree:
        side, offset = self._where(tree)
        for phrase in (*phrases, *((side.phrase,) if side else ())):
            self.words.setdefault(phrase, place_of(tree))
        return self._atom(Words(phrases, side, offset))

    def _matches(self, tree: Any) -> Tree:
        pattern = text_of(tree.children[1])
        try:
            re.compile(pattern)
        except re.error as error:
            self.names.problem(tree.children[1], f"{pattern!r} is no regular expression: {error}")
            pattern = ""
        side, offset = self._where(tree)
        return self._atom(Matches(pattern, side, offset))

    def _where(self, tree: Any) -> tuple[Side | None, int]:
        place, _, side = tree.children
        if not (self.schema.texts or self.schema.tags):
            self.names.problem(tree, "these examples have no words: say something of a column, or of a net")
        if place is not None and not self.schema.tags:
            self.names.problem(tree, "previous and next are of the words of sequences; these examples have one label")
        if side is not None and self.schema.tags:
            self.names.problem(side, "before and after are of whole texts; of sequences say previous or next")
        offset = 0 if place is None else -1 if place.data == "before_here" else 1
        return (None if side is None else self._side(side)), offset

    def _side(self, tree: Any) -> Side:
        phrase = text_of(tree.children[1])
        self.words.setdefault(phrase, place_of(tree))
        return Side(str(tree.children[0]), phrase)

    def _column_is(self, tree: Any) -> Tree:
        return self._atom(Is(self.names.column(tree.children[0]), (text_of(tree.children[1].children[0]),)))

    def _column_in(self, tree: Any) -> Tree:
        values = tuple(text_of(part.children[0]) for part in tree.children[1:])
        return self._atom(Is(self.names.column(tree.children[0]), values))

    def _compare(self, tree: Any) -> Tree:
        column, comparison, number = tree.children
        return self._atom(Compare(self.names.column(column), str(comparison), float(number)))

    def _known(self, tree: Any) -> Tree:
        return self._atom(Known(self.names.column(tree.children[0])))

    def _truth(self, tree: Any) -> Tree:
        return self._atom(Truth(self.names.column(tree.children[0])))

    def _net_says(self, tree: Any) -> Tree:
        name, side, threshold = tree.children
        if self.schema.tags:
            self.names.problem(tree, "net says is of examples with one label")
        if side is not None and not self.schema.texts:
            self.names.problem(side, "these examples are no texts, and have no part before or after a word")
        place = self.names.class_of(name.children[0])
        return self._says("", place, side, threshold)

    def _other_says(self, tree: Any) -> Tree:
        net, name, side, threshold = tree.children
        if text_of(net) not in self.names.nets:
            self.names.problem(net, nearest(text_of(net), self.names.nets, "net"))
            return ["atom", 0]
        if self.schema.texts or self.schema.tags:
            self.names.problem(net, "other nets are asked of images; these examples are none")
        packed = self.names.nets[text_of(net)]
        classes = () if packed is None else packed.classes
        said = text_of(name.children[0])
        if packed is not None and said not in classes:
            self.names.problem(name, nearest(said, classes, f"class of {text_of(net)}"))
        if side is not None:
            self.names.problem(side, "another net is asked of the example as it is: leave before and after out")
        return self._says(text_of(net), [classes.index(said)] if said in classes else [], None, threshold)

    def _says(self, net: str, place: list[int], side: Any, threshold: Any) -> Tree:
        comparison, number = (
            ("", 0.0) if threshold is None else (str(threshold.children[0]), float(threshold.children[1]))
        )
        asked = None if side is None else self._side(side)
        return self._atom(Says(net, place[0] if place else 0, asked, comparison, number))

    def _call(self, tree: Any) -> Tree:
        function, *arguments = tree.children
        if str(function) not in self.schema.functions:
            said = nearest(str(function), self.schema.functions, "function")
            self.names.problem(
                function, f"{said}. Functions are given by a Python file on the command line: --functions"
            )
        given = tuple(text_of(a) if str(a).startswith('"') else float(a) for a in arguments if a is not None)
        return self._atom(Call(str(function), given))

    def _atom(self, evidence: Evidence) -> Tree:
        return ["atom", self._number(evidence)]

    def _number(self, evidence: Evidence) -> int:
        """The number of a kind of evidence; the same asked twice is looked up once."""
        if evidence not in self.evidence:
            self.evidence.append(evidence)
        return self.evidence.index(evidence)
