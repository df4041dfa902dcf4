"""The judge: a Turing test whose observer is a machine. Can it tell A from B?

    from leveret.judge import judge

    verdict = judge(yesterday, today)  # images, texts, rows of numbers
    print(verdict.in_words)

One half of both is learned from, the other asked about. An observer that is right more often than guessing has found a
difference, and the samples that it was surest of show which. See docs/judge.md.

Importing this room is cheap; scipy, scikit-learn and torch load when something is judged.
"""

from leveret.judge._binomial import binomial_p, clopper_pearson, detectable_accuracy, power, samples_needed
from leveret.judge._differences import Difference, differences
from leveret.judge._giveaways import Giveaway
from leveret.judge._judge import judge, judge_pair, observer_for
from leveret.judge._looks import Look, Looks
from leveret.judge._measures import WordDifference, image_measures, text_measures, word_differences
from leveret.judge._mmd import MMD, mmd_test
from leveret.judge._observers import Logistic, Neighbours, Observer
from leveret.judge._pair import Pair, pair_of
from leveret.judge._permutation import permutation_p, permuted_sides
from leveret.judge._trained import Trained
from leveret.judge._verdict import TESTS, Verdict

__all__ = [
    "MMD",
    "TESTS",
    "Difference",
    "Giveaway",
    "Logistic",
    "Look",
    "Looks",
    "Neighbours",
    "Observer",
    "Pair",
    "Trained",
    "Verdict",
    "WordDifference",
    "binomial_p",
    "clopper_pearson",
    "detectable_accuracy",
    "differences",
    "image_measures",
    "judge",
    "judge_pair",
    "mmd_test",
    "observer_for",
    "pair_of",
    "permutation_p",
    "permuted_sides",
    "power",
    "samples_needed",
    "text_measures",
    "word_differences",
]
