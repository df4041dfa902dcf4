"""The engine measured: kernels and a whole net beside other engines, memory, start-up, and mutated files.

    leveret reproduce engine [--part kernels] [-o docs/results]

Run it in a checkout of the project, on a quiet machine, with the extra `bench` installed. Ratios are of medians of
alternating runs with one thread on both sides, except of two threads against one; a whole net on a busy machine is
timed by its fastest turns, and the page tells the noise.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leveret._files import write_text
from leveret.experiments._benchmarks import benchmark
from leveret.experiments._results import Figure, Results, figures_table, markdown_table, part_heading

__all__ = ["PARTS", "render", "run"]

PARTS = ("kernels", "lowbit", "real", "net", "step", "import", "fuzz")

_COMMAND = "leveret reproduce engine"

_IMPORT = """
import time
start = time.perf_counter()
import leveret.runtime
print(time.perf_counter() - start)
"""


@dataclass(frozen=True)
class Setting:
    """How often.

    Attributes:
        fuzz_files: mutants.
        repeats: of the benchmarks' turns; None for their own.
        seconds: of timing whole nets; None for the benchmark's own.
        imports: in processes of their own.
    """

    fuzz_files: int = 100_000
    repeats: int | None = None
    seconds: float | None = None
    imports: int = 9


FULL = Setting()
QUICK = Setting(fuzz_files=300, repeats=1, seconds=2.0, imports=3)

# by their keys in the JSON file
_FIGURES: dict[str, Figure] = {
    "xnor_vs_torch": Figure("XNOR 3x3, times PyTorch's float speed", "at least 7.5", lambda v: v >= 7.5, "{:.1f}"),
    "xnor_vs_openvino": Figure(
        "… times OpenVINO's binary, layers in a row", "at least 1.5", lambda v: v >= 1.5, "{:.2f}"
    ),
    "xnor_vs_openvino_bits": Figure("… the same, ours with bits alone between layers", "", None, "{:.2f}"),
    "xnor_vs_openvino_alone": Figure("… a single call, OpenVINO's changes of layout included", "", None, "{:.2f}"),
    "xnor_vs_loop": Figure("… times a plain float loop, -O2", "at least 58", lambda v: v >= 58, "{:.0f}"),
    "popcnt_share": Figure(
        "… of the measured peak, 256 and 512 channels", "at least 80 %", lambda v: v >= 0.8, "{:.0%}"
    ),
    "bwn_vs_torch": Figure("binary weights x 8 bit, times PyTorch's float", "at least 2", lambda v: v >= 2, "{:.1f}"),
    "ternary_vs_torch": Figure("ternary x 3 bit, times PyTorch's float", "at least 1.5", lambda v: v >= 1.5, "{:.1f}"),
    "float_vs_ort": Figure("real 3x3 and 1x1, times ONNX Runtime", "at least 0.9", lambda v: v >= 0.9, "{:.2f}"),
    "net_vs_best": Figure(
        "binary ResNet-18, times the best float engine",
        "at least 5",
        lambda v: v >= 5,
        "{:.1f}",
    ),
    "threads_2": Figure("two threads against one, the same net", "at least 1.8", lambda v: v >= 1.8, "{:.2f}"),
    "threads_2_asleep": Figure("… a call whose second thread has to be woken", "", None, "{:.2f}"),
    "rss_ratio": Figure(
        "its resident memory over ONNX Runtime's float",
        "at most 0.25",
        lambda v: v <= 0.25,
        "{:.2f}",
    ),
    "step_vs_floats": Figure("training steps of binary layers by bits, times floats' speed", "", None, "{:.2f}"),
    "import_s": Figure("import of leveret.runtime, seconds", "at most 0.15", lambda v: v <= 0.15, "{:.2f}"),
    "fuzz_files": Figure("mutated files tried", "at least 100,000", lambda v: v >= 100_000, "{:,}"),
    "fuzz_crashes": Figure("… that crash, hang (20 s of CPU) or take over 3 GB", "none", lambda v: v == 0, "{}"),
}


def run(parts: list[str], seeds: int | None, data: Path | None, out: Path, quick: bool = False) -> Path:
    """Run the parts and render the page; see `leveret.experiments.run`."""
    results = Results(out / "engine.json")
    for part in parts:
        figures, details = _PARTS[part](QUICK if quick else FULL)
        figures = {key: value for key, value in figures.items() if value is not None}
        results.record(part, figures, {"command": f"{_COMMAND} --part {part}", **details})
        render(results.values, out)
    return out / "engine.md"


def render(values: dict[str, Any], out: Path) -> None:
    """Draw the page."""
    write_text(out / "engine.md", _page(values))


def _run(name: str, setting: Setting) -> dict[str, Any]:
    """A benchmark's figures."""
    return benchmark(name).run(**({} if setting.repeats is None else {"repeats": setting.repeats}))


def _kernels(setting: Setting) -> tuple[dict[str, Any], dict[str, Any]]:
    found = _run("bitconv", setting)
    figures = {key: value for key, value in found.items() if key.startswith("xnor_vs_")}
    if found["peak_gmacs"]:
        deep = [shape for shape in found["shapes"] if shape["shape"].endswith(("x256", "x512"))]
        figures["popcnt_share"] = min(_share_of_peak(shape, found) for shape in deep)
    return figures, {"bitconv": found}


