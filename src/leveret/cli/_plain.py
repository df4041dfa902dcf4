"""What `inspect` and `bench` say without rich: the same figures, in columns of plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from leveret.report.words import size

__all__ = ["columns", "inspection", "timings"]

_COSTS = ("parameters", "bytes", "macs", "binary_macs")


def inspection(found: Any) -> str:
    """`leveret inspect`."""
    rows: list[tuple[Any, ...]] = [
        ("layer", "operation", "in", "out", "bits", "parameters", "bytes", "MACs", "binary MACs")
    ]
    for layer in found.layers:
        shapes = ("x".join(map(str, layer[key])) for key in ("in_shape", "out_shape"))
        rows.append((layer["name"], layer["op"], *shapes, layer["bits"], *(f"{layer[key]:,}" for key in _COSTS)))
    rows.append(("all", "", "", "", "", *(f"{found.totals[key]:,}" for key in _COSTS)))
    head = f"{found.path}  {size(found.nbytes)}, .lvr format {found.format_version}"
    known = [f"classes: {', '.join(found.classes)}"] if found.classes else []
    made = ", ".join(f"{key} {value}" for key, value in found.provenance.items())
    return "\n".join([head, *known, *([made] if made else []), "", columns(rows, left=4)])


def timings(found: Any) -> str:
    """`leveret bench`, with a line a layer where these were timed."""
    ours = found.models[0]
    memory = size(ours.peak_bytes) if ours.peak_bytes else "–"
    lines = [
        f"{found.path}  {size(found.nbytes)}",
        f"{found.environment['kernels']} kernels, threads {found.threads}, {found.environment['processor']}",
        f"{ours.ms_per_image:.3f} ms/{found.unit}",
        f"{ours.images_per_second:,.0f} {found.unit}s/s in batches of {found.batch}",
        f"{memory} memory at the peak",
    ]
    for title, profile in (("part", found.parts), ("layer", found.profile)):
        if profile:
            batches = [f"µs/{found.unit} by {batch}" for batch in profile]
            rows = [(title, "operation", *batches)]
            for same in zip(*profile.values(), strict=True):
                rows.append((same[0].name, same[0].op, *(f"{1e6 * row.seconds:,.1f}" for row in same)))
            lines += ["", columns(rows, left=2)]
    return "\n".join(lines)


def columns(rows: Iterable[Sequence[Any]], left: int) -> str:
    """Rows of cells beneath each other: the first `left` columns to the left, numbers to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        padded = (c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)
