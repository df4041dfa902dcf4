"""`ExpectationBackpropagation`: a learner of binary nets in scikit-learn's manner."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from leveret.errors import LeveretUsageError
from leveret.shrink.binary import BinaryWeightLinear, XnorLinear
from leveret.shrink.expectation._passes import Floats, backward, evidence, forward, mean_signs

__all__ = ["ExpectationBackpropagation"]


class ExpectationBackpropagation(ClassifierMixin, BaseEstimator):
    """A fully connected net of weights and activations ±1, learned by Bayes' rule in place of gradient descent.

    For each weight a single number h is kept, with which it is +1 with the probability `1 / (1 + exp(−2h))`. Each
    sample passes forward as means and variances; then what its label says of each sum passes back, and moves h by how
    much likelier it makes +1 than −1. There is no learning rate.

    Source: Soudry, Hubara & Meir, "Expectation Backpropagation", NIPS 2014, the algorithm for binary weights. An input
    that is always 1 gives each neuron its threshold. The paper takes one sample at a time.

    Args:
        hidden: neurons of each hidden layer.
        epochs: passes over the samples.
        batch_size: samples whose evidence is added up before h moves; more is faster and further from Bayes' rule.
        spread: deviation of h at the start, about 0, so that neurons of a layer differ.
        seed: of the start and of the order.
        progress: show a bar, with the time left, on a terminal.

    Attributes:
        classes_: labels, sorted.
        n_features_in_: inputs.
        beliefs_: h of each layer, `(out, in + 1)` float64, the last column that of the input which is always 1.
        means_, scales_: `(in,)`: subtracted from the inputs, and what they are divided by.

    Raises:
        LeveretUsageError: when fitted, an argument out of range, or a single class.

    Example:
        >>> learner = ExpectationBackpropagation(hidden=(100,)).fit(x_train, y_train)
        >>> learner.score(x_test, y_test)   # the mean of all binary nets, by what is believed of them
        >>> net = learner.to_net()          # the likeliest one: a torch.nn.Module of signs, to be packed
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (100,),
        *,
        epochs: int = 10,
        batch_size: int = 1,
        spread: float = 0.1,
        seed: int = 0,
        progress: bool = False,
    ) -> None:
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.spread = spread
        self.seed = seed
        self.progress = progress

    def fit(self, X: Any, y: Any) -> ExpectationBackpropagation:
        """Learn from `X` `(n, features)` real and `y` `(n,)` labels."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        self._check()
        self.classes_, places = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise LeveretUsageError(f"y must hold at least two classes, got {len(self.classes_)}")
        self.means_ = X.mean(0)
        scales = X.std(0)
        self.scales_ = np.where(scales > 0, scales, 1.0)
        inputs = self._standard(X)
        targets = np.where(places[:, None] == np.arange(len(self.classes_)), 1.0, -1.0)
        generator = np.random.default_rng(self.seed)
        sides = (X.shape[1], *self.hidden, len(self.classes_))
        self.beliefs_ = [
            self.spread * generator.normal(size=(out, into + 1)) for into, out in itertools.pairwise(sides)
        ]
        for _ in self._epochs():
            order = generator.permutation(len(X))
            for start in range(0, len(X), self.batch_size):
                taken = order[start : start + self.batch_size]
                self._learn(inputs[taken], targets[taken])
        return self

    def decision_function(self, X: Any) -> Floats:
        """How sure each class is, `(n, classes)`: μ/σ of its sum, over all nets by what is believed of them."""
        check_is_fitted(self)
        values = self._standard(validate_data(self, X, dtype=np.float64, reset=False))
        for number, beliefs in enumerate(self.beliefs_):
            sums = forward(_with_one(values), np.tanh(beliefs), signs=number > 0)
            values = mean_signs(sums)
        return sums.mean / sums.deviation

    def predict(self, X: Any) -> NDArray[Any]:
        """The surest class of each sample, `(n,)`."""
        return self.classes_[self.decision_function(X).argmax(1)]

    def to_net(self) -> Any:
        """The likeliest net, every weight its likelier sign: a `torch.nn.Module` in eval mode.

        It takes `(n, features)` float32 as `X` holds them, or images that flatten to them. Its first layer weighs
        standardised real inputs by binary weights, the others signs by signs. `leveret.pack` takes it.
        """
        check_is_fitted(self)
        layers: list[nn.Module] = [nn.Flatten(), _standardiser(self.means_, self.scales_)]
        for number, beliefs in enumerate(self.beliefs_):
            kind = XnorLinear if number else BinaryWeightLinear
            layer = kind(beliefs.shape[1] - 1, len(beliefs), bias=True, weight_scale=False)
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(beliefs[:, :-1]))
                layer.bias.copy_(torch.from_numpy(np.where(beliefs[:, -1] >= 0, 1.0, -1.0)))
            layers.append(layer)
        return nn.Sequential(*layers).eval()

    def _learn(self, inputs: Floats, targets: Floats) -> None:
        means = [np.tanh(beliefs) for beliefs in self.beliefs_]
        entered, found = [], []
        values = inputs
        for number, own in enumerate(means):
            entered.append(_with_one(values))
            found.append(forward(entered[-1], own, signs=number > 0))
            values = mean_signs(found[-1])
        said = evidence(found[-1], targets)
        for number in reversed(range(len(means))):
            moved = said.T @ entered[number] / math.sqrt(entered[number].shape[1])
            if number:
                said = backward(said, means[number], found[number - 1])
            self.beliefs_[number] += moved

    def _standard(self, X: Floats) -> Floats:
        return (X - self.means_) / self.scales_

    def _epochs(self) -> Any:
        if not self.progress:
            return range(self.epochs)
        from rich.console import Console
        from rich.progress import track

        console = Console(stderr=True)
        return track(range(self.epochs), "learning", console=console) if console.is_terminal else range(self.epochs)

    def _check(self) -> None:
        if not all(isinstance(side, int | np.integer) and side >= 1 for side in self.hidden):
            raise LeveretUsageError(f"hidden must be numbers of at least 1 neuron, got {self.hidden!r}")
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise LeveretUsageError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not (math.isfinite(self.spread) and self.spread > 0):
            raise LeveretUsageError(f"spread must be above 0, got {self.spread}")


def _standardiser(means: Floats, scales: Floats) -> nn.Module:
    """`(x − mean) / scale` of each feature, as a BatchNorm that packs."""
    norm = nn.BatchNorm1d(len(means), eps=0.0, affine=False)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(torch.from_numpy(means))
    norm.running_var.copy_(torch.from_numpy(scales**2))
    return norm


def _with_one(values: Floats) -> Floats:
    return np.concatenate([values, np.ones((len(values), 1))], axis=1)
