"""The questions that the reviews leave open, each answered by what was recorded, in a sentence or two.

Words follow from the figures, so that an answer changes with them. Where a part wasn't run there is no answer.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from leveret.experiments._index._answers import (
    closer_look,
    ensembles,
    few_labels,
    five_methods,
    growing,
    lifetime,
    links,
    mining,
    norms,
    observer,
    projection,
)

__all__ = ["QUESTIONS", "Question"]


@dataclass(frozen=True)
class Question:
    """A question.

    Attributes:
        text: of it.
        experiment: that answers.
        told: the answer, from the content of the experiment's JSON file; raises KeyError where that has too little.
    """

    text: str
    experiment: str
    told: Callable[[Mapping[str, Any]], str]

    @property
    def command(self) -> str:
        """What measures it."""
        return f"leveret reproduce {self.experiment}"

    def answer(self, values: Mapping[str, Any]) -> str | None:
        """In words; None where too little was recorded."""
        try:
            return self.told(values)
        except (KeyError, StopIteration, statistics.StatisticsError):
            return None


QUESTIONS = (
    Question("Does a closer look pay on cluttered, on larger and on real images?", "dynamic-capacity", closer_look),
    Question("Can links within a layer let a shallow net build abstractions?", "deep-vs-shallow", links),
    Question("Does batch norm from the start make ParseNet's norm and scale needless?", "parsenet", norms),
    Question(
        "How much of a rule's gain is projection at test, and does the net learn from it beyond the seeds' spread?",
        "logic-rules",
        projection,
    ),
    Question("Does the gain of rules grow with few labels, and does unlabelled text help?", "logic-rules", few_labels),
    Question("An ensemble of binary nets, or one real net of equal size?", "shrink", ensembles),
    Question("Can a net take up new classes for less than training anew costs?", "incremental", growing),
    Question("Which of the review's five ways with rare classes help?", "imbalance", five_methods),
    Question("Does mining the hardest samples over-fit?", "imbalance", mining),
    Question("Can a machine be the observer of a Turing test?", "judge", observer),
    Question("How many images does a life hold, beside the brain's neurons?", "budget", lifetime),
)
