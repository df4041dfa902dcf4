"""Rules that run without torch: evidence of examples, truths of classes, and the teacher q that follows from them.

What `leveret.rules` compiles a rule file to stands here, so that a packed model can carry its rules and heed them.
"""

from leveret.runtime.rules._chain_posterior import chain_best, chain_posterior
from leveret.runtime.rules._facts import Facts
from leveret.runtime.rules._heeded import heeded
from leveret.runtime.rules._heeded_tags import heeded_tags
from leveret.runtime.rules._logic import LOGICS
from leveret.runtime.rules._posterior import log_posterior
from leveret.runtime.rules._program import Rule, RuleProgram
from leveret.runtime.rules._stored import program_of, stored

__all__ = [
    "LOGICS",
    "Facts",
    "Rule",
    "RuleProgram",
    "chain_best",
    "chain_posterior",
    "heeded",
    "heeded_tags",
    "log_posterior",
    "program_of",
    "stored",
]
