"""The layer that gives a net's logits, and the one that goes by directions alone."""

import numpy as np
import pytest
import torch
from torch import nn

from leveret.errors import LeveretUsageError
from leveret.nets import (
    MLP,
    BagOfWords,
    ConvNet,
    CosineLinear,
    Ensemble,
    ResNet,
    ShallowNet,
    entering,
    final_linear,
    replaced_final,
)


class Branching(nn.Module):
    """Can't be traced: what it does depends on values."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.body(x)) if x.sum() > 0 else self.head(x)


class Reordered(nn.Module):
    """Its last layer is made first."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 3)
        self.body = nn.Sequential(nn.Linear(5, 4), nn.ReLU())

    def forward(self, x):
        return self.head(self.body(x)).float()


@pytest.mark.parametrize(
    ("net", "name"),
    [
        (ConvNet(1, 3, depth=2, width=4), "classifier"),
        (ResNet(1, 3), "classifier"),
        (ShallowNet(1, 8, 3, params=20_000), None),
        (MLP(5, 3), "classifier"),
        (Reordered(), "head"),
        (nn.Sequential(Reordered(), nn.Dropout(), nn.Flatten()), "0.head"),
        (nn.Sequential(nn.Sequential(nn.Linear(5, 3), nn.Identity())), "0.0"),
        (nn.Linear(5, 3), ""),
        (nn.Sequential(CosineLinear(5, 3)), "0"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_is_found_for_sure(net, name):
    found, layer = final_linear(net, sure=True)
    assert name is None or found == name
    assert net.get_submodule(found) is layer
    assert layer.out_features == 3


def test_nets_that_cannot_be_traced_have_their_last_one():
    for net, name in ((Branching(), "head"), (BagOfWords(3), "classifier"), (nn.Sequential(Branching()), "0.head")):
        assert final_linear(net)[0] == name
        with pytest.raises(LeveretUsageError, match="can't be traced"):
            final_linear(net, sure=True)


def test_nets_that_end_otherwise():
    shared = nn.Linear(4, 4)

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 4)

        def forward(self, x):
            return self.head(self.head(x))

    for net, says in (
        (nn.Sequential(nn.Conv2d(1, 2, 3)), "it has none"),
        (nn.Sequential(nn.Linear(4, 3), nn.ReLU()), "layer '1', a ReLU has none"),
        (Ensemble([MLP(5, 3), MLP(5, 3)]), "last operation is truediv"),
        (Ensemble([BagOfWords(3), BagOfWords(3)]), "last operation is truediv"),
        (nn.Sequential(shared, nn.ReLU(), shared), "is called 2 times"),
        (
            nn.Sequential(Branching(), nn.Sequential(shared, nn.ReLU()), nn.Sequential(shared)),
            "2 times, as '1.0', '2.0'",
        ),
        (Twice(), "is called 2 times"),
    ):
        with pytest.raises(LeveretUsageError, match=says):
            final_linear(net)


def test_replaced_final_is_a_copy():
    net = ConvNet(1, 3, depth=2, width=4)
    made = replaced_final(net, nn.Identity())
    assert isinstance(net.classifier, nn.Linear)
    x = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(made.eval()(x), net.eval().features(x))
    assert isinstance(replaced_final(nn.Linear(3, 2), nn.Identity()), nn.Identity)


def test_what_enters_is_collected_within_the_block_alone():
    net, x = ConvNet(1, 3, depth=2, width=4).eval(), torch.randn(2, 1, 8, 8)
    with entering(net) as caught:
        net(x)
        net(x[:1])
    net(x)
    assert [tuple(rows.shape) for rows in caught.rows] == [(2, 4), (1, 4)]
    torch.testing.assert_close(caught.rows[0], net.features(x).detach())


def test_cosine_linear_follows_the_formula():
    layer = CosineLinear(4, 3, scale=7.0)
    x = torch.randn(5, 4, dtype=torch.float64)
    w = layer.weight.detach().double().numpy()
    expected = 7 * (x.numpy() @ w.T) / np.linalg.norm(x, axis=1)[:, None] / np.linalg.norm(w, axis=1)
    np.testing.assert_allclose(layer.double()(x).detach(), expected, rtol=1e-6)
    # only directions count
    torch.testing.assert_close(layer(9 * x), layer(x))
    assert (layer(torch.zeros(1, 4, dtype=torch.float64)) == 0).all()
    assert torch.autograd.gradcheck(layer, [x.clone().requires_grad_()])
    assert layer(torch.randn(2, 6, 4, dtype=torch.float64)).shape == (2, 6, 3)
    assert "scale=7" in repr(layer)


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf")])
def test_cosine_linear_needs_a_scale(scale):
    with pytest.raises(LeveretUsageError, match="scale must be a number above 0"):
        CosineLinear(4, 3, scale=scale)
    with pytest.raises(LeveretUsageError, match="out_features"):
        CosineLinear(4, 0)
