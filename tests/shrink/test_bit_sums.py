"""XNOR layers by bits against the same layers by floats: sums, gradients, dtypes, layouts, and where bits step back."""

import copy
import os
import subprocess
import sys

import pytest
import torch
import torch.utils.checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import leveret
import warm_processes
from leveret.errors import LeveretUsageError
from leveret.runtime import kernels
from leveret.shrink.binary import BiRealBlock, XnorConv2d, XnorLinear, _bitsums, set_binary_weights, use_bit_kernels

compiled = pytest.mark.skipif(kernels.isa() == "reference", reason="no kernels were compiled, so floats compute anyway")


@pytest.fixture
def calls(monkeypatch):
    """How often bits computed."""
    counted = []
    for name in ("_conv", "_product"):
        function = getattr(_bitsums, name)
        monkeypatch.setattr(_bitsums, name, lambda *a, f=function: (counted.append(1), f(*a))[1])
    return counted


def step(layer, x, grad, mode, autocast=False):
    """Output and gradients of the input and the parameters."""
    layer = copy.deepcopy(layer)
    use_bit_kernels(layer, mode)
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        y = layer(x)
    y.backward(grad(y))
    return y.detach(), [x.grad, *(p.grad for p in layer.parameters())]


def same(layer, x, autocast=False):
    torch.manual_seed(1)
    draws = {}

    def grad(y):
        return draws.setdefault(0, torch.randn(y.shape)).to(y.dtype)

    floats, expected = step(layer, x, grad, False, autocast)
    bits, found = step(layer, x, grad, True, autocast)
    assert bits.dtype == floats.dtype
    for layout in (torch.contiguous_format, torch.channels_last)[: x.dim() - 2]:
        assert bits.is_contiguous(memory_format=layout) == floats.is_contiguous(memory_format=layout)
    if layer.weight_scale:
        tolerance = 1e-2 if autocast else 1e-5
        torch.testing.assert_close(bits, floats, rtol=tolerance, atol=tolerance)
    else:
        torch.testing.assert_close(bits, floats, rtol=0, atol=0)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        # K's gradient holds the sums, and so what α rounded
        tolerance = 1e-4 if layer.input_scale and layer.weight_scale else 0
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        use_bit_kernels(layer, True)
        torch.testing.assert_close(layer(x), bits, rtol=0, atol=0)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_sums_and_gradients_are_those_of_floats(data):
    draw = data.draw
    groups = draw(st.sampled_from([1, 1, 2]))
    channels, outputs = (groups * draw(st.sampled_from([1, 3, 32, 35, 70])) for _ in range(2))
    layer = XnorConv2d(
        channels,
        outputs,
        (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        draw(st.integers(1, 2)),
        draw(st.integers(0, 2)),
        draw(st.integers(1, 2)),
        groups,
        bias=draw(st.booleans()),
        weight_scale=draw(st.booleans()),
        weight_gradient=draw(st.sampled_from(["paper", "clipped"])),
        input_gradient=draw(st.sampled_from(["clipped", "approx"])),
    )
    x = torch.randn(draw(st.integers(1, 3)), channels, draw(st.integers(5, 9)), draw(st.integers(5, 9)))
    x[0, 0, 0, :2] = torch.tensor([0.0, -0.0])
    if draw(st.booleans()):
        x = x.contiguous(memory_format=torch.channels_last)
    same(layer, x, autocast=draw(st.booleans()))


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("scale", [False, True])
def test_linear_layers(scale, autocast):
    torch.manual_seed(0)
    same(XnorLinear(70, 9, bias=True, weight_scale=scale), torch.randn(5, 70), autocast)


@pytest.mark.parametrize("scale", [False, True])
def test_input_scales(scale):
    same(XnorConv2d(8, 6, 3, padding=1, weight_scale=scale, input_scale=True), torch.randn(2, 8, 6, 5))
    same(XnorLinear(8, 6, weight_scale=scale, input_scale=True), torch.randn(2, 8))


def test_layers_in_bfloat16():
    same(XnorConv2d(8, 6, 3, weight_scale=False).bfloat16(), torch.randn(2, 8, 6, 5).bfloat16())


@compiled
def test_channels_last_is_not_copied():
    x = torch.randn(2, 8, 6, 5).contiguous(memory_format=torch.channels_last)
    assert _bitsums._array(x.permute(0, 2, 3, 1)).__array_interface__["data"][0] == x.data_ptr()


@pytest.mark.parametrize("shape", [(1, 8, 8), (8, 1, 8), (8, 8, 1), (1, 1, 8), (1, 8, 1), (3, 5, 4)])
@pytest.mark.parametrize("outputs", [1, 8])
@pytest.mark.parametrize("last", ["x", "weight", "both", "neither"])
def test_the_layout_is_torchs_where_an_axis_has_one_place(shape, outputs, last):
    """What follows, as a BatchNorm, adds in the order of the layout."""
    layer = XnorConv2d(shape[0], outputs, 1, weight_scale=False)
    x = torch.randn(4, *shape)
    if last in ("weight", "both"):
        layer = layer.to(memory_format=torch.channels_last)
    if last in ("x", "both"):
        x = x.to(memory_format=torch.channels_last)
    found = {}
    for mode in (False, True):
        use_bit_kernels(layer, mode)
        found[mode] = layer(x)
    assert found[True].stride() == found[False].stride()
    torch.testing.assert_close(found[True], found[False], rtol=0, atol=0)


@compiled
def test_measuring_is_hidden_from_activation_checkpoints():
    net = nn.Sequential(XnorConv2d(8, 8, 3, padding=1, weight_scale=False), nn.BatchNorm2d(8))
    use_bit_kernels(net, "auto")
    x = torch.randn(2, 8, 9, 7, requires_grad=True)
    _bitsums._faster.clear()
    torch.utils.checkpoint.checkpoint(net, x, use_reentrant=False).sum().backward()
    assert x.grad is not None


@compiled
def test_inputs_of_many_sizes_are_not_all_measured():
    layer = XnorConv2d(8, 8, 3, padding=1, weight_scale=False)
    _bitsums._faster.clear()
    use_bit_kernels(layer, "auto")
    for height in range(20, 60):
        layer(torch.randn(1, 8, height, 40))
    assert 1 <= len(_bitsums._faster) <= 3


@compiled
@pytest.mark.parametrize("first", [True, False])
def test_a_resumed_run_may_choose_otherwise(few_digits, tmp_path, monkeypatch, first):
    """ "auto" measures anew after a resume: whatever it picks, the weights that come out are the same."""
    ends = []
    for choices in ([first, first], [first, not first]):
        out = tmp_path / str(choices[1])
        for epochs, bits in zip((1, 2), choices, strict=True):
            torch.manual_seed(0)
            net = leveret.ConvNet(1, 10, depth=3, widths=(8, 16), block=BiRealBlock)
            use_bit_kernels(net, "auto")
            _bitsums._faster.clear()
            picks = iter([0.0, 1.0] * 100 if bits else [1.0, 0.0] * 100)
            monkeypatch.setattr(_bitsums, "_seconds", lambda function, picks=picks: next(picks))
            leveret.fit(
                net,
                few_digits,
                epochs=epochs,
                batch_size=50,
                schedule="constant",
                warmup=0,
                precision="float32",
                out=out,
                keep_best=False,
                progress=False,
            )
            assert set(_bitsums._faster.values()) == {bits}
        ends.append(net.state_dict())
    for name, values in ends[0].items():
        torch.testing.assert_close(ends[1][name], values, rtol=0, atol=0)


@compiled
def test_who_computes(calls):
    x, plain, scaled = torch.randn(2, 8, 6, 5), XnorConv2d(8, 8, 3, weight_scale=False), XnorConv2d(8, 8, 3)
    for layer in (plain, scaled):
        use_bit_kernels(layer)
    scaled(x)
    assert not calls  # in training, α would round otherwise
    with torch.no_grad():
        scaled(x)
        assert len(calls) == 1
    for faster in (True, False):
        calls.clear()
        _bitsums._faster.clear()
        times = iter([0.0, 1.0] if faster else [1.0, 0.0])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_bitsums, "_seconds", lambda function, times=times: next(times))
            plain(x)
            plain(x)  # not measured again
        assert len(calls) == (2 if faster else 0)
    calls.clear()
    _bitsums._faster.clear()
    plain(x)
    assert len(_bitsums._faster) == 1
    assert calls


