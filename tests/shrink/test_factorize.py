"""Smaller layers in the place of large ones: exact where nothing is cut, the nearest of their kind elsewhere."""

import numpy as np
import pytest
import torch
from torch import nn

import leveret
from leveret.errors import LeveretUsageError
from leveret.shrink import factorize
from leveret.shrink.compact import Fire

METHODS = ("svd", "spatial", "pointwise", "two-pointwise", "separable", "fire")


def conv(*args, **options):
    torch.manual_seed(0)
    return nn.Conv2d(*args, **options)


def weights(module):
    return sum(p.numel() for name, p in module.named_parameters() if name.endswith("weight"))


def alone(layer, method, **options):
    return factorize(layer, method, layers=lambda *_: True, **options)


@pytest.mark.parametrize("method", ["svd", "spatial"])
@pytest.mark.parametrize(
    "layer",
    [
        conv(5, 7, 3, padding=1),
        conv(5, 7, (3, 5), stride=(2, 1), padding=(1, 2), bias=False),
        conv(7, 5, 3, padding="same", dilation=(2, 1)),
        conv(6, 4, 2, stride=2, padding="valid"),
    ],
    ids=str,
)
def test_nothing_is_lost_at_full_rank(layer, method):
    x = torch.randn(2, layer.in_channels, 9, 11)
    made = alone(layer, method, energy=1.0)
    assert isinstance(made, nn.Sequential)
    torch.testing.assert_close(made(x), layer(x), rtol=1e-4, atol=1e-5)


def test_a_linear_layer_is_cut_to_the_nearest_of_its_rank():
    torch.manual_seed(0)
    layer = nn.Linear(20, 12)
    made = alone(layer, "svd", rank=3)
    product = (made[1].weight @ made[0].weight).detach()
    values = np.linalg.svd(layer.weight.detach().numpy(), compute_uv=False)
    # Eckart and Young: no matrix of rank 3 is nearer than by the singular values that are left out
    assert float((product - layer.weight.detach()).norm()) == pytest.approx(np.sqrt((values[3:] ** 2).sum()), rel=1e-5)
    assert torch.equal(made[1].bias, layer.bias)