def _share_of_peak(shape: dict[str, Any], found: dict[str, Any]) -> float:
    """Of a layer within a packed net; products with what lies outside the image are left out, and don't count."""
    return 1e-6 * shape["macs"] * shape["done"] / shape["row"]["kernel"] / found["peak_gmacs"]


def _lowbit(setting: Setting) -> tuple[dict[str, Any], dict[str, Any]]:
    found = _run("lowbit", setting)
    ratios = found["times_torch"]
    return {"bwn_vs_torch": ratios["binary x 8 bit"], "ternary_vs_torch": ratios["ternary x 3 bit"]}, {"lowbit": found}


def _real(setting: Setting) -> tuple[dict[str, Any], dict[str, Any]]:
    found = _run("floatconv", setting)
    return {"float_vs_ort": found["float_vs_ort"]}, {"floatconv": found}


def _net(setting: Setting) -> tuple[dict[str, Any], dict[str, Any]]:
    found = benchmark("resnet18").run(**({} if setting.seconds is None else {"seconds": setting.seconds}))
    return {key: found[key] for key in ("net_vs_best", "threads_2", "threads_2_asleep", "rss_ratio")}, {
        "resnet18": found
    }


def _step(setting: Setting) -> tuple[dict[str, Any], dict[str, Any]]:
    found = _run("binary_step", setting)
    ratios = [row["step"]["floats"] / row["step"]["bits"] for row in found["layers"]]
    return {"step_vs_floats": statistics.geometric_mean(ratios)}, {"binary_step": found}


def _import(setting: Setting) -> tuple[dict[str, Any], dict[str, Any]]:
    times = [
        float(subprocess.run([sys.executable, "-c", _IMPORT], check=True, capture_output=True, text=True).stdout)
        for _ in range(setting.imports)
    ]
    return {"import_s": statistics.median(times)}, {"seconds": times}


