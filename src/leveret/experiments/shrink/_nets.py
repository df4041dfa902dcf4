"""The nets of the papers: LeNet-300-100, Caffe's LeNet-5, and small perceptrons."""

from __future__ import annotations

import itertools

import torch
from torch import nn

__all__ = ["lenet5", "lenet300", "normed_perceptron", "perceptron"]


def perceptron(*sides: int, seed: int = 0) -> nn.Sequential:
    """Images flattened, linear layers of these sides, ReLU between them."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Flatten()]
    for into, out in itertools.pairwise(sides):
        layers += [nn.Linear(into, out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def normed_perceptron(*sides: int, seed: int = 0) -> nn.Sequential:
    """As `perceptron`, with BatchNorm behind every layer but the last, as nets of signs need it."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Flatten()]
    for into, out in itertools.pairwise(sides[:-1]):
        layers += [nn.Linear(into, out), nn.BatchNorm1d(out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sides[-2], sides[-1]))


def lenet300(seed: int = 0) -> nn.Sequential:
    """784-300-100-10: 266,610 weights and biases."""
    return perceptron(784, 300, 100, 10, seed=seed)


def lenet5(seed: int = 0) -> nn.Sequential:
    """LeNet-5 as Caffe has it, for images of 28x28: 431,080 weights and biases."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 20, 5),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(800, 500),
        nn.ReLU(),
        nn.Linear(500, 10),
    )
