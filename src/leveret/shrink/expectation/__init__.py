"""Binary nets that learn without gradient descent: by what is believed of each weight."""

from leveret.shrink.expectation._learner import ExpectationBackpropagation

__all__ = ["ExpectationBackpropagation"]
