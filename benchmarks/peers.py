"""Other people's convolutions, to time ours beside.

Each maker gives a function that runs one, or None where what it needs isn't installed.
"""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["onnxruntime_conv", "openvino_binary_convs", "plain_loop"]

Call = Callable[[], Any]

# what the paper's 58x is counted against: no blocking, no vectors, one multiply-add after the other
_LOOP = """
void conv(const float* x, const float* w, float* out, int side, int channels, int outputs, int kernel, int pad) {
    for (int y = 0; y < side; ++y)
        for (int xx = 0; xx < side; ++xx)
            for (int o = 0; o < outputs; ++o) {
                float sum = 0;
                for (int ky = 0; ky < kernel; ++ky)
                    for (int kx = 0; kx < kernel; ++kx) {
                        int iy = y + ky - pad, ix = xx + kx - pad;
                        if (iy < 0 || iy >= side || ix < 0 || ix >= side) continue;
                        const float* p = x + (iy * side + ix) * channels;
                        const float* f = w + ((o * kernel + ky) * kernel + kx) * channels;
                        for (int c = 0; c < channels; ++c) sum += p[c] * f[c];
                    }
                out[(y * side + xx) * outputs + o] = sum;
            }
}
"""


def plain_loop(x: np.ndarray, weight: np.ndarray) -> Call | None:
    """A scalar float loop compiled with -O2; x `(1, side, side, channels)`, weight `(out, k, k, channels)`."""
    compiler = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "loop.c", Path(folder) / "loop.so"
        source.write_text(_LOOP)
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
        function = ctypes.CDLL(str(library)).conv
    _, side, _, channels = x.shape
    outputs, kernel = weight.shape[:2]
    out = np.empty((1, side, side, outputs), np.float32)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (x, weight, out)]

    def call() -> np.ndarray:
        function(*pointers, side, channels, outputs, kernel, kernel // 2)
        return out

    return call


def onnxruntime_conv(x: np.ndarray, weight: np.ndarray, threads: int) -> Call | None:
    """ONNX Runtime's float convolution of the same operands.

    It takes and gives channels first; where it computes in another layout it turns the image round, as it would at
    either end of a net.
    """
    if importlib.util.find_spec("onnxruntime") is None or importlib.util.find_spec("onnx") is None:
        return None
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    image = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    filters = np.ascontiguousarray(weight.transpose(0, 3, 1, 2))
    pad = weight.shape[1] // 2
    shape = [1, len(weight), *image.shape[2:]]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], pads=[pad] * 4)],
        "conv",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, image.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(filters, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    # bound once, as a program that runs many images would
    binding = session.io_binding()
    binding.bind_cpu_input("x", image)
    result = onnxruntime.OrtValue.ortvalue_from_numpy(np.empty(shape, np.float32))
    binding.bind_ortvalue_output("y", result)

    def call() -> np.ndarray:
        session.run_with_iobinding(binding)
        return result.numpy().transpose(0, 2, 3, 1)

    return call


def openvino_binary_convs(x: np.ndarray, weights: list[np.ndarray], threads: int) -> Call | None:
    """OpenVINO's BinaryConvolution behind a FakeQuantize of two levels, which it runs on bits; several in a row.

    Signs are of `x > 0` and `weight >= 0`; one bit a weight, 0 outside the image. It computes channels last, and takes
    and gives channels first: before the first convolution and behind the last it turns the image round, which takes as
    long as half a convolution at 56x56x64. Several in a row share that, as the layers of a net do.
    """
    if importlib.util.find_spec("openvino") is None:
        return None
    import openvino
    from openvino import opset1

    image = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    y = given = opset1.parameter(list(image.shape), np.float32)
    kept = [image]  # OpenVINO reads their memory
    for weight in weights:
        bits = np.packbits(weight.transpose(0, 3, 1, 2).reshape(-1) >= 0, bitorder="little")
        kept.append(bits)
        shape = openvino.Shape([len(weight), weight.shape[3], *weight.shape[1:3]])
        limits = [opset1.constant(np.full((1, 1, 1, 1), value, np.float32)) for value in (0, 0, 0, 1)]
        filters = openvino.op.Constant(openvino.Tensor(bits, shape, openvino.Type.u1))
        pads = [weight.shape[1] // 2] * 2
        signs = opset1.fake_quantize(y, *limits, 2)
        y = opset1.binary_convolution(signs, filters, [1, 1], pads, pads, [1, 1], "xnor-popcount", 0.0)
    how = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(openvino.Model([y], [given]), "CPU", how).create_infer_request()
    request.set_input_tensor(openvino.Tensor(image))

    def call(_kept: Any = kept) -> np.ndarray:
        request.infer()
        return request.get_output_tensor().data.transpose(0, 2, 3, 1)

    return call
