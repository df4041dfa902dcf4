"""Nets of few bits: steps against brute force, gradients against finite differences, packed nets to the last bit."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import leveret
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.packing._planes import pack_planes, smallest_encoding
from leveret.runtime.reference import unpack_planes
from leveret.shrink import quantize_training, ternarize
from leveret.shrink.lowbit import LowBitConv2d, LowBitLinear, _gradients, _steps
from leveret.training import fit


def net(seed=0, channels=8):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, 12, 3, stride=2, padding=1),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(12 * 16, 20),
        nn.ReLU(),
        nn.Linear(20, 10),
    )


def images(n=32, seed=0):
    return torch.randn(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


# --- steps ---


@given(st.integers(2, 4), st.integers(1, 12), st.integers(0, 50))
def test_steps_are_nearly_the_best(bits, n, seed):
    weight = torch.from_numpy(np.random.default_rng(seed).normal(size=(1, n)))
    highest = _steps.highest_weight(bits)
    step = _steps.best_steps(weight, highest)

    def error(step):
        return float((weight - step * (weight / step).round().clamp(-highest, highest)).square().sum())

    best = min(error(s) for s in np.linspace(0.01, 1.3, 800) * float(weight.abs().max()))
    assert error(float(step)) <= best + 0.02 * float(weight.square().sum())


def test_ternary_steps_of_a_case_by_hand():
    # 2 and −2 are Δ and −Δ, the small ones 0: Δ is the mean of what isn't 0
    step = _steps.best_steps(torch.tensor([[2.0, -2.2, 0.1, -0.1], [0.0, 0.0, 0.0, 0.0]]), 1)
    torch.testing.assert_close(step, torch.tensor([2.1, 1.0], dtype=torch.float64))


# --- gradients ---


def test_rounding_and_its_gradients_by_hand():
    x = torch.tensor([-3.0, -0.6, 0.2, 1.3, 9.0], dtype=torch.float64, requires_grad=True)
    step = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    y = _gradients.in_steps(x, step, -2, 3)
    torch.testing.assert_close(y, torch.tensor([-1.0, -0.5, 0.0, 1.5, 1.5], dtype=torch.float64))
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([0.0, 1.0, 1.0, 1.0, 0.0], dtype=torch.float64))
    # outside the end, inside how much was rounded: −2, −1 − (−1.2), 0 − 0.4, 3 − 2.6, 3
    assert step.grad.item() == pytest.approx(-2 + 0.2 - 0.4 + 0.4 + 3)


def test_signs_and_their_gradients_by_hand():
    x = torch.tensor([[-2.0, 0.0], [0.5, -0.5]], requires_grad=True)
    step = torch.tensor([[3.0], [4.0]], requires_grad=True)
    y = _gradients.signs_in_steps(x, step)
    torch.testing.assert_close(y, torch.tensor([[-3.0, 3.0], [4.0, -4.0]]))
    (y * torch.tensor([[1.0, 2.0], [3.0, 5.0]])).sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([[0.0, 2.0], [3.0, 5.0]]))
    torch.testing.assert_close(step.grad, torch.tensor([[1.0], [-2.0]]))


def test_steps_learn_at_the_papers_pace():
    layer = quantize_training(net(), [images()], 3, 3)[3]
    x = torch.rand(4, 8, 8, 8)
    layer(x).sum().backward()
    steps = layer.weight_step.detach().view(-1, 1, 1, 1).clone().requires_grad_()
    step = layer.input_step.detach().clone().requires_grad_()
    weight = _gradients.in_steps(layer.weight.detach(), steps, -3, 3)
    torch.nn.functional.conv2d(_gradients.in_steps(x, step, 0, 7), weight, stride=2, padding=1).sum().backward()
    # divided by the root of how many values speak for a step, times the highest: 72 weights a filter, 512 inputs
    torch.testing.assert_close(layer.weight_step.grad, steps.grad.flatten() / np.sqrt(72 * 3))
    torch.testing.assert_close(layer.input_step.grad, step.grad / np.sqrt(512 * 7))


# --- the transforms ---


def test_layers_of_few_bits_take_whole_steps():
    small = quantize_training(net(), images().split(8), 3, 4)
    conv, linear = small[3], small[7]
    assert type(conv) is LowBitConv2d
    assert type(linear) is LowBitLinear
    assert type(small[0]) is nn.Conv2d
    assert type(small[9]) is nn.Linear
    assert conv.levels == linear.levels == (0, 15)
    for layer in (conv, linear):
        whole = layer.whole_weight()
        assert int(whole.abs().max()) <= 3
        steps = layer.weight_step.view(-1, *[1] * (whole.dim() - 1))
        torch.testing.assert_close(layer.effective_weight(), whole * steps)
        error = (layer.effective_weight() - layer.weight).detach().square().mean()
        assert error < 0.1 * layer.weight.detach().var()


def test_values_below_zero_get_levels_below_zero():
    small = quantize_training(net(), [images()], 4, 4, layers=["0"])
    assert small[0].levels == (-8, 7)
    with pytest.raises(LeveretUsageError, match="layer '0' takes values below 0, which one bit can't hold"):
        quantize_training(net(), [images()], 1, 1, layers=["0"])


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(1, 1), (1, 8), (2, 3), (3, 2), (4, 4), (8, 8)])
def test_training_and_evaluation_compute_the_same(weight_bits, activation_bits):
    small = quantize_training(net(), [images()], weight_bits, activation_bits)
    for norm in (small[1], small[4]):
        norm.eval()
    x = images(5, 1)
    trained = small(x)
    with torch.no_grad():
        torch.testing.assert_close(small.eval()(x), trained, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("weight_bits", "activation_bits", "op"), [(1, 8, "plane"), (2, 3, "plane"), (4, 4, "plane"), (8, 8, "int8")]
)
def test_packed_nets_give_the_same_floats(weight_bits, activation_bits, op, tmp_path, isa):
    small = quantize_training(net(channels=70), [images()], weight_bits, activation_bits).eval()
    x = images(4, 2)
    packed = leveret.pack(small, x)
    ops = [step.op for step in packed.graph.steps]
    assert ops.count(f"{op}_conv2d") == 1
    assert ops.count(f"{op}_linear") == 1
    packed.save(tmp_path / "net.lvr")
    again = leveret.runtime.load(tmp_path / "net.lvr")
    with torch.no_grad():
        np.testing.assert_allclose(again(x.numpy()), small(x).numpy(), rtol=1e-4, atol=1e-4)


def test_a_layer_alone_is_packed_to_the_last_bit():
    torch.manual_seed(0)
    small = quantize_training(nn.Sequential(nn.Linear(130, 7)), [torch.randn(50, 130)], 2, 3, layers=["0"]).eval()
    image = nn.Sequential(nn.Flatten(), small)
    x = torch.randn(6, 130, 1, 1)
    packed = leveret.pack(image, x)
    assert [step.op for step in packed.graph.steps] == ["flatten", "quantize", "plane_linear"]
    assert packed.graph.steps[-1].attributes["encoding"] == "ternary"
    with torch.no_grad():
        np.testing.assert_array_equal(packed(x.numpy()), image(x).numpy())


def test_gradients_pass_in_evaluation_too():
    small = quantize_training(net(), [images()], 2, 3).eval()
    x = images(3, 1).requires_grad_()
    y = small(x)
    y.sum().backward()
    assert float(x.grad.abs().sum()) > 0
    with torch.no_grad():
        torch.testing.assert_close(small(x), y, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mode", ["zeros", "reflect"])
def test_padding_modes(mode):
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode=mode))
    small = quantize_training(plain, [torch.randn(9, 3, 5, 5)], 8, 8, layers=["0"])
    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(small(x), plain(x), rtol=0.1, atol=0.05)
    with torch.no_grad():
        torch.testing.assert_close(small.eval()(x), small.train()(x), rtol=1e-4, atol=1e-4)


def test_ternary_steps_stay_and_weights_learn(few_digits):
    x = torch.from_numpy(few_digits.normalization.apply(few_digits.train.fetch(np.arange(64))))
    small = ternarize(net(), [x])
    assert small[3].levels == (0, 7)
    before = [p.detach().clone() for p in (small[3].weight, small[3].weight_step, small[3].input_step)]
    result = fit(small, few_digits, epochs=3, lr=0.01, progress=False)
    after = (small[3].weight, small[3].weight_step, small[3].input_step)
    assert [torch.equal(a, b) for a, b in zip(after, before, strict=True)] == [False, True, True]
    assert set(small[3].whole_weight().flatten().tolist()) == {-1, 0, 1}
    assert result.history[-1]["train_loss"] < result.history[0]["train_loss"]


def test_few_bits_learn_digits(digits):
    torch.manual_seed(0)
    real = leveret.ConvNet(1, 10, depth=3, width=16, stages=2)
    fit(real, digits, epochs=3, lr=0.01, progress=False)
    x = torch.from_numpy(digits.normalization.apply(digits.train.fetch(np.arange(256))))
    small = quantize_training(real, x.split(64), 2, 2)
    fit(small, digits, epochs=3, lr=0.003, progress=False)
    assert leveret.evaluate(small, digits).accuracy > 0.9


# --- planes ---


@given(st.integers(1, 7), st.booleans(), st.integers(1, 70), st.integers(0, 20))
def test_planes_hold_the_weights(bits, odd, channels, seed):
    generator = np.random.default_rng((bits, odd, channels, seed))
    if odd:
        weight = 2 * generator.integers(0, 2**bits, (3, channels)) - (2**bits - 1)
    else:
        weight = generator.integers(-(2**bits), 2**bits, (3, channels))
    encoding, planes = smallest_encoding(weight.astype(np.int8))
    packed = pack_planes(weight.astype(np.int8), encoding, planes)
    assert packed.shape == (planes, 3, -(-channels // 64))
    np.testing.assert_array_equal(unpack_planes(packed, channels, encoding), weight)
    assert planes <= bits + (not odd)


def test_the_smallest_encoding():
    for weight, expected in (
        ([1, -1], ("signs", 1)),
        ([1, 0, -1], ("ternary", 2)),
        ([3, -1, 1], ("signs", 2)),
        ([3, 0, -3], ("twos_complement", 3)),
        ([3, 0, -4], ("twos_complement", 3)),
        ([127, 0], ("twos_complement", 8)),
        ([0, 0], ("ternary", 2)),
    ):
        assert smallest_encoding(np.array([weight], np.int8)) == expected


# --- errors ---


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: quantize_training(net(), [images()], 0, 4), "weight_bits must be a whole number from 1 to 8, got 0"),
        (lambda: quantize_training(net(), [images()], 4, 9), "activation_bits must be"),
        (lambda: quantize_training(net(), [], 4, 4), "batches are empty"),
        (lambda: quantize_training(net(), images(), 4, 4), "one batch is a list of one"),
        (lambda: quantize_training(net(), [images()], layers=["nowhere"]), "no Conv2d or Linear layer is called"),
        (lambda: quantize_training(nn.Sequential(nn.Linear(4, 4)), [torch.zeros(2, 4)], layers=["0"]), "only zeros"),
        (lambda: ternarize(nn.Sequential(nn.ReLU()), [images()]), "nothing to make of few bits"),
        (
            lambda: ternarize(nn.Sequential(nn.Conv2d(1, 2, 2, padding="same")), [images()], layers=["0"]),
            "layer '0' pads unevenly",
        ),
    ],
)
def test_errors(call, says):
    with pytest.raises(LeveretUsageError, match=says):
        call()


def test_a_batch_with_nan_is_refused():
    x = images()
    x[3] = torch.nan
    with pytest.raises(LeveretDataError, match="batch 2 holds NaN"):
        ternarize(net(), [images(), x])


# --- DoReFa-Net's weights ---


@pytest.mark.parametrize("bits", [2, 3, 7])
def test_tanh_weights_are_those_of_the_papers_formula(bits):
    weight = torch.randn(5, 4, 3, 3, generator=torch.Generator().manual_seed(bits))
    n = 2**bits - 1
    bent = weight.tanh() / (2 * weight.tanh().abs().max()) + 0.5
    papers = 2 * (n * bent).round() / n - 1
    whole = _gradients.odd_from_tanh(weight, bits)
    torch.testing.assert_close(whole / n, papers)
    assert (whole.abs() % 2 == 1).all()
    assert whole.abs().max() == n


def test_the_gradient_of_tanh_weights_is_that_without_rounding():
    weight = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    out = torch.randn(3, 5, dtype=torch.float64)
    (_gradients.odd_from_tanh(weight, 3) * out).sum().backward()
    smooth = weight.detach().clone().requires_grad_()
    bent = smooth.tanh()
    (7 * bent / bent.abs().max() * out).sum().backward()
    torch.testing.assert_close(weight.grad, smooth.grad)


@pytest.mark.parametrize("bits", [2, 4, 7])
def test_tanh_weights_are_packed_to_the_last_bit(bits):
    torch.manual_seed(0)
    layer = nn.Sequential(nn.Linear(130, 70))
    small = quantize_training(layer, [torch.randn(50, 130)], bits, 3, layers=["0"], weight_form="tanh").eval()
    image = nn.Sequential(nn.Flatten(), small)
    x = torch.randn(6, 130, 1, 1)
    packed = leveret.pack(image, x)
    assert small[0].whole_weight().abs().max() == 2**bits - 1
    if bits == 2:
        assert packed.graph.steps[-1].op == "plane_linear"
        assert packed.graph.steps[-1].attributes["encoding"] == "signs"
    with torch.no_grad():
        np.testing.assert_array_equal(packed(x.numpy()), image(x).numpy())


def test_tanh_weights_keep_their_size_and_train(few_digits):
    small = quantize_training(net(), [images()], 2, 3, weight_form="tanh")
    layer = next(m for m in small.modules() if isinstance(m, LowBitConv2d))
    before = layer.weight.detach().clone()
    assert float(layer.effective_weight().detach().abs().max()) == pytest.approx(float(before.tanh().abs().max()))
    fit(small, few_digits, epochs=1, batch_size=50, progress=False)
    assert not torch.equal(layer.weight, before)


def test_one_bit_is_the_same_in_both_forms():
    given = net()
    a, b = (quantize_training(given, [images()], 1, 2, weight_form=form) for form in ("steps", "tanh"))
    with torch.no_grad():
        assert torch.equal(a.eval()(images()), b.eval()(images()))


def test_tanh_weights_have_their_range():
    with pytest.raises(LeveretUsageError, match="weight_form must be 'steps' or 'tanh', got 'tan'"):
        quantize_training(net(), [images()], weight_form="tan")
    with pytest.raises(LeveretUsageError, match="weight_bits up to 7"):
        quantize_training(net(), [images()], 8, 8, weight_form="tanh")
    zeros = net()
    nn.init.zeros_(zeros[3].weight)
    small = quantize_training(zeros, [images()], 2, 2, weight_form="tanh")
    assert small(images()).isfinite().all()
