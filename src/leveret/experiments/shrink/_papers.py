"""What the papers report, as far as it could be checked; the rest is left out."""

from __future__ import annotations

__all__ = ["paper_error"]

# test errors; a remark where the figure is another paper's than the method's
_ERRORS = {
    ("cifar", "binaryconnect-stochastic"): "8.27%",
    ("cifar", "binarynet"): "10.15%",
    ("cifar", "bwn"): "9.88%",
    ("cifar", "xnor"): "10.17%",
    ("mnist", "ebp"): "2.12% (Cheng et al., 2015)",
    ("mnist", "binaryconnect"): "1.29% (from memory)",
    ("mnist", "binaryconnect-stochastic"): "1.18% (from memory)",
    ("mnist", "binarynet"): "0.96% (from memory)",
}


def paper_error(dataset: str, key: str) -> str:
    """The paper's test error as it is printed, or nothing."""
    return _ERRORS.get((dataset, key), "")
