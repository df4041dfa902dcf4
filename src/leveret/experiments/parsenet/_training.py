"""One training: a model with a seed, in a folder of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from leveret.context import FCN, StridedCrossEntropy
from leveret.data import SegmentationData
from leveret.experiments.parsenet._models import Model
from leveret.experiments.parsenet._settings import Setting, class_weights
from leveret.training import Task, evaluate, fit, load_weights
from leveret.training.metrics import SegmentationEvaluation

__all__ = ["Training", "figures_of"]


@dataclass(frozen=True)
class Training(Task):
    """Trains a model, keeps its last weights, and tests it.

    Attributes:
        setting, model: what.
        seed: of weights, order and augmentation.
    """

    setting: Setting
    model: Model
    seed: int

    def work(self, *shared: Any) -> dict[str, Any]:
        data: SegmentationData = shared[0]
        net = self.made(data)
        # no epoch is chosen by it, and curves need no more
        some = replace(data, val=data.val.subset(np.arange(0, len(data.val), 4)))
        result = fit(
            net,
            some,
            objective=StridedCrossEntropy(self.setting.loss_stride, class_weights(data)),
            seed=self.seed,
            keep_best=False,
            out=self.folder,
            stage=self.key,
            progress=False,
            trainer_args={"logger": False},
            **self.setting.schedule(),
        )
        if result.interrupted:  # else half a training would count as a whole one
            raise KeyboardInterrupt
        return {
            "history": result.history,
            "training_seconds": result.seconds,
            "val": figures_of(evaluate(net, data, "val")),
            **figures_of(evaluate(net, data)),
        }

    def made(self, data: SegmentationData) -> FCN:
        """The net before training."""
        torch.manual_seed(self.seed)
        return self.model.make(self.setting, data.num_classes, data.image_shape[0])

    def trained(self, data: SegmentationData) -> FCN:
        """The net as it was when it was finished."""
        net = self.made(data)
        load_weights(net, self.folder / "last.ckpt")
        return net.eval()

    def whole(self) -> bool:
        return (self.folder / "last.ckpt").exists()


def figures_of(found: SegmentationEvaluation) -> dict[str, Any]:
    """As plain values: mIoU, pixel and mean class accuracy, boundary F1, and the IoU of each class and image."""
    return {
        "miou": found.miou,
        "pixel_accuracy": found.pixel_accuracy,
        "mean_class_accuracy": found.mean_class_accuracy,
        "boundary_f1": found.boundary_f1,
        "iou": [None if np.isnan(value) else float(value) for value in found.iou],
        "image_iou": [None if np.isnan(value) else float(value) for value in found.image_iou],
    }
