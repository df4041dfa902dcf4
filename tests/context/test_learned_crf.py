"""The CRF as layers: begins as the fixed one, its gradients, and that it learns weights and compatibility."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from context_nets import images, lively, small_backbone
from test_dense_crf import OPTIONS, brute_force
from test_lattice import picture
from torch.nn import functional as F

from leveret.context import DenseCRF, LearnedCRF, ParseNet, Refined
from leveret.errors import LeveretUsageError

LEARNED = {key: value for key, value in OPTIONS.items() if key != "iterations"}


def test_it_begins_as_the_fixed_one():
    image, logits = picture(6, 7)[None], torch.randn(1, 3, 6, 7)
    crf = LearnedCRF(3, iterations=(2, 5), **LEARNED)
    for training, iterations in ((True, 2), (False, 5)):
        expected = DenseCRF(**OPTIONS | {"iterations": iterations})(logits, image)
        torch.testing.assert_close(crf.train(training)(logits, image), expected)


def test_with_weights_and_compatibility_of_its_own_it_is_mean_field():
    image, logits = picture(4, 5), torch.randn(3, 4, 5, dtype=torch.float64)
    crf = LearnedCRF(3, iterations=(3, 3), **LEARNED).double()
    for parameter in crf.parameters():
        parameter.data.uniform_(-1, 1)
    expected = brute_force(
        logits,
        image,
        **LEARNED | {"appearance": crf.appearance.detach().numpy(), "smoothness": crf.smoothness.detach().numpy()},
        compatibility=crf.compatibility.detach().numpy(),
        iterations=3,
        normalize="symmetric",
        with_self=False,
    )
    torch.testing.assert_close(crf(logits[None], image[None])[0].exp(), expected)


@pytest.mark.parametrize("method", ["exact", "lattice"])
def test_gradients_by_differences(method):
    image = picture(3, 4)[None]
    logits = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    crf = LearnedCRF(2, iterations=(2, 2), method=method, **LEARNED).double()
    names = [name for name, _ in crf.named_parameters()]

    def of_all(logits, *parameters):
        return torch.func.functional_call(crf, dict(zip(names, parameters, strict=True)), (logits, image))

    assert names == ["appearance", "smoothness", "compatibility"]
    assert torch.autograd.gradcheck(of_all, (logits, *crf.parameters()))


def test_it_learns_that_two_classes_are_neighbours():
    """A chessboard: beside one class stands the other, the opposite of what Potts' model assumes."""
    true = (torch.arange(16).view(1, -1, 1) + torch.arange(12)) % 2
    image = torch.zeros(1, 3, 16, 12, dtype=torch.uint8)
    logits = torch.randn(1, 2, 16, 12) + 0.5 * F.one_hot(true, 2).movedim(-1, 1)
    crf = LearnedCRF(2, appearance=0.1, smoothness=1, smoothness_bandwidth=0.6, position_bandwidth=3)
    optimizer = torch.optim.Adam(crf.parameters(), lr=0.1)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = F.cross_entropy(crf(logits, image), true)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert (crf.appearance - 0.1).abs().min() > 0
    assert (crf.compatibility - 1 + torch.eye(2)).abs().max() > 0.1


@pytest.mark.parametrize("make", [lambda: LearnedCRF(4), DenseCRF])
def test_behind_a_net_it_is_one_net(make):
    normalization = SimpleNamespace(mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
    net = lively(ParseNet(small_backbone(), 4))
    refined = Refined(net, make(), normalization).eval()
    pixels = torch.stack([picture(16, 24, seed=s) for s in (0, 1)])
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (normalization.mean, normalization.std))
    x = (pixels / 255 - mean) / std
    torch.testing.assert_close(refined(x), refined.crf(net(x), pixels), rtol=1e-3, atol=1e-3)
    refined.train()
    F.cross_entropy(refined(x), torch.zeros(2, 16, 24, dtype=torch.int64)).backward()
    assert all(parameter.grad is not None for parameter in refined.parameters())
    assert refined.state_dict().keys() == {f"net.{k}" for k in net.state_dict()} | {
        f"crf.{k}" for k in refined.crf.state_dict()
    }


def test_without_normalisation_the_crf_sees_what_the_net_sees():
    net, x = lively(ParseNet(small_backbone(), 4)), images()
    crf = DenseCRF(color_bandwidth=0.5, iterations=2)
    torch.testing.assert_close(Refined(net, crf)(x), crf(net(x), x), rtol=1e-3, atol=1e-3)


def test_refusals():
    logits, image = torch.randn(1, 3, 4, 5), torch.zeros(1, 3, 4, 5)
    for call, match in [
        (lambda: LearnedCRF(2)(logits, image), "must have 2 classes, got 3"),
        (lambda: LearnedCRF(0), "num_classes"),
        (lambda: LearnedCRF(2, iterations=5), "two numbers"),
        (lambda: LearnedCRF(2, iterations=(5, 0)), r"iterations\[1\]"),
        (lambda: LearnedCRF(2, appearance=np.inf), "appearance"),
        (lambda: Refined(torch.nn.Identity(), torch.nn.Identity()), "got Identity"),
    ]:
        with pytest.raises(LeveretUsageError, match=match):
            call()
