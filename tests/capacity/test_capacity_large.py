"""Images of any size: coarse views at a scale, patches at full resolution, from tensors and files alike."""

import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from capacity_nets import coarse_layers, dependence, fine_layers, fine_unpadded, made_net, top_layers
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

import leveret
from leveret.capacity import (
    Budget,
    DynamicCapacityNet,
    Edges,
    Geometry,
    Hinted,
    LocalVariance,
    RandomPlaces,
    UntilSure,
    derive,
)
from leveret.capacity._extent import Extent
from leveret.capacity._patches import Patches
from leveret.data import Normalization, TiledImage
from leveret.errors import LeveretDataError, LeveretUsageError

NORMALIZATION = Normalization((0.4, 0.5, 0.6), (0.2, 0.3, 0.25))


def small_coarse(channels=3):
    """On a view at 1/4: fields of 5 pixels at a stride of 2, padded; of the image, 20 pixels at a stride of 8."""
    return nn.Sequential(nn.Conv2d(channels, 6, 3, 2, 1), nn.Tanh(), nn.Conv2d(6, 6, 2), nn.Tanh())


def fine_at_eight(channels=3, norm=True):
    """Stride 8, padded: fields of 20 pixels, from −7 on."""
    return nn.Sequential(fine_layers(channels, norm), nn.Conv2d(6, 6, 3, 2, 1), nn.ReLU())


def scaled_net(k=3, seed=0, fine=None, channels=3, **options):
    torch.manual_seed(seed)
    fine = fine_at_eight(channels) if fine is None else fine
    net = DynamicCapacityNet(small_coarse(channels), fine, top_layers(), k, scale=4, **options)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
    return net.eval()


