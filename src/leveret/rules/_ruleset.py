"""`RuleSet`: rules for one data set, from a file that an expert wrote, or from formulas in Python."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.errors import LeveretUsageError
from leveret.rules._compile import Compiled, compile_rules
from leveret.rules._errors import Place
from leveret.rules._formula import Formula
from leveret.rules._functions import call_all, call_tokens, load_functions
from leveret.rules._schema import Schema, schema_of
from leveret.runtime.rules._evidence import Call, Says, Truth
from leveret.runtime.rules._facts import Facts
from leveret.runtime.rules._logic import logic_named
from leveret.runtime.rules._posterior import log_posterior
from leveret.runtime.rules._program import Rule, RuleProgram
from leveret.runtime.rules._tree import Tree

__all__ = ["RuleSet", "facts_of", "read_rules"]

STRENGTH = 6.0  # C of Hu et al., section 4.1


class RuleSet:
    """Rules, ready to be asked of examples.

    Attributes:
        program: what they come to.
        name, text: of the file; "" of rules that were made in Python.
        places: where each rule stands in the file.
        groups: names of the groups of classes.
        words: the words that they ask for, with the place of each.
        functions: the user's own that they call.
        nets: the packed models that they ask.
    """

    def __init__(
        self,
        compiled: Compiled,
        *,
        name: str = "",
        text: str = "",
        functions: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self.program = compiled.program
        self.places = compiled.places
        self.groups = compiled.groups
        self.words = compiled.words
        self.nets = compiled.nets
        self.name = name
        self.text = text
        self.functions = {key: (functions or {})[key] for key in compiled.program.functions}

    @classmethod
    def of(
        cls,
        rules: Mapping[str, Formula | tuple[Formula, float | None]],
        classes: Sequence[str],
        *,
        logic: str = "lukasiewicz",
        strength: float = STRENGTH,
    ) -> RuleSet:
        """Rules from formulas: their atoms are columns that hold truths in [0, 1], and `label(…)` speaks of classes.

        Args:
            rules: by name: a formula, or one with its weight, None for a hard rule.
            classes: names, in the order of the logits.
            logic, strength: as for `read_rules`.

        Raises:
            LeveretUsageError: an unknown class, no rule, or an argument out of range.

        Example:
            >>> RuleSet.of({"rain": (Atom("clouds") >> label("rain", "snow"), 2.0)}, ("rain", "snow", "sun"))
        """
        _check(logic, strength)
        evidence: list[Truth] = []
        made = []
        for title, given in rules.items():
            formula, weight = given if isinstance(given, tuple) else (given, 1.0)
            made.append(Rule(title, weight, _bound(formula.tree, list(classes), evidence)))
        if not made:
            raise LeveretUsageError("give at least one rule")
        program = RuleProgram(tuple(classes), tuple(evidence), tuple(made), logic, False, strength)
        return cls(Compiled(program, (Place(1, 1),) * len(made), (), {}, {}))

    @property
    def names(self) -> tuple[str, ...]:
        """The rules' names."""
        return tuple(rule.name for rule in self.program.rules)

    @property
    def digest(self) -> str:
        """Tells these rules from others, in a few letters."""
        return hashlib.sha256(repr((self.program, self.text)).encode()).hexdigest()[:12]

    def evidence(self, facts: Facts, pixels: Callable[[NDArray[np.int64]], Any] | None = None) -> NDArray[np.float32]:
        """All evidence but the taught net's own, `(n, evidence)` in [0, 1]; NaN where there is none.

        Args:
            facts: of n examples.
            pixels: gives images at some places, for rules that ask another net.

        Raises:
            LeveretDataError: a column or a function gives something else than asked; says which.
        """
        found = self.program.gathered(facts)
        for i, asked in enumerate(self.program.evidence):
            if isinstance(asked, Call):
                found[:, i] = call_all(asked, self.functions, facts)
            elif isinstance(asked, Says) and asked.net:
                found[:, i] = asked.heard(self._asked(asked, len(facts), pixels))
        return found

    def token_evidence(self, facts: Facts) -> list[NDArray[np.float32]]:
        """All evidence of sequences: of each `(length, evidence)` in [0, 1], NaN where there is none."""
        found = self.program.token_evidence(facts)
        for k, asked in enumerate(self.program.evidence):
            if isinstance(asked, Call):
                for i, own in enumerate(found):
                    own[:, k] = call_tokens(asked, self.functions, facts, i)
        return found

    def project(
        self, probabilities: ArrayLike, facts: Facts, *, own: Mapping[int, ArrayLike] | None = None
    ) -> NDArray[np.float64]:
        """q of any classifier's p: the nearest probabilities that heed the rules, `(n, classes)`.

        Args:
            probabilities: p, `(n, classes)`.
            facts: of the n examples.
            own: truths of the evidence that the net itself gives, `(n,)` by its number, see `program.own`; rules that
                ask it are silent without.

        Raises:
            LeveretUsageError: shapes that differ from the rules' classes and the facts.
        """
        p = np.asarray(probabilities, np.float64)
        if p.shape != (len(facts), len(self.program.classes)):
            raise LeveretUsageError(
                f"probabilities must be ({len(facts)} examples, {len(self.program.classes)} classes), got {p.shape}"
            )
        evidence = self.evidence(facts)
        for number, truths in (own or {}).items():
            evidence[:, number] = np.asarray(truths, np.float32)
        with np.errstate(divide="ignore"):
            return np.exp(log_posterior(np.log(p), *self.program.penalties(self.program.truths(evidence))))

    def with_weights(self, weights: Sequence[float]) -> RuleSet:
        """The same rules, the soft ones with these weights, one a rule; hard ones stay hard."""
        rules = tuple(
            rule if rule.weight is None else replace(rule, weight=float(weight), learned=False)
            for rule, weight in zip(self.program.rules, weights, strict=True)
        )
        compiled = Compiled(replace(self.program, rules=rules), self.places, self.groups, self.nets, self.words)
        return RuleSet(compiled, name=self.name, text=self.text, functions=self.functions)

    def _asked(self, asked: Says, size: int, pixels: Any) -> NDArray[np.float32]:
        if pixels is None:
            raise LeveretUsageError(f"a rule asks the net {asked.net!r}, for which images are needed")
        from scipy.special import softmax

        packed = self.nets[asked.net]
        parts = [
            softmax(packed(pixels(np.arange(i, min(i + 256, size)))).astype(np.float64), axis=1)[:, asked.place]
            for i in range(0, size, 256)
        ]
        return np.concatenate(parts).astype(np.float32) if parts else np.empty(0, np.float32)

    def __repr__(self) -> str:
        hard = int(self.program.hard.sum())
        return f"RuleSet({len(self.names)} rules, {hard} of them hard, {self.program.logic}, {self.digest})"


