"""The engine where batches meet windows, memory meets limits, and kernels fail."""

import subprocess
import sys

import numpy as np
import pytest

from leveret.errors import LeveretFormatError
from leveret.runtime import InputContract, Packed, kernels
from leveret.runtime._graph import Graph, Step

pytestmark = pytest.mark.skipif(kernels.available_isas() == ["reference"], reason="no kernels were compiled")


def one_place_nets(stride, padding, channels=70, outputs=130):
    """A convolution of one place on an image of one place, of every kind."""
    rng = np.random.default_rng(0)
    window = {"stride": [stride, stride], "padding": [padding, padding]}
    real = rng.normal(size=(outputs, 1, 1, channels)).astype(np.float32)
    signs = kernels.pack_bits(real)
    whole = rng.integers(-128, 128, real.shape).astype(np.int8)
    quantized = Step("q", "quantize", ["input"], {"step": 0.05, "low": -128, "high": 127})
    bits = Step("b", "bits", ["input"])
    yield "conv2d", [Step("y", "conv2d", ["input"], window, {"weight": "w"})], {"w": real}
    yield "bit_conv2d", [bits, Step("y", "bit_conv2d", ["b"], window, {"weight": "w"})], {"w": signs}
    yield "byte_conv2d", [quantized, Step("y", "byte_conv2d", ["q"], window, {"weight": "w"})], {"w": signs}
    yield "int8_conv2d", [quantized, Step("y", "int8_conv2d", ["q"], window, {"weight": "w"})], {"w": whole}


@pytest.mark.parametrize("isa", [name for name in kernels.available_isas() if name != "reference"])
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 0), (3, 0), (3, 1)])
def test_samples_of_one_place_do_not_meet(isa, stride, padding):
    """A strided 1x1 shortcut in a net that has shrunk to one pixel: each sample is its own image."""
    x = np.random.default_rng(1).normal(size=(19, 70, 1, 1)).astype(np.float32)
    with kernels.using_isa(isa):
        for name, steps, tensors in one_place_nets(stride, padding):
            net = Packed(Graph([*steps, Step("out", "global_avg_pool", ["y"])]), tensors, InputContract((70, 1, 1)))
            assert net._engine is not None, name
            for threads in (1, 3):
                whole = net(x, threads=threads)
                alone = np.concatenate([net(x[i : i + 1], threads=threads) for i in range(len(x))])
                np.testing.assert_allclose(whole, alone, rtol=1e-5, atol=1e-5, err_msg=name)


def test_padding_without_end_is_refused():
    steps = [
        Step("b", "bits", ["input"]),
        Step("y", "bit_conv2d", ["b"], {"padding": [0, 4096], "stride": [1, 4096]}, {"weight": "w"}),
        Step("out", "global_avg_pool", ["y"]),
    ]
    weight = kernels.pack_bits(np.ones((1, 1, 1, 1), np.float32))
    with pytest.raises(LeveretFormatError, match=r"step 'y'.*far too large"):
        Packed(Graph(steps), {"w": weight}, InputContract((1, 16_384, 1)))


@pytest.mark.parametrize("isa", ["reference", kernels.isa()])
def test_many_large_values_are_refused(isa):
    """Each is small enough, but all are alive at once: by the steps' own count and by the engine's."""
    count = 40
    steps = [Step(f"s{i}", "clip", ["input"], {"low": 0, "high": i + 1}) for i in range(count)]
    steps += [Step(f"sum{i}", "affine", [f"sum{i - 1}" if i > 1 else "s0", f"s{i}"]) for i in range(1, count)]
    steps.append(Step("out", "global_avg_pool", [f"sum{count - 1}"]))
    with kernels.using_isa(isa):
        with pytest.raises(LeveretFormatError, match=r"one sample would take [\d,]+ MB of memory; at most 2,048"):
            Packed(Graph(steps), {}, InputContract((1, 4096, 4096)))
        Packed(Graph(steps), {}, InputContract((1, 256, 256)))


@pytest.mark.parametrize("op", ["max_pool2d", "avg_pool2d"])
def test_work_without_end_is_refused(op):
    """A file of a few hundred bytes that would keep a machine busy for days."""
    steps = [
        Step("y", op, ["input"], {"kernel": [4096, 4096], "stride": [1, 1]}),
        Step("out", "global_avg_pool", ["y"]),
    ]
    with pytest.raises(LeveretFormatError, match=r"one sample would take 2\.8e\+14 operations; at most 4\.4e\+12"):
        Packed(Graph(steps), {}, InputContract((1, 8192, 8192)))


def test_the_products_of_a_transposed_convolution_count_when_a_batch_is_cut():
    steps = [Step("up", "conv_transpose2d", ["input"], {}, {"weight": "w"}), Step("out", "global_avg_pool", ["up"])]
    net = Packed(Graph(steps), {"w": np.ones((1, 1, 64, 16), np.float32)}, InputContract((1, 64, 64)))
    assert net._bytes_per_sample > 4 * 64 * 64 * 64 * 16


def test_a_batch_takes_no_more_memory_than_allowed_with_its_scratch(tmp_path):
    """What a padded line of bits takes beside the values counts when a batch is cut."""
    steps = [
        Step("b", "bits", ["input"]),
        Step("y", "bit_conv2d", ["b"], {"padding": [0, 2048], "stride": [1, 4096]}, {"weight": "w"}),
        Step("out", "global_avg_pool", ["y"]),
    ]
    weight = kernels.pack_bits(np.ones((1, 1, 1, 1), np.float32))
    net = Packed(Graph(steps), {"w": weight}, InputContract((1, 1, 1)))
    x = np.ones((20_000, 1, 1, 1), np.float32)
    assert net._engine.arena_bytes(1) * len(x) > 128 << 20
    code = (
        "import resource, sys, numpy as np\n"
        "from leveret import runtime\n"
        "net = runtime.load(sys.argv[1])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "out = net(np.ones((20_000, 1, 1, 1), np.float32))\n"
        "assert out.shape == (20_000, 1)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    net.save(path := tmp_path / "net.lvr")
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 100 << 10


def test_many_places_are_averaged_without_loss():
    net = Packed(Graph([Step("out", "global_avg_pool", ["input"])]), {}, InputContract((3, 512, 512)))
    x = np.full((1, 3, 512, 512), 0.1, np.float32)
    np.testing.assert_array_equal(net(x), np.full((1, 3), 0.1, np.float32))


FAILS = """
import numpy as np, resource, sys
from leveret.runtime import kernels
rng = np.random.default_rng(0)
layer = kernels.Int8Conv2d(rng.integers(-9, 9, (4, 3, 3, 2)).astype(np.int8), padding=1)
x = rng.integers(-9, 9, (2, 400, 40, 2)).astype(np.int8)
expected = layer(x, threads=1)
wide = np.zeros((64, 1 << 22), np.float32)
sparse = kernels.SparseLinear(np.ones(1, np.float32), np.zeros(1, np.uint32), np.array([0, 1], np.uint32), 1 << 22)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (400 << 20),) * 2)
for turn in range(3):
    try:
        sparse(wide, threads=int(sys.argv[1]))
    except MemoryError:
        pass
    else:
        sys.exit("there was memory enough")
    assert (layer(x, threads=2) == expected).all()
print("goes on")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits a process's memory as Linux does")
@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_kernel_without_memory_is_an_error_and_no_end(threads):
    run = subprocess.run([sys.executable, "-c", FAILS, threads], capture_output=True, text=True)
    assert run.stdout.strip() == "goes on", run.stderr[-500:]
