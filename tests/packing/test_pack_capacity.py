"""Dynamic capacity nets, packed: logits, places and counts as in PyTorch, whatever the borders, amounts and sizes."""

import numpy as np
import pytest
import torch
from torch import nn

import leveret
from leveret import runtime
from leveret.capacity import (
    Budget,
    CoarseConfidence,
    DynamicCapacityNet,
    Edges,
    EntropyGradient,
    LocalVariance,
    RandomPlaces,
    UntilSure,
)
from leveret.errors import LeveretPackError, LeveretUsageError, LeveretWarning
from leveret.nets import ConvNet
from leveret.packing._gradient import DERIVATIVES
from leveret.shrink.binary import XnorBlock


def coarse_layers(channels):
    """Stride 4, fields of 7 pixels."""
    return nn.Sequential(nn.Conv2d(channels, 3, 3, 2), nn.ReLU(), nn.Conv2d(3, 6, 3, 2), nn.BatchNorm2d(6), nn.ReLU())


def padded(channels):
    """Stride 4, fields of 12 pixels, which begin 3 before the image."""
    return nn.Sequential(
        nn.Conv2d(channels, 5, 3, padding=1),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(5, 6, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, stride=2),
        nn.ReLU(),
    )


def plain(channels):
    """Stride 4, fields of 7 pixels, no padding."""
    return nn.Sequential(nn.Conv2d(channels, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 6, 3, 2), nn.ReLU())


def binary(channels):
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, 2, padding=1), nn.ReLU(), XnorBlock(8, 6, stride=2), nn.BatchNorm2d(6)
    )


def top_layers():
    return nn.Sequential(nn.Conv2d(6, 8, 2), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))


def made(fine=padded, k=3, channels=1, coarse=coarse_layers, **options):
    torch.manual_seed(0)
    net = DynamicCapacityNet(coarse(channels), fine(channels), top_layers(), k, **options)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.2, 1)
    return net.eval()


class Pixels:
    mean, std = (0.4,), (0.2,)


def batch(count, side, channels=1, seed=0):
    return torch.randn((count, channels, *side), generator=torch.Generator().manual_seed(seed))


