"""Objectives that change over the training are told the epoch, in a resumed run too."""

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from leveret.nets import ConvNet
from leveret.training import CrossEntropy, fit


class Telling(CrossEntropy):
    def __init__(self):
        super().__init__()
        self.told = []

    def set_epoch(self, epoch, epochs):
        self.told.append((epoch, epochs))

    def __call__(self, net, batch):
        self.told.append("batch")
        return super().__call__(net, batch)


class Killed(pl.Callback):
    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == 1:
            raise RuntimeError("killed")


def net():
    torch.manual_seed(0)
    return ConvNet(1, 10, depth=1, width=4)


def test_before_each_epochs_first_batch(few_digits, tmp_path):
    settings = {"epochs": 3, "batch_size": 200, "progress": False}
    objective = Telling()
    fit(net(), few_digits, objective=objective, **settings)
    assert objective.told == [(0, 3), "batch", (1, 3), "batch", (2, 3), "batch"]
    with pytest.raises(RuntimeError, match="killed"):
        fit(net(), few_digits, objective=Telling(), out=tmp_path, trainer_args={"callbacks": [Killed()]}, **settings)
    resumed = Telling()
    fit(net(), few_digits, objective=resumed, out=tmp_path, **settings)
    assert resumed.told == [(1, 3), "batch", (2, 3), "batch"]


def test_one_that_needs_no_epoch_is_called_as_it_is(few_digits):
    class Plain(nn.Module):
        def forward(self, net, batch):
            return CrossEntropy()(net, batch)

    assert len(fit(net(), few_digits, objective=Plain(), epochs=1, progress=False).history) == 1
