"""What the shell completes: the names that an option or an argument may be, known without importing anything heavy.

A shell that completes waits for an answer, so the catalogues themselves, which need torch, are not asked; their names
stand here once more, and tests/cli/test_completion.py holds them to the catalogues. Paths are completed by the shell
itself wherever nothing is said here.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = [
    "BALANCES",
    "ENGINES",
    "IMAGE_NETS",
    "MASK_NETS",
    "METHODS",
    "OBSERVERS",
    "STUDENTS",
    "TEXT_NETS",
    "balances_in_list",
    "engines_in_list",
    "experiments",
    "methods_in_list",
    "one_of",
    "sources",
]

IMAGE_NETS = ("convnet", "resnet20", "resnet18")
MASK_NETS = ("parsenet", "fcn", "pyramid")
TEXT_NETS = ("text-conv", "bag-of-words")
STUDENTS = ("conv0", "conv1", "conv2", "conv3", "conv4")
ENGINES = ("torch", "onnxruntime", "openvino")
OBSERVERS = ("auto", "net", *IMAGE_NETS, "logistic", "knn")
# of leveret.shrink.catalogue
METHODS = (
    "real", "trained-on", "magnitude", "obd", "obs", "gradual", "two-of-four", "channels", "deep-compression", "share",
    "product-quantisation", "hashed", "int8", "int8-training", "w4a4", "w2a2", "dorefa", "ternary", "binaryconnect",
    "binaryconnect-stochastic", "binarynet", "bwn", "xnor", "ebp", "low-rank", "spatial", "two-pointwise", "pointwise",
    "fire", "separable", "binary-ensemble",
)  # fmt: skip
# of leveret.balance.catalogue
BALANCES = (
    "plain", "frequency-sampling", "square-root-sampling", "hard-mining", "cluster-centres", "pseudo-classes",
    "class-weights", "class-balanced", "focal", "logit-adjusted", "ldam-drw", "logit-adjusted-post",
    "classifier-retraining", "classifier-refitting", "balanced-subsets", "bagging",
)  # fmt: skip
_SOURCES = ("digits", "cluttered-digits", "hf:")

_Completion = Callable[[str], list[str]]


def one_of(*names: str) -> _Completion:
    """Completes one of these names."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return complete


def _some_of(*names: str) -> _Completion:
    """Completes the last of several names with commas between them."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        given = before.split(",")
        return [f"{before}{comma}{name}" for name in names if name.startswith(last) and name not in given]

    return complete


engines_in_list = _some_of(*ENGINES)
methods_in_list = _some_of("all", *METHODS)
balances_in_list = _some_of("all", *BALANCES)


def sources(incomplete: str) -> list[str]:
    """Sources that are no files; nothing before the first letter, so that the shell offers what the folder holds."""
    return one_of(*_SOURCES)(incomplete) if incomplete else []


def experiments(incomplete: str) -> list[str]:
    """Experiments that `leveret reproduce` knows."""
    from leveret.experiments import EXPERIMENTS

    return one_of(*EXPERIMENTS)(incomplete)