@pytest.mark.parametrize(
    "steps_back",
    [
        lambda layer, x: set_binary_weights(layer, False) or layer(x),
        lambda layer, x: layer.double()(x.double()),
        lambda layer, x: layer(x[:0]),
        lambda layer, x: layer.to("meta")(x.to("meta")),
        lambda layer, x: torch.export.export(layer, (x,)).module()(x),
        lambda layer, x: torch.jit.trace(layer, x, check_trace=False)(x),
        lambda layer, x: torch.compile(layer, backend="eager", fullgraph=True)(x),
        lambda layer, x: use_bit_kernels(layer, False) or layer(x),
        lambda layer, x: leveret.pack(nn.Sequential(layer, nn.Flatten()), x),
    ],
)
def test_floats_compute_what_bits_can_not(calls, steps_back):
    layer = XnorConv2d(8, 6, 3)
    use_bit_kernels(layer, True)
    with torch.no_grad():
        steps_back(layer, torch.randn(2, 8, 6, 5))
    assert not calls


def test_where_nothing_was_compiled_floats_compute(calls):
    before = kernels.isa()
    kernels.set_isa("reference")
    try:
        layer, x = XnorConv2d(8, 6, 3), torch.randn(2, 8, 6, 5)
        use_bit_kernels(layer, True)
        with torch.no_grad():
            layer(x)
    finally:
        kernels.set_isa(before)
    assert not calls