def read_rules(
    path: str | Path,
    data: Any,
    *,
    functions: str | Path | Mapping[str, Callable[..., Any]] | None = None,
    logic: str = "lukasiewicz",
    strength: float = STRENGTH,
) -> RuleSet:
    """Read a rule file for some data; see docs/rules.md for the language.

    Args:
        path: of the file.
        data: from `leveret.load`, or a `Schema`: what the rules may speak of.
        functions: a Python file whose functions the rules may call by name, or functions by name.
        logic: "lukasiewicz", "product" or "godel".
        strength: C, how much all soft rules weigh, above 0; 6 as in Hu et al. (2016, section 4.1).

    Raises:
        RuleError: the file says what has no meaning, or speaks of what the data lacks; lists all such places.
        LeveretUsageError: it can't be read, or an argument is out of range.
    """
    _check(logic, strength)
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise LeveretUsageError(f"{file} could not be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise LeveretUsageError(f"{file} is no text in UTF-8: {error.reason} at byte {error.start}") from error
    known = load_functions(functions) if isinstance(functions, str | Path) else dict(functions or {})
    schema = data if isinstance(data, Schema) else schema_of(data)
    schema = replace(schema, functions={**schema.functions, **known}, folder=file.parent)
    compiled = compile_rules(text, file.name, schema, logic=logic, strength=strength)
    return RuleSet(compiled, name=file.name, text=text, functions=schema.functions)


def facts_of(data: Any, part: str = "train") -> Facts:
    """What the rules may ask of a part of the data."""
    split = getattr(data, part)
    columns = dict(getattr(split, "columns", {}))
    if data.kind == "table" and len(split):
        rows = split.fetch(np.arange(len(split)))
        columns |= {name: rows[:, i] for i, name in enumerate(data.features)}
    said = split.fetch(np.arange(len(split))) if data.kind in ("text", "tag") else None
    texts, tokens = (said, None) if data.kind == "text" else (None, said)
    return Facts(len(split), texts, tokens, columns)


def _check(logic: str, strength: float) -> None:
    logic_named(logic)
    if not 0 < strength < float("inf"):
        raise LeveretUsageError(f"strength must be a finite number above 0, got {strength}")


def _bound(tree: Tree, classes: list[str], evidence: list[Truth]) -> Tree:
    """The same formula with numbers in the place of names."""
    operator, *rest = tree
    if operator == "atom":
        asked = Truth(rest[0])
        if asked not in evidence:
            evidence.append(asked)
        return ["atom", evidence.index(asked)]
    if operator == "label":
        if unknown := [name for name in rest[0] if name not in classes]:
            raise LeveretUsageError(f"there is no class {unknown[0]!r}; there are: {', '.join(classes)}")
        return ["label", sorted(classes.index(name) for name in rest[0])]
    if operator in ("forall", "exists"):
        raise LeveretUsageError("a rule of one label has no axis of groundings: give the quantified truth as a column")
    return [operator, *(_bound(part, classes, evidence) for part in rest)]