def test_a_separable_kernel_is_found_again():
    torch.manual_seed(0)
    layer = conv(4, 6, 3, padding=1, stride=2)
    kernels, mixes = torch.randn(1, 4, 3, 3), torch.randn(6, 4, 1, 1)
    layer.weight = nn.Parameter(kernels * mixes)
    x = torch.randn(2, 4, 8, 8)
    made = alone(layer, "separable")
    assert [part.groups for part in made] == [4, 1]
    torch.testing.assert_close(made(x), layer(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_1x1_convolution_gives_the_same_on_an_even_image(groups):
    layer = conv(4, 6, 3, padding=1, stride=2, groups=groups)
    x = torch.randn(1, 4, 1, 1).expand(1, 4, 8, 8)
    found, expected = alone(layer, "pointwise")(x), layer(x)
    assert found.shape == expected.shape
    torch.testing.assert_close(found[:, :, 1:, 1:], expected[:, :, 1:, 1:], rtol=1e-4, atol=1e-5)
    if groups == 1:
        two = alone(layer, "two-pointwise", rank=4)(x)
        torch.testing.assert_close(two[:, :, 1:, 1:], expected[:, :, 1:, 1:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["svd", "spatial", "two-pointwise", "fire"])
@pytest.mark.parametrize("ratio", [2, 5.5])
def test_ratio_is_of_weights(method, ratio):
    layer = conv(32, 48, 3, padding=1)
    small = alone(layer, method, ratio=ratio)
    # two 1x1 convolutions of full rank have hardly a fifth of the weights
    assert layer.weight.numel() / max(2 * ratio, 6) < weights(small) <= layer.weight.numel() / ratio


def test_energy_is_of_squared_singular_values():
    layer = nn.Linear(4, 4, bias=False)
    layer.weight = nn.Parameter(torch.diag(torch.tensor([1.0, 3.0, 2.0, 0.5])))
    for energy, rank in ((0.6, 1), (0.64, 2), (0.92, 3), (1.0, 4)):  # of 14.25: 9, 13, 14, 14.25
        assert alone(layer, "svd", energy=energy)[0].out_features == rank
    nn.init.zeros_(layer.weight)
    assert alone(layer, "svd", energy=0.5)[0].out_features == 1


@pytest.mark.parametrize("method", METHODS)
def test_whole_nets_keep_their_shapes_and_pack(method):
    torch.manual_seed(0)
    net = leveret.ConvNet(1, 10, depth=4, widths=(8, 16)).eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    small = factorize(net, method)
    assert weights(small) < weights(net)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    x = torch.randn(3, 1, 8, 8)
    with torch.no_grad():
        np.testing.assert_allclose(leveret.pack(small, x)(x.numpy()), small(x).numpy(), atol=1e-4)


def test_a_cut_net_learns_on(few_digits):
    torch.manual_seed(0)
    small = factorize(leveret.ConvNet(1, 10, depth=3, widths=(8, 16)), "spatial", ratio=3)
    result = leveret.fit(small, few_digits, epochs=2, batch_size=50, progress=False)
    assert result.history[1]["train_loss"] < result.history[0]["train_loss"]


def test_the_chosen_layers_alone_and_in_place():
    net = nn.Sequential(conv(3, 8, 3), nn.ReLU(), conv(8, 8, 3), nn.Flatten(), nn.Linear(32, 4))
    assert factorize(net, "spatial", layers=["2"], inplace=True) is net
    assert [type(module) for module in net] == [nn.Conv2d, nn.ReLU, nn.Sequential, nn.Flatten, nn.Linear]
    assert net[2].training
    double = factorize(net.double().eval(), "svd", layers=["4"])
    assert double[4][0].weight.dtype == torch.float64
    assert not double[4].training


def test_a_fire_module():
    fire = Fire.from_conv(conv(6, 9, 5, stride=2, padding=2, bias=False), 3)
    assert fire(torch.randn(2, 6, 11, 11)).shape == (2, 9, 6, 6)
    assert (fire.expand.kernel_size, fire.expand_1x1.out_channels, fire.expand.bias) == ((5, 5), 5, None)
    with pytest.raises(LeveretUsageError, match="must be odd and padded by 1, got 0"):
        Fire(4, 8, 2, padding=0)
    with pytest.raises(LeveretUsageError, match="must be at least 1, outputs 2"):
        Fire(4, 1, 2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"method": "tucker"}, "method must be one of 'svd'"),
        ({"ratio": 0.5}, "ratio must be a number of at least 1, got 0.5"),
        ({"ratio": float("nan")}, "ratio must be"),
        ({"rank": 0}, "rank must be a whole number of at least 1"),
        ({"energy": 1.5}, "energy must be above 0"),
        ({"energy": 0.5, "rank": 2}, "not both"),
        ({"method": "separable", "rank": 2}, "'separable' has no rank"),
        ({"method": "fire", "energy": 0.5}, "give a rank"),
        ({"method": "spatial", "layers": ["4"]}, "layer '4' has no kernel larger than 1x1"),
        ({"layers": ["nine"]}, "no Conv2d or Linear layer is called 'nine'"),
        ({"layers": ["1"]}, "layer '1' has 2 groups"),
        ({"method": "pointwise", "layers": ["2"]}, "layer '2' isn't padded by half its kernel"),
        ({"method": "fire", "layers": ["2"]}, "layer '2' doesn't fit: a fire module's kernel 3 must be odd and padded"),
        ({"layers": ["3"]}, "layer '3' pads with 'circular'"),
    ],
)
def test_what_does_not_fit_is_named(options, says):
    layers = [
        nn.Conv2d(4, 4, 3, padding=1),
        nn.Conv2d(4, 4, 3, padding=1, groups=2),
        nn.Conv2d(4, 4, 3),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"),
        nn.Linear(4, 4),
    ]
    with pytest.raises(LeveretUsageError, match=says):
        factorize(nn.Sequential(*layers), **options)


def test_nets_that_can_not_be_cut():
    with pytest.raises(LeveretUsageError, match="nothing to make smaller"):
        factorize(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(4, 4)))
    with pytest.raises(LeveretUsageError, match="'spatial' is for kernels larger than 1x1"):
        factorize(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Linear(4, 4)), "spatial")
    broken = nn.Linear(4, 4)
    broken.weight.data[0, 0] = float("nan")
    with pytest.raises(LeveretUsageError, match="holds NaN"):
        alone(broken, "svd")
    tied = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    tied[1].weight = tied[0].weight
    with pytest.raises(LeveretUsageError, match="layer '0' shares its weight"):
        alone(tied, "svd")
