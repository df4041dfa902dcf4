"""The parts: each trains or takes what it needs, records its figures and details, and renders the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from leveret._files import write_text
from leveret.context import FCN
from leveret.data import SegmentationData
from leveret.errors import LeveretUsageError
from leveret.experiments._results import Results
from leveret.experiments.parsenet._answers import gain
from leveret.experiments.parsenet._crf import CRFSearch
from leveret.experiments.parsenet._lengths import lengths
from leveret.experiments.parsenet._models import BINARY, MODELS, NEAR
from leveret.experiments.parsenet._outcome import draw_crf, draw_extremes
from leveret.experiments.parsenet._page import page
from leveret.experiments.parsenet._plot import plot
from leveret.experiments.parsenet._reach import reach_of
from leveret.experiments.parsenet._rows import best_of, figures, row, task, train_all, train_each
from leveret.experiments.parsenet._settings import Setting
from leveret.experiments.parsenet._training import Training
from leveret.nets import parameter_count

__all__ = ["Run"]

_MASKS = "parsenet-masks.png"
_CRF = "parsenet-crf.png"
_SMALL = "parsenet-bn"  # of which the small nets are made: binary layers need batch norm


class Run:
    """A run of the experiment.

    Args:
        setting: what.
        folder: of the datasets.
        out: for the results.
        results: to add to.
    """

    def __init__(self, setting: Setting, folder: Path | None, out: Path, results: Results) -> None:
        self.setting = setting
        self.folder = folder
        self.out = out
        self.results = results
        self.runs = out / "runs" / "parsenet"

    @cached_property
    def data(self) -> SegmentationData:
        return self.setting.data(self.folder)

    def camvid(self, seeds: int | None) -> None:
        """Train all models, a seed after the other; the page is whole after each."""
        for found in train_all(MODELS, self.setting, lambda: self.data, seeds or self.setting.seeds, self.runs):
            self._tell(found)

    def reach(self, seeds: int | None) -> None:
        """The same comparison where layers see little of the image."""
        self._rows()
        for found in train_all(NEAR, self.setting, lambda: self.data, seeds or self.setting.seeds, self.runs):
            near = [row(key, NEAR[key], results) for key, results in found.items()]
            details = {
                "seeds": near[0]["seeds"],
                "near": reach_of(self.setting.near(3)),
                "far": reach_of(self.setting.backbone(3)),
                "image": list(self.data.image_shape[1:]),
                "rows": near,
            }
            self._record("reach", {"parsenet_near_gain": gain(near, "parsenet-near", "fcn-near").mean}, details)

    def crf(self) -> None:
        """Search, test and time a CRF behind the best model of the first seed."""
        best = best_of(self._rows())
        training = self._first(best["model"])
        search = CRFSearch(key="crf", folder=self.runs / f"crf-{training.key}", threads=1, training=training)
        found = search.finished() or search.run(self.data)
        if found["status"] != "ok":
            raise LeveretUsageError(f"the CRF's search: {found['why']}")
        draw_crf(self.out / _CRF, self.data, training.trained(self.data), best["title"], found)
        kept = ("numbers", "iterations", "searched_images", "tries", "ms")
        details = {key: found[key] for key in kept} | {
            name: {key: value for key, value in found[name].items() if key != "image_iou"}
            for name in ("before", "after")
        }
        self._record(
            "crf",
            {"crf_ms": found["ms"], "crf_miou": found["after"]["miou"]},
            {"model": best["model"], "net": _titled(best), **details, "picture": _CRF},
        )

    def speed(self) -> None:
        """Time all models of the first seed."""
        from leveret.experiments.parsenet._speed import speed

        nets = {key: self._first(key).trained(self.data) for key in MODELS}
        found = speed(nets, self.data, self.setting.rounds)
        rows = _timed(self._rows(), found["rows"])
        costs = found["costs"]
        figures = {"rows": rows, "context_cost": costs["parsenet"], "context_cost_bn": costs["parsenet-bn"]}
        self._record("speed", figures, found)

    def packed(self) -> None:
        """Train the binary net, quantise the float one, and measure both packed."""
        from leveret.experiments.parsenet._packed import small_nets

        net = self._first(_SMALL).trained(self.data)
        binary = task(self.setting, "binary", BINARY, 0, self.runs)
        train_each([binary], lambda: self.data, "binary net")
        rows = small_nets(net, binary.trained(self.data), self.data, self.setting.rounds)
        by_net = {one["net"]: one for one in rows if one["engine"] == "Leveret"}
        figures = {"int8_miou": by_net["int8"]["miou"], "binary_miou": by_net["binary"]["miou"]}
        self._record("packed", figures, {"net": "ParseNet with batch norm", "rows": rows})

    def _tell(self, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        rows = [row(key, MODELS[key], results) for key, results in found.items()]
        timed = self.results.values.get("parts", {}).get("speed", {}).get("rows", [])
        best = best_of(rows)
        beside = {"fcn", "parsenet", best["model"].removesuffix("-bn")}
        shown = [key for key in MODELS if MODELS[key].batch_norm == best["batch_norm"]]
        shown = [key for key in shown if key.removesuffix("-bn") in beside]
        image_iou = found[best["model"]][0]["image_iou"]
        nets = {MODELS[key].title: self._net(key) for key in shown}
        draw_extremes(self.out / _MASKS, self.data, nets, image_iou)
        details = {
            "title": self.setting.title,
            "seeds": rows[0]["seeds"],
            "epochs": self.setting.epochs,
            "batch_size": self.setting.batch_size,
            "parameters": parameter_count(self._net("fcn")),
            "classes": list(self.data.classes),
            "images": [len(split) for split in self.data.splits.values()],
            "lengths": {
                ("yes" if MODELS[key].batch_norm else "no"): lengths(self._net(key), self.data)
                for key in ("context", "context-bn")
            },
            "note": self.setting.note,
            "picture": {"file": _MASKS, "net": _titled(best)},
        }
        self._record("camvid", {**figures(rows), "rows": _timed(rows, timed)}, details)

    def _rows(self) -> list[dict[str, Any]]:
        if "rows" not in self.results.values:
            raise LeveretUsageError("this part takes the nets of the part camvid: run that first")
        return self.results.values["rows"]

    def _first(self, key: str) -> Training:
        training = task(self.setting, key, MODELS[key], 0, self.runs)
        if training.finished() is None:
            raise LeveretUsageError(f"this part takes the nets of the part camvid: there is none in {training.folder}")
        return training

    def _net(self, key: str) -> FCN:
        return self._first(key).trained(self.data)

    def _record(self, part: str, figures: dict[str, Any], details: dict[str, Any]) -> None:
        repeated = f" --seeds {details['seeds']}" if "seeds" in details else ""
        command = f"leveret reproduce parsenet --part {part}{repeated}"
        self.results.record(part, figures, {"command": command, **details})
        plot(self.results.values, self.out)
        write_text(self.out / "parsenet.md", page(self.results.values))


def _titled(best: Mapping[str, Any]) -> str:
    return f"{best['title']} {'with' if best['batch_norm'] else 'without'} batch norm"


def _timed(rows: Sequence[Mapping[str, Any]], timed: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with the milliseconds that the part speed measured, if it did."""
    by_model = {one["model"]: {"ms": one["ms"], "torch_ms": one["torch_ms"]} for one in timed}
    return [{**row, **by_model.get(row["model"], {})} for row in rows]