def agrees(net, packed, images, *, all_of_it=True):
    """Compare what both saw, chose and concluded."""
    with torch.no_grad():
        look = net.look(images)
    found = packed.look(images.numpy())
    scale = float(look.saliency.abs().max())
    np.testing.assert_allclose(found.saliency, look.saliency, atol=1e-4 * scale)
    np.testing.assert_allclose(found.coarse_logits, look.coarse_logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found.counts, look.counts)
    for ours, theirs in zip((*found.chosen, *found.boxes), (*look.chosen, *look.boxes), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (found.patches, found.images) == (look.patches, look.images)
    if all_of_it:
        np.testing.assert_allclose(found.logits, look.logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(packed(images.numpy()), found.logits, rtol=1e-4, atol=1e-5)


AMOUNTS = (
    0,
    1,
    5,
    UntilSure(6, sure=2.25, step=2),
    Budget(patches=2.4),
    Budget(operations=30_000),
    Budget(patches=1e6),
)


@pytest.mark.parametrize(
    ("fine", "side", "options"),
    [
        (padded, (28, 28), {}),
        (padded, (27, 37), {"borders": "zeros"}),
        (padded, (27, 37), {"borders": "crop"}),
        (padded, (31, 29), {"borders": "crop", "patch_size": (13, 15), "channels": 3}),
        (plain, (33, 26), {"channels": 2}),
    ],
)
def test_as_in_pytorch(tmp_path, fine, side, options):
    net = made(fine, **options)
    channels = options.get("channels", 1)
    leveret.pack(net, batch(3, side, channels)).save(tmp_path / "net.lvr")
    packed = runtime.load(tmp_path / "net.lvr")
    for k in AMOUNTS:
        net.k = packed.k = k
        for count in (1, 7):
            agrees(net, packed, batch(count, side, channels, seed=count))


def test_odd_sizes_and_whole_images_where_windows_are_clamped(tmp_path):
    net = made(padded, k=12)
    for side in ((13, 41), (31, 15)):
        packed = leveret.pack(net, batch(2, side))
        places = packed.grid[0] * packed.grid[1]
        images = batch(2, side, seed=5)
        agrees(net, packed, images)
        sample, place = np.repeat(np.arange(2), places), np.tile(np.arange(places), 2)
        with torch.no_grad():
            everywhere = net.fine_features(images).flatten(2).transpose(1, 2).flatten(0, 1)
        for part in ("fine", "whole"):
            found = packed.vectors(images.numpy(), sample, place, part)
            np.testing.assert_allclose(found, everywhere, rtol=1e-4, atol=1e-5)


def test_pixels_are_normalised_and_go_on_in_zeros(tmp_path):
    """Crops reach past the image, and nothing there is the mean of pixels, not 0."""
    for options in ({"borders": "crop"}, {"borders": "zeros"}, {}):
        net = made(padded, k=6, **options)
        packed = leveret.pack(net, batch(2, (28, 28)), normalization=Pixels, classes=tuple("abcdefghij"))
        pixels = np.random.default_rng(0).integers(0, 256, (4, 1, 28, 28), dtype=np.uint8)
        images = torch.from_numpy(((pixels - 255 * 0.4) / (255 * 0.2)).astype(np.float32))
        with torch.no_grad():
            look = net.look(images)
        found = packed.look(pixels)
        assert [p.tolist() for p in found.chosen] == [p.tolist() for p in look.chosen]
        np.testing.assert_allclose(found.logits, look.logits, rtol=1e-4, atol=1e-5)
        sample, place = np.repeat(np.arange(4), 36), np.tile(np.arange(36), 4)
        with torch.no_grad():
            vectors, _ = net.patches.at(net.fine, images, torch.from_numpy(sample), torch.from_numpy(place))
        np.testing.assert_allclose(packed.vectors(pixels, sample, place), vectors, rtol=1e-4, atol=1e-5)
        assert packed.classes == tuple("abcdefghij")


def test_binary_fine_and_coarse_layers():
    net = made(binary, k=4, coarse=binary)
    packed = leveret.pack(net, batch(3, (30, 30)))
    assert any(step.op.startswith("bit_conv2d") for step in packed.parts["fine"].graph.steps)
    assert any(step.op.startswith("bit_conv2d") for step in packed.parts["coarse"].graph.steps)
    assert packed.binary_bytes_ratio > 1
    agrees(net, packed, batch(5, (30, 30), seed=2))
    net.k = packed.k = 40  # whole images
    agrees(net, packed, batch(5, (30, 30), seed=2))


@pytest.mark.parametrize("selector", [LocalVariance(), Edges()])
@pytest.mark.parametrize("fine", [padded, plain])
def test_scores_of_the_image_alone(fine, selector):
    net = made(fine, k=4, selector=selector, channels=2)
    packed = leveret.pack(net, batch(2, (31, 29), 2))
    assert packed.asks_images
    images = batch(4, (31, 29), 2, seed=6)
    for k in (4, Budget(patches=2), UntilSure(3, sure=1)):
        net.k = packed.k = k
        agrees(net, packed, images)


def test_coarse_layers_that_see_the_image_scaled_down():
    def half(channels):
        return nn.Sequential(nn.Conv2d(channels, 6, 3, 2), nn.ReLU())

    net = made(padded, coarse=half, scale=2, borders="crop", patch_size=13)
    side = net.extent(40, 37)
    packed = leveret.pack(net, batch(2, side), normalization=Pixels)
    for k in (3, UntilSure(4, sure=2)):
        net.k = packed.k = k
        agrees(net, packed, batch(5, side, seed=3))
    with pytest.raises(LeveretUsageError, match=f"looks at {side[0]}x{side[1]} pixels"):
        leveret.pack(net, batch(2, (side[0] + 1, side[1])))
    net.selector = Edges()
    with pytest.raises(LeveretPackError, match=r"Edges doesn't pack with a scale: .* or a LearnedAttention"):
        leveret.pack(net, batch(2, side))


def test_several_levels_are_refused():
    net = DynamicCapacityNet(coarse_layers(1), [plain(1), padded(1)], top_layers(), [3, 2])
    with pytest.raises(LeveretPackError, match=r"2 levels doesn't pack; one of a single level does"):
        leveret.pack(net, batch(2, (28, 28)))


def test_a_net_in_training_packs_as_in_eval_mode_and_stays_as_it_is():
    net = made(padded).train()
    packed = leveret.pack(net, batch(2, (28, 28)))
    assert net.training
    agrees(net.eval(), packed, batch(3, (28, 28)))


def test_weights_of_patches_and_whole_images_are_in_the_file_once():
    net = made(plain)
    numbers = sum(parameter.numel() for parameter in net.parameters()) + 2 * 6  # a norm's statistics
    assert sum(array.size for array in leveret.pack(net, batch(2, (28, 28))).tensors.values()) < numbers + 250


def test_near_scores_are_warned_of(monkeypatch):
    net = made(plain)
    choose = runtime.PackedCapacity._glanced

    def other(self, run, images):
        refining, scores, *rest = choose(self, run, images)
        return (refining, -scores, *rest)

    monkeypatch.setattr(runtime.PackedCapacity, "_glanced", other)
    with pytest.warns(LeveretWarning, match="look closer at different places"):
        leveret.pack(net, batch(2, (28, 28)))


def sure(selector, seed):
    """A net whose coarse prediction has a probability of 1, but for rounding."""
    torch.manual_seed(seed)
    coarse, fine = (nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU()) for _ in range(2))
    top = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    top[2].weight.data *= 60
    return DynamicCapacityNet(coarse, fine, top, 3, selector=selector).eval()


@pytest.mark.filterwarnings("ignore:PyTorch and the packed net look closer at different places")
@pytest.mark.parametrize("selector", [EntropyGradient(), CoarseConfidence()])
@pytest.mark.parametrize("seed", range(4))
def test_sure_nets_pack(selector, seed):
    """What is left of their scores is rounding."""
    net = sure(selector, seed)
    images = batch(2, (20, 20), seed=seed)
    packed = leveret.pack(net, images)
    with torch.no_grad():
        np.testing.assert_allclose(
            packed.look(images.numpy()).coarse_logits, net.coarse_logits(images), rtol=1e-4, atol=1e-3
        )


@pytest.mark.parametrize("selector", [EntropyGradient(), CoarseConfidence()])
@pytest.mark.parametrize("confident", [True, False])
def test_wrong_derivatives_are_found(monkeypatch, selector, confident):
    """Also of a net that is so sure that its own scores don't tell."""
    right = DERIVATIVES["linear"]

    def wrong(tape, step, gradient):
        (name,) = right(tape, step, gradient)
        factors = 1 + 0.02 * np.arange(tape.values[name].channels, dtype=np.float32)
        return [tape.emit(step, "affine", [name], {}, {"scale": factors})]

    monkeypatch.setitem(DERIVATIVES, "linear", wrong)
    net = sure(selector, 0)
    if not confident:
        net.top[2].weight.data /= 60
    with pytest.raises(LeveretPackError, match="scores of places differ"):
        leveret.pack(net, batch(2, (20, 20)))


def test_wrong_features_are_found(monkeypatch):
    net = made(plain)
    monkeypatch.setattr("leveret.packing._compare.TOLERANCE", -1.0)
    with pytest.raises(LeveretPackError, match="coarse features differ"):
        leveret.pack(net, batch(2, (28, 28)))


def test_a_part_that_does_not_pack_is_named():
    class Odd(nn.Module):
        def forward(self, x):
            return torch.erfinv(x.clamp(-0.9, 0.9))

    net = made(plain)
    net.coarse.append(Odd())
    with pytest.raises(LeveretPackError, match=r"coarse: layer '5'.*no erfinv"):
        leveret.pack(net, batch(2, (28, 28)))


def test_refusals():
    net = made(plain)
    with pytest.raises(LeveretUsageError, match="token ids"):
        leveret.pack(net, torch.zeros(2, 9, dtype=torch.int64))
    with pytest.raises(LeveretUsageError, match="too small"):
        leveret.pack(net, batch(2, (5, 5)))
    net.k = 1000
    with pytest.raises(LeveretUsageError, match="k is 1000"):
        leveret.pack(net, batch(2, (28, 28)))
    net.k, net.selector = 3, RandomPlaces()
    with pytest.raises(LeveretPackError, match=r"RandomPlaces doesn't pack: set net\.selector"):
        leveret.pack(net, batch(2, (28, 28)))
    net = made(plain)
    net.top = nn.Conv2d(6, 3, 1)
    with pytest.raises(LeveretPackError, match="top must give logits"):
        leveret.pack(net, batch(2, (28, 28)))


def test_other_nets_have_no_route():
    packed = leveret.pack(ConvNet(1, 10, widths=(4, 4)).eval(), batch(2, (28, 28)))
    assert packed.route == ""
    assert not isinstance(packed, runtime.Routed)
