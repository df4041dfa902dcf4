"""Steps of a pass backward against torch's autograd, and by hand."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from leveret.errors import LeveretFormatError
from leveret.runtime._values import Value
from leveret.runtime.ops import OPS

RNG = np.random.default_rng(8)


def run(name, inputs, attributes, tensors=None):
    values = [Value(x.shape[1:-1], x.shape[-1]) for x in inputs]
    return OPS[name](values, attributes, tensors or {}).run(inputs, 1)


def first(image):
    """Channels first, as torch has it, to be differentiated by."""
    return torch.from_numpy(np.moveaxis(image, -1, 1).copy()).requires_grad_()


def test_the_entropys_gradient_by_hand():
    """Three logits of 0 and one of log 3: shares 1/6, 1/6, 1/6, 1/2; H = ½ log 6 + ½ log 2."""
    logits = np.log(np.array([[1, 1, 1, 3]], np.float32))
    entropy = 0.5 * np.log(6) + 0.5 * np.log(2)
    expected = [-(np.log(1 / 6) + entropy) / 6] * 3 + [-(np.log(0.5) + entropy) / 2]
    np.testing.assert_allclose(run("logits_gradient", [logits], {"measure": "entropy"})[0], expected, rtol=1e-5)


@pytest.mark.parametrize("measure", ["entropy", "confidence"])
def test_gradients_at_logits(measure):
    logits = np.concatenate([RNG.normal(size=(5, 7)), np.eye(7) * 40, np.zeros((1, 7))]).astype(np.float32)
    x = torch.from_numpy(logits).double().requires_grad_()
    log_o = F.log_softmax(x, 1)
    (-(log_o.exp() * log_o).sum() if measure == "entropy" else log_o.gather(1, x.argmax(1)[:, None]).sum()).backward()
    found = run("logits_gradient", [logits], {"measure": measure})
    np.testing.assert_allclose(found, x.grad, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("function", "torchs"),
    [
        ("abs", torch.abs),
        ("elu", F.elu),
        ("gelu", F.gelu),
        ("gelu_tanh", lambda x: F.gelu(x, approximate="tanh")),
        ("hardsigmoid", F.hardsigmoid),
        ("hardswish", F.hardswish),
        ("mish", F.mish),
        ("sigmoid", torch.sigmoid),
        ("silu", F.silu),
        ("softplus", F.softplus),
        ("tanh", torch.tanh),
    ],
)
def test_functions(function, torchs):
    points = np.concatenate([np.linspace(-6, 6, 301), [-1e4, -100, -3, 0, 3, 100, 1e4]]).astype(np.float32)[None]
    x = torch.from_numpy(points).double().requires_grad_()
    torchs(x).sum().backward()
    found = run("function_gradient", [np.ones_like(points), points], {"function": function})
    np.testing.assert_allclose(found, x.grad, rtol=2e-5, atol=2e-6)


def test_at_bounds_a_clamp_lets_gradients_through_and_a_relu6_does_not():
    x = np.array([[-1, 0, 3, 6, 7]], np.float32)
    ones, bounds = np.ones_like(x), {"low": 0, "high": 6}
    assert run("clip_gradient", [ones, x], bounds).tolist() == [[0, 1, 1, 1, 0]]
    assert run("clip_gradient", [ones, x], {**bounds, "bounds": "without"}).tolist() == [[0, 0, 1, 0, 0]]
    t = torch.from_numpy(x).requires_grad_()
    F.relu6(t).sum().backward()
    assert t.grad.tolist() == [[0, 0, 1, 0, 0]]


@st.composite
def pools(draw):
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    window = {
        "kernel": kernel,
        "stride": draw(st.tuples(st.integers(1, 4), st.integers(1, 3))),
        "padding": tuple(draw(st.integers(0, k // 2)) for k in kernel),
        "dilation": draw(st.tuples(st.integers(1, 2), st.integers(1, 2))),
        "ceil_mode": draw(st.booleans()),
    }
    side = draw(st.integers(3, 9)), draw(st.integers(3, 9))
    # few different values, so that many are equal
    values = draw(st.integers(1, 6))
    return window, side, values


@settings(max_examples=40, deadline=None)
@given(pools(), st.integers(0, 99))
def test_back_through_a_max_pool(case, seed):
    window, side, values = case
    reach = [
        d * (k - 1) + 1 - 2 * p for d, k, p in zip(window["dilation"], window["kernel"], window["padding"], strict=True)
    ]
    assume(all(r <= n for r, n in zip(reach, side, strict=True)))  # of smaller images the runtime has no pools
    rng = np.random.default_rng(seed)
    image = rng.integers(0, values, (2, *side, 3)).astype(np.float32)
    x = first(image)
    arguments = (window["kernel"], window["stride"], window["padding"], window["dilation"], window["ceil_mode"])
    try:
        pooled = F.max_pool2d(x, *arguments)
    except RuntimeError:
        assume(False)
    gradient = rng.normal(size=(2, *pooled.shape[2:], 3)).astype(np.float32)
    pooled.backward(first(gradient).detach())
    attributes = {key: value if key == "ceil_mode" else list(value) for key, value in window.items()}
    found = run("max_pool_gradient", [gradient, image], attributes)
    np.testing.assert_allclose(np.moveaxis(found, -1, 1), x.grad, rtol=1e-5, atol=1e-6)


def test_equals_share_as_amax_has_it():
    image = RNG.integers(0, 3, (2, 4, 5, 3)).astype(np.float32)
    x, gradient = first(image), RNG.normal(size=(2, 1, 1, 3)).astype(np.float32)
    x.amax((2, 3), keepdim=True).backward(first(gradient).detach())
    window = {"kernel": [4, 5], "stride": [1, 1], "ties": "shared"}
    np.testing.assert_allclose(
        np.moveaxis(run("max_pool_gradient", [gradient, image], window), -1, 1), x.grad, rtol=1e-5
    )
    # and of windows: the pool of each half by itself
    halves = run("max_pool_gradient", [gradient.repeat(2, 1), image], {**window, "kernel": [2, 5], "stride": [2, 1]})
    x = first(image)
    torch.cat([x[:, :, :2].amax((2, 3), keepdim=True), x[:, :, 2:].amax((2, 3), keepdim=True)], 2).backward(
        first(gradient.repeat(2, 1)).detach()
    )
    np.testing.assert_allclose(np.moveaxis(halves, -1, 1), x.grad, rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 4), st.integers(1, 3)),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.integers(1, 2),
    st.integers(0, 99),
)
def test_transposed_convolutions_by_phases_and_by_rows(kernel, stride, dilation, groups, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, 4, 3, 5, generator=generator)
    weight = torch.randn(4, 3, *kernel, generator=generator)
    padding = [min(k // 2, 1) for k in kernel]
    more = [s - 1 for s in stride]
    try:
        expected = F.conv_transpose2d(x, weight, None, stride, padding, more, groups, dilation)
    except RuntimeError:
        assume(False)
    attributes = {"stride": stride, "padding": padding, "output_padding": more, "dilation": dilation, "groups": groups}
    attributes = {key: value if key == "groups" else list(value) for key, value in attributes.items()}
    op = OPS["conv_transpose2d"](
        [Value((3, 5), 4)], attributes, {"weight": np.ascontiguousarray(weight.numpy().transpose(0, 2, 3, 1))}
    )
    op.prepare()
    found = op.run([np.ascontiguousarray(x.numpy().transpose(0, 2, 3, 1))], 1)
    np.testing.assert_allclose(np.moveaxis(found, -1, 1), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "values", "attributes", "says"),
    [
        ("max_pool_gradient", [((2, 2), 3), ((4, 4), 3)], {"kernel": [2, 2], "stride": [1, 1]}, "gradient of shape"),
        ("max_pool_gradient", [((1, 1), 3), ((4, 4), 3)], {"kernel": [5, 5], "stride": [1, 1]}, "too small"),
        ("max_pool_gradient", [((2, 2), 3), ((), 3)], {"kernel": [2, 2], "stride": [2, 2]}, "takes an image"),
        (
            "max_pool_gradient",
            [((3, 3), 1), ((4096, 4096), 1)],
            {"kernel": [3000, 3000], "stride": [500, 500]},
            "far too large",
        ),
        ("max_pool_gradient", [((2, 2), 3), ((4, 4), 3)], {"kernel": [2, 2], "stride": [2, 2], "ties": "x"}, "ties"),
        ("function_gradient", [((2, 2), 3), ((2, 3), 3)], {"function": "tanh"}, "gradient of shape"),
        ("function_gradient", [((2, 2), 3)] * 2, {"function": "exec"}, "'function' must be one of"),
        ("clip_gradient", [((2, 2), 3)] * 2, {"low": 0}, "'high' is missing"),
        ("leaky_gradient", [((2, 2), 3)] * 2, {}, "'slope' is missing"),
        ("logits_gradient", [((2, 2), 3)], {"measure": "entropy"}, "takes a row"),
        ("logits_gradient", [((), 3)], {"measure": "luck"}, "'measure' must be one of"),
    ],
)
def test_what_does_not_fit_is_refused(name, values, attributes, says):
    with pytest.raises(LeveretFormatError, match=says):
        OPS[name]([Value(*value) for value in values], attributes, {})