def _fuzz(setting: Setting) -> tuple[dict[str, Any], dict[str, Any]]:
    from rich.progress import Progress

    from leveret.experiments._fuzz import fuzz

    with Progress(transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("mutated files", total=setting.fuzz_files)
        found = fuzz(setting.fuzz_files, lambda done: bar.update(task, completed=done))
    details = {
        "seeds": found.seeds,
        "operations": found.operations,
        "loaded": found.loaded,
        "crashes": {str(key): value for key, value in found.crashes.items()},
    }
    return {"fuzz_files": found.files, "fuzz_crashes": len(found.crashes)}, details


_PARTS: dict[str, Any] = {
    "kernels": _kernels,
    "lowbit": _lowbit,
    "real": _real,
    "net": _net,
    "step": _step,
    "import": _import,
    "fuzz": _fuzz,
}


def _page(values: dict[str, Any]) -> str:
    text = [
        "# The engine, measured",
        "",
        "Rendered from `engine.json`, which the commands below wrote. One thread on both sides unless said otherwise.",
        "The binary ResNet-18 has a plain float stem (`exact_stem=False`); its table has the default one too.",
        "",
        figures_table(_FIGURES, values),
    ]
    for part in PARTS:
        details = values.get("parts", {}).get(part)
        if details is None:
            continue
        text += part_heading(part, details)
        text += _TABLES[part](details)
    return "\n".join(text) + "\n"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _kernels_table(details: dict[str, Any]) -> list[str]:
    found = details["bitconv"]
    rows = [
        (
            shape["shape"],
            *(
                _number(shape["gmacs"].get(key), "{:.0f}")
                for key in ("leveret", "torch_nchw", "torch_nhwc", "openvino")
            ),
            _number(shape["gmacs"].get("plain_loop"), "{:.2f}"),
            f"{_share_of_peak(shape, found):.0%}" if found["peak_gmacs"] else "",
            f"{shape['packing_share']:.0%}",
        )
        for shape in found["shapes"]
    ]
    header = "shape, leveret, PyTorch NCHW, PyTorch NHWC, OpenVINO binary, plain loop, of peak, of it packing"
    peak = _number(found["peak_gmacs"], "{:.0f}")
    in_a_row = [
        (
            shape["shape"],
            *(_number(shape["row"][key], "{:.3f}") for key in ("leveret", "leveret_bits", "kernel", "openvino")),
            _number(_needed(shape, found), "{:.0%}"),
        )
        for shape in found["shapes"]
    ]
    return [
        f"GMAC/s, {found['isa']}; packing, scale and shift included. Peak of one core on bits: {peak} GMAC/s. The",
        "share of it is of the convolution as a step of a packed net, without what lies outside the image.",
        "",
        markdown_table(header.split(", "), rows),
        "",
        "OpenVINO takes channels first and computes channels last. Milliseconds a layer of eight in a row, which share",
        "its changes of layout; Leveret's write floats between them, as OpenVINO's do, or bits alone. The last column",
        "says what share of the peak 1.5 times OpenVINO's speed would be, packing and floats included:",
        "",
        markdown_table(
            ["shape", "leveret", "bits alone", "its convolution", "OpenVINO", "1.5x OpenVINO, of peak"], in_a_row
        ),
        *_beyond(found),
    ]


def _beyond(found: dict[str, Any]) -> list[str]:
    """Why 1.5 times OpenVINO's speed can't be had, where it can't."""
    shares = [share for shape in found["shapes"] if (share := _needed(shape, found)) is not None]
    beyond = sum(share > 1 for share in shares)
    if not beyond:
        return []
    return [
        "",
        f"On {beyond} of {len(shares)} shapes that is beyond the peak: OpenVINO's own kernel counts the bits of 512 at",
        "once here, too. 512 products take three instructions (xor, count, add), and the peak is the rate of these;",
        "to add in binary before the count (carry-save) takes as many in all, and gained nothing when it was tried.",
    ]


def _needed(shape: dict[str, Any], found: dict[str, Any]) -> float | None:
    """The share of the peak that 1.5 times OpenVINO's speed would be."""
    row = shape["row"]
    if not row["openvino"] or not found["peak_gmacs"]:
        return None
    return 1.5e-6 * shape["macs"] * shape["done"] / row["openvino"] / found["peak_gmacs"]


def _lowbit_table(details: dict[str, Any]) -> list[str]:
    found = details["lowbit"]
    shapes = found["shapes"]
    rows = [
        (name, *(f"{shape['gmacs'][name]:.0f} ({shape['ratio'][name]:.1f})" for shape in shapes), f"{mean:.1f}")
        for name, mean in found["times_torch"].items()
    ]
    header = ["weights x activations", *(shape["shape"] for shape in shapes), "geometric mean"]
    return ["GMAC/s and, in brackets, times PyTorch's float convolution:", "", markdown_table(header, rows)]


def _real_table(details: dict[str, Any]) -> list[str]:
    keys = ("leveret", "onnxruntime", "torch_nchw", "torch_nhwc")
    rows = [
        (
            shape["shape"],
            *(_number(shape["gmacs"].get(key), "{:.1f}") for key in keys),
            _number(shape["ratio_onnxruntime"], "{:.2f}"),
        )
        for shape in details["floatconv"]["shapes"]
    ]
    header = "shape, leveret, ONNX Runtime, PyTorch NCHW, PyTorch NHWC, times ONNX Runtime"
    return ["GMAC/s:", "", markdown_table(header.split(", "), rows)]


def _net_table(details: dict[str, Any]) -> list[str]:
    found = details["resnet18"]
    times = [(name, f"{value:.2f}") for name, value in found["milliseconds"].items()]
    steps = [(row["step"], row["op"], f"{row['us']:.0f}", f"{row['share']:.0%}") for row in found["profile"]]
    memory = ", ".join(f"{name} {value:.0f} MB" for name, value in found["peak_mb"].items())
    return [
        markdown_table(["net", "ms an image"], times),
        "",
        f"The median turn took {found['noise']:.2f} times the fastest, at its worst.",
        "",
        f"Peak resident memory of a process that only predicts: {memory}.",
        "",
        "Where the binary net's time goes, its longest steps:",
        "",
        markdown_table(["step", "operation", "µs", "share"], steps),
    ]


def _step_table(details: dict[str, Any]) -> list[str]:
    found = details["binary_step"]
    rows = []
    for row in found["layers"]:
        size = f"3x3, {row['side']}x{row['side']}" if row["side"] else "linear"
        cells = [f"{row['channels']} to {row['outputs']}, {size}"]
        for name in ("evaluation", "step"):
            floats, bits = row[name]["floats"], row[name]["bits"]
            cells += [f"{floats:.2f}", f"{bits:.2f}", f"{floats / bits:.2f}"]
        rows.append(tuple(cells))
    header = "layer, evaluation by floats, by bits, times as fast, step by floats, by bits, times as fast"
    return [
        f"Milliseconds of an XNOR layer of PyTorch, batch {found['batch']}, its products by float convolutions or by",
        "the bit kernels; a step is forward and backward, and backward is the same code in both. By default a layer",
        "takes what was faster when its kind and shape were first met (docs/kernels.md).",
        "",
        markdown_table(header.split(", "), rows),
    ]


def _import_table(details: dict[str, Any]) -> list[str]:
    return [f"Seconds, each in a new process: {', '.join(f'{value:.3f}' for value in details['seconds'])}."]


def _fuzz_table(details: dict[str, Any]) -> list[str]:
    crashes = details["crashes"]
    made = f"{details['seeds']} nets that together use all {details['operations']} operations of the format"
    text = [f"Mutants of {made}; {details['loaded']:,} were valid all the same, and ran."]
    return [*text, "", *(f"- file {number}: {how}" for number, how in crashes.items())] if crashes else text


_TABLES: dict[str, Any] = {
    "kernels": _kernels_table,
    "lowbit": _lowbit_table,
    "real": _real_table,
    "net": _net_table,
    "step": _step_table,
    "import": _import_table,
    "fuzz": _fuzz_table,
}
