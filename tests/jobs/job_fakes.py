"""Stand-ins for what the jobs call: a packed model of numpy alone, a recipe that trains in a moment."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from leveret.errors import LeveretFormatError


class FakePacked:
    """Scores class k by how bright the k-th band of pixels is; knows every attribute that the jobs read."""

    format_version = "1.0"
    provenance: ClassVar = {"leveret": "test", "seed": 0, "share": 0.123456}
    binary_bytes_ratio = 31.0
    nbytes = 1234

    def __init__(self, shape=(1, 8, 8), classes=("a", "b", "c"), layers=None):
        self.input = SimpleNamespace(shape=tuple(shape), mean=(0.5,), std=(0.25,))
        self.classes = tuple(classes)
        self.output_shape = (len(self.classes),)
        self.batches: list[int] = []
        self._layers = layers

    def __call__(self, images, *, threads=None):
        self.batches.append(len(images))
        assert images.dtype == np.uint8
        assert images.shape[1:] == self.input.shape
        flat = images.reshape(len(images), -1).astype(np.float32) / 255
        return np.stack([part.mean(1) * 9 for part in np.array_split(flat, len(self.classes), axis=1)], 1)

    def layers(self):
        if self._layers is not None:
            return self._layers
        size = self.input.shape
        return [
            layer("stem", "conv2d", size, (16, *size[1:]), 32, 160, 640, 9216, 0),
            layer("body[0]", "binary_conv2d", (16, *size[1:]), (16, *size[1:]), 1, 2304, 288, 0, 147456),
        ]

    def save(self, path):
        from leveret._files import write_json

        write_json(path, {"shape": list(self.input.shape), "classes": list(self.classes)})


def layer(name, op, in_shape, out_shape, bits, parameters, nbytes, macs, binary_macs):
    return SimpleNamespace(
        name=name, op=op, in_shape=in_shape, out_shape=out_shape, bits=bits, parameters=parameters, bytes=nbytes,
        macs=macs, binary_macs=binary_macs,
    )  # fmt: skip


def load_fake(path: Any) -> FakePacked:
    try:
        content = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise LeveretFormatError(f"{path} is not a .lvr file: {error}") from error
    return FakePacked(content["shape"], content["classes"])


class FakeRecipe:
    """Epochs that only write a number; `stop_at` raises what a user or a disk would, in front of an epoch."""

    calls: ClassVar[list[str]] = []
    stop_at: ClassVar[dict[tuple[str, int], BaseException | str]] = {}

    def __init__(self, data: Any, options: dict[str, Any]) -> None:
        self.data = data
        self.options = options

    def describe(self):
        return {"net": self.options.get("net") or "tiny", "epochs": self.options.get("epochs") or 3, "lr": 0.1}

    def train_teacher(self, data, out, *, resume, progress):
        return self._train("teacher", out, resume)

    def train_student(self, teacher, data, out, *, resume, progress):
        return self._train("student", out, resume)

    def _train(self, stage, out, resume):
        import torch

        out.mkdir(parents=True, exist_ok=True)
        last = out / "last.json"
        rows = json.loads(last.read_text()) if resume and last.exists() else []
        torch.manual_seed(0)
        shape = self.data.image_shape
        net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(int(np.prod(shape)), len(self.data.classes)))
        interrupted = False
        for epoch in range(len(rows) + 1, self.describe()["epochs"] + 1):
            stop = self.stop_at.get((stage, epoch))
            if stop == "interrupt":
                interrupted = True
                break
            if isinstance(stop, BaseException):
                raise stop
            self.calls.append(f"{stage} {epoch}")
            rows.append(
                {
                    "stage": stage,
                    "epoch": epoch,
                    "train_loss": 2 / epoch,
                    "train_accuracy": 1 - 0.5 / epoch,
                    "val_loss": 2.1 / epoch,
                    "val_accuracy": 1 - 0.6 / epoch,
                    "lr": 0.1,
                    "seconds": 0.5,
                    "samples_seen": 100 * epoch,
                }
            )
            last.write_text(json.dumps(rows))
        return SimpleNamespace(
            net=net, history=rows, interrupted=interrupted, seconds=0.5 * len(rows), samples_seen=100 * len(rows),
            best_accuracy=rows[-1]["val_accuracy"] if rows else None,
        )  # fmt: skip


def recipe_for(data, **options):
    return FakeRecipe(data, options)
