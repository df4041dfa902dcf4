"""Figures of the papers, and ours of the same thing.

A paper's figure stands here only where it was looked up; what is known from memory alone is left out, and the remark
says so. Where data or nets differ the remark says that, and words in the place of a number have no difference.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

__all__ = ["COMPARED", "Compared", "compared"]

_Values = Mapping[str, Any]


@dataclass(frozen=True)
class Compared:
    """A row of the overview.

    Attributes:
        part: whose figure it is; where it is the worst of several parts', finds which in the content of the JSON file.
        what: it is.
        ours: finds it in the content of the experiment's JSON file.
        paper: the paper's; in words where levels are not to be compared; None where it has none, or it wasn't checked.
        unit: "%", "x" (a factor), "points" or "" (a number).
        remark: on where the two differ, or where the paper's is from.
    """

    part: str | Callable[[_Values], str]
    what: str
    ours: Callable[[_Values], float]
    paper: float | str | None = None
    unit: str = "%"
    remark: str = ""

    def part_in(self, values: _Values) -> str:
        """The part whose figure it is."""
        return self.part if isinstance(self.part, str) else self.part(values)


def _figure(key: str, factor: float = 1.0) -> Callable[[_Values], float]:
    return lambda values: factor * values[key]


def _method(part: str, key: str) -> Callable[[_Values], float]:
    """The error, in per cent, of a method of the catalogue."""
    return lambda values: 100 * next(row["error"] for row in values["parts"][part]["rows"] if row["key"] == key)


def _gain(key: str, over: str) -> Callable[[_Values], float]:
    return lambda values: 100 * (values[key] - values[over])


def _best_perceptron(values: _Values) -> float:
    return 100 * max(row["accuracy"] for row in values["rows"] if row["dataset"] == "cifar" and row["conv_layers"] == 0)


def _frequency_gain(values: _Values) -> float:
    """Mean gain of frequency sampling in accuracy over long tails."""
    rows = [row for row in values["rows"] if row["method"] == "frequency-sampling" and row["dataset"] != "elpv"]
    return 100 * statistics.mean(row["accuracy_gain"] for row in rows)


def _of_worst_step(figure: str) -> Callable[[_Values], str]:
    """The part whose tree has the largest `figure` of all steps."""

    def part(values: _Values) -> str:
        trees = [row for row in values["rows"] if row["method"] == "tree" and figure in row]
        return str(max(trees, key=lambda row: row[figure])["dataset"])

    return part


_SMALLER = "far smaller nets here, a few epochs"

COMPARED: Mapping[str, tuple[Compared, ...]] = {
    "main-job": (
        Compared("digits", "digits, packed binary student, accuracy", _figure("digits_packed_acc", 100)),
        Compared("fashion", "Fashion-MNIST, the same", _figure("fashion_packed_acc", 100)),
        Compared("cifar", "CIFAR-10 (JPEG), the same", _figure("cifar_packed_acc", 100)),
    ),
    "engine": (
        Compared(
            "kernels", "binary convolution over a plain float loop", _figure("xnor_vs_loop"), 58, "x",
            "XNOR-Net counts operations; ours is a clock's",
        ),
        Compared("net", "binary ResNet-18 over the best float engine", _figure("net_vs_best"), None, "x"),
    ),
    "shrink": (
        Compared("deep", "LeNet-300-100, times smaller", _figure("lenet300_ratio"), 40, "x"),
        Compared("deep", "… its error", _figure("lenet300_error", 100), 1.58),
        Compared("deep", "LeNet-5, times smaller", _figure("lenet5_ratio"), 39, "x"),
        Compared("deep", "… its error", _figure("lenet5_error", 100), 0.74),
        Compared("cifar", "CIFAR-10, binary weights (BWN), error", _method("cifar", "bwn"), 9.88, "%", _SMALLER),
        Compared("cifar", "… XNOR-Net", _method("cifar", "xnor"), 10.17, "%", _SMALLER),
        Compared(
            "cifar", "… BinaryConnect, stochastic", _method("cifar", "binaryconnect-stochastic"), 8.27, "%", _SMALLER
        ),
        Compared("cifar", "… BinaryNet", _method("cifar", "binarynet"), 10.15, "%", _SMALLER),
    ),
    "deep-vs-shallow": (
        Compared(
            "cifar", "CIFAR-10, best perceptron", _best_perceptron, "below 75 %", "%",
            "the paper's of 10 million weights; ours have up to 100,000",
        ),
    ),
    "imbalance": (
        Compared(
            "elpv", "solar cells, best method over plain training, PR area",
            lambda values: values["elpv_best_pr_auc"] - values["elpv_plain_pr_auc"], None, "",
        ),
        Compared(
            "fashion", "long tails, frequency sampling over plain training, accuracy", _frequency_gain, None, "points",
            "the mean of all tails, CIFAR-10's too",
        ),
    ),
    "dynamic-capacity": (
        Compared("mnist", "cluttered MNIST, coarse layers, error", _figure("coarse_error", 100), 3.69),
        Compared("mnist", "… fine layers everywhere", _figure("fine_error", 100), 1.70),
        Compared("mnist", "… DCN without hints", _figure("dcn_error", 100), 1.71),
        Compared("mnist", "… DCN with hints", _figure("dcn_hints_error", 100), 1.39, "%", "10 patches, the paper's 8"),
        Compared("mnist", "multiplications, fine everywhere over DCN", _figure("mult_ratio"), 84.8 / 27.7, "x"),
        Compared("speed", "faster than fine everywhere, one image", _figure("speedup_b1"), None, "x"),
    ),
    "logic-rules": (
        Compared(
            "sst2", "SST-2, CNN, accuracy", _figure("sst2_cnn", 100), 87.2, "%",
            "smaller vectors and no phrases here: gains compare, levels don't",
        ),
        Compared("sst2", "… gain of p, learned with the rule", _gain("sst2_p", "sst2_cnn"), 1.6, "points"),
        Compared("sst2", "… gain of q, with the rule at test", _gain("sst2_q", "sst2_cnn"), 2.1, "points"),
        Compared("wnut", "WNUT-2017, gain of q by BIO, F1", _gain("wnut_q_f1", "wnut_base_f1"), None, "points"),
    ),
    "parsenet": (
        Compared(
            "camvid", "ParseNet, mIoU", _figure("parsenet_miou", 100), "69.8 % on VOC 2012", "%",
            "other data, and a far larger net",
        ),
        Compared("camvid", "ParseNet over FCN", _gain("parsenet_miou", "fcn_miou"), None, "points"),
    ),
    "judge": (
        Compared(
            "null", "false alarms at the level of 5 %", _figure("type1_rate", 100), 5.0, "%", "what the level promises"
        ),
    ),
    "budget": (
        Compared("lifetime", "images in 71 years", _figure("lifetime_images"), 67_171_680_000, ""),
        Compared("planner", "the planner's worst error", _figure("planner_worst_error", 100), None),
    ),
    "incremental": (
        Compared(
            _of_worst_step("gap"), "tree below training anew, worst step", _figure("gap_to_scratch"), None, "points"
        ),
        Compared(
            _of_worst_step("ratio"), "compute of growing over training anew, worst step", _figure("compute_ratio"),
            None, "x",
        ),
    ),
}  # fmt: skip


def compared(name: str, values: _Values) -> list[tuple[Compared, float]]:
    """The rows of an experiment, and ours of each; those whose part wasn't run are left out."""
    found = []
    for one in COMPARED[name]:
        with suppress(KeyError, StopIteration, ValueError):
            found.append((one, one.ours(values)))
    return found
