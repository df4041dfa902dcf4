"""A small dynamic capacity net of four graphs and a route, made by hand as docs/lvr-format.md has it, and its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from lvr_files import signed

SHAPE = (2, 9, 10)
GRID = (4, 4)
MEAN, STD = (0.4, 0.5), (0.2, 0.3)


def step(name: str, op: str, inputs: list[str], attributes: dict[str, Any] | None = None, **tensors: str) -> dict:
    return {"name": name, "op": op, "inputs": inputs, "attributes": attributes or {}, "tensors": tensors}


def routed_parts() -> dict[str, Any]:
    """Features of 3 channels at every other pixel; a place's score is the length of its coarse vector."""
    conv = {"stride": [2, 2]}
    fine = {"weight": "fine.weight", "slope": "fine.slope"}
    head = {"weight": "head.weight", "shift": "head.shift"}
    return {
        "coarse": {
            "takes": "images",
            "shape": list(SHAPE),
            "steps": [step("coarse.conv", "conv2d", ["input"], conv, weight="coarse.weight")],
        },
        "saliency": {
            "takes": "features",
            "shape": [3, *GRID],
            "steps": [
                step("saliency.flat", "flatten", ["input"]),
                step("saliency.head", "linear", ["saliency.flat"], **head),
                step("saliency.norm", "channel_norm", ["input"]),
                step("saliency.row", "flatten", ["saliency.norm"]),
                step("saliency.told", "concat", ["saliency.head", "saliency.row"]),
            ],
        },
        "fine": {
            "takes": "images",
            "shape": [2, 3, 3],
            "steps": [step("fine.conv", "conv2d", ["input"], conv, **fine)],
        },
        "whole": {
            "takes": "images",
            "shape": list(SHAPE),
            "steps": [step("whole.conv", "conv2d", ["input"], conv, **fine)],
        },
        "top": {
            "takes": "features",
            "shape": [3, *GRID],
            "steps": [step("top.flat", "flatten", ["input"]), step("top.head", "linear", ["top.flat"], **head)],
        },
    }


def routed_tensors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)

    def floats(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    return {
        "coarse.weight": floats(3, 3, 3, 2),
        "fine.weight": floats(3, 3, 3, 2),
        "fine.slope": np.zeros(3, np.float32),
        "head.weight": floats(4, 48) / 20,
        "head.shift": floats(4),
    }


def routed_route() -> dict[str, Any]:
    axis = {"stride": 2, "first": 0, "middle": 0, "held": False, "whole": 0, "start": 0, "size": 3}
    return {"name": "dynamic_capacity", "k": 2, "costs": [54, 864], "rows": axis, "columns": dict(axis)}


def routed_texts(parts: Any = None, route: Any = None, **changes: Any) -> dict[str, str]:
    texts = {
        "format": "leveret",
        "version": "1.4",
        "graph": json.dumps({"steps": [step("dynamic_capacity", "dynamic_capacity", ["input"])]}),
        "parts": json.dumps(routed_parts() if parts is None else parts),
        "route": json.dumps(routed_route() if route is None else route),
        "input": json.dumps({"dtype": "uint8", "shape": list(SHAPE), "mean": MEAN, "std": STD}),
        "classes": json.dumps(["a", "b", "c", "d"]),
        "provenance": json.dumps({}),
    }
    texts |= changes
    return {key: text for key, text in texts.items() if text is not None}


def write_routed(path: Path, parts: Any = None, route: Any = None, tensors: Any = None, **changes: Any) -> Path:
    """A rightly signed file with changes."""
    path.write_bytes(signed(routed_texts(parts, route, **changes), routed_tensors() if tensors is None else tensors))
    return path


def by_hand(pixels: np.ndarray, counts: int | list[int]) -> tuple[np.ndarray, list[list[int]]]:
    """Logits, and each image's places in order, in plain loops; so many places of each image."""
    t = {name: array.astype(np.float64) for name, array in routed_tensors().items()}
    mean, std = (255 * np.array(row)[:, None, None] for row in (MEAN, STD))
    logits, chosen = [], []
    for image, count in zip(pixels, np.broadcast_to(counts, len(pixels)), strict=True):
        x = ((image - mean) / std).transpose(1, 2, 0)
        fields = [x[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] for i in range(4) for j in range(4)]
        features = np.array([np.tensordot(t["coarse.weight"], field, 3) for field in fields])
        best = sorted(range(16), key=lambda place: -np.linalg.norm(features[place]))[:count]
        for place in best:
            features[place] = np.maximum(np.tensordot(t["fine.weight"], fields[place], 3), 0)
        logits.append(t["head.weight"] @ features.ravel() + t["head.shift"])
        chosen.append(best)
    return np.array(logits), chosen
