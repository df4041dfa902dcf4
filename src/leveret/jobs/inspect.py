"""`inspect`: what a packed model holds: layers, shapes, bits, bytes, operations."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["Inspection", "run"]


@dataclass(frozen=True)
class Inspection:
    """A packed model's content.

    Attributes:
        path, nbytes: of the file.
        format_version: of the .lvr format.
        input: `shape` (channels, height, width), `mean` and `std` per channel; of a text `shape` (length,) and
            `vocabulary`, how many token ids there are; `texts` of a model that splits texts of any length itself.
        classes: names, in the order of the logits.
        provenance: what the packer wrote down.
        binary_bytes_ratio: bytes of the binary layers' weights in float32 over their bytes in the file; None without
            binary layers.
        layers: in order; each with `name`, `op`, `in_shape`, `out_shape`, `bits`, `parameters`, `bytes`, `macs`,
            `binary_macs` (multiply-accumulates per image, on floats and on bits).
        route: None, or of a model of several parts: its `name`, its own settings, and `parts`, each with `name`,
            `in_shape`, `out_shape`, and `runs`, how often it is run for an image, on average or at most.
        rules: that the file carries, each with `name` and `weight`, null for a hard one.
    """

    path: str
    nbytes: int
    format_version: str
    input: dict[str, Any]
    classes: tuple[str, ...]
    provenance: dict[str, Any]
    binary_bytes_ratio: float | None
    layers: tuple[dict[str, Any], ...]
    route: dict[str, Any] | None = None
    rules: tuple[dict[str, Any], ...] = ()

    @property
    def totals(self) -> dict[str, int]:
        """Sums over the layers."""
        return {key: sum(layer[key] for layer in self.layers) for key in ("parameters", "bytes", "macs", "binary_macs")}

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with the totals."""
        return {**asdict(self), "totals": self.totals}


def run(model: str | os.PathLike[str]) -> Inspection:
    """Read and check the file, without running it.

    Raises:
        LeveretFormatError: not a whole, valid .lvr file of a version that this Leveret reads.
    """
    from leveret import runtime

    packed = runtime.load(model)
    ratio = getattr(packed, "binary_bytes_ratio", None)
    return Inspection(
        path=os.fspath(model),
        nbytes=Path(model).stat().st_size,
        format_version=str(packed.format_version),
        input={
            "shape": [int(n) for n in packed.input.shape],
            "mean": None if packed.input.mean is None else [float(v) for v in packed.input.mean],
            "std": None if packed.input.std is None else [float(v) for v in packed.input.std],
            **({"vocabulary": packed.input.vocabulary} if len(packed.input.shape) == 1 else {}),
            **({"texts": True} if hasattr(packed, "encoder") else {}),
        },
        classes=tuple(packed.classes),
        provenance=dict(packed.provenance or {}),
        binary_bytes_ratio=float(ratio) if ratio else None,
        layers=tuple(_layer(layer) for layer in packed.layers()),
        route=_route(packed) if getattr(packed, "route", "") else None,
        rules=tuple({"name": rule.name, "weight": rule.weight} for rule in getattr(packed.rules, "rules", ())),
    )


def _route(packed: Any) -> dict[str, Any]:
    runs = packed.runs()
    parts = [
        {
            "name": name,
            "in_shape": [int(n) for n in part.input.shape],
            "out_shape": [int(n) for n in part.output_shape],
            "runs": float(runs[name]),
        }
        for name, part in packed.parts.items()
    ]
    return {"name": packed.route, **packed.described(), "parts": parts}


def _layer(info: Any) -> dict[str, Any]:
    return {
        "name": info.name,
        "op": info.op,
        "in_shape": [int(n) for n in info.in_shape],
        "out_shape": [int(n) for n in info.out_shape],
        "bits": info.bits,
        "parameters": int(info.parameters),
        "bytes": int(info.bytes),
        "macs": int(info.macs),
        "binary_macs": int(info.binary_macs),
    }
