"""Context of a map by hand, early and late fusion, pyramids, and bilinear up-sampling that learns."""

import pytest
import torch
from context_nets import images
from torch.nn import functional as F

from leveret.context import BilinearUpsample, ContextClassifier, GlobalContext, PyramidPooling
from leveret.errors import LeveretUsageError


def test_without_norm_the_mean_stands_beside_each_place():
    x = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [4.0, 0.0]]]])
    y = GlobalContext(2, normalize=False)(x)
    assert torch.equal(y[:, :2], x)
    assert torch.equal(y[0, 2], torch.full((2, 2), 3.0))
    assert torch.equal(y[0, 3], torch.full((2, 2), 1.0))


def test_with_norms_both_halves_have_the_scales_length():
    context = GlobalContext(4, scale=20)
    with torch.no_grad():
        context.context_norm.weight.mul_(0.5)
    y = context(images(channels=4) * torch.tensor([1e-3, 1.0, 30.0, 5.0]).view(-1, 1, 1))
    torch.testing.assert_close(y[:, :4].norm(dim=1), torch.full((2, 16, 24), 20.0))
    torch.testing.assert_close(y[:, 4:].norm(dim=1), torch.full((2, 16, 24), 10.0))
    assert (y[:, 4:] == y[:, 4:, :1, :1]).all()


def test_projected_it_stands_in_any_stack():
    context = GlobalContext(4, 6)
    assert context.out_channels == 6
    assert context(images(channels=4)).shape == (2, 6, 16, 24)
    assert GlobalContext(4).out_channels == 8


@pytest.mark.parametrize("normalize", [True, False])
def test_early_and_late_fusion_can_say_the_same(normalize):
    x = images(channels=5)
    early = ContextClassifier(5, 3, fusion="early", normalize=normalize)
    late = ContextClassifier(5, 3, fusion="late", normalize=normalize)
    with torch.no_grad():
        weight = early.classifier.weight
        late.classifier.weight.copy_(weight[:, :5])
        late.context_classifier.weight.copy_(weight[:, 5:])
        late.classifier.bias.copy_(early.classifier.bias)
        late.context_classifier.bias.zero_()
    torch.testing.assert_close(early(x), late(x))


def test_gradients_reach_places_through_the_context():
    classifier = ContextClassifier(3, 2, normalize=True)
    x = images(channels=3).requires_grad_()
    classifier(x)[0, :, 0, 0].sum().backward()
    assert x.grad[0].abs().min() > 0  # every place has a say in the first place's classes
    assert not x.grad[1].any()


def test_a_pyramid_by_hand():
    pyramid = PyramidPooling(2, (1, 2), level_channels=1, batch_norm=False)
    assert pyramid.out_channels == 4
    with torch.no_grad():
        for level in pyramid.levels:
            level[1].weight.copy_(torch.tensor([1.0, 0.0]).view(1, 2, 1, 1))
            level[1].bias.zero_()
    x = images(channels=2, height=4, width=6).abs()
    y = pyramid(x)
    assert torch.equal(y[:, :2], x)
    torch.testing.assert_close(y[:, 2], x[:, 0].mean((1, 2), keepdim=True).expand(2, 4, 6))
    quarters = x[:, :1].unflatten(2, (2, 2)).unflatten(4, (2, 3)).mean((3, 5))
    torch.testing.assert_close(y[:, 3:], F.interpolate(quarters, size=(4, 6), mode="bilinear"))


def test_a_pyramid_takes_maps_smaller_than_its_levels():
    assert PyramidPooling(8)(images(channels=8, height=2, width=3)).shape == (2, 16, 2, 3)


def test_a_pyramid_says_what_a_batch_of_one_lacks():
    pyramid = PyramidPooling(8)
    x = images(1, channels=8)
    with pytest.raises(LeveretUsageError, match="at least two images a batch"):
        pyramid(x)
    pyramid.eval()(x)
    PyramidPooling(8, batch_norm=False)(x)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5, 8])
def test_upsampling_begins_as_interpolation_and_learns(factor):
    up = BilinearUpsample(3, factor)
    x = images(channels=3, height=5, width=1)
    torch.testing.assert_close(up(x), F.interpolate(x, scale_factor=factor, mode="bilinear"))
    assert all(parameter.requires_grad for parameter in up.parameters())
    assert len(list(up.parameters())) == (factor > 1)


def test_refused_arguments():
    x = torch.zeros(1, 4, 2, 2)
    for make, match in [
        (lambda: GlobalContext(0), "channels must be"),
        (lambda: GlobalContext(3)(x), r"must be \(batch, 3, height, width\), got \(1, 4, 2, 2\)"),
        (lambda: ContextClassifier(3, 2, fusion="middle"), "'early' or 'late', got 'middle'"),
        (lambda: ContextClassifier(3, 2, dropout=1), "dropout"),
        (lambda: ContextClassifier(3, 2, fusion="late")(x), r"\(batch, 3, height, width\)"),
        (lambda: PyramidPooling(4, ()), "at least one level"),
        (lambda: PyramidPooling(4, (1, 0)), r"bins\[1\]"),
        (lambda: PyramidPooling(3)(x), r"\(batch, 3, height, width\)"),
        (lambda: BilinearUpsample(4, 65), "at most 64"),
    ]:
        with pytest.raises(LeveretUsageError, match=match):
            make()