def picture(height, width, seed=0):
    generator = np.random.default_rng(seed)
    rough = generator.integers(0, 256, (-(-height // 6), -(-width // 6), 3), dtype=np.uint8)
    return np.ascontiguousarray(rough.repeat(6, 0).repeat(6, 1)[:height, :width])


def stored(pixels, kind="PNG", **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def tensor(pixels):
    return torch.from_numpy(NORMALIZATION.apply(pixels.transpose(2, 0, 1)[None]))[0]


def test_the_coarse_grid_in_pixels_of_the_image():
    net = scaled_net()
    # 4 (the mean), then 3 at a stride of 2 · 4, then 2: 4 + 2·4 + 8 pixels, from −4 on
    assert (net.coarse_geometry.size, net.coarse_geometry.stride) == ((20, 20), (8, 8))
    assert net.coarse_geometry.start == (-4, -4)
    with_view = nn.Sequential(nn.AvgPool2d(4), nn.Conv2d(1, 1, 3, 2, 1), nn.Conv2d(1, 1, 2))
    depends = dependence(with_view, (44, 44))
    assert depends.shape[:2] == net.coarse_geometry.grid(44, 44)
    ys, xs = depends[1, 2].nonzero()
    assert (ys.min(), ys.max(), xs.min(), xs.max()) == (4, 23, 12, 31)


def test_coarse_layers_see_means_and_patches_are_cut_from_the_whole():
    net = scaled_net(4).double()
    x = torch.randn(2, 3, 61, 77, dtype=torch.float64)
    height, width = net.extent(61, 77)
    assert 0 <= 61 - height < 8
    assert 0 <= 77 - width < 8
    look = net.look(x)
    part = x[:, :, :height, :width]
    view = torch.zeros(2, 3, height // 4, width // 4, dtype=torch.float64)
    for row in range(height // 4):
        for column in range(width // 4):
            view[:, :, row, column] = part[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4].mean((2, 3))
    torch.testing.assert_close(look.coarse, net.coarse(view))
    torch.testing.assert_close(net.coarse_logits(x), net.top(net.coarse(view)))
    torch.testing.assert_close(net.fine_logits(x), net.top(net.fine(part)))
    fine = net.fine(part)
    torch.testing.assert_close(look.fine, fine.flatten(2)[look.sample, :, look.place])
    assert (look.patches, look.images) == (8, 0)
    # boxes are the fine layers' fields, in the image's pixels
    row, column = look.chosen[0][0].tolist()
    top, left = net.geometry.start[0] + 8 * row, net.geometry.start[1] + 8 * column
    assert look.boxes[0][0].tolist() == [top, left, top + net.geometry.size[0], left + net.geometry.size[1]]


def test_operations_are_those_of_the_view_and_of_patches():
    net = scaled_net()
    # a view of 321x401 pixels, 161x201 after the first layer, 160x200 places
    counted = net.operations(1290, 1609)
    assert net.extent(1290, 1609) == (1285, 1605)
    assert counted.coarse == 161 * 201 * 9 * 3 * 6 + 160 * 200 * 4 * 6 * 6
    assert counted.patch == net.operations(61, 77).patch
    # of forty megapixels nothing is held but the view
    of_large = net.operations(5000, 8000).whole
    assert of_large == pytest.approx(counted.whole * 5000 * 8000 / (1285 * 1605), rel=0.02)


@st.composite
def stacks_of_stride_four(draw):
    net = nn.Sequential(
        nn.Conv2d(1, 1, draw(st.integers(1, 5)), 2, draw(st.integers(0, 2))),
        nn.MaxPool2d(draw(st.integers(2, 3)), 2, draw(st.integers(0, 1))),
        nn.Conv2d(1, 1, draw(st.integers(1, 4)), 1, draw(st.integers(0, 2))),
    )
    return derive(net, "net")


@settings(max_examples=60, deadline=None)
@given(st.lists(stacks_of_stride_four(), min_size=2, max_size=3), st.sampled_from(["exact", "zeros", "crop"]))
def test_on_an_extent_all_have_one_grid_and_patches_one_size(geometries, borders):
    margins = [g.rows.margin for g in geometries]
    if max(margins) - min(margins) >= 4:
        return  # refused by the net
    coarse, *fine = geometries
    patches = [Patches(geometry, borders) for geometry in fine]
    extent = Extent(coarse, patches)
    least = next(n for n in range(1, 200) if fits(extent, n))
    sizes = set()
    for side in range(least, least + 9):
        height, width = extent.of(side, 3 * side)
        assert 0 <= side - height < 4
        assert 0 <= 3 * side - width < 4
        assert len({geometry.grid(height, width) for geometry in geometries}) == 1
        assert min(coarse.grid(height, width)) >= 1
        found = [level.size(height, width) for level in patches]
        assert all(a <= height and b <= width for a, b in found)
        sizes.add(tuple(found))
        assert extent.of(height, width) == (height, width)
    assert len(sizes) == 1


def fits(extent, side):
    try:
        extent.of(side, side)
    except LeveretUsageError:
        return False
    return True


def test_an_extent_by_hand():
    # coarse has places of 7 pixels, fine windows of 13 + (n − 13) % 4, see the geometry's test: rests of 1 need none
    net = made_net()
    assert net.coarse_geometry == Geometry(*[derive(coarse_layers(), "coarse").rows] * 2)
    assert net.extent(30, 28) == (29, 25)
    assert net.extent(13, 16) == (13, 13)
    with pytest.raises(LeveretUsageError, match="12x40 is too small: the fine layers look at patches of 13x13 pixels"):
        net.extent(12, 40)


@pytest.mark.parametrize("borders", ["exact", "zeros", "crop"])
@pytest.mark.parametrize("levels", [1, 2])
def test_images_of_several_sizes_are_as_each_alone(borders, levels):
    options = {"patch_size": 24} if borders == "crop" else {}
    fines = [fine_at_eight(), nn.Sequential(fine_unpadded(3), nn.Conv2d(6, 6, 5, 2, 2), nn.Tanh())][:levels]
    net = scaled_net([4, 2][:levels], fine=fines, borders=borders, **options).double()
    torch.manual_seed(1)
    given = [torch.randn(3, *size, dtype=torch.float64) for size in ((61, 77), (50, 120), (61, 77), (96, 64))]
    calls = []
    for level in net.levels:
        # the hook is the first convolution's
        conv = next(m for m in level.fine.modules() if isinstance(m, nn.Conv2d))
        conv.register_forward_hook(lambda layer, inputs, output: calls.append(len(inputs[0])))
    looks = net.look_at(given)
    assert calls == [16, 8][:levels]
    for image, look in zip(given, looks, strict=True):
        alone = net.look(image[None])
        for one, other in zip(look.levels, alone.levels, strict=True):
            assert one.chosen[0].tolist() == other.chosen[0].tolist()
            torch.testing.assert_close(one.refined, other.refined)
        torch.testing.assert_close(look.logits, alone.logits)


def test_without_a_scale_too():
    net = made_net(3).double().eval()
    given = [torch.randn(1, *size, dtype=torch.float64) for size in ((29, 33), (28, 50))]
    for image, look in zip(given, net.look_at(given), strict=True):
        height, width = net.extent(*image.shape[1:])
        torch.testing.assert_close(look.logits, net(image[None, :, :height, :width]))


@pytest.mark.parametrize("borders", ["exact", "zeros", "crop"])
@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("BMP", {}), ("TIFF", {"compression": "tiff_lzw"})])
def test_files_are_as_tensors(borders, kind, options, tmp_path):
    net = scaled_net(40, borders=borders, **({"patch_size": 24} if borders == "crop" else {}))
    pictures = [picture(61, 77), picture(90, 58, 1)]
    files = []
    for i, pixels in enumerate(pictures):
        (tmp_path / str(i)).write_bytes(stored(pixels, kind, **options))
        files.append(TiledImage(tmp_path / str(i)))
    with torch.no_grad():
        expected = net.look_at([tensor(pixels) for pixels in pictures])
        found = net.look_at([files[0], tensor(pictures[1])], NORMALIZATION)
        found[1:] = net.look_at(files, NORMALIZATION)[1:]
    for one, other in zip(found, expected, strict=True):
        assert one.chosen[0].tolist() == other.chosen[0].tolist()
        torch.testing.assert_close(one.coarse, other.coarse, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(one.logits, other.logits, rtol=1e-4, atol=1e-5)


def test_a_turned_photo_and_pixels_without_a_normalization():
    net = scaled_net(2, channels=1)
    exif = Image.Exif()
    exif[274] = 6
    pixels = picture(61, 90)[..., 0]
    file = TiledImage(stored(pixels, "PNG", exif=exif))
    upright = torch.from_numpy(np.rot90(pixels, -1)[None] / np.float32(255))
    with torch.no_grad():
        torch.testing.assert_close(net.look_at([file])[0].logits, net.look_at([upright])[0].logits)


def test_amounts_over_images_of_several_sizes():
    torch.manual_seed(2)
    given = [torch.randn(3, *size) for size in ((61, 77), (50, 120), (96, 64))]
    net = scaled_net(Budget(patches=2.5))
    looks = net.look_at(given)
    assert sum(int(look.counts.sum()) for look in looks) == 7
    taken = torch.cat([look.saliency.flatten()[look.place] for look in looks])
    best = torch.cat([look.saliency.flatten() for look in looks]).sort(descending=True).values
    assert taken.min() == best[6]
    net.k = Budget(operations=2 * net.operations(61, 77).patch)
    assert sum(int(look.counts.sum()) for look in net.look_at(given)) == 6
    net.k = UntilSure(6, sure=0.0)
    for image, look in zip(given, net.look_at(given), strict=True):
        alone = net.look(image[None])
        assert look.counts.tolist() == alone.counts.tolist()
        torch.testing.assert_close(look.logits, alone.logits)
    net.k = 0
    assert all(look.fine.shape == (0, 6) for look in net.look_at(given))


@pytest.mark.parametrize("selector", [LocalVariance(), Edges(), RandomPlaces()])
def test_selectors_that_ask_for_pixels_see_the_view(selector):
    net = scaled_net(3, selector=selector)
    pixels = picture(61, 77)
    with torch.no_grad():
        (found,) = net.look_at([TiledImage(stored(pixels))], NORMALIZATION)
        (expected,) = net.look_at([tensor(pixels)])
    assert found.glance.images.shape[2:] == (net.extent(61, 77)[0] // 4, net.extent(61, 77)[1] // 4)
    assert found.glance.geometry == derive(net.coarse, "coarse")
    if not isinstance(selector, RandomPlaces):  # whose draws follow from the last digit
        torch.testing.assert_close(found.saliency, expected.saliency, rtol=1e-3, atol=1e-5)


def test_it_trains_at_a_scale(few_digits):
    torch.manual_seed(0)
    coarse = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU())
    fine = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 12, 4, 2, 1), nn.ReLU())
    top = nn.Sequential(nn.Conv2d(12, 32, 2), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(32, 10))
    net = DynamicCapacityNet(coarse, fine, top, 6, scale=2)
    before = {name: value.clone() for name, value in net.named_parameters()}
    settings = {"epochs": 6, "batch_size": 25, "lr": 0.01, "progress": False}
    leveret.fit(net, few_digits, objective=Hinted(0.01), **settings)
    assert all(not torch.equal(value, before[name]) for name, value in net.named_parameters())
    assert leveret.evaluate(net, few_digits).accuracy > 0.4
    assert "scale=2" in repr(net)


MEMORY = """
import re, sys, torch
from torch import nn
from leveret.capacity import DynamicCapacityNet
from leveret.data import TiledImage
def most():
    # getrusage would count the parent's memory too
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) / 1024
torch.set_num_threads(1)
coarse = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
fine = [layer for i in range(5) for layer in (nn.Conv2d(8 if i else 3, 8, 3, 2, 1), nn.ReLU())]
top = nn.Sequential(nn.Conv2d(8, 8, 3), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 2))
net = DynamicCapacityNet(coarse, nn.Sequential(*fine), top, 8, scale=8).eval()
with torch.no_grad():
    net.look_at([TiledImage(sys.argv[1])])
    before = most()
    (look,) = net.look_at([TiledImage(sys.argv[2])])
assert look.saliency.shape[1:] == (156, 250), look.saliency.shape
print(most() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_of_forty_megapixels(tmp_path):
    whole = np.broadcast_to(np.arange(8000, dtype=np.uint8)[:, None], (8000, 3))
    image = Image.fromarray(np.broadcast_to(whole, (5000, 8000, 3)))
    image.save(tmp_path / "large.bmp")
    image.crop((0, 0, 400, 400)).save(tmp_path / "small.bmp")
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "small.bmp"), str(tmp_path / "large.bmp")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    # megabytes; the pixels are 120, and as the net would take them 480. The view is 7.5, its first features 5
    assert float(run.stdout) < 60


@pytest.mark.parametrize("kind", ["PNG", "BMP", "JPEG"])
def test_a_truncated_file_is_named(kind, tmp_path):
    path = tmp_path / "slide.img"
    path.write_bytes(stored(picture(600, 900), kind)[:-4000])
    with pytest.raises(LeveretDataError, match=r"slide\.img: .*(damaged|truncated)"):
        scaled_net().look_at([tensor(picture(61, 77)), TiledImage(path)], NORMALIZATION)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "a list of at least one image, got a list"),
        (torch.zeros(2, 3, 61, 77), r"a list of at least one image, got a Tensor \(2, 3, 61, 77\)"),
        (TiledImage(stored(picture(61, 77))), "a list of at least one image, got TiledImage"),
        ([torch.zeros(3, 61, 77), torch.zeros(3, 61, 20)], r"image 1, a Tensor \(3, 61, 20\).*: .*61x20 is too small"),
        ([TiledImage(stored(picture(9, 99)))], "image 0, TiledImage.* 9x99 is too small: .* patches of 21x21 pixels"),
        ([torch.zeros(1, 61, 77)], r"image 0, .* has 1 channels, and the net takes 3$"),
        (
            [TiledImage(stored(picture(61, 77)), channels=1)],
            r"1 channels, and the net takes 3; TiledImage\(…, channels=3",
        ),
        (
            [torch.zeros(3, 61, 77, dtype=torch.uint8)],
            r"of floats or a TiledImage, got a Tensor \(3, 61, 77\) of torch.uint8",
        ),
        (["slide.tif"], "got a str"),
    ],
)
def test_what_cant_be_looked_at(given, says):
    with pytest.raises(LeveretUsageError, match=says):
        scaled_net().look_at(given)


def test_a_normalization_of_other_channels():
    with pytest.raises(LeveretUsageError, match="normalization is of 1 channels, and the net takes images of 3"):
        scaled_net().look_at([torch.zeros(3, 61, 77)], Normalization((0.5,), (0.5,)))


def test_a_top_of_one_grid_alone():
    net = scaled_net()
    net.top = nn.Sequential(nn.Flatten(), nn.Linear(6 * 36, 10))
    with pytest.raises(LeveretUsageError, match=r"top can't be run on .* a grid of .*: mat1 .* take any grid"):
        net.look_at([torch.zeros(3, 61, 77)])


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"scale": 0}, "scale must be a whole number of at least 1, got 0"),
        ({"scale": 2.0}, "scale must be a whole number"),
        ({"scale": 8}, r"got \(16, 16\) and \(8, 8\) \(rows, columns\); coarse's is its layers' times the scale of 8"),
        ({"fine": nn.Conv2d(3, 6, 40, 8)}, "differ in number by their windows"),
    ],
)
def test_parts_that_dont_fit_at_a_scale(parts, says):
    given = {"coarse": small_coarse(), "fine": fine_at_eight(), "top": top_layers(), "k": 2, "scale": 4}
    with pytest.raises(LeveretUsageError, match=says):
        DynamicCapacityNet(**(given | parts))
