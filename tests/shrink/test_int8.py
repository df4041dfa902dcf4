"""`quantize` and the int8 layers: sums as the runtime's kernels have them, steps worked by hand, whole nets."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import leveret
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.runtime import kernels
from leveret.shrink._range import ValueRange
from leveret.shrink.int8 import Int8Conv1d, Int8Conv2d, Int8Layer, Int8Linear, quantize
from leveret.shrink.int8._weights import whole_weights

SEED = torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(shape, generator=SEED)


def whole(*shape):
    return torch.randint(-127, 128, shape, generator=SEED).to(torch.int8)


def sides(out):
    """Scales as a folded BatchNorm may leave them, and biases."""
    scale = 0.01 * normal(out)
    scale[0] = 0
    return scale, normal(out)


def lively(net):
    """Statistics and parameters of BatchNorms as training may leave them."""
    with torch.no_grad():
        for norm in net.modules():
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                norm.running_mean.copy_(0.3 * normal(norm.num_features))
                norm.running_var.copy_(0.3 + normal(norm.num_features).abs())
                norm.weight.copy_(1 + 0.5 * normal(norm.num_features))
                norm.weight[-1] = -0.5
                norm.bias.copy_(0.3 * normal(norm.num_features))
    return net.eval()


def int8_layers(net):
    return [name for name, module in net.named_modules() if isinstance(module, Int8Layer)]


# layers


@pytest.mark.parametrize("levels", [(-128, 127), (0, 255), (-7, 7)])
@pytest.mark.parametrize(
    ("shape", "window"),
    [
        ((5, 3, 3, 3), {"padding": 1}),
        ((8, 4, 3, 2), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2}),
        ((6, 1, 3, 3), {"padding": 1, "groups": 6}),
        ((3, 70, 3, 3), {}),
    ],
)
def test_convolutions_give_what_the_kernels_give(shape, window, levels):
    weight = whole(*shape)
    if shape[1] == 70:
        weight[0] = 127  # sums beyond 2^24, which float32 alone can't hold
    layer = Int8Conv2d(weight, *sides(shape[0]), step=0.03, levels=levels, **window)
    x = 3 * normal(2, shape[1] * window.get("groups", 1), 9, 7)
    x[0] = x[0].abs() + 8
    x[0, 0, 0, :3] = torch.tensor([float("nan"), float("inf"), 0.015])
    step = float(layer.step)
    q = kernels.quantize(x.permute(0, 2, 3, 1).contiguous().numpy(), step, *levels)
    kernel = kernels.Int8Conv2d(weight.permute(0, 2, 3, 1).numpy(), levels[0] < 0, **window)
    expected = kernel(q, layer.scale.numpy(), layer.bias.numpy())
    np.testing.assert_array_equal(layer(x).permute(0, 2, 3, 1).numpy(), expected)
    if shape[1] == 70 and levels[1] == 255:
        assert kernel(q).max() > 1 << 24


def test_linear_layers_give_what_the_kernels_give():
    layer = Int8Linear(whole(7, 40), *sides(7), step=0.02, levels=(0, 255))
    x = normal(6, 40)
    q = kernels.quantize(x.numpy(), float(layer.step), 0, 255)
    expected = kernels.Int8Linear(layer.weight.numpy(), False)(q, layer.scale.numpy(), layer.bias.numpy())
    np.testing.assert_array_equal(layer(x).numpy(), expected)
    np.testing.assert_array_equal(layer(x.view(2, 3, 40)).numpy(), expected.reshape(2, 3, 7))


def test_texts_are_images_of_height_one():
    weight, (scale, bias) = whole(4, 2, 3), sides(4)
    window = {"stride": 2, "padding": 1, "groups": 3}
    texts = Int8Conv1d(whole(6, 2, 3), *sides(6), step=0.05, **window)
    images = Int8Conv2d(
        texts.weight[:, :, None], texts.weight_scale, texts.bias, step=0.05, stride=2, padding=(0, 1), groups=3
    )
    x = normal(2, 6, 11)
    assert torch.equal(texts(x), images(x[:, :, None])[:, :, 0])
    assert Int8Conv1d(weight, scale, bias, step=1)(normal(1, 2, 5)).shape == (1, 4, 3)


def test_sums_are_scaled_and_shifted_with_one_rounding():
    # 4097² / 2^24 lies between two floats, just in the middle, and the bias is too small for a double beside it
    layer = Int8Linear(
        torch.tensor([[16, 17]], dtype=torch.int8),
        torch.tensor([4097 / 2**24]),
        torch.tensor([2.0**-80]),
        step=1,
        levels=(0, 255),
    )
    assert layer(torch.tensor([[255.0, 1.0]])).item() == 1 + 2**-11 + 2**-23


def test_half_precision_and_autocast_keep_whole_numbers():
    layer = Int8Linear(whole(3, 300), *sides(3), step=0.01)
    x = normal(4, 300).half()
    expected = layer(x.float())
    assert torch.equal(layer(x), expected.half())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(x.float()), expected)


def test_a_state_is_saved_and_loaded():
    first, second = (quantize(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), [normal(9, 4)]) for _ in range(2))
    second.load_state_dict(first.state_dict())
    x = normal(5, 4)
    assert torch.equal(second(x), first(x))
    assert list(first.state_dict()) == [f"0.{name}" for name in ("weight", "weight_scale", "bias", "step", "levels")]
    assert "levels=-128..127" in repr(first)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"weight": torch.zeros(2, 3)}, "weight must be int8 of 2 dimensions"),
        ({"weight": whole(2, 3, 1)}, "got \\(2, 3, 1\\)"),
        ({"weight_scale": torch.ones(3)}, "weight_scale must be 2 finite float32"),
        ({"bias": torch.tensor([0.0, float("nan")])}, "bias must be 2 finite"),
        ({"step": 0.0}, "step must be a number above 0"),
        ({"levels": (0, 256)}, "levels must be"),
        ({"levels": (1, 9)}, "levels must be"),
    ],
)
def test_layers_refuse_what_makes_no_sense(arguments, says):
    good = {"weight": whole(2, 3), "weight_scale": torch.ones(2), "step": 0.1}
    with pytest.raises(LeveretUsageError, match=says):
        Int8Linear(**good | arguments)
    with pytest.raises(LeveretUsageError, match="stride must be a number, or 2 of them"):
        Int8Conv2d(whole(2, 3, 1, 1), torch.ones(2), step=1, stride=(1, 1, 1))


# steps


def test_weights_by_hand():
    weight = torch.tensor([[1.0, -0.5, 0.1], [0.0, 0.0, 0.0], [-0.254, 0.127, 0.0]])
    values, scale = whole_weights(weight)
    # 0.5 and 0.127 lie between 63 and 64, just in the middle
    assert values.tolist() == [[127, -64, 13], [0, 0, 0], [-127, 64, 0]]
    torch.testing.assert_close(scale, torch.tensor([1 / 127, 1, 0.002], dtype=torch.float64), rtol=1e-7, atol=0)


def seen(*parts):
    found = ValueRange()
    for part in parts:
        assert found.see(torch.as_tensor(part, dtype=torch.float32))
    return found


def test_steps_by_hand():
    found = seen([0.0, 5.1], [2.0])
    assert found.levels == (0, 255)
    assert found.step("max") == pytest.approx(0.02)
    found = seen([1.27, -2.56])
    assert found.levels == (-128, 127)
    assert found.step("max") == pytest.approx(0.02)
    assert seen([-1.0, 1.27]).step("max") == pytest.approx(0.01)
    # one of 10,000 values is cut
    found = seen(np.r_[np.linspace(0, 1, 9999), 10])
    assert found.step("percentile", 99.99) == pytest.approx(1 / 255, rel=0.003)
    assert found.step("percentile", 100) == pytest.approx(10 / 255)
    # zeros are values too
    assert seen(np.r_[np.zeros(99), 1]).step("percentile", 98) < 1.001 / 255
    assert seen([0.0, 0.0]).step("mse") == 0
    assert seen([0.0, 1e-40]).step("mse") < 1e-30


@pytest.mark.parametrize("signed", [False, True])
def test_the_mse_step_has_the_least_error(signed):
    generator = np.random.default_rng(0)
    x = np.r_[generator.normal(size=200_000), 12, 9, -7].astype(np.float32)
    x = x if signed else np.maximum(x, 0)
    found = seen(x)
    low, high = found.levels
    assert (low < 0) == signed

    def error(step):
        return np.square(np.clip(np.round(x / step), low, high) * step - x).sum()

    largest = found.step("max")
    best = min(error(largest * share) for share in np.linspace(0.2, 1, 60))
    step = found.step("mse")
    assert error(step) <= 1.03 * best
    assert step < 0.9 * largest


def test_the_order_of_batches_changes_nothing():
    x = np.sort(np.random.default_rng(0).normal(size=5000).astype(np.float32) ** 3)
    x = x[np.argsort(np.abs(x))]
    at_once, one_by_one = seen(x), seen(*np.split(x, 50))
    for method in ("max", "percentile", "mse"):
        assert at_once.step(method) == one_by_one.step(method)


def test_what_is_not_finite_is_not_noted():
    found = seen([1.0])
    for value in (float("nan"), float("inf")):
        assert not found.see(torch.tensor([value, 2]))
    assert found.see(torch.zeros(0))
    assert (found.low, found.high) == (1, 1)


# nets


def test_a_net_is_converted_and_itself_left_alone():
    net = lively(
        nn.Sequential(
            nn.Conv2d(2, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding="same", groups=8),
            nn.BatchNorm2d(8),
            nn.ReLU6(),
            nn.Conv2d(8, 6, 3, padding=2, padding_mode="circular", stride=2),
            nn.Flatten(),
            nn.Linear(6 * 25, 5),
        )
    ).train()
    before = copy.deepcopy(net.state_dict())
    images = normal(64, 2, 8, 8)
    small = quantize(net, [images[:32], (images[32:], torch.zeros(32))], depthwise=True)
    assert int8_layers(small) == ["0", "3", "6", "8"]
    assert isinstance(small[1], nn.Identity)
    assert isinstance(small[4], nn.Identity)
    assert [tuple(small[i].levels.tolist()) for i in (0, 3, 6, 8)] == [(-128, 127), (0, 255), (0, 255), (-128, 127)]
    assert net.training
    assert not small.training
    assert net.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    with torch.no_grad():
        expected = net.eval()(images)
        assert (small(images) - expected).square().mean() < 2e-3 * expected.square().mean()
        # a norm's factor changes no whole number
        assert torch.equal(small[0].weight, whole_weights(net[0].weight)[0])
        factor = net[1].weight / (net[1].running_var + net[1].eps).sqrt()
        unfolded = small[0].effective_weight() / factor.view(-1, 1, 1, 1)
        torch.testing.assert_close(unfolded, net[0].weight, atol=0.01, rtol=0)


class Branches(nn.Module):
    """BatchNorms that take what something else takes too, or something else besides."""

    def __init__(self, use):
        super().__init__()
        self.use = use
        self.a, self.b = (nn.Conv2d(2, 2, 1) for _ in range(2))
        self.norm = nn.BatchNorm2d(2)

    def forward(self, x):
        return self.use(self, x).flatten(1)


class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x


@pytest.mark.parametrize(
    ("use", "folded"),
    [
        (lambda m, x: m.norm(m.b(m.a(x))), True),
        (lambda m, x: m.norm(m.a(m.b(m.a(x)))), False),
        (lambda m, x: m.norm(m.b(m.norm(m.a(x)))), False),
        (lambda m, x: m.norm(m.b(m.a(x)).relu()), False),
        (lambda m, x: m.norm(m.b(m.a(x)) + 0), False),
        (lambda m, x: (y := m.b(m.a(x))) + m.norm(y), False),
        (lambda m, x: m.norm(y := m.b(m.a(x))) + Twice.apply(y), False),
        (lambda m, x: m.norm(m.norm(m.b(m.a(x)))), False),
        (lambda m, x: torch.cat([m.norm(m.b(y)) for y in (m.a(x), m.a(2 * x))], 1), True),
    ],
)
def test_a_norm_is_folded_where_nothing_else_meets_it(use, folded):
    net, x = lively(Branches(use)), normal(50, 2, 3, 3)
    small = quantize(net, [x], method="max")
    assert isinstance(small.norm, nn.Identity) == folded
    with torch.no_grad():
        expected = net(x)
        assert (small(x) - expected).abs().max() < 0.05 * expected.abs().max()


def test_layers_may_be_left_real():
    net = leveret.ConvNet(1, 10, depth=3, width=8).eval()
    batches = [normal(16, 1, 8, 8)]
    names = int8_layers(quantize(net, batches))
    assert names == ["stem.0", "blocks.0.0", "blocks.1.0", "classifier"]
    assert int8_layers(quantize(net, batches, skip="stem")) == names[1:]
    assert int8_layers(quantize(net, batches, skip=nn.Linear)) == names[:3]
    assert int8_layers(quantize(net, batches, skip=["blocks.*.0", "classifier"])) == names[:1]


def test_depthwise_layers_stay_real_unless_asked_for():
    net = nn.Sequential(nn.Conv2d(4, 4, 1, groups=2), nn.Conv2d(4, 8, 3, groups=4), nn.Conv2d(8, 2, 1))
    batches = [normal(9, 4, 5, 5)]
    assert int8_layers(quantize(net, batches)) == ["0", "2"]
    assert int8_layers(quantize(net, batches, depthwise=True)) == ["0", "1", "2"]
    assert int8_layers(quantize(net, batches, skip="1")) == ["0", "2"]


def test_a_layer_that_stands_twice_stays_one():
    shared = nn.Linear(4, 4)
    net = nn.Sequential(shared, nn.ReLU(), shared)
    small = quantize(net, [normal(20, 4)])
    assert small[0] is small[2]
    assert isinstance(small[0], Int8Linear)


def test_a_bare_layer_is_given_back_converted():
    assert isinstance(quantize(nn.Linear(4, 2), [normal(3, 4)]), Int8Linear)


def test_batches_may_come_once_only():
    net, x = nn.Sequential(nn.Linear(4, 2)), normal(12, 4)
    once = quantize(net, iter(x.split(4)))
    assert torch.equal(once(x), quantize(net, x.split(4))(x))


class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.spare = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.used(x)


class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return self.linear((x - 10).log())


X = [torch.ones(2, 4)]


@pytest.mark.parametrize(
    ("net", "batches", "options", "error", "says"),
    [
        (nn.Linear(4, 2), [], {}, LeveretUsageError, "batches are empty"),
        (nn.Linear(4, 2), X[0], {}, LeveretUsageError, "got one Tensor; one batch is a list of one"),
        (nn.Linear(4, 2), ["a"], {}, LeveretUsageError, "batch 1 must be a tensor .* got str"),
        (nn.Linear(4, 2), [*X, torch.ones(0, 4)], {}, LeveretUsageError, "batch 2 must be .* got shape \\(0, 4\\)"),
        (nn.Linear(4, 2), [*X, torch.full((1, 4), torch.nan)], {}, LeveretDataError, "batch 2 holds NaN"),
        (nn.Linear(4, 2), [torch.ones(2, 5)], {}, LeveretUsageError, "batch 1 of shape \\(2, 5\\).*doesn't fit"),
        (Broken(), X, {}, LeveretUsageError, "layer 'linear' takes NaN or infinite values in batch 1"),
        (nn.Sequential(nn.ReLU()), X, {}, LeveretUsageError, "Sequential has no Conv2d, Conv1d or Linear"),
        (Unused(), X, {}, LeveretUsageError, "no batch reached layer 'spare'"),
        (nn.Sequential(nn.Linear(4, 2)), [torch.zeros(2, 4)], {}, LeveretUsageError, "layer '0' took only zeros"),
        (nn.Linear(4, 2), X, {"method": "best"}, LeveretUsageError, "method must be one of 'mse'"),
        (nn.Linear(4, 2), X, {"percentile": 30}, LeveretUsageError, "percentile must be above 50"),
        (Unused(), X, {"skip": "head"}, LeveretUsageError, "is called 'head'; there are: used, spare"),
        (Unused(), X, {"skip": [nn.Conv2d]}, LeveretUsageError, "is a Conv2d"),
        (Unused(), X, {"skip": nn.Linear}, LeveretUsageError, "no layer is left to quantize: all of used, spare"),
        (nn.Conv2d(2, 4, 1, groups=2), X, {}, LeveretUsageError, "without depthwise=True"),
        (nn.Sequential(nn.Conv2d(1, 1, 2, padding="same")), X, {}, LeveretUsageError, "layer '0' pads unevenly"),
    ],
)
def test_errors_say_what_is_wrong_and_where(net, batches, options, error, says):
    with pytest.raises(error, match=says):
        quantize(net, batches, **options)


def test_weights_that_are_not_finite_are_named():
    net = nn.Sequential(nn.Linear(4, 2))
    net[0].weight.data[0, 0] = torch.inf
    with pytest.raises(LeveretUsageError, match="layer '0' holds NaN or infinite weights"):
        quantize(net, X)


@pytest.mark.parametrize("method", ["mse", "percentile", "max"])
def test_digits_keep_their_accuracy(digits_net, digits_images, method):
    train, images, labels = digits_images
    small = quantize(digits_net, train[0][:256].split(64), method=method)
    with torch.no_grad():
        real, bytes_ = ((net(images).argmax(1) == labels).float().mean() for net in (digits_net, small))
    assert real > 0.9
    assert bytes_ >= real - 0.01


@pytest.fixture(scope="module")
def digits_images(digits):
    def part(split):
        rows = np.arange(len(split))
        images = torch.from_numpy(digits.normalization.apply(split.fetch(rows)))
        return images, torch.from_numpy(np.asarray(split.labels, dtype=np.int64))

    return part(digits.train), *part(digits.test)


@pytest.fixture(scope="module")
def digits_net(digits_images):
    torch.manual_seed(0)
    (images, labels), *_ = digits_images
    net = leveret.ConvNet(1, 10, depth=3, width=12)
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    for _ in range(6):
        for rows in torch.randperm(len(images)).split(128):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images[rows]), labels[rows]).backward()
            optimizer.step()
    return net.eval()
