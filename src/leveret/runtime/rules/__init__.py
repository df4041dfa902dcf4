"""Rules that run without torch: evidence of examples, truths of classes, and the teacher q that follows from them.

What `leveret.rules` compiles a rule file to stands here, so that a packed model can carry its rules and heed them.
"""

from leveret.runtime.rules._facts import Facts
from leveret.runtime.rules._logic import LOGICS
from leveret.runtime.rules._posterior import log_posterior
from leveret.runtime.rules._program import Rule, RuleProgram

__all__ = ["LOGICS", "Facts", "Rule", "RuleProgram", "log_posterior"]
