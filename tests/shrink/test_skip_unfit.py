"""Layers that a transform doesn't fit: named by default, left as they are if asked."""

import warnings

import pytest
import torch
from torch import nn

import leveret
from leveret import LeveretUsageError, LeveretWarning


def net(odd=None):
    """Stem, an odd layer in the middle, another one, classifier."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        odd if odd is not None else nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 36, 3),
    )


IMAGES = torch.randn(8, 2, 6, 6, generator=torch.Generator().manual_seed(0))
UNEVEN = nn.Conv2d(4, 4, 2, padding="same")
REFLECT = nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect")


def zeros_after():
    """A layer whose successor sees only zeros."""
    layer = nn.Conv2d(4, 4, 3, padding=1)
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.bias, -1.0)
    return layer


CASES = {
    "binarize": (lambda n, **o: leveret.binarize(n, **o), REFLECT, "1", "pads with 'reflect'"),
    "prune": (lambda n, **o: leveret.prune(n, pattern=(2, 4), **o), None, "0", "2 inputs a weight"),
    "share": (lambda n, **o: leveret.share(n, 2, length=4, **o), None, "0", "rows of 18 weights"),
    "quantize": (lambda n, **o: leveret.quantize(n, [IMAGES], **o), UNEVEN, "1", "pads unevenly"),
    "quantize zeros": (lambda n, **o: leveret.quantize(n, [IMAGES], **o), zeros_after(), "3", "only zeros"),
    "quantize_training": (lambda n, **o: leveret.quantize_training(n, [IMAGES], **o), UNEVEN, "1", "unevenly"),
    "low-bit zeros": (lambda n, **o: leveret.quantize_training(n, [IMAGES], **o), zeros_after(), "3", "only zeros"),
    "ternarize": (lambda n, **o: leveret.ternarize(n, [IMAGES], **o), UNEVEN, "1", "pads unevenly"),
    "factorize": (lambda n, **o: leveret.factorize(n, "spatial", **o), REFLECT, "1", "pads with 'reflect'"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_unfit_layer_is_named_or_left_as_it_is(case):
    transform, odd, name, why = CASES[case]
    given = net(odd)
    with pytest.raises(LeveretUsageError, match=rf"layer '{name}' .*{why}"):
        transform(given)
    with pytest.warns(LeveretWarning, match=rf"left as it is: layer '{name}' .*{why}"):
        result = transform(given, skip_unfit=True)
    left = result.get_submodule(name)
    assert type(left) is type(given.get_submodule(name))
    assert torch.equal(left.weight, given.get_submodule(name).weight)
    # another layer was converted
    changed = result.get_submodule("3" if name != "3" else "1" if case.startswith("low") else "0")
    assert type(changed) is not nn.Conv2d
    assert result(IMAGES).shape == (8, 3)


def test_a_shared_weight_is_unfit_too():
    given = net(nn.Conv2d(4, 4, 3, padding=1))
    given[1].weight = given[3].weight
    given.append(nn.Linear(3, 3))
    for transform in (leveret.hash_weights, leveret.binarize):
        with pytest.raises(LeveretUsageError, match=r"layer '1' shares its weight \(1, 3\)"):
            transform(given)
        with pytest.warns(LeveretWarning, match=r"left as they are: layer '1' shares .*; layer '3' shares"):
            result = transform(given, skip_unfit=True)
        assert type(result[1]) is nn.Conv2d
        assert result[1].weight is result[3].weight


def test_nothing_that_fits_is_an_error_even_so():
    given = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3, padding_mode="circular", padding=1), nn.Conv2d(4, 3, 3)
    )
    with pytest.raises(LeveretUsageError, match="no layer is left: layer '1' pads"):
        leveret.binarize(given, skip_unfit=True)


def test_what_fits_says_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        leveret.binarize(net(nn.Conv2d(4, 4, 3)), skip_unfit=True)


TRANSFORMS = {
    "binarize": leveret.binarize,
    "prune": lambda n: leveret.prune(n, 0.5),
    "share": leveret.share,
    "hash_weights": leveret.hash_weights,
    "quantize_training": lambda n: leveret.quantize_training(n, [IMAGES]),
    "quantize": lambda n: leveret.quantize(n, [IMAGES]),
    "factorize": leveret.factorize,
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_net_without_a_layer_to_convert_is_named(name):
    with pytest.raises(LeveretUsageError, match=r"Sequential has no .*Linear layer"):
        TRANSFORMS[name](nn.Sequential(nn.ReLU(), nn.Flatten()))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: leveret.prune(n, 1.0), r"sparsity must be in \[0, 1\), got 1.0"),
        (lambda n: leveret.prune(n, float("nan")), "sparsity must be in"),
        (lambda n: leveret.share(n, 0), "bits must be a whole number from 1 to 12"),
        (lambda n: leveret.quantize_training(n, [IMAGES], 9, 4), "weight_bits must be a whole number from 1 to 8"),
        (lambda n: leveret.ternarize(n, [IMAGES], 0), "activation_bits must be a whole number from 1 to 8"),
        (lambda n: leveret.hash_weights(n, 0.5), "ratio must be a number of at least 1"),
        (lambda n: leveret.factorize(n, ratio=float("inf")), "ratio must be a number of at least 1"),
        (lambda n: leveret.prune_channels(n, IMAGES, 1.0), "ratio must be above 0 and below 1"),
    ],
)
def test_what_is_out_of_range_is_named(call, message):
    with pytest.raises(LeveretUsageError, match=message):
        call(net())
