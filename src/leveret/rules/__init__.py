"""Rules: teach a network what an expert knows, by soft logic, a teacher that heeds the rules, and its student.

The idea in four steps, each a module of its own:

1. an expert writes rules in a file (`rules.lark`, `read_rules`), or composes formulas in Python (`Formula`);
2. evidence of each example, its words, columns, another net's opinion, makes them truths of each class (`RuleSet`);
3. the teacher q is the net's p moved as little as the rules allow, in closed form or by dynamic programming;
4. the net learns from labels and teacher, more and more from the teacher (`RuleDistillation`).

Source: Hu, Ma, Liu, Hovy & Xing, "Harnessing deep neural networks with logic rules", ACL 2016.
"""

from leveret import _with_torch as _with_torch
from leveret.rules._check import Checked, check
from leveret.rules._contradictions import Contradiction, contradictions
from leveret.rules._counts import RuleCount
from leveret.rules._errors import Place, Problem, RuleError
from leveret.rules._formula import Atom, Formula, average, exclusive, exists, for_all, label
from leveret.rules._functions import load_functions
from leveret.rules._objective import RuleDistillation
from leveret.rules._posterior import Posterior, posterior
from leveret.rules._ruleset import RuleSet, facts_of, read_rules
from leveret.rules._schema import Schema
from leveret.rules._sequences import SequenceRuleDistillation, tag_by_rules
from leveret.runtime.rules import Facts, RuleProgram

__all__ = [
    "Atom",
    "Checked",
    "Contradiction",
    "Facts",
    "Formula",
    "Place",
    "Posterior",
    "Problem",
    "RuleCount",
    "RuleDistillation",
    "RuleError",
    "RuleProgram",
    "RuleSet",
    "Schema",
    "SequenceRuleDistillation",
    "average",
    "check",
    "contradictions",
    "exclusive",
    "exists",
    "facts_of",
    "for_all",
    "label",
    "load_functions",
    "posterior",
    "read_rules",
    "tag_by_rules",
]
