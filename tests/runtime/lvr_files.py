"""A small net made by hand, and .lvr files written byte by byte from docs/lvr-format.md, not by the code under test."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from leveret.runtime import InputContract, Packed
from leveret.runtime._graph import Graph, Step

DTYPES = {"<f4": "F32", "<u8": "U64", "<u4": "U32", "|u1": "U8", "|i1": "I8", "<f8": "F64", "<i8": "I64", "<f2": "F16"}


def small_steps() -> list[dict[str, Any]]:
    """Real convolution, binary convolution, pooling, classifier: the graph as the file has it."""

    def step(name: str, op: str, inputs: list[str], attributes: dict[str, Any], *roles: str) -> dict[str, Any]:
        tensors = {role: f"{name}.{role}" for role in roles}
        return {"name": name, "op": op, "inputs": inputs, "attributes": attributes, "tensors": tensors}

    return [
        step("stem", "conv2d", ["input"], {"padding": [1, 1]}, "weight", "shift", "slope"),
        step("sign", "bits", ["stem"], {}, "threshold", "flip"),
        step("conv", "bit_conv2d", ["sign", "stem"], {"padding": [1, 1]}, "weight", "scale"),
        step("pool", "max_pool2d", ["conv"], {"kernel": [2, 2], "stride": [2, 2]}),
        step("mean", "global_avg_pool", ["pool"], {}),
        step("head", "linear", ["mean"], {}, "weight", "shift"),
    ]


def small_tensors(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)

    def floats(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    return {
        "stem.weight": floats(5, 3, 3, 2),
        "stem.shift": floats(5),
        "stem.slope": floats(5),
        "sign.threshold": floats(5),
        "sign.flip": np.array([0, 1, 0, 1, 0], np.uint8),
        "conv.weight": rng.integers(0, 2**5, (5, 3, 3, 1), dtype=np.uint64),
        "conv.scale": floats(5),
        "head.weight": floats(3, 5),
        "head.shift": floats(3),
    }


def small_packed() -> Packed:
    steps = [Step(s["name"], s["op"], s["inputs"], s["attributes"], s["tensors"]) for s in small_steps()]
    contract = InputContract((2, 6, 8), (0.4, 0.5), (0.2, 0.3))
    return Packed(Graph(steps), small_tensors(), contract, ("a", "b", "ç"), {"made by": "hand", "epochs": 3})


def small_texts(**changes: Any) -> dict[str, str]:
    """The metadata of the small net; `changes` replace whole texts, None leaves one out."""
    texts = {
        "format": "leveret",
        "version": "1.0",
        "graph": json.dumps({"steps": small_steps()}),
        "input": json.dumps({"dtype": "uint8", "shape": [2, 6, 8], "mean": [0.4, 0.5], "std": [0.2, 0.3]}),
        "classes": json.dumps(["a", "b", "ç"]),
        "provenance": json.dumps({"made by": "hand", "epochs": 3}),
    }
    texts |= changes
    return {key: text for key, text in texts.items() if text is not None}


def digest(texts: dict[str, str], tensors: dict[str, np.ndarray]) -> str:
    """The file's SHA-256, as docs/lvr-format.md defines it."""
    state = hashlib.sha256()
    state.update(json.dumps({k: v for k, v in texts.items() if k != "sha256"}, sort_keys=True).encode())
    for name in sorted(tensors):
        array = tensors[name]
        state.update(f"\n{name}|{array.dtype.str}|{array.shape}|".encode() + array.tobytes())
    return state.hexdigest()


def container(header: bytes, data: bytes, length: int | None = None) -> bytes:
    """A safetensors file: the header's length, the header, the tensors' bytes."""
    return (len(header) if length is None else length).to_bytes(8, "little") + header + data


def signed(texts: dict[str, str], tensors: dict[str, np.ndarray]) -> bytes:
    """A file whose SHA-256 is right, whatever else may be wrong with it: what a hostile author would send."""
    header: dict[str, Any] = {"__metadata__": {**texts, "sha256": digest(texts, tensors)}}
    data = b""
    # safetensors wants what is aligned widest first
    for name in sorted(tensors, key=lambda n: (-tensors[n].itemsize, n)):
        array = tensors[name]
        header[name] = {
            "dtype": DTYPES[array.dtype.str],
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + array.nbytes],
        }
        data += array.tobytes()
    text = json.dumps(header).encode()
    return container(text + b" " * (-len(text) % 8), data)


def write_small(
    path: Path, *, steps: Any = None, tensors: dict[str, np.ndarray] | None = None, **texts: str | None
) -> Path:
    """A rightly signed small file with changes: other steps, tensors replaced or added, texts replaced or left out."""
    if steps is not None:
        texts["graph"] = json.dumps({"steps": steps})
    path.write_bytes(signed(small_texts(**texts), {**small_tensors(), **(tensors or {})}))
    return path
