"""One net trained on images with masks, packed where it can be, and measured; kept whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leveret._files import replacing
from leveret.data import SegmentationData
from leveret.jobs._net_trial import NetTrial, as_far_as_it_went, outcome, save_net, size_if_packed
from leveret.training.metrics import SegmentationEvaluation

__all__ = ["SegmentTrial", "kept_evaluation", "kept_masks", "pack_segmenter", "worst_and_best"]

_EVALUATION = "{}.npz"
_SHOWN = "shown.npz"
_PICTURES = 4


@dataclass(frozen=True)
class SegmentTrial(NetTrial):
    """The training of a net on images with masks; `recipe` is a `SegmentRecipe`."""

    def whole(self) -> bool:
        return (self.folder / _SHOWN).exists() and self.weights.exists()

    def work(self, data: SegmentationData, progress: bool = False) -> dict[str, Any]:
        """Train, pack, measure on the validation and the test part, and keep what the report shows.

        Args:
            data: from `load_segmentation`.
            progress: show a line an epoch.
        """
        from leveret.training import evaluate

        recipe = self.recipe
        torch.manual_seed(recipe.seed)
        net = recipe.make_net()
        result, diverged = as_far_as_it_went(
            lambda: recipe.train(net, data, self.folder / "training", progress=progress)
        )
        net.eval()
        packed_bytes, notes = size_if_packed(
            lambda: pack_segmenter(net, data, recipe.tile, self.model, self.provenance), self.model
        )
        for part in ("val", "test"):
            if len(getattr(data, part)):
                self._keep(part, evaluate(net, data, part))
        save_net(net, self.weights)
        test = kept_evaluation(self.folder, data, "test")
        assert test is not None
        self._show(net, data, test)
        return outcome(net, result, diverged=diverged, packed_bytes=packed_bytes, notes=notes)

    def _keep(self, part: str, found: SegmentationEvaluation) -> None:
        figures = np.array([found.boundary_f1, found.trimap_accuracy, found.tolerance, found.loss])
        with replacing(self.folder / _EVALUATION.format(part)) as path, path.open("wb") as file:
            np.savez(file, confusion=found.confusion, image_iou=found.image_iou, figures=figures)

    def _show(self, net: Any, data: SegmentationData, test: SegmentationEvaluation) -> None:
        """Keep the net's masks of the worst and the best test images."""
        chosen, worst = worst_and_best(test)
        masks = []
        with torch.no_grad():
            for index in chosen:
                pixels = torch.from_numpy(data.normalization.apply(data.test.fetch([index])))
                masks.append(net(pixels)[0].argmax(0).numpy().astype(np.uint8))
        with replacing(self.folder / _SHOWN) as path, path.open("wb") as file:
            np.savez(file, indices=chosen, worst=worst, masks=np.stack(masks))


def worst_and_best(found: SegmentationEvaluation) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Some images to show, by their own mIoU: the worst, then the best; and which are the worst."""
    known = np.flatnonzero(~np.isnan(found.image_iou))
    order = known[np.argsort(found.image_iou[known], kind="stable")]
    most = min(_PICTURES, -(-len(order) // 2))
    chosen = np.concatenate([order[:most], order[most:][::-1][:most]])
    return chosen, np.arange(len(chosen)) < most


def pack_segmenter(
    net: Any, data: SegmentationData, tile: tuple[int, int], path: Path, provenance: Mapping[str, Any]
) -> None:
    """Pack a net for tiles of the data's images, with what `predict` shows its masks by, and write the file."""
    from leveret import packing
    from leveret.data.segmentation import window

    pairs = data.train.pairs(np.arange(min(2, len(data.train))))
    pixels = np.stack([window(*pair, *tile)[0] for pair in pairs])
    packing.pack(
        net,
        torch.from_numpy(data.normalization.apply(pixels)),
        normalization=data.normalization,
        classes=data.classes,
        provenance={
            **provenance,
            "task": "segment",
            "palette": [list(color) for color in data.colors],
            "scale": data.scale,
        },
    ).save(path)


def kept_evaluation(folder: Path, data: SegmentationData, part: str) -> SegmentationEvaluation | None:
    """The figures of a finished trial on a part; None where the part is empty."""
    path = folder / _EVALUATION.format(part)
    if not path.exists():
        return None
    with np.load(path) as kept:
        boundary, trimap, tolerance, loss = (float(value) for value in kept["figures"])
        return SegmentationEvaluation(
            kept["confusion"], data.classes, kept["image_iou"], boundary, trimap, tolerance, loss
        )


def kept_masks(folder: Path) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.uint8]]:
    """Which test images are shown, which of them as the worst, and the net's masks of them."""
    with np.load(folder / _SHOWN) as kept:
        return kept["indices"], kept["worst"], kept["masks"]
