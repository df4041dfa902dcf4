"""A net whose weights are stored in every way that there is, and what can be wrong with such a file."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from lvr_files import signed
from safetensors import safe_open

from leveret.runtime import InputContract, Packed, kernels
from leveret.runtime._graph import Graph, Step
from leveret.runtime.codings import Hashed, Product, code_symbols, hashed_places


def coded_net() -> Packed:
    """Hashed and product-quantised filters, shared, pruned, ternary and int8 weights, the slopes of a ReLU."""
    rng = np.random.default_rng(3)
    tensors: dict[str, Any] = {}
    steps: list[Step] = []

    def add(op: str, attributes: dict[str, Any] | None = None, **arrays: Any) -> None:
        name = f"s{len(steps)}"
        tensors.update({f"{name}.{role}": array for role, array in arrays.items()})
        before = steps[-1].name if steps else "input"
        steps.append(Step(name, op, [before], attributes or {}, {role: f"{name}.{role}" for role in arrays}))

    def normal(*shape: int) -> Any:
        return (rng.normal(size=shape) / 4).astype(np.float32)

    same = {"padding": [1, 1]}
    indices, negative = hashed_places(0, 40 * 2 * 9, 60, 5)
    values = normal(60)
    hashed = np.where(negative, -values[indices], values[indices]).reshape(40, 2, 3, 3).transpose(0, 2, 3, 1)
    add("conv2d", same, weight=np.ascontiguousarray(hashed), shift=normal(40), slope=np.zeros(40, np.float32))

    table, places = normal(40, 5, 9), rng.integers(0, 5, (40, 40))
    runs = table[np.arange(40), places].reshape(40, 40, 3, 3).transpose(0, 2, 3, 1)
    add("conv2d", same, weight=np.ascontiguousarray(runs), slope=np.zeros(40, np.float32))

    shared = np.array([-0.3, -0.1, 0.2], np.float32)[rng.integers(0, 3, (40, 3, 3, 40))]
    add("conv2d", same, weight=shared, slope=np.zeros(40, np.float32))
    holes = np.where(rng.random((9, 3, 3, 40)) < 0.3, normal(9, 3, 3, 40), 0)
    add("conv2d", same, weight=holes.astype(np.float32))

    add("quantize", {"step": 0.5, "low": -4, "high": 3})
    signs = np.where(rng.random((9, 3, 3, 9)) < 0.8, 0, rng.choice([-1, 1], (9, 3, 3, 9)))
    planes = [kernels.pack_bits(np.where(bit, 1.0, -1.0).astype(np.float32)) for bit in (signs != 0, signs > 0)]
    scale = np.full(9, 0.1, np.float32)
    add("plane_conv2d", {**same, "encoding": "ternary"}, weight=np.stack(planes), scale=scale)
    add("quantize", {"step": 0.5, "low": -4, "high": 3})
    add("int8_conv2d", same, weight=rng.normal(0, 2, (9, 3, 3, 9)).round().astype(np.int8), scale=scale)

    add("flatten")
    for kept in (normal(50, 432), rng.choice([-0.5, 0.25, 0.5], (40, 50)).astype(np.float32)):
        pruned = np.where(rng.random(kept.shape) < 0.1, kept, 0).astype(np.float32)
        rows = dict(zip(("values", "columns", "starts"), kernels.sparse_rows(pruned), strict=True))
        add("sparse_linear", **rows)
    add("linear", weight=normal(3, 40), shift=normal(3))

    known = {
        "s0.weight": Hashed((40, 3, 3, 2), (40, 2, 3, 3), (0, 2, 3, 1), 5, values),
        "s1.weight": Product(
            (40, 3, 3, 40), (40, 40, 3, 3), (0, 2, 3, 1), code_symbols(places.astype(np.uint16), 5), table
        ),
    }
    contract = InputContract((2, 6, 8), (0.4, 0.5), (0.2, 0.3))
    return Packed(Graph(steps), tensors, contract, ["a", "b", "c"], codings=known)


# of each coding: an attribute, and what it must not be
WRONG_ATTRIBUTES = [
    ("s2.weight", "coding", "huffman"),
    ("s2.weight", "coding", None),
    ("s2.weight", "shape", [40, 3, 3, 41]),
    ("s2.weight", "shape", [40, 3, 3, 0]),
    ("s2.weight", "shape", [40, 3, 3, 1 << 31]),
    ("s2.weight", "shape", [1 << 30, 1 << 30, 1 << 30]),
    ("s2.weight", "shape", [1 << 20, 1 << 20]),
    ("s2.weight", "shape", []),
    ("s2.weight", "shape", 40),
    ("s2.weight", "shape", [40, 3.0, 3, 40]),
    ("s2.weight", "line", -1),
    ("s2.weight", "line", 41),
    ("s2.weight", "rows", 1),
    ("s2.weight", "rows", True),
    ("s2.weight", "length", 1),
    ("s3.weight", "coding", "table"),
    ("s3.weight", "shape", [9, 3, 3, 39]),
    ("s5.weight", "planes", 0),
    ("s5.weight", "planes", 9),
    ("s5.weight", "channels", 65),
    ("s5.weight", "channels", 8),
    ("s5.weight", "shape", [2, 9, 3, 3, 2]),
    ("s5.weight", "shape", [2]),
    ("s1.weight", "from", [40, 40, 3, 4]),
    ("s1.weight", "from", [20, 80, 3, 3]),
    ("s1.weight", "axes", [0, 2, 3]),
    ("s1.weight", "axes", [0, 2, 3, 3]),
    ("s1.weight", "axes", [0, 2, 3, True]),
    ("s1.weight", "axes", [0, 2, 3, 8]),
    ("s0.weight", "seed", 1 << 32),
    ("s0.weight", "shape", [40, 3, 3, 1 << 24]),
    ("s9", "rows", False),
    ("s9", "shape", [50, 433]),
    ("s9", "shape", [50 * 432]),
]


# other metadata
WRONG_TEXTS = ["[]", "{", '{"s2.weight": 1}', '{"nowhere": {}}', '{"s2.weight": {"coding": []}}', "{}"]


def _wrong_parts(tensors: dict[str, np.ndarray]) -> list[tuple[str, np.ndarray | None]]:
    """Parts, and what they must not be; None leaves one out."""
    return [
        ("s2.weight:symbols", tensors["s2.weight:symbols"][:-1]),
        ("s2.weight:symbols", np.append(tensors["s2.weight:symbols"], np.uint8(0))),
        ("s2.weight:symbols", tensors["s2.weight:symbols"][None]),
        ("s2.weight:symbols", tensors["s2.weight:symbols"].view(np.int8)),
        ("s2.weight:symbols", np.zeros(0, np.uint8)),
        ("s2.weight:symbols", None),
        ("s2.weight:table", tensors["s2.weight:table"][:-1]),
        ("s2.weight:table", np.zeros(65537, np.float32)),
        ("s2.weight:table", np.zeros(3, np.uint32)),
        ("s2.weight", np.zeros((40, 3, 3, 40), np.float32)),
        ("s3.weight:values", tensors["s3.weight:values"][:-1]),
        ("s3.weight:values", np.append(tensors["s3.weight:values"], np.float32(1))),
        ("s1.weight:table", tensors["s1.weight:table"][:, :4]),
        ("s1.weight:table", tensors["s1.weight:table"][:, :, :8]),
        ("s0.weight:values", np.zeros(40 * 3 * 3 * 2 + 1, np.float32)),
        ("s0.weight:values", np.zeros((1, 60), np.float32)),
        ("s10:table", tensors["s10:table"].astype(np.int8)),
    ]


@functools.cache
def coded_content() -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The texts and tensors of a file of the net."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.lvr"
        coded_net().save(path)
        with safe_open(path, "numpy") as opened:
            texts = {key: text for key, text in opened.metadata().items() if key != "sha256"}
            return texts, {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  (no dict)


# a name for each thing that can be wrong with a file
HOSTILE = [
    *(f"attribute-{i}" for i in range(len(WRONG_ATTRIBUTES))),
    *(f"part-{i}" for i in range(17)),
    *(f"text-{i}" for i in range(len(WRONG_TEXTS))),
]


def hostile_file(which: str) -> bytes:
    """A rightly signed file with this one thing wrong."""
    texts, tensors = coded_content()
    kind, number = which.split("-")
    if kind == "attribute":
        return signed(with_attribute(texts, *WRONG_ATTRIBUTES[int(number)]), tensors)
    if kind == "text":
        return signed({**texts, "codings": WRONG_TEXTS[int(number)]}, tensors)
    wrong = _wrong_parts(tensors)
    assert len(wrong) == 17
    name, part = wrong[int(number)]
    changed = {**tensors, name: part}
    return signed(texts, {key: array for key, array in changed.items() if array is not None})


def with_attribute(texts: dict[str, str], name: str, key: str, value: Any) -> dict[str, str]:
    """The metadata with an attribute of a coding changed, or left out where `value` is None."""
    codings = json.loads(texts["codings"])
    codings[name][key] = value
    if value is None:
        del codings[name][key]
    return {**texts, "codings": json.dumps(codings)}
