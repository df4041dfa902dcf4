"""Several nets as one: their average, and how it packs and trains."""

import numpy as np
import pytest
import torch

import leveret
from leveret.errors import LeveretUsageError
from leveret.nets import ConvNet, Ensemble
from leveret.shrink.binary import BiRealBlock


def members(k=3):
    torch.manual_seed(0)
    made = [ConvNet(1, 5, depth=3, width=64, stages=2, block=BiRealBlock) for _ in range(k)]
    x = torch.randn(40, 1, 8, 8)
    for net in made:
        net(x)  # statistics of their own for the norms
    return made


def test_it_says_what_its_members_say_on_average_and_packs_as_one(tmp_path):
    nets = members()
    ensemble = Ensemble(nets).eval()
    x = torch.randn(6, 1, 8, 8)
    with torch.no_grad():
        expected = torch.stack([net(x) for net in nets]).mean(0)
        torch.testing.assert_close(ensemble(x), expected)
    packed = leveret.pack(ensemble, x)
    packed.save(tmp_path / "ensemble.lvr")
    found = leveret.runtime.load(tmp_path / "ensemble.lvr")(x.numpy())
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-4)
    assert sum(step.op.startswith("bit_conv2d") for step in packed.graph.steps) == 6


def test_it_trains(few_digits):
    torch.manual_seed(0)
    ensemble = Ensemble([ConvNet(1, 10, depth=2, width=8, stages=1) for _ in range(2)])
    result = leveret.fit(ensemble, few_digits, epochs=3, lr=0.01, progress=False)
    assert result.history[-1]["train_loss"] < result.history[0]["train_loss"]


def test_errors():
    with pytest.raises(LeveretUsageError, match="at least one net"):
        Ensemble([])