def test_inputs_that_do_not_fit_are_torchs_errors():
    layer = XnorConv2d(8, 6, 3)
    use_bit_kernels(layer, True)
    for x in (torch.randn(2, 7, 6, 5), torch.randn(2, 8, 2, 5)):
        with pytest.raises(RuntimeError):
            layer(x)


def test_float_layers_load_no_kernels():
    code = (
        "import sys, torch\n"
        "from leveret.shrink.binary import XnorConv2d, use_bit_kernels\n"
        "layer = XnorConv2d(2, 2, 3)\n"
        "use_bit_kernels(layer, False)\n"
        "layer(torch.randn(1, 2, 4, 4)).sum().backward()\n"
        "print([name for name in sys.modules if name.startswith('leveret.runtime')])\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_evaluation_is_the_same(few_digits, calls):
    torch.manual_seed(0)
    net = leveret.ConvNet(1, 10, depth=3, widths=(16, 32), block=BiRealBlock)
    use_bit_kernels(net, False)
    floats = leveret.evaluate(net, few_digits).logits
    assert not calls
    use_bit_kernels(net, True)
    torch.testing.assert_close(torch.tensor(leveret.evaluate(net, few_digits).logits), torch.tensor(floats))
    assert calls or kernels.isa() == "reference"


def test_wrong_modes_and_nets_are_said():
    with pytest.raises(LeveretUsageError, match="mode must be True, False or 'auto', got 'never'"):
        use_bit_kernels(XnorConv2d(1, 1, 1), "never")
    with pytest.raises(LeveretUsageError, match="Linear has no layer of binary inputs and weights"):
        use_bit_kernels(nn.Linear(2, 2), True)


@compiled
def test_training_ends_in_the_same_weights(few_digits, calls):
    """Plain signs: not a bit differs after two epochs."""
    ends = []
    for mode in (False, True):
        torch.manual_seed(0)
        net = leveret.ConvNet(1, 10, depth=3, widths=(8, 16), block=BiRealBlock)
        use_bit_kernels(net, mode)
        leveret.fit(net, few_digits, epochs=2, batch_size=50, precision="float32", progress=False)
        ends.append(net.state_dict())
        assert bool(calls) is mode
    for name, values in ends[0].items():
        torch.testing.assert_close(ends[1][name], values, rtol=0, atol=0)


def _trains_apart(rank, folder):
    """One of two processes: gradients of its half of a batch, averaged."""
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    torch.manual_seed(0)
    net = nn.Sequential(XnorConv2d(3, 8, 3), nn.Flatten(), XnorLinear(8 * 16, 4, weight_scale=False))
    alone, x = copy.deepcopy(net), torch.randn(4, 3, 6, 6)
    use_bit_kernels(net, True)
    use_bit_kernels(alone, False)
    together = nn.parallel.DistributedDataParallel(net)
    together(x[2 * rank : 2 * rank + 2]).square().mean().backward()
    alone(x).square().mean().backward()
    for a, b in zip(net.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-4)
    dist.barrier()
    os._exit(0)  # else PyTorch may wait for itself: gloo's thread for the interpreter, which its destructor holds


def test_several_processes_train_together(tmp_path, monkeypatch):
    warm_processes.instead_of_spawn(monkeypatch)
    torch.multiprocessing.spawn(_trains_apart, (tmp_path,), nprocs=2)
