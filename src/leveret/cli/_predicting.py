"""`leveret predict`, once its arguments are known: which job answers, and how its lines are printed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from leveret.cli._each import print_each
from leveret.errors import LeveretUsageError

__all__ = ["predict_each"]


def predict_each(
    model: Path,
    paths: list[str],
    *,
    top: int = 1,
    out: Path | None = None,
    overlap: float = 0.25,
    scale: float | None = None,
    budget: float | None = None,
    facts: Path | None = None,
    heed: bool = False,
    threads: int | None = None,
    as_json: bool = False,
    strict: bool = False,
) -> None:
    """Print what the model says of each image or text; with `out`, write masks."""
    predictions: Iterator[Any]
    if out is not None and (budget is not None or facts is not None):
        raise LeveretUsageError(
            "--budget and --facts are of nets that say a class for each image, --out of nets of masks"
        )
    what = "images"
    if out is None:
        predictions, what = _predictions(model, paths, top, threads, budget=budget, facts=facts, heed=heed)
    else:
        from leveret.jobs import predict_masks

        predictions = predict_masks.run(model, _with_stdin(paths), out, overlap=overlap, scale=scale, threads=threads)
    print_each(predictions, lambda one: one.words(top), as_json=as_json, strict=strict, what=what)


def _predictions(
    model: Path, paths: list[str], top: int, threads: int | None, **options: Any
) -> tuple[Iterator[Any], str]:
    """What the model says of each sample, and what these are; "-" stands for lines of paths, or of texts."""
    from leveret import runtime
    from leveret.jobs import predict as job

    packed = runtime.load(model)
    given: dict[str, Any] = {"top": top, "threads": threads, **options}
    if not hasattr(packed, "encoder"):
        return job.run(packed, _with_stdin(paths), **given), "images"
    lines = (line.decode("utf-8", "replace") for line in sys.stdin.buffer)
    return job.run(packed, paths, stdin=lines, **given), "texts"


def _with_stdin(paths: list[str]) -> Iterator[str]:
    for path in paths:
        if path != "-":
            yield path
            continue
        for line in sys.stdin.buffer:
            name = os.fsdecode(line.rstrip(b"\r\n"))
            if name:
                yield name
