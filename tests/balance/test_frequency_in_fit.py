"""`fit` with a FrequencySampler: what it trains on, and that a resumed run ends where an uninterrupted one does."""

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

import leveret
from leveret.balance import FrequencySampler
from leveret.training import fit


def net(seed=0):
    torch.manual_seed(seed)
    return leveret.ConvNet(1, 10, depth=3, width=8, stages=2, dropout=0.2)


def weights(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


class Noting:
    """Cross-entropy that notes what it is shown."""

    def __init__(self):
        self.seen = []
        self.loss = leveret.CrossEntropy()

    def __call__(self, model, batch):
        self.seen.append(batch.indices.numpy().copy())
        return self.loss(model, batch)


@pytest.mark.parametrize("workers", [0, 1])
def test_trains_on_the_samplers_order(few_digits, workers):
    sampler = FrequencySampler(few_digits.train.labels, num_samples=150, seed=4)
    noting = Noting()
    result = fit(
        net(), few_digits, objective=noting, sampler=sampler, epochs=2, batch_size=64, workers=workers, progress=False
    )
    expected = []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        expected += list(sampler)
    assert [len(indices) for indices in noting.seen] == [64, 64, 22] * 2
    assert np.concatenate(noting.seen).tolist() == expected
    assert result.samples_seen == 300


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(few_digits, tmp_path):
    def options():
        sampler = FrequencySampler(few_digits.train.labels, 0.5, seed=1)
        return {"sampler": sampler, "epochs": 4, "batch_size": 64, "progress": False, "keep_best": False}

    class Killed(pl.Callback):
        def on_train_batch_start(self, trainer, module, batch, index):
            if trainer.current_epoch == 2 and index == 1:
                raise MemoryError

    straight, first, resumed = net(), net(), net(seed=9)
    fit(straight, few_digits, **options())
    with pytest.raises(MemoryError):
        fit(first, few_digits, out=tmp_path, trainer_args={"callbacks": [Killed()]}, **options())
    result = fit(resumed, few_digits, out=tmp_path, **options())
    assert len(result.history) == 4
    assert torch.equal(weights(straight), weights(resumed))
