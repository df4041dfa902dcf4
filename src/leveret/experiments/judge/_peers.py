"""Others' tests on the same samples: alibi-detect's MMD, and scipy's Kolmogorov-Smirnov a pixel."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.experiments.judge._digits import SHIFTS, disjoint, shifted
from leveret.experiments.judge._settings import FULL, Setting
from leveret.judge import judge, mmd_test

__all__ = ["peers"]

_SIZE = 200


def peers(setting: Setting = FULL) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row a case and test: the share of runs that found it, and seconds a run; and how far MMDs lie apart."""
    runs = setting.peer_runs
    cases: list[tuple[str, float]] = [("none", 0.0)]
    cases += [(shift, strength) for shift, (_, strengths) in SHIFTS.items() for strength in strengths[:2]]
    alibi = _alibi()
    ways: dict[str, Any] = {
        "leveret: logistic, ranks": lambda a, b, seed: judge(a, b, observer="logistic", seed=seed, mmd=False).p,
        "leveret: MMD": lambda a, b, seed: mmd_test(_rows(a), _rows(b), permutations=199, seed=seed).p,
        "scipy: Kolmogorov-Smirnov a pixel, Bonferroni": lambda a, b, seed: _smallest_p(_rows(a), _rows(b)),
    }
    if alibi is not None:
        ways["alibi-detect: MMDDrift"] = lambda a, b, seed: alibi(a, b, 199)[1]
    rows = []
    for shift, strength in cases:
        pairs = [disjoint(_SIZE, s) if shift == "none" else shifted(_SIZE, shift, strength, s) for s in range(runs)]
        for way, test in ways.items():
            started = time.process_time()
            ps = [test(a, b, seed) for seed, (a, b) in enumerate(pairs)]
            seconds = (time.process_time() - started) / runs
            share = float(np.mean(np.array(ps) <= 0.05))
            rows.append({"shift": shift, "strength": strength, "test": way, "found": share, "seconds": seconds})
    figures = {} if alibi is None else {"alibi_mmd_difference": _difference(alibi)}
    return figures, {"rows": rows, "size": _SIZE, "runs": runs, "alibi_detect": alibi is not None}


def _rows(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    return images.reshape(len(images), -1) / 255


def _smallest_p(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    from scipy.stats import ks_2samp

    ps = [ks_2samp(a[:, i], b[:, i], method="asymp").pvalue for i in range(a.shape[1])]
    return float(min(1.0, min(ps) * len(ps)))


def _alibi() -> Any:
    """alibi-detect's MMD² and p of two arrays of images; None where it isn't installed."""
    try:
        from alibi_detect.cd import MMDDrift
    except ImportError:
        return None

    def test(a: NDArray[np.uint8], b: NDArray[np.uint8], permutations: int, sigma: float | None = None) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = (
                {} if sigma is None else {"sigma": np.array([sigma], np.float32), "configure_kernel_from_x_ref": False}
            )
            detector = MMDDrift(
                _rows(a).astype(np.float32), backend="pytorch", n_permutations=permutations, device="cpu", **given
            )
            found = detector.predict(_rows(b).astype(np.float32))["data"]
        return float(found["distance"]), float(found["p_val"])

    return test


def _difference(alibi: Any) -> float:
    """The largest difference of both MMD² with the same kernel, over some pairs."""
    found = []
    for seed in range(5):
        a, b = shifted(_SIZE, "brighter by", 0.2, seed)
        ours = mmd_test(_rows(a), _rows(b), permutations=9, seed=seed)
        found.append(abs(ours.squared - alibi(a, b, 1, ours.sigma)[0]))
    return max(found)
