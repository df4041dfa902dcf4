"""Other engines that a packed net can be timed beside: each makes a function of images from the same float net.

All get the same number of threads, and whatever suits them otherwise: PyTorch its better memory layout, ONNX Runtime
and OpenVINO a graph compiled for each batch size. Importing this file loads none of them.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret._extras import installed
from leveret.errors import LeveretUsageError

__all__ = ["ENGINES", "Engine", "engines", "export", "lacking", "onnxruntime_model", "openvino_model"]

Model = Callable[[NDArray[Any]], Any]


@dataclass(frozen=True)
class Engine:
    """One of them.

    Attributes:
        key, title: the word on the command line, and the name.
        needs: modules, those that build the float net included.
        extra: that brings them.
        alone: code of a process that only predicts with it, a batch of one size; its `sys.argv`: the packed model's
            file (the export, where the engine reads ONNX), the batch, threads.
    """

    key: str
    title: str
    needs: tuple[str, ...]
    extra: str
    alone: str


_TORCH_ALONE = """
import sys
import torch
from leveret import runtime
from leveret.jobs._memory import forget_peak
from leveret.jobs._float_net import example, float_net
torch.set_num_threads(int(sys.argv[3]))
packed = runtime.load(sys.argv[1])
images = example(packed.input, int(sys.argv[2]))
net = float_net(packed).to(memory_format=torch.channels_last)
del packed
forget_peak()  # what building the net took is no part of predicting
with torch.inference_mode():
    net(images)
"""

_ONNX_ALONE = """
import sys
import numpy as np
from leveret.jobs import _engines
batch = int(sys.argv[2])
model, shape, dtype = _engines.{make}(sys.argv[1], (batch,), int(sys.argv[3]))
model(np.zeros((batch, *shape), dtype))
"""

_ONNX = ("torch", "onnx", "onnxscript")
_BENCH = "bench"

ENGINES = {
    engine.key: engine
    for engine in (
        Engine("torch", "PyTorch", ("torch",), "train", _TORCH_ALONE),
        Engine(
            "onnxruntime",
            "ONNX Runtime",
            (*_ONNX, "onnxruntime"),
            _BENCH,
            _ONNX_ALONE.format(make="onnxruntime_model"),
        ),
        Engine("openvino", "OpenVINO", (*_ONNX, "openvino"), _BENCH, _ONNX_ALONE.format(make="openvino_model")),
    )
}


def engines(names: str | list[str] | tuple[str, ...]) -> list[Engine]:
    """Those of a list, or of names with commas between them, each once.

    Raises:
        LeveretUsageError: one is unknown.
    """
    given = names.split(",") if isinstance(names, str) else names
    keys = [name.strip().lower() for name in given if name.strip()]
    for key in keys:
        if key not in ENGINES:
            raise LeveretUsageError(f"against must be some of {', '.join(ENGINES)}, got {key!r}")
    return [ENGINES[key] for key in dict.fromkeys(keys)]


def lacking(engine: Engine) -> str | None:
    """What isn't installed, and what to do about it; None where nothing is missing."""
    lacked = [name for name in engine.needs if not installed(name)]
    return f'needs {", ".join(lacked)}: pip install "leveret[{engine.extra}]"' if lacked else None


def export(packed: Any, path: str | os.PathLike[str]) -> None:
    """Write a packed net's float net as ONNX, for any batch size, from what the packed net takes to logits."""
    import torch

    from leveret.jobs._float_net import example, float_net

    with _quiet():
        torch.onnx.export(
            float_net(packed),
            (example(packed.input),),
            os.fspath(path),
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def onnxruntime_model(path: str | os.PathLike[str], batches: tuple[int, ...], threads: int) -> tuple[Model, Any, Any]:
    """An ONNX file in ONNX Runtime, a session for each batch size; with the shape and dtype of an image."""
    import onnxruntime

    sessions = {}
    for batch in batches:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_free_dimension_override_by_name("batch", batch)
        # its threads may spin for work while it runs, but not afterwards, while others are timed
        options.add_session_config_entry("session.force_spinning_stop", "1")
        sessions[batch] = onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
    taken = sessions[batches[0]].get_inputs()[0]
    dtype = {"tensor(uint8)": np.uint8, "tensor(int64)": np.int64}.get(taken.type, np.float32)
    return lambda images: sessions[len(images)].run(None, {"images": images})[0], tuple(taken.shape[1:]), dtype


def openvino_model(path: str | os.PathLike[str], batches: tuple[int, ...], threads: int) -> tuple[Model, Any, Any]:
    """An ONNX file in OpenVINO, compiled in float32 for each batch size; with the shape and dtype of an image."""
    import openvino

    core = openvino.Core()
    requests = {}
    for batch in batches:
        model = core.read_model(os.fspath(path))
        taken = model.inputs[0]
        shape = tuple(side.get_length() for side in list(taken.partial_shape)[1:])
        dtype = taken.element_type.to_dtype()
        model.reshape([batch, *shape])
        how = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",  # by default it takes bfloat16 where the CPU has it
        }
        requests[batch] = core.compile_model(model, "CPU", how).create_infer_request()
    return lambda images: requests[len(images)].infer([images], share_inputs=True)[0], shape, dtype


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's own remarks, on torchvision and the like, are nothing to the user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
