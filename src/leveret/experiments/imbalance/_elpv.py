"""Solar cells, defective against functional: every method, and imbalanced-learn's samplers on the same features."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from leveret.experiments._cells import cells
from leveret.experiments.imbalance._nets import small_net
from leveret.experiments.imbalance._rows import WORKERS, compared, merged, rows_of, summary
from leveret.jobs._trial import load_trained
from leveret.training import Augment, features_of

__all__ = ["FULL_CELLS", "QUICK_CELLS", "Setting", "elpv"]


@dataclass(frozen=True)
class Setting:
    """How large, how long, how often.

    Attributes:
        side: of an image, in pixels.
        seeds: where the command doesn't say.
        epochs: of every method.
        methods: of the catalogue.
    """

    side: int = 64
    seeds: int = 5
    epochs: int = 12
    methods: str = "all"


FULL_CELLS = Setting()
QUICK_CELLS = Setting(side=32, seeds=1, epochs=1, methods="plain,frequency-sampling,focal,balanced-subsets")
_NAME = "elpv"
_STRENGTHS = (0.0003, 0.001, 0.01, 0.1, 1.0)


def elpv(
    seeds: int | None, data: Path | None, runs: Path, before: dict[str, Any], setting: Setting = FULL_CELLS
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and details for the page."""
    number = seeds or setting.seeds
    settings = {"epochs": setting.epochs, "augment": Augment(flip=True, shift=4), "workers": WORKERS}
    settings["methods"] = setting.methods
    found = compared(partial(cells, setting.side, data=data), number, runs, net=small_net(_NAME), **settings)
    metrics = [result.metrics for _, result in found]
    rows = rows_of(_NAME, metrics)
    rivals = _imbalanced_learn(found)
    by_method = {row["method"]: row for row in rows}
    best = max(rows, key=lambda row: row["pr_auc"])
    rival = max(rivals, key=lambda row: row["pr_auc"])
    figures = {
        "rows": merged(before, rows),
        "elpv_best_pr_auc": best["pr_auc"],
        "elpv_imblearn_best_pr_auc": rival["pr_auc"],
        "elpv_plain_pr_auc": by_method["plain"]["pr_auc"],
    }
    return figures, {
        "seeds": number,
        "epochs": setting.epochs,
        "side": setting.side,
        "best": best["method"],
        "counts": metrics[0]["data"]["train_counts"],
        "test_samples": metrics[0]["data"]["test_samples"],
        "majority_accuracy": summary([m["methods"][0]["figures"]["majority_accuracy"] for m in metrics])["mean"],
        "imbalanced_learn": rivals,
        "imbalanced_learn_best": rival["method"],
    }


def _imbalanced_learn(found: list[Any]) -> list[dict[str, Any]]:
    """PR and ROC areas that imbalanced-learn's samplers reach before a logistic regression on the plain nets' features.

    The regression's strength is the best on the validation part; the samplers have their defaults.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import average_precision_score, balanced_accuracy_score, roc_auc_score
    from sklearn.preprocessing import StandardScaler

    figures: dict[str, list[dict[str, float]]] = {}
    for seed, (data, result) in enumerate(found):
        plain = small_net(_NAME)()
        load_trained(plain, result.out / "methods" / "plain")
        rare = int(np.argmin(data.train.class_counts()))
        raw = {part: features_of(plain, data, part) for part in ("train", "val", "test")}
        scaler = StandardScaler().fit(raw["train"])
        x, x_val, x_test = (scaler.transform(values) for values in raw.values())
        y, y_val, y_test = (getattr(data, part).labels == rare for part in raw)
        for name, sampler in _samplers(seed).items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                drawn = (x, y) if sampler is None else sampler.fit_resample(x, y)
                models = [LogisticRegression(C=c, max_iter=3000).fit(*drawn) for c in _STRENGTHS]
            model = max(models, key=lambda m: average_precision_score(y_val, m.decision_function(x_val)))
            scores = model.decision_function(x_test)
            figures.setdefault(name, []).append(
                {
                    "pr_auc": float(average_precision_score(y_test, scores)),
                    "roc_auc": float(roc_auc_score(y_test, scores)),
                    "balanced_accuracy": float(balanced_accuracy_score(y_test, scores > 0)),
                }
            )
    rows = []
    for name, values in figures.items():
        row: dict[str, Any] = {"method": name}
        for key in values[0]:
            mean = summary([value[key] for value in values])
            row |= {key: mean["mean"], f"{key}_spread": mean["spread"]}
        rows.append(row)
    return sorted(rows, key=lambda row: -row["pr_auc"])


def _samplers(seed: int) -> dict[str, Any]:
    from imblearn import combine, over_sampling, under_sampling

    return {
        "none": None,
        "RandomOverSampler": over_sampling.RandomOverSampler(random_state=seed),
        "SMOTE": over_sampling.SMOTE(random_state=seed),
        "BorderlineSMOTE": over_sampling.BorderlineSMOTE(random_state=seed),
        "SVMSMOTE": over_sampling.SVMSMOTE(random_state=seed),
        "ADASYN": over_sampling.ADASYN(random_state=seed),
        "RandomUnderSampler": under_sampling.RandomUnderSampler(random_state=seed),
        "ClusterCentroids": under_sampling.ClusterCentroids(random_state=seed),
        "NearMiss": under_sampling.NearMiss(),
        "TomekLinks": under_sampling.TomekLinks(),
        "EditedNearestNeighbours": under_sampling.EditedNearestNeighbours(),
        "OneSidedSelection": under_sampling.OneSidedSelection(random_state=seed),
        "SMOTEENN": combine.SMOTEENN(random_state=seed),
        "SMOTETomek": combine.SMOTETomek(random_state=seed),
    }
