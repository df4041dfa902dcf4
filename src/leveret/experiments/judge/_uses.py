"""Uses: drift; a student and its teacher; a packed net and its float one; augmented and real; text by machines."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from leveret.data import Data, load
from leveret.experiments.judge._digits import disjoint, shifted
from leveret.experiments.judge._machine_text import chain
from leveret.experiments.judge._settings import FULL, Setting
from leveret.judge import Verdict, judge

__all__ = ["uses"]


def uses(data: Path | None, setting: Setting = FULL) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row a question: what was asked, and the verdict."""
    started = time.process_time()
    rows = [*_drift(), *_models(setting.epochs), *_augmented()]
    if data is not None and (data / "sst2-train.parquet").is_file():
        rows += _texts(data, setting.texts)
    return {}, {"rows": rows, "cpu_seconds": time.process_time() - started}


def _row(use: str, a: str, b: str, expected: bool | None, verdict: Verdict, **more: Any) -> dict[str, Any]:
    return {
        "use": use,
        "a": a,
        "b": b,
        "expected": expected,
        "different": verdict.different,
        "observer": verdict.observer,
        "samples": sum(verdict.counts),
        "auc": verdict.auc,
        "accuracy": verdict.accuracy,
        "p": verdict.p,
        "mmd_p": verdict.tests.get("mmd", {}).get("p"),
        "gave_away": [each.name for each in verdict.differences[:2] if each.p <= 0.05],
        "words": [each.words for each in verdict.words[:3]],
        **more,
    }


def _drift() -> list[dict[str, Any]]:
    rows = [_row("drift", "digits", "other digits", False, judge(*disjoint(400, 0), observer="logistic"))]
    a, b = shifted(400, "a share moved by a pixel", 0.2, 0)
    rows.append(_row("drift", "digits", "a fifth moved by a pixel", True, judge(a, b, observer="logistic")))
    return rows


def _models(epochs: int) -> list[dict[str, Any]]:
    """A teacher, a student that learned from it, and the student packed, asked about the same test images."""
    from leveret.nets import ConvNet
    from leveret.packing import pack
    from leveret.training import Distillation, evaluate, fit

    data: Data = load("digits", test_fraction=0.4)
    torch.manual_seed(0)
    teacher, student = ConvNet(1, 10, depth=5, widths=(32, 64)), ConvNet(1, 10, depth=3, widths=(8, 16))
    common: dict[str, Any] = {"epochs": epochs, "batch_size": 32, "progress": False}
    fit(teacher, data, **common)
    fit(student, data, objective=Distillation(teacher, temperature=2.0), **common)
    example = torch.from_numpy(data.normalization.apply(data.test.fetch(np.arange(4))))
    packed = pack(student.eval(), example, normalization=data.normalization, classes=data.classes)
    said = {name: evaluate(net, data) for name, net in (("teacher", teacher), ("student", student), ("packed", packed))}
    rows = {name: np.log(np.maximum(found.probabilities, 2e-9)) for name, found in said.items()}
    asked = (("student", "teacher", True), ("packed", "student", False))
    found = []
    for b, a, expected in asked:
        agreement = float((said[a].predictions == said[b].predictions).mean())
        verdict = judge(rows[a], rows[b], paired=True, observer="knn")
        use = "packed and float" if b == "packed" else "student and teacher"
        found.append(_row(use, a, b, expected, verdict, agreement=agreement))
    return found


def _augmented() -> list[dict[str, Any]]:
    from leveret.training import Augment

    a, b = disjoint(400, 1)
    moved = Augment(shift=1)(b, np.random.default_rng(0))
    mirrored = np.ascontiguousarray(b[..., ::-1])
    return [
        _row("augmented and real", "digits", "shifted by up to a pixel", True, judge(a, moved, observer="net")),
        _row("augmented and real", "digits", "mirrored", True, judge(a, mirrored, observer="net")),
    ]


def _texts(data: Path, number: int) -> list[dict[str, Any]]:
    """Sentences of film reviews against chains that were trained on others of them."""
    sentences = load(data / "sst2", val_fraction=0.0)
    train = sentences.train.fetch(np.arange(len(sentences.train)))
    human = sentences.test.fetch(np.arange(min(number, len(sentences.test))))
    others = sentences.val.fetch(np.arange(len(sentences.val)))
    rows = []
    for memory in (0, 1, 2):
        machine = chain(train, memory, len(human), 0)
        what = f"a chain that knows {memory} words back" if memory else "words drawn by frequency"
        for observer in ("logistic", "net"):
            verdict = judge(human, machine, observer=observer, mmd=observer == "logistic")
            rows.append(_row("machine and human text", "people", what, None, verdict))
    verdict = judge(human, others, observer="logistic")
    return [*rows, _row("machine and human text", "people", "people, other sentences", False, verdict)]
